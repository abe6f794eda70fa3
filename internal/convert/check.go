package convert

import (
	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// Checked is a pipeline that was checked.
type Checked struct {
	Stages int
	// Variables are the paths of its own variables and its stages': a run has their
	// values.
	Variables []string
}

// Check reports what is wrong with a pipeline, and what of it has no equivalent: all
// that Pipeline reports, but for what a workflow would need around it.
func Check(pipeline File, files []File) (checked Checked, problems diag.List) {
	c := newConverter(files)
	c.checking = true
	c.whole(pipeline)
	if c.pipeline == nil {
		return checked, c.problems.Sorted()
	}
	for _, v := range c.pipeline.variables {
		checked.Variables = append(checked.Variables, "pipeline.variables."+v.name.Raw())
	}
	for _, group := range c.pipeline.groups {
		checked.Stages += len(group)
		for _, s := range group {
			for _, v := range s.variables {
				checked.Variables = append(checked.Variables, "stage.variables."+v.name.Raw())
			}
			c.files(s)
		}
	}
	c.identifiers()
	return checked, c.problems.Sorted()
}

// files looks for the file of each document that a stage refers to.
func (c *converter) files(s *stage) {
	j := &jobSteps{converter: c, stage: s}
	for _, ref := range s.services {
		j.serviceFile(ref.ref)
	}
	for _, p := range s.environments {
		j.file(c.references.environments, p.ref, "environment")
		for _, ref := range p.infrastructures {
			j.file(c.references.infrastructures, ref.ref, "infrastructure")
		}
	}
}

// advise reports what the user has to set up around the workflow, or what is different
// there although it is right as it is.
func (c *converter) advise(at document.Text, message, hint string) {
	if !c.checking {
		c.note(at, message, hint)
	}
}

func (c *converter) adviseNode(doc *expression.Document, n *yaml.Node, message, hint string) {
	c.advise(document.Text{Doc: doc, Node: n}, message, hint)
}

// identifiers reports those that stages, or the steps of one stage, share: an
// expression that names one of them would mean either
// (https://developer.harness.io/docs/platform/references/entity-identifier-reference).
func (c *converter) identifiers() {
	seen := map[string]bool{}
	for _, group := range c.pipeline.groups {
		for _, s := range group {
			c.once(seen, "stage", s.node, s.identifier)
			steps := map[string]bool{}
			for _, one := range append(s.steps[:len(s.steps):len(s.steps)], s.rollback...) {
				c.once(steps, "step", one.node, one.identifier)
			}
		}
	}
}

// once reports an identifier that another one has, too. One that was made up for a node
// without has the node's place.
func (c *converter) once(seen map[string]bool, what string, n *yaml.Node, id document.Text) {
	if !id.Set() || id.Node.Line == n.Line && id.Node.Column == n.Column {
		return
	}
	if seen[id.Raw()] {
		c.report(id.Problem("a second "+what+" with the identifier "+id.Raw(), "identifiers differ within a "+map[string]string{"stage": "pipeline", "step": "stage"}[what]))
	}
	seen[id.Raw()] = true
}
