package convert

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
)

// A gate of a pipeline stays one. An approval becomes a job whose environment has
// required reviewers; what GitHub has no equivalent for becomes a step or a job that
// fails. Either way nothing behind it runs before somebody decided.

// approvals are the steps that wait for somebody's yes.
var approvals = []string{"HarnessApproval", "JiraApproval", "ServiceNowApproval", "CustomApproval"}

func (s *step) isApproval() bool { return slices.Contains(approvals, s.typ.Raw()) }

// isNews reports a step that only tells somebody something.
func (s *step) isNews() bool { return s.typ.Raw() == "Email" }

// onFailure reports whether a step runs only where something has failed: it is
// behind no success, so it keeps nobody from anything.
func (s *step) onFailure() bool {
	return slices.ContainsFunc(s.conditions, when.afterFailure)
}

// knownSteps are the types of steps that have an equivalent, or a hint.
var knownSteps = func() map[string]bool {
	known := map[string]bool{"ShellScript": true}
	for _, typ := range templates {
		known[typ] = true
	}
	for typ := range hints {
		known[typ] = true
	}
	return known
}()

// nearest suggests a type that has an equivalent.
func nearest(typ string) string {
	known := slices.Sorted(maps.Keys(knownSteps))
	if slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, typ) }) {
		return ""
	}
	return diag.DidYouMean(typ, known)
}

// stop is a step that fails in the place of one without an equivalent. It has
// neither condition nor strategy: no value lets a run pass it.
func (j *jobSteps) stop(s *step) {
	hint := cmp.Or(hints[s.typ.Raw()], nearest(s.typ.Raw()), "write what it does in its place")
	j.note(s.typ, "the step "+s.name.Raw()+" of type "+s.typ.Raw()+" has no equivalent: the workflow stops there", hint)
	j.out.Content = append(j.out.Content, j.stopStep(j.named(s.name, s.description), stopText("step", s.name, s.typ)))
}

func (c *converter) stopStep(name, env *yaml.Node) *yaml.Node {
	c.stops++
	out := newMapping()
	put(out, "name", name)
	put(out, "env", env)
	put(out, "run", scalar(stopScript))
	return out
}

// stopScript says why and fails. The names come in as variables, so that none of
// them becomes part of the script.
const stopScript = `echo "::error::$STOPPED_AT was not converted: write what it does here, and remove this step"
exit 1`

func stopText(kind string, name, typ document.Text) *yaml.Node {
	env := newMapping()
	text := strings.TrimSuffix("the "+kind+" "+comment(name.Raw()), " ")
	if typ.Raw() != "" {
		text += " of type " + comment(typ.Raw())
	}
	put(env, "STOPPED_AT", scalar(text))
	return env
}

// stopJob is a job that fails in the place of a stage without an equivalent.
func (c *converter) stopJob(s *stage, needs []string) *yaml.Node {
	c.stops++
	stop := newMapping()
	put(stop, "env", stopText("stage", s.name, s.typ))
	put(stop, "run", scalar(stopScript))
	return c.gateJob(c.named(s.name, s.description), "", needs, stop)
}

// approval is a job that runs once the reviewers of its environment said yes. GitHub
// makes an environment that does not exist, without reviewers, when a job names it:
// so the job asks whether there are any
// (https://docs.github.com/en/rest/deployments/environments).
func (c *converter) approval(name *yaml.Node, environment string, needs []string) *yaml.Node {
	check := newMapping()
	put(check, "name", scalar("Approved by a reviewer"))
	env := newMapping()
	put(env, "GH_TOKEN", scalar(evaluated("github.token")))
	put(env, "ENVIRONMENT", scalar(environment))
	put(check, "env", env)
	put(check, "run", scalar(`reviewers=$(gh api "repos/$GITHUB_REPOSITORY/environments/$ENVIRONMENT" --jq '[.protection_rules[] | select(.type == "required_reviewers")] | length')
if ! [ "$reviewers" -gt 0 ]; then
  echo "::error::the environment $ENVIRONMENT has no required reviewers: nobody has approved this"
  exit 1
fi`))
	job := c.gateJob(name, environment, needs, check)
	permissions := newMapping()
	put(permissions, "actions", scalar("read"))
	put(job, "permissions", permissions)
	return job
}

// gateJob is a job of one step, without a condition of its own.
func (c *converter) gateJob(name *yaml.Node, environment string, needs []string, step *yaml.Node) *yaml.Node {
	job := newMapping()
	put(job, "name", name)
	job.Content = append(job.Content, scalar("needs"), newList())
	c.gates, c.needs = nil, needs
	put(job, "if", c.condition(nil, ofJob))
	put(job, "runs-on", scalar(runner))
	put(job, "environment", scalar(environment))
	put(job, "steps", newList(step))
	setNeeds(job, needs)
	return job
}

