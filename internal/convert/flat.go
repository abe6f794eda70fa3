package convert

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// Pipelines of Harness 3.0 (format v1) are flat: a stage is an item of stages, a step
// one of steps, and expressions are ${{ }} beside <+ >. This file and the next ones read
// them into what pipelines of the older format are read into, so that one converter
// knows the rules.
//
// Sources, read on 2026-11-29: https://developer.harness.io/3k-docs/platform/getting-started/pipelines
// (stages, steps, services, inputs, expressions),
// https://developer.harness.io/continuous-delivery/3.0/use-deployments/overview-4 (the
// steps for Lambda), and Harness' own converter of the older format,
// https://github.com/drone/go-convert/tree/master/convert/v0tov1.

// isFlat reports whether a pipeline is of format v1.
func isFlat(pipeline *yaml.Node) bool {
	pipeline = document.Resolved(pipeline)
	if pipeline.Kind != yaml.MappingNode {
		return false
	}
	if get(pipeline, "id") != nil || get(pipeline, "inputs") != nil || get(pipeline, "jobs") != nil {
		return true
	}
	stages := get(pipeline, "stages")
	if stages == nil {
		return false
	}
	return slices.ContainsFunc(document.Resolved(stages).Content, func(item *yaml.Node) bool {
		item = document.Resolved(item)
		if parallel := get(item, "parallel"); parallel != nil {
			return document.Resolved(parallel).Kind == yaml.MappingNode
		}
		return item.Kind == yaml.MappingNode && get(item, "stage") == nil && len(item.Content) > 0
	})
}

// withoutBraces writes ${{ x }} as <+x> in every text.
func withoutBraces(n *yaml.Node) {
	if spans := gitHub.spans(n.Value); len(spans) > 1 {
		for i := 1; i < len(spans); i += 2 {
			spans[i] = "<+" + spans[i] + ">"
		}
		n.Value = strings.Join(spans, "")
	}
	for _, child := range n.Content {
		withoutBraces(child)
	}
}

// textAt is a text at the place of a node.
func textAt(doc *expression.Document, n *yaml.Node, value string) document.Text {
	return document.Text{Doc: doc, Node: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: n.Line, Column: n.Column}}
}

// flatReader reads one pipeline of format v1.
type flatReader struct {
	*converter
	document.Reader
	p *pipeline
	// service and environment are the pipeline's own, for stages without.
	service, environment *yaml.Node
}

// around is what a group of stages says for each of them.
type around struct {
	conditions []when
	strategies []strategy
	env        []*yaml.Node
}

const (
	flatIgnored = "tags org project orgIdentifier projectIdentifier clone delegate runtime platform workspace cache status runs-on permissions needs outputs build-intelligence repo allow-stage-executions fixed-inputs-on-rerun description"
)

func (c *converter) readFlat(r document.Reader, p *pipeline, n *yaml.Node) {
	f := &flatReader{converter: c, Reader: r, p: p}
	var stages *yaml.Node
	var outer around
	withoutBraces(n)
	r.Mapping(n, "the pipeline", document.Fields{
		"id":          r.Text(&p.identifier, "id"),
		"name":        r.Text(&p.name, "name"),
		"description": r.Text(&p.description, "description"),
		"timeout":     r.Text(&p.timeout, "timeout"),
		"inputs":      func(n *yaml.Node) { p.variables = f.inputs(n) },
		"if":          func(n *yaml.Node) { outer.conditions = []when{f.condition(n)} },
		"env":         func(n *yaml.Node) { outer.env = append(outer.env, n) },
		"service":     func(n *yaml.Node) { f.service = n },
		"environment": func(n *yaml.Node) { f.environment = n },
		"stages":      func(n *yaml.Node) { stages = n },
		"jobs": func(n *yaml.Node) {
			c.report(r.Doc.Problem(n, "the pipeline has jobs like a GitHub workflow", "write them as stages, or use them as a workflow"))
		},
	}, flatIgnored)
	if stages != nil {
		p.groups = f.stages(stages, outer)
	}
}

// stages reads stages that run one after the other.
func (f *flatReader) stages(n *yaml.Node, outer around) (groups [][]*stage) {
	f.Items(n, "stages", func(item *yaml.Node) { groups = append(groups, f.item(item, outer)...) })
	return groups
}

