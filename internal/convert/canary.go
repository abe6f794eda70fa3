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
// the waits between them, into the action's own stages, as far as they rise:
// 10%/5m, 50%. Where none follows, the new version gets no traffic yet. taken
// is how many steps went into it.
func (j *jobSteps) course(steps []*step) (course traffic.Schedule, taken int) {
	for taken < len(steps) {
		next, wait := taken, traffic.Stage{}
		if len(course) > 0 && steps[next].typ.Raw() == "Wait" && steps[next].plain() {
			wait.Wait, _ = duration(j.waitDuration(steps[next]).Raw())
			next++
		}
		if next == len(steps) || steps[next].typ.Raw() != "AwsLambdaTrafficShift" || !steps[next].plain() || next > taken && wait.Wait == 0 || wait.Wait > traffic.MaxWait {
			break
		}
		percent := j.percent(steps[next])
		if percent == 0 || len(course) > 0 && percent <= course[len(course)-1].Percent {
			break
		}
		if len(course) > 0 && wait.Wait == 0 {
			// Two shifts without a wait between them are one.
			course = course[:len(course)-1]
		} else if len(course) > 0 {
			course[len(course)-1].Wait = wait.Wait
			j.long(steps[taken], wait.Wait)
		}
		course = append(course, traffic.Stage{Percent: percent})
		taken = next + 1
	}
	if len(course) == 0 {
		return traffic.Schedule{{}}, 0
	}
	return course, taken
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
		j.noteNode(s.doc, s.node, "the wait is longer than GitHub's own runners let a job live, six hours", "runs-on a runner of your own, and a timeout-minutes of the job that is longer, or two workflows")
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
