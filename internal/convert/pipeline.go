package convert

import (
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// The pipeline as it is written.
type (
	pipeline struct {
		doc              *expression.Document
		name, identifier document.Text
		description      document.Text
		timeout          document.Text
		variables        []variable
		// groups run one after the other; the stages of one group side by side.
		groups [][]*stage
	}

	stage struct {
		node                  *yaml.Node
		doc                   *expression.Document
		name, identifier, typ document.Text
		description, timeout  document.Text
		condition             when
		strategies            []strategy
		variables             []variable
		services              []reference
		environments          []place
		steps, rollback       []*step
		matrix                *yaml.Node
		// deployment is the deploymentType, template the reference of a stage that
		// is written elsewhere.
		deployment, template document.Text
		// earlier are the jobs of this stage before an approval.
		earlier []done
		// sequential is set when the environments come one after the other.
		sequential bool
	}

	step struct {
		node                  *yaml.Node
		doc                   *expression.Document
		name, identifier, typ document.Text
		description, timeout  document.Text
		conditions            []when
		strategies            []strategy
		spec                  *yaml.Node
	}

	// reference is a service with the values that the pipeline sets. from is
	// the stage whose service it is.
	reference struct {
		ref, from document.Text
		inputs    *yaml.Node
	}

	// place is an environment with its infrastructures.
	place struct {
		ref, from       document.Text
		deployToAll     bool
		inputs          []*yaml.Node
		infrastructures []reference
	}

	when struct {
		status, condition document.Text
	}

	// strategy is what to do about a failure.
	strategy struct {
		node   *yaml.Node
		action document.Text
		errors []document.Text
	}

	variable struct {
		name, typ, value, deflt, description document.Text
		required                             bool
		// input is what a run asks for, where the pipeline declares that; else the value
		// says it.
		input *expression.Input
	}
)

// What Harness writes and a workflow has no need of.
const (
	entityKeys = "projectIdentifier orgIdentifier"
)

func (c *converter) readPipeline(doc *expression.Document) *pipeline {
	r := c.reader(doc)
	p := &pipeline{doc: doc}
	found := false
	r.Mapping(doc.Root(), "the file", document.Fields{"pipeline": func(n *yaml.Node) {
		found = true
		if isFlat(n) {
			c.readFlat(r, p, n)
			return
		}
		r.Mapping(n, "the pipeline", document.Fields{
			"name":        r.Text(&p.name, "name"),
			"identifier":  r.Text(&p.identifier, "identifier"),
			"description": r.Text(&p.description, "description"),
			"timeout":     r.Text(&p.timeout, "timeout"),
			"variables":   func(n *yaml.Node) { p.variables = readVariables(r, n) },
			"stages":      func(n *yaml.Node) { c.readStages(r, p, n) },
		}, entityKeys)
	}}, "")
	switch {
	case !found:
		c.report(doc.Problem(doc.Root(), "is not a pipeline: its root has no key pipeline", ""))
	case len(p.groups) == 0:
		c.report(doc.Problem(doc.Root(), "the pipeline has no stages", ""))
	}
	return p
}

func readVariables(r document.Reader, n *yaml.Node) []variable {
	var out []variable
	r.Items(n, "variables", func(item *yaml.Node) {
		var v variable
		r.Mapping(item, "a variable", document.Fields{
			"name":        r.Text(&v.name, "name"),
			"type":        r.Text(&v.typ, "type"),
			"value":       r.Text(&v.value, "value"),
			"default":     r.Text(&v.deflt, "default"),
			"description": r.Text(&v.description, "description"),
			"required":    r.Bool(&v.required, "required"),
		}, "identifier")
		out = append(out, v)
	})
	return out
}

func (c *converter) readStages(r document.Reader, p *pipeline, n *yaml.Node) {
	r.Items(n, "stages", func(item *yaml.Node) {
		var group []*stage
		one := func(n *yaml.Node) { group = append(group, c.readStage(r, n)) }
		r.Mapping(item, "an item of stages", document.Fields{
			"stage": one,
			"parallel": func(n *yaml.Node) {
				r.Items(n, "parallel", func(item *yaml.Node) {
					r.Mapping(item, "an item of parallel", document.Fields{"stage": one}, "")
				})
			},
		}, "")
		if len(group) > 0 {
			p.groups = append(p.groups, group)
		}
	})
}

func (c *converter) readStage(r document.Reader, n *yaml.Node) *stage {
	s := &stage{node: n, doc: r.Doc}
	r.Mapping(n, "a stage", document.Fields{
		"name":              r.Text(&s.name, "name"),
		"identifier":        r.Text(&s.identifier, "identifier"),
		"type":              r.Text(&s.typ, "type"),
		"description":       r.Text(&s.description, "description"),
		"timeout":           r.Text(&s.timeout, "timeout"),
		"variables":         func(n *yaml.Node) { s.variables = readVariables(r, n) },
		"when":              func(n *yaml.Node) { s.condition = readWhen(r, n) },
		"failureStrategies": func(n *yaml.Node) { s.strategies = readStrategies(r, n) },
		"spec":              func(n *yaml.Node) { c.readStageSpec(r, s, n) },
		"strategy":          func(n *yaml.Node) { c.readStrategy(r, s, n) },
		"template": func(n *yaml.Node) {
			r.Mapping(n, "a template", document.Fields{"templateRef": r.Text(&s.template, "templateRef")}, "versionLabel templateInputs gitBranch")
		},
	}, "")
	return s
}

// readStrategy reads how often a stage runs: a matrix, a list of items, or a
// number of times. The latter two become a matrix of one axis.
func (c *converter) readStrategy(r document.Reader, s *stage, n *yaml.Node) {
	axis := func(name string, values *yaml.Node, limit document.Text) {
		s.matrix = newMapping()
		put(s.matrix, name, values)
		if limit.Set() {
			put(s.matrix, maxConcurrency, document.Resolved(limit.Node))
		}
	}
	r.Mapping(n, "a strategy", document.Fields{
		"matrix": func(n *yaml.Node) { s.matrix = document.Resolved(n) },
		"repeat": func(n *yaml.Node) {
			var items *yaml.Node
			var limit document.Text
			r.Mapping(n, "repeat", document.Fields{
				"items":        func(n *yaml.Node) { items = document.Resolved(n) },
				maxConcurrency: r.Text(&limit, maxConcurrency),
			}, "")
			if items == nil || items.Kind != yaml.SequenceNode {
				c.noteNode(r.Doc, n, "the strategy repeats no fixed list of items and is left out", "")
				return
			}
			axis(repeatAxis, items, limit)
		},
		"parallelism": func(n *yaml.Node) {
			var times document.Text
			r.Text(&times, "parallelism")(n)
			count, err := strconv.Atoi(times.Raw())
			if err != nil || count < 1 || count > maxJobs {
				c.noteNode(r.Doc, n, "the strategy's parallelism is not a number from 1 to 256 and is left out", "")
				return
			}
			items := newList()
			for i := range count {
				items.Content = append(items.Content, number(i))
			}
			axis(repeatAxis, items, document.Text{})
		},
	}, "")
}

const (
	maxConcurrency = "maxConcurrency"
	// repeatAxis is the axis of a matrix that represents a list of items.
	repeatAxis = "item"
	// maxJobs is how many jobs a matrix makes at most
	// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategymatrix).
	maxJobs = 256
)

func (c *converter) readStageSpec(r document.Reader, s *stage, n *yaml.Node) {
	r.Mapping(n, "a stage's spec", document.Fields{
		"service": func(n *yaml.Node) { s.services = append(s.services, readService(r, n)) },
		"services": func(n *yaml.Node) {
			r.Mapping(n, "services", document.Fields{"values": func(n *yaml.Node) {
				r.Items(n, "values", func(item *yaml.Node) { s.services = append(s.services, readService(r, item)) })
			}}, "metadata")
			c.adviseNode(r.Doc, n, "the services are deployed together, all or none", "")
		},
		"environment": func(n *yaml.Node) { s.environments = append(s.environments, readPlace(r, n)) },
		"environments": func(n *yaml.Node) {
			r.Mapping(n, "environments", document.Fields{"values": func(n *yaml.Node) {
				r.Items(n, "values", func(item *yaml.Node) { s.environments = append(s.environments, readPlace(r, item)) })
			}, "metadata": func(n *yaml.Node) {
				parallel := true
				r.Mapping(n, "metadata", document.Fields{"parallel": r.Bool(&parallel, "parallel")}, "")
				s.sequential = !parallel
			}}, "")
		},
		"execution": func(n *yaml.Node) {
			r.Mapping(n, "execution", document.Fields{
				"steps":         func(n *yaml.Node) { s.steps = c.readSteps(r, n, nil) },
				"rollbackSteps": func(n *yaml.Node) { s.rollback = c.readSteps(r, n, nil) },
			}, "")
		},
		"deploymentType": r.Text(&s.deployment, "deploymentType"),
	}, "")
}

// useFromStage reads the stage that a service or an environment is taken from.
func useFromStage(r document.Reader, stage *document.Text) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.Mapping(n, "useFromStage", document.Fields{"stage": r.Text(stage, "stage")}, "")
	}
}

