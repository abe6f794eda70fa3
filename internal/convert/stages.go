package convert

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
)

// find is the stage with an identifier; nil without one.
func (p *pipeline) find(id string) *stage {
	for _, group := range p.groups {
		for _, s := range group {
			if s.identifier.Raw() == id {
				return s
			}
		}
	}
	return nil
}

// services is how many services the pipeline refers to.
func (p *pipeline) services() int {
	seen := map[string]bool{}
	for _, group := range p.groups {
		for _, s := range group {
			for _, ref := range s.services {
				seen[ref.ref.Raw()] = true
			}
		}
	}
	return len(seen)
}

// inherit adds to the stages that use another stage's service or environment what
// that stage has. A stage can only use an earlier one, which has its own by then.
func (c *converter) inherit(p *pipeline) {
	for _, group := range p.groups {
		for _, s := range group {
			var services []reference
			for _, ref := range s.services {
				services = append(services, inherited(c, p, ref, ref.from, func(s *stage) []reference { return s.services })...)
			}
			s.services = services
			var places []place
			for _, at := range s.environments {
				places = append(places, inherited(c, p, at, at.from, func(s *stage) []place { return s.environments })...)
			}
			s.environments = places
		}
	}
}

// inherited is what the stage from has, where one is named, else its own.
func inherited[T any](c *converter, p *pipeline, own T, from document.Text, of func(*stage) []T) []T {
	if !from.Set() {
		return []T{own}
	}
	s := p.find(from.Raw())
	if s == nil {
		c.note(from, "there is no stage "+from.Raw()+" to use the service or environment of", "")
		return nil
	}
	return slices.Clone(of(s))
}

// left says why a stage becomes no job; "" where it becomes one.
func (s *stage) left() (at document.Text, why, hint string) {
	name := "the stage " + s.name.Raw()
	switch typ := s.typ.Raw(); {
	case s.template.Set():
		return s.template, "the stage is the template " + s.template.Raw() + ": the workflow stops there", "put the template's own stage in its place and convert again"
	case typ != "Deployment" && typ != "Custom" && typ != "":
		return s.typ, name + " of type " + typ + " has no equivalent: the workflow stops there", "write what it does in its place"
	case s.deployment.Set() && s.deployment.Raw() != "AwsLambda":
		return s.deployment, name + " deploys " + s.deployment.Raw() + ", and this program deploys AwsLambda: the workflow stops there", "write what it does in its place"
	}
	return document.Text{}, "", ""
}

const reviewers = "make it a job of its own with an environment that has required reviewers"

// hints say what the user may do about steps that have no equivalent.
var hints = map[string]string{
	"HarnessApproval": reviewers, "JiraApproval": reviewers, "ServiceNowApproval": reviewers, "CustomApproval": reviewers,
	"Http":   "a run step with curl --fail does the same; before the first traffic, or directly after a deployment, the input gates asks an address by POST",
	"Email":  "GitHub tells the people who watch the workflow",
	"Run":    "a run step with its command does the same",
	"Wait":   "give it a fixed duration",
	"Verify": "between two traffic shifts, with a fixed duration, it becomes the guard; elsewhere the input verify invokes the new version, and alarms watches CloudWatch alarms",
}

// hasOutputs reports whether a step of the stage becomes one that has outputs: what is
// left out has none, and GitHub takes an output that is not there for empty.
func (s *stage) hasOutputs(id string) bool {
	return slices.ContainsFunc(slices.Concat(s.steps, s.rollback), func(s *step) bool {
		return s.identifier.Raw() == id && slices.Contains([]string{"AwsLambdaDeploy", "AwsLambdaCanaryDeploy", "ShellScript"}, s.typ.Raw())
	})
}

// secretOutput is the node of a step's secret output; nil where it has none of
// that name.
func (s *stage) secretOutput(id, output string) *yaml.Node {
	for _, step := range s.steps {
		if step.identifier.Raw() != id || step.spec == nil {
			continue
		}
		list := get(step.spec, "secretOutputVariables")
		if list == nil {
			return nil
		}
		for _, item := range document.Resolved(list).Content {
			if itemName(item) == output {
				return item
			}
		}
	}
	return nil
}

// done is the job of a stage, or of a part of it, whose outputs later jobs may ask
// for.
type done struct {
	id    string
	job   *yaml.Node
	steps []*step
}

// has reports whether a step of the job has outputs.
func (d done) has(step string) bool { return (&stage{steps: d.steps}).hasOutputs(step) }

// outputOf makes an output of an earlier job of a step's output, and has the
// job under conversion need that job.
func (c *converter) outputOf(stage, step, output string) (string, bool) {
	i := slices.IndexFunc(c.done[stage], func(d done) bool { return d.has(step) })
	if i < 0 {
		return "", false
	}
	if at := c.pipeline.find(stage).secretOutput(step, output); at != nil {
		c.noteNode(c.pipeline.doc, at, "GitHub hands no masked value from job to job: the secret output "+output+" stays empty there", "let the later job get it from where the step does")
	}
	return c.handOver(c.done[stage][i], step, output), true
}

// handOver makes an output of a job of a step's output, and has the job under
// conversion need it.
func (c *converter) handOver(d done, step, output string) string {
	name := identifier(step + "_" + output)
	outputs := get(d.job, "outputs")
	if outputs == nil {
		outputs = newMapping()
	}
	put(outputs, name, scalar(evaluated("steps."+identifier(step)+".outputs."+output)))
	put(d.job, "outputs", outputs)
	if !slices.Contains(c.needs, d.id) {
		c.needs = append(c.needs, d.id)
	}
	return "needs." + d.id + ".outputs." + name
}