// item reads a stage, or a group of stages.
func (f *flatReader) item(n *yaml.Node, outer around) [][]*stage {
	group, parallel := get(n, "group"), get(n, "parallel")
	if n.Kind != yaml.MappingNode || group == nil && parallel == nil {
		if s := f.stage(n, outer); s != nil {
			return [][]*stage{{s}}
		}
		return nil
	}
	inner := outer
	var stages [][]*stage
	disabled := false
	read := func(n *yaml.Node) {
		f.Mapping(n, "a group", document.Fields{"stages": func(n *yaml.Node) { stages = f.stages(n, inner) }}, "inputs")
	}
	fields := document.Fields{
		"if":         func(n *yaml.Node) { inner.conditions = append(slices.Clone(inner.conditions), f.condition(n)) },
		"on-failure": func(n *yaml.Node) { inner.strategies = f.failures(n) },
		"env":        func(n *yaml.Node) { inner.env = append(slices.Clone(inner.env), n) },
		"disabled":   func(n *yaml.Node) { disabled = f.disabled(n, &inner.conditions) },
	}
	f.Mapping(n, "a group of stages", fields, "group parallel id name "+flatIgnored)
	if disabled {
		f.noteNode(f.Doc, n, "the group of stages is disabled and left out", "")
		return nil
	}
	if group != nil {
		read(group)
		return stages
	}
	read(parallel)
	var together []*stage
	for _, one := range stages {
		if len(one) != 1 {
			f.adviseNode(f.Doc, parallel, "parallel groups of stages run one after the other", "")
			return stages
		}
		together = append(together, one...)
	}
	if len(together) == 0 {
		return nil
	}
	return [][]*stage{together}
}

// disabled reports whether what a key switches off is off; where only a run tells, that
// is a condition.
func (f *flatReader) disabled(n *yaml.Node, conditions *[]when) bool {
	text := strings.TrimSpace(f.Doc.Text(document.Resolved(n)))
	if strings.Contains(text, "<+") {
		*conditions = append(slices.Clone(*conditions), when{condition: textAt(f.Doc, n, "!("+text+")")})
	}
	return text == "true"
}

// stage reads one stage; nil where it is disabled.
func (f *flatReader) stage(n *yaml.Node, outer around) *stage {
	s := &stage{node: n, doc: f.Doc, strategies: outer.strategies}
	conditions, env, service, environment := outer.conditions, outer.env, f.service, f.environment
	typ, off := "Custom", false
	var steps, rollback *yaml.Node
	is := func(name string) func(*yaml.Node) { return func(*yaml.Node) { typ = name } }
	f.Mapping(n, "a stage", document.Fields{
		"id":          f.Text(&s.identifier, "id"),
		"name":        f.Text(&s.name, "name"),
		"timeout":     f.Text(&s.timeout, "timeout"),
		"inputs":      func(n *yaml.Node) { s.variables = f.inputs(n) },
		"if":          func(n *yaml.Node) { conditions = append(slices.Clone(conditions), f.condition(n)) },
		"env":         func(n *yaml.Node) { env = append(slices.Clone(env), n) },
		"disabled":    func(n *yaml.Node) { off = f.disabled(n, &conditions) },
		"on-failure":  func(n *yaml.Node) { s.strategies = f.failures(n) },
		"service":     func(n *yaml.Node) { service = n },
		"environment": func(n *yaml.Node) { environment = n },
		"steps":       func(n *yaml.Node) { steps = n },
		"rollback":    func(n *yaml.Node) { rollback = n },
		"strategy":    func(n *yaml.Node) { typ = cmp.Or(f.strategy(s, n), typ) },
		"approval":    is("Approval"),
		"chain":       is("Chain"),
		"template": func(n *yaml.Node) {
			f.Mapping(n, "a template", document.Fields{"uses": f.Text(&s.template, "uses")}, "with")
			if !s.template.Set() {
				s.template = textAt(f.Doc, n, "without a name")
			}
		},
	}, flatIgnored)
	if typ == "Custom" && (service != nil || environment != nil) {
		typ = "Deployment"
	}
	if typ == "Deployment" {
		s.services = f.services(s, service)
		if why := f.environments(s, environment); why != "" {
			typ = why
		}
	}
	s.typ, s.condition = textAt(f.Doc, n, typ), f.joined(n, conditions)
	if off {
		f.noteNode(f.Doc, n, "the stage "+cmp.Or(s.name.Raw(), s.identifier.Raw())+" is disabled and left out", "")
		return nil
	}
	if !s.identifier.Set() {
		s.identifier = textAt(f.Doc, n, cmp.Or(s.name.Raw(), "stage"))
	}
	if !s.name.Set() {
		s.name = s.identifier
	}
	s.steps, s.rollback = f.steps(steps, nil, env), f.steps(rollback, nil, env)
	return s
}