func readService(r document.Reader, n *yaml.Node) reference {
	var ref reference
	r.Mapping(n, "a service", document.Fields{
		"serviceRef":    r.Text(&ref.ref, "serviceRef"),
		"serviceInputs": func(n *yaml.Node) { ref.inputs = document.Resolved(n) },
		"useFromStage":  useFromStage(r, &ref.from),
	}, "")
	return ref
}

func readPlace(r document.Reader, n *yaml.Node) place {
	var p place
	keep := func(n *yaml.Node) { p.inputs = append(p.inputs, document.Resolved(n)) }
	r.Mapping(n, "an environment", document.Fields{
		"environmentRef":        r.Text(&p.ref, "environmentRef"),
		"deployToAll":           r.Bool(&p.deployToAll, "deployToAll"),
		"useFromStage":          useFromStage(r, &p.from),
		"environmentInputs":     keep,
		"serviceOverrideInputs": keep,
		"infrastructureDefinitions": func(n *yaml.Node) {
			if document.Resolved(n).Kind == yaml.ScalarNode {
				var t document.Text
				r.Text(&t, "infrastructureDefinitions")(n)
				p.infrastructures = append(p.infrastructures, reference{ref: t})
				return
			}
			r.Items(n, "infrastructureDefinitions", func(item *yaml.Node) {
				var ref reference
				r.Mapping(item, "an infrastructure", document.Fields{
					"identifier": r.Text(&ref.ref, "identifier"),
					"inputs":     func(n *yaml.Node) { ref.inputs = document.Resolved(n) },
				}, "")
				p.infrastructures = append(p.infrastructures, ref)
			})
		},
	}, "")
	return p
}

