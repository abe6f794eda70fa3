package convert

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// workflow builds the whole document.
func (c *converter) workflow() *yaml.Node {
	jobs := newMapping()
	var before []string
	var gates []string
	for _, group := range c.pipeline.groups {
		var ids, passed []string
		conditional := false
		for _, s := range group {
			c.stage, c.gates = s, gates
			ids = append(ids, c.jobs(jobs, s, before)...)
			conditional = conditional || s.condition.conditional()
			passed = append(passed, c.gates...)
		}
		if len(ids) > 0 {
			before, gates = ids, slices.DeleteFunc(passed, func(id string) bool { return !slices.Contains(ids, id) })
		}
		c.skippable = c.skippable || conditional
	}
	name := c.pipeline.name.Raw()
	if name == "" {
		name = c.pipeline.identifier.Raw()
	}
	start, on := newMapping(), scalar("workflow_dispatch")
	if len(c.dispatch.Content) > 0 {
		put(start, "inputs", c.dispatch)
		on = newMapping()
		put(on, "workflow_dispatch", start)
	}
	return rootOf(name, on, jobs)
}

// rootOf is a workflow whose jobs mint credentials.
func rootOf(name string, on, jobs *yaml.Node) *yaml.Node {
	root, permissions := newMapping(), newMapping()
	put(root, "name", scalar(name))
	put(root, "on", on)
	put(permissions, "contents", scalar("read"))
	token := scalar("write")
	token.LineComment = "the action mints its own credentials, in the post step too"
	put(permissions, "id-token", token)
	put(root, "permissions", permissions)
	put(root, "jobs", jobs)
	return root
}

// jobs converts a stage: one job an environment.
func (c *converter) jobs(all *yaml.Node, s *stage, before []string) []string {
	if s.typ.Raw() == "Approval" && !s.template.Set() {
		ids := c.approvalStage(all, s, before)
		c.gates = ids
		return ids
	}
	if at, why, hint := s.left(); why != "" {
		c.note(at, why, hint)
		id := c.unique(c.jobName(s))
		put(all, id, c.stopJob(s, before))
		c.gates = []string{id}
		return c.gates
	}
	places := s.environments
	if len(places) == 0 {
		places = []place{{}}
	}
	if len(places) == 1 && s.matrix == nil && len(s.parts()) > 1 {
		return c.gatedJobs(all, s, places[0], before)
	}
	var ids []string
	gates := c.gates
	for _, p := range places {
		c.gates = gates
		id := c.jobName(s)
		if len(places) > 1 {
			id += "_" + p.ref.Raw()
		}
		id = c.unique(id)
		one := *s
		if len(s.environments) > 1 {
			one.environments = []place{p}
			one.name = document.Of("stage", s.name.Raw()+" ("+p.ref.Raw()+")")
		}
		c.stage, c.needs = &one, slices.Clone(before)
		job := c.job(&one, p)
		put(all, id, job)
		ids = append(ids, id)
		if len(places) == 1 && s.matrix == nil {
			c.done[s.identifier.Raw()] = []done{{id, job, s.steps}}
		}
		if s.sequential {
			before, ids = []string{id}, []string{id}
		}
	}
	c.stage = s
	return ids
}

// jobName is what the id of a stage's job is made of.
func (c *converter) jobName(s *stage) string {
	return cmp.Or(s.identifier.Raw(), s.name.Raw(), "stage")
}

var noID = lazyregexp.New(`[^A-Za-z0-9_-]+`)

// identifier makes an id as GitHub wants it.
func identifier(s string) string {
	s = strings.Trim(noID.ReplaceAllString(s, "_"), "_-")
	if s == "" || !(s[0] == '_' || s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z') {
		s = "_" + s
	}
	return s
}

// unique makes the id of a job; GitHub does not distinguish upper and lower case.
func (c *converter) unique(s string) string {
	id := identifier(s)
	for c.used[strings.ToLower(id)] {
		id += "_"
	}
	c.used[strings.ToLower(id)] = true
	return id
}

func (c *converter) job(s *stage, p place) *yaml.Node {
	job := newMapping()
	put(job, "name", c.named(s.name, s.description))
	// Its place; which jobs it needs is known when all of it is converted.
	job.Content = append(job.Content, scalar("needs"), newList())
	c.moving = slices.ContainsFunc(s.steps, (*step).moves)
	condition := c.condition([]when{s.condition}, ofJob)
	unsaid := c.unsaid
	if unsaid {
		condition = c.condition([]when{{status: s.condition.status}}, ofJob)
	}
	put(job, "if", condition)
	c.moving = false
	put(job, "runs-on", scalar(runner))
	if s.typ.Raw() != "Custom" && p.ref.Set() {
		put(job, "environment", scalar(c.written(p.ref, c.reference(p.ref))))
	}
	put(job, "concurrency", c.concurrency(p))
	limit := s.timeout
	if !limit.Set() {
		limit = c.pipeline.timeout
	}
	put(job, "timeout-minutes", c.minutes(limit))
	put(job, "strategy", c.matrix(s))
	steps := c.steps(s, p, c.failure(s.strategies))
	if unsaid {
		steps.Content = slices.Insert(steps.Content, 0, c.stopStep(c.named(s.name, s.description), stopText("condition of the stage", s.name, document.Text{})))
	}
	put(job, "steps", steps)
	setNeeds(job, c.needs)
	return job
}

