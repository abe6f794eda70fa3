package convert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// course joins the traffic shifts that directly follow a canary deployment, and
// what is between them (waits, and verifications, for which the guard watches), into
// the action's own stages, as far as they rise: 10%/5m, 50%. Where none follows, the new
// version gets no traffic yet. taken is how many steps went into it.
func (j *jobSteps) course(steps []*step) (c course, taken int) {
	if len(steps) > 1 && j.asked(steps[0]) != "" {
		if c, taken = j.course(steps[1:]); taken > 0 && len(c.calls) == 0 || len(c.gates) > 0 && strings.HasPrefix(c.gates[0], afterTraffic) {
			c.asking("before-traffic", j.asked(steps[0]), steps[0])
			return c, taken + 1
		}
		return course{stages: traffic.Schedule{{}}}, 0
	}
	for taken < len(steps) {
		next, between := taken, course{}
		if len(c.stages) > 0 {
			between = j.between(steps[next:])
			next += len(between.verified) + between.waits
		}
		if next == len(steps) || steps[next].typ.Raw() != "AwsLambdaTrafficShift" || !steps[next].plain() || between.wait > traffic.MaxWait {
			break
		}
		percent := j.percent(steps[next])
		last := len(c.stages) - 1
		if percent == 0 || last >= 0 && percent <= c.stages[last].Percent {
			break
		}
		if last >= 0 && between.wait == 0 {
			// Two shifts without a wait between them are one.
			c.stages = c.stages[:last]
		} else if last >= 0 {
			c.stages[last].Wait = between.wait
			j.long(steps[taken], between.wait)
		}
		c.stages, c.verified = append(c.stages, traffic.Stage{Percent: percent}), append(c.verified, between.verified...)
		taken = next + 1
	}
	if len(c.stages) == 0 {
		return course{stages: traffic.Schedule{{}}}, 0
	}
	if c.stages[len(c.stages)-1].Percent == 100 {
		taken += j.behind(&c, steps[taken:])
	}
	return c, taken
}

// behind takes the call that directly follows when all traffic has shifted.
func (j *jobSteps) behind(c *course, steps []*step) (taken int) {
	if len(steps) == 0 || j.asked(steps[0]) == "" {
		return 0
	}
	c.asking(afterTraffic, j.asked(steps[0]), steps[0])
	return 1
}

// afterTraffic is the moment when the last stage is over.
const afterTraffic = "after-traffic"

// course is the shifts that follow a deployment, with what is between them.
type course struct {
	stages traffic.Schedule
	// verified are the verifications between the shifts.
	verified []*step
	// wait is how long waits and verifications take together, waits how many of the
	// steps are waits.
	wait  time.Duration
	waits int
	// gates are the calls before and behind the shifts, calls their steps.
	gates []string
	calls []*step
}

// between reads the waits and verifications before a shift. A verification of no fixed
// time, or whose failure is to be ignored, is none: it stops the workflow.
func (j *jobSteps) between(steps []*step) (c course) {
	for _, s := range steps {
		field, verify := j.waitDuration, s.typ.Raw() == "Verify"
		if verify {
			field = j.verifyDuration
		}
		if s.typ.Raw() != "Wait" && !verify || !s.plain() || verify && (j.after.ignore || j.after.keep) {
			break
		}
		d, ok := duration(field(s).Raw())
		if !ok {
			break
		}
		c.wait += d
		if verify {
			c.verified = append(c.verified, s)
		} else {
			c.waits++
		}
	}
	return c
}

// verifyDuration is how long a verification watches
// (https://developer.harness.io/docs/continuous-delivery/verify/configure-cv/verify-deployments).
func (j *jobSteps) verifyDuration(s *step) (t document.Text) {
	if s.spec == nil {
		return t
	}
	if spec := get(document.Resolved(s.spec), "spec"); spec != nil {
		if n := get(document.Resolved(spec), "duration"); n != nil {
			j.reader(s.doc).Text(&t, "duration")(n)
		}
	}
	return t
}

// guarded adds the guard that does what verifications between the shifts do.
func (j *jobSteps) guarded(with *yaml.Node, c course) {
	for _, s := range c.verified {
		put(with, "guard", scalar("errors"))
		if spec := get(document.Resolved(s.spec), "spec"); spec != nil {
			if n := get(document.Resolved(spec), "failOnNoAnalysis"); n != nil && n.Value == "true" {
				put(with, "on-inconclusive", scalar("rollback"))
			}
		}
		j.advise(s.typ, "the verification "+s.name.Raw()+" is the guard: it compares the error rates of both versions in CloudWatch, not the health sources of Harness", "other metrics: name CloudWatch alarms with the input alarms")
	}
}