// readSteps flattens groups and parallel steps; the conditions of a group hold
// for each of its steps.
func (c *converter) readSteps(r document.Reader, n *yaml.Node, outer []when) []*step {
	var out []*step
	r.Items(n, "steps", func(item *yaml.Node) {
		r.Mapping(item, "an item of steps", document.Fields{
			"step": func(n *yaml.Node) { out = append(out, readStep(r, n, outer)) },
			"parallel": func(n *yaml.Node) {
				c.adviseNode(r.Doc, n, "parallel steps run one after the other", "a job of GitHub has one order of steps")
				out = append(out, c.readSteps(r, n, outer)...)
			},
			"stepGroup": func(n *yaml.Node) {
				conditions := outer
				r.Mapping(n, "a step group", document.Fields{
					"when": func(n *yaml.Node) { conditions = append(conditions[:len(conditions):len(conditions)], readWhen(r, n)) },
				}, "identifier name steps")
				r.Mapping(n, "a step group", document.Fields{
					"steps": func(n *yaml.Node) { out = append(out, c.readSteps(r, n, conditions)...) },
				}, "identifier name when")
			},
		}, "")
	})
	return out
}

func readStep(r document.Reader, n *yaml.Node, outer []when) *step {
	s := &step{node: n, doc: r.Doc, conditions: outer}
	r.Mapping(n, "a step", document.Fields{
		"name":              r.Text(&s.name, "name"),
		"identifier":        r.Text(&s.identifier, "identifier"),
		"type":              r.Text(&s.typ, "type"),
		"description":       r.Text(&s.description, "description"),
		"timeout":           r.Text(&s.timeout, "timeout"),
		"when":              func(n *yaml.Node) { s.conditions = append(outer[:len(outer):len(outer)], readWhen(r, n)) },
		"failureStrategies": func(n *yaml.Node) { s.strategies = readStrategies(r, n) },
		"spec":              func(n *yaml.Node) { s.spec = document.Resolved(n) },
	}, "")
	return s
}

func readWhen(r document.Reader, n *yaml.Node) when {
	var w when
	r.Mapping(n, "when", document.Fields{
		"stageStatus":    r.Text(&w.status, "stageStatus"),
		"pipelineStatus": r.Text(&w.status, "pipelineStatus"),
		"condition":      r.Text(&w.condition, "condition"),
	}, "")
	return w
}

func readStrategies(r document.Reader, n *yaml.Node) []strategy {
	var out []strategy
	r.Items(n, "failureStrategies", func(item *yaml.Node) {
		s := strategy{node: item}
		r.Mapping(item, "a failure strategy", document.Fields{"onFailure": func(n *yaml.Node) {
			r.Mapping(n, "onFailure", document.Fields{
				"errors": r.Texts(&s.errors, "errors"),
				"action": func(n *yaml.Node) {
					r.Mapping(n, "action", document.Fields{"type": r.Text(&s.action, "type")}, "spec")
				},
			}, "")
		}}, "")
		out = append(out, s)
	})
	return out
}