// setNeeds fills in or takes out the key needs.
func setNeeds(job *yaml.Node, ids []string) {
	at := slices.IndexFunc(job.Content, func(n *yaml.Node) bool { return n.Value == "needs" })
	switch len(ids) {
	case 0:
		job.Content = slices.Delete(job.Content, at, at+2)
	case 1:
		job.Content[at+1] = scalar(ids[0])
	default:
		for _, id := range ids {
			job.Content[at+1].Content = append(job.Content[at+1].Content, scalar(id))
		}
	}
}

// named is a name with the description, where that says more, as its comment.
func (c *converter) named(name, description document.Text) *yaml.Node {
	n := scalar(c.text(name))
	if text := comment(description.Raw()); text != name.Raw() {
		n.LineComment = text
	}
	return n
}

// reference is a reference as text; one that is asked for at each run becomes
// an input of the workflow.
func (c *converter) reference(ref document.Text) string {
	raw := ref.Raw()
	if input, ok := expression.ParseInput(raw); ok {
		return "<+pipeline.variables." + c.askPlain("environment", input) + ">"
	}
	return raw
}

// askPlain declares a pipeline variable that represents a runtime input.
func (c *converter) askPlain(name string, input *expression.Input) string {
	for _, v := range c.pipeline.variables {
		if v.name.Raw() == name {
			return name
		}
	}
	value := "<+input>"
	if input.Default != nil {
		value += ".default(" + *input.Default + ")"
	}
	if len(input.Allowed) > 0 {
		value += ".allowedValues(" + strings.Join(input.Allowed, ",") + ")"
	}
	c.pipeline.variables = append(c.pipeline.variables, variable{
		name: document.Of("runtime input", name), typ: document.Of("runtime input", "String"), value: document.Of("runtime input", value),
	})
	return name
}

// concurrency keeps two deployments of one infrastructure apart, unless all of
// its infrastructures allow it.
func (c *converter) concurrency(p place) *yaml.Node {
	if !p.ref.Set() {
		return nil
	}
	group := "deploy-" + c.reference(p.ref)
	found := c.infrastructures(p)
	allowed := len(found) > 0
	for _, i := range found {
		allowed = allowed && i.allowSimultaneous
	}
	if allowed {
		return nil
	}
	if len(found) == 1 {
		group = "deploy-" + found[0].id()
	}
	out := newMapping()
	group = c.written(p.ref, group)
	if c.stage.matrix != nil {
		group += "-" + evaluated("strategy.job-index")
	}
	put(out, "group", scalar(group))
	c.advise(p.ref, "allowSimultaneousDeployments is false: GitHub lets one run wait and cancels older ones that wait", "")
	put(out, "cancel-in-progress", boolean(false))
	return out
}

// infrastructures are the documents of a place's infrastructures.
func (c *converter) infrastructures(p place) []*entity {
	var out []*entity
	if p.deployToAll {
		for _, i := range c.references.infrastructures {
			if i.environmentRef.Raw() == p.ref.Raw() {
				out = append(out, i)
			}
		}
		return out
	}
	for _, ref := range p.infrastructures {
		if i := find(c.references.infrastructures, ref.ref.Raw()); i != nil {
			out = append(out, i)
		}
	}
	return out
}

// matrix converts a matrix of fixed lists.
func (c *converter) matrix(s *stage) *yaml.Node {
	if s.matrix == nil {
		return nil
	}
	out, axes := newMapping(), newMapping()
	for i := 0; i+1 < len(s.matrix.Content); i += 2 {
		key, value := s.matrix.Content[i], document.Resolved(s.matrix.Content[i+1])
		switch {
		case key.Value == maxConcurrency:
			put(out, "max-parallel", copied(value))
		case value.Kind == yaml.SequenceNode:
			put(axes, key.Value, copied(value))
		default:
			c.noteNode(s.doc, key, "the key "+key.Value+" of a matrix has no equivalent and is left out", "")
		}
	}
	put(out, "matrix", axes)
	if len(s.environments) > 0 && get(out, "max-parallel") == nil {
		put(out, "max-parallel", number(1))
	}
	return out
}