// asksAlways adds a note for each condition of an approval: none is converted.
func (c *converter) asksAlways(conditions []when) {
	for _, w := range conditions {
		if w.conditional() {
			c.advise(w.condition, "the approval is asked for in every run, whatever its condition says", "")
		}
	}
}

// environmentOf names the environment of an approval, and asks for its reviewers.
func (c *converter) environmentOf(at document.Text, id string) string {
	c.advise(at, "the approval "+id+" is a job that needs the GitHub environment "+id+" with required reviewers: it fails without them", "add them in the settings of the repository")
	return id
}

// part is what a stage does up to an approval; the last part has none.
type part struct {
	steps []*step
	gate  *step
}

// parts splits a stage's steps at its approvals.
func (s *stage) parts() []part {
	out := []part{{}}
	for _, one := range s.steps {
		last := &out[len(out)-1]
		if one.isApproval() && !one.onFailure() {
			last.gate = one
			out = append(out, part{})
			continue
		}
		last.steps = append(last.steps, one)
	}
	return out
}

// gatedJobs converts a stage with approvals: a job for each part, a job for each
// approval between them, and one that rolls back what the first parts deployed where
// a later one fails or is refused. It returns the jobs that the next stage needs.
func (c *converter) gatedJobs(all *yaml.Node, s *stage, p place, before []string) []string {
	c.advise(s.typ, "the stage "+s.name.Raw()+" waits for an approval, so it is several jobs", "")
	base := c.jobName(s)
	needs, gates := before, c.gates
	var ids []string
	for _, one := range s.parts() {
		if len(one.steps) > 0 {
			id := base
			if len(c.done[s.identifier.Raw()]) > 0 {
				id += "_after_" + ids[len(ids)-1]
			}
			id = c.unique(id)
			stage := *s
			stage.steps, stage.earlier = one.steps, c.done[s.identifier.Raw()]
			c.stage, c.needs, c.gates = &stage, slices.Clone(needs), gates
			job := c.job(&stage, p)
			put(all, id, job)
			c.done[s.identifier.Raw()] = append(c.done[s.identifier.Raw()], done{id, job, one.steps})
			needs, ids = []string{id}, append(ids, id)
		}
		if one.gate == nil {
			break
		}
		c.asksAlways(one.gate.conditions)
		id := c.unique(base + "_" + one.gate.identifier.Raw())
		put(all, id, c.approval(c.named(one.gate.name, one.gate.description), c.environmentOf(one.gate.typ, id), needs))
		needs, gates, ids = []string{id}, []string{id}, append(ids, id)
	}
	c.gates = gates
	if back := c.rollbackJob(s, p, ids); back != nil {
		put(all, c.unique(base+"_rollback"), back)
	}
	return needs
}

// rollbackJob rolls back the deployments of a stage's jobs where a later job of it
// did not succeed; nil where there is nothing to roll back, or it is to stay.
func (c *converter) rollbackJob(s *stage, p place, ids []string) *yaml.Node {
	c.stage = s
	if after := c.failure(s.strategies); after.keep || after.ignore {
		return nil
	}
	j := &jobSteps{converter: c, stage: s, place: p, out: newList(), ids: map[string]bool{}}
	var first string
	c.needs = nil
	for _, d := range slices.Backward(c.done[s.identifier.Raw()]) {
		for _, one := range slices.Backward(d.steps) {
			if one.typ.Raw() != "AwsLambdaDeploy" && one.typ.Raw() != "AwsLambdaCanaryDeploy" || d.id == ids[len(ids)-1] {
				continue
			}
			with := newMapping()
			put(with, "command", scalar("rollback"))
			put(with, "rollback-data", scalar(evaluated(c.handOver(d, one.identifier.Raw(), "rollback-data"))))
			j.credentials(with)
			content := newMapping()
			put(content, "name", scalar("Roll back "+one.name.Raw()))
			content.Content = append(content.Content, j.uses(with).Content...)
			j.out.Content = append(j.out.Content, content)
			first = d.id
		}
	}
	if first == "" {
		return nil
	}
	job := newMapping()
	put(job, "name", scalar("Roll back "+s.name.Raw()))
	job.Content = append(job.Content, scalar("needs"), newList())
	put(job, "if", scalar(evaluated("always() && needs."+first+".result == 'success' && (contains(needs.*.result, 'failure') || contains(needs.*.result, 'cancelled'))")))
	put(job, "runs-on", scalar(runner))
	put(job, "concurrency", c.concurrency(p))
	put(job, "steps", j.out)
	setNeeds(job, ids)
	return job
}

// approvalStage converts a stage of type Approval.
func (c *converter) approvalStage(all *yaml.Node, s *stage, before []string) []string {
	id := c.unique(c.jobName(s))
	c.asksAlways([]when{s.condition})
	put(all, id, c.approval(c.named(s.name, s.description), c.environmentOf(s.typ, id), before))
	return []string{id}
}