// joined makes one condition of several.
func (f *flatReader) joined(n *yaml.Node, list []when) when {
	var out when
	var terms []string
	for _, w := range list {
		if raw := w.condition.Raw(); raw != "" && raw != "true" {
			terms = append(terms, "("+raw+")")
		}
		if w.status.Set() {
			out.status = w.status
		}
	}
	if len(terms) > 0 {
		out.condition = textAt(f.Doc, n, strings.Join(terms, " && "))
	}
	return out
}

// statuses are the words by which a condition asks how all went, in the older format's
// terms.
var statuses = map[string]string{
	"success()": "Success", "<+OnStageSuccess>": "Success", "<+OnPipelineSuccess>": "Success",
	"failure()": "Failure", "<+OnStageFailure>": "Failure", "<+OnPipelineFailure>": "Failure",
	"always()": "All", "<+Always>": "All",
}

// condition reads an if.
func (f *flatReader) condition(n *yaml.Node) (w when) {
	var t document.Text
	f.Text(&t, "if")(n)
	raw := strings.TrimSpace(t.Raw())
	if statuses[raw] == "" {
		raw = bare(raw)
	}
	for word, status := range statuses {
		rest, found := strings.CutPrefix(raw, word)
		rest = strings.TrimSpace(rest)
		if and, more := strings.CutPrefix(rest, "&&"); found && (rest == "" || more) {
			w.status, raw = textAt(f.Doc, n, status), strings.TrimSpace(and)
			break
		}
	}
	if raw != "" {
		w.condition = textAt(f.Doc, n, raw)
	}
	return w
}

// bare is a text that is one expression as a whole, without its marks.
func bare(raw string) string {
	spans := 0
	rest, err := expression.Replace(raw, func(string) (string, error) { spans++; return "", nil })
	if err != nil || spans != 1 || rest != "" {
		return raw
	}
	return strings.TrimSpace(raw[len("<+") : len(raw)-len(">")])
}

// actions are what follows a failure, in the older format's terms. fail is what happens
// without a strategy, too: the stage is rolled back.
var actions = map[string]string{
	"ignore": "Ignore", "success": "MarkAsSuccess", "abort": "Abort", "fail": "StageRollback", "stage-rollback": "StageRollback", "pipeline-rollback": "PipelineRollback",
}

// failures reads on-failure: one strategy, or a list of them.
func (f *flatReader) failures(n *yaml.Node) (out []strategy) {
	n = document.Resolved(n)
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			out = append(out, f.failures(item)...)
		}
		return out
	}
	s := strategy{node: n}
	f.Mapping(n, "on-failure", document.Fields{
		"errors": func(n *yaml.Node) {
			f.Texts(&s.errors, "errors")(n)
			for i, e := range s.errors {
				if e.Raw() == "all" {
					s.errors[i] = textAt(f.Doc, e.Node, "AllErrors")
				}
			}
		},
		"action": func(n *yaml.Node) {
			n = document.Resolved(n)
			name := f.Doc.Text(n)
			if n.Kind == yaml.MappingNode && len(n.Content) > 0 {
				name = f.Doc.Text(n.Content[0])
			}
			s.action = textAt(f.Doc, n, cmp.Or(actions[name], name))
		},
	}, "")
	return append(out, s)
}

// strategy reads how often a stage runs. It returns what the stage is where that has no
// equivalent.
func (f *flatReader) strategy(s *stage, n *yaml.Node) (typ string) {
	var limit *yaml.Node
	f.Mapping(n, "a strategy", document.Fields{
		"matrix": func(n *yaml.Node) { s.matrix = copied(document.Resolved(n)) },
		"for": func(n *yaml.Node) {
			if times := get(document.Resolved(n), "iterations"); times != nil {
				f.readStrategy(f.Reader, s, &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{scalar("parallelism"), times}})
			}
		},
		"repeat":       func(n *yaml.Node) { typ = "Repeat" },
		"while":        func(n *yaml.Node) { typ = "While" },
		"max-parallel": func(n *yaml.Node) { limit = document.Resolved(n) },
	}, "fail-fast")
	if s.matrix == nil || s.matrix.Kind != yaml.MappingNode {
		return cmp.Or(typ, "Strategy")
	}
	if limit != nil {
		put(s.matrix, maxConcurrency, limit)
	}
	return typ
}