// plain reports whether a step has nothing that the stages of a deployment could not
// say: no condition and no failure strategy.
func (s *step) plain() bool { return len(s.conditions)+len(s.strategies) == 0 }

// percent is the fixed percentage of a traffic shift, or 0.
func (j *jobSteps) percent(s *step) float64 {
	percent, err := traffic.ParsePercent(j.spec(s, "trafficPercentage").Raw())
	if err != nil {
		return 0
	}
	return percent
}

// percentage is that of a shift of its own: fixed, or an expression of GitHub;
// "" where the step has none.
func (j *jobSteps) percentage(s *step) string {
	t := j.spec(s, "trafficPercentage")
	if j.percent(s) > 0 || strings.Contains(t.Raw(), "<+") {
		return j.value("trafficPercentage", t)
	}
	return ""
}

// spec is the one field that a step's spec has.
func (j *jobSteps) spec(s *step, field string) document.Text {
	var t document.Text
	if s.spec != nil {
		j.reader(s.doc).Mapping(s.spec, "the step", document.Fields{field: j.reader(s.doc).Text(&t, field)}, "")
	}
	return t
}

func (j *jobSteps) waitDuration(s *step) document.Text { return j.spec(s, "duration") }

// long warns of a wait that no job lives through by itself.
func (j *jobSteps) long(s *step, wait time.Duration) {
	const job = 6 * time.Hour // https://docs.github.com/en/actions/reference/limits
	if wait >= job {
		j.adviseNode(s.doc, s.node, "the wait is longer than GitHub's own runners let a job live, six hours", "runs-on a runner of your own, and a timeout-minutes of the job that is longer, or two workflows")
	}
}

func (j *jobSteps) wait(s *step) {
	d, ok := j.timeout(j.waitDuration(s))
	if !ok {
		j.stop(s)
		return
	}
	j.long(s, d)
	content := newMapping()
	put(content, "run", scalar(fmt.Sprintf("sleep %d", int(d.Seconds()))))
	j.add(s, content)
}

// shift moves more traffic to what the canary deployment published, of all its
// functions.
func (j *jobSteps) shift(s *step) {
	percentage := j.percentage(s)
	switch {
	case percentage == "":
		j.noteNode(s.doc, s.node, "the step shifts no percentage above 0 and up to 100 and is left out", "")
		return
	case j.deployed() == "":
		j.noteNode(s.doc, s.node, "the step shifts traffic, but no canary was deployed before it: it is left out", "")
		return
	}
	with := newMapping()
	put(with, "command", scalar("shift"))
	put(with, "rollback-data", scalar(evaluated(j.deployed())))
	put(with, "percentage", scalar(percentage))
	if d, ok := j.timeout(s.timeout); ok {
		put(with, "timeout", scalar(traffic.FormatDuration(d)))
	}
	if j.after.keep {
		put(with, "rollback-on", scalar("never"))
	}
	j.credentials(with)
	j.add(s, j.uses(with))
}

// deployed is the rollback-data of the canary that the shifts are of: of this job, or
// of the stage's jobs before an approval.
func (j *jobSteps) deployed() string {
	if j.deploy != "" {
		return "steps." + j.deploy + ".outputs.rollback-data"
	}
	for _, d := range slices.Backward(j.stage.earlier) {
		for _, s := range slices.Backward(d.steps) {
			if s.typ.Raw() == "AwsLambdaCanaryDeploy" {
				return j.handOver(d, s.identifier.Raw(), "rollback-data")
			}
		}
	}
	return ""
}

// aliases warns of services whose traffic cannot be shared, as far as the given
// files say: that is done by an alias.
func (j *jobSteps) aliases(s *step) {
	for _, ref := range j.stage.services {
		if e := j.service(ref.ref.Raw()); e != nil && !e.aliased {
			j.noteNode(s.doc, s.node, "the service "+e.id()+" has no alias manifest, and traffic is shifted by an alias", "name one with the action's input alias")
		}
	}
}

// uses is a step that runs the action.
func (j *jobSteps) uses(with *yaml.Node) *yaml.Node {
	content := newMapping()
	put(content, "uses", scalar(action))
	put(content, "with", with)
	return content
}
