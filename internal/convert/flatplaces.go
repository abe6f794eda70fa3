package convert

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// services reads what a stage deploys: a name, a list, one service with values, or items.
func (f *flatReader) services(s *stage, n *yaml.Node) (out []reference) {
	if n == nil {
		return nil
	}
	n = document.Resolved(n)
	switch {
	case n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode && get(n, "items") != nil:
		items := n
		if n.Kind == yaml.MappingNode {
			f.Mapping(n, "the services", document.Fields{"items": func(n *yaml.Node) { items = document.Resolved(n) }}, "parallel sequential")
		}
		if items.Kind == yaml.ScalarNode {
			return f.services(s, items)
		}
		f.Items(items, "items", func(item *yaml.Node) { out = append(out, f.services(s, item)...) })
		if len(out) > 1 {
			f.adviseNode(f.Doc, n, "the services are deployed together, all or none", "")
		}
		return out
	case n.Kind == yaml.MappingNode:
		var ref reference
		var typ document.Text
		f.Mapping(n, "a service", document.Fields{
			"id": f.Text(&ref.ref, "id"), "name": f.Text(&ref.ref, "name"), "ref": f.Text(&ref.ref, "ref"),
			"type": f.Text(&typ, "type"), "deployment_type": f.Text(&typ, "deployment_type"),
			"with": func(n *yaml.Node) { ref.inputs = overlay(n) },
		}, "description "+strings.Join(inlineKeys, " "))
		if kind := plain(typ.Raw()); kind != "" && kind != "awslambda" {
			s.deployment = typ
		} else if isInline(n) {
			ref.ref = f.inlineService(n, ref.ref)
		}
		return []reference{ref}
	}
	var ref reference
	f.Text(&ref.ref, "service")(n)
	return []reference{ref}
}

// overlay is what with sets in a document.
func overlay(n *yaml.Node) *yaml.Node {
	if inner := get(document.Resolved(n), "overlay"); inner != nil {
		return document.Resolved(inner)
	}
	return document.Resolved(n)
}

// environments reads where a stage deploys to. It returns what the stage is where that
// is only known at a run.
func (f *flatReader) environments(s *stage, n *yaml.Node) (typ string) {
	if n == nil {
		return ""
	}
	n = document.Resolved(n)
	if n.Kind == yaml.MappingNode && get(n, "items") != nil {
		parallel := false
		f.Mapping(n, "the environments", document.Fields{
			"items": func(n *yaml.Node) {
				f.Items(n, "items", func(item *yaml.Node) {
					if why := f.environments(s, item); why != "" {
						typ = why
					}
				})
			},
			"parallel": f.Bool(&parallel, "parallel"),
		}, "sequential")
		s.sequential = !parallel
		return typ
	}
	var p place
	if n.Kind != yaml.MappingNode {
		f.Text(&p.ref, "environment")(n)
		s.environments = append(s.environments, p)
		return ""
	}
	elsewhere := func(*yaml.Node) { typ = "Deployment to a group of environments" }
	f.Mapping(n, "an environment", document.Fields{
		"id": f.Text(&p.ref, "id"), "name": f.Text(&p.ref, "name"), "ref": f.Text(&p.ref, "ref"),
		"deploy-to": func(n *yaml.Node) { f.deployTo(&p, n) },
		"overrides": func(n *yaml.Node) {
			for _, layer := range []string{"global", "service"} {
				if inner := get(document.Resolved(n), layer); inner != nil {
					inner = document.Resolved(inner)
					if with := get(inner, "with"); with != nil {
						inner = overlay(with)
					}
					p.inputs = append(p.inputs, inner)
				}
			}
		},
		"group": elsewhere, "filters": elsewhere,
	}, "parallel sequential")
	s.environments = append(s.environments, p)
	return typ
}

// deployTo reads the infrastructures: all, one, or a list.
func (f *flatReader) deployTo(p *place, n *yaml.Node) {
	n = document.Resolved(n)
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			f.deployTo(p, item)
		}
		return
	}
	var ref reference
	if n.Kind == yaml.MappingNode {
		f.Mapping(n, "an infrastructure", document.Fields{
			"id": f.Text(&ref.ref, "id"), "with": func(n *yaml.Node) { ref.inputs = overlay(n) },
		}, "")
	} else {
		f.Text(&ref.ref, "deploy-to")(n)
	}
	if ref.ref.Raw() == "all" {
		p.deployToAll = true
		return
	}
	p.infrastructures = append(p.infrastructures, ref)
}

// inputs reads the values that a run asks for, each with its type.
func (f *flatReader) inputs(n *yaml.Node) (out []variable) {
	pairs := document.Pairs(document.Resolved(n))
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i], document.Resolved(pairs[i+1])
		v := variable{name: document.Text{Doc: f.Doc, Node: key}, value: document.Text{Doc: f.Doc, Node: key}, input: &expression.Input{}}
		if value.Kind != yaml.MappingNode {
			f.byDefault(&v, value)
			out = append(out, v)
			continue
		}
		options := func(n *yaml.Node) {
			var list []document.Text
			f.Texts(&list, "options")(n)
			for _, option := range list {
				v.input.Allowed = append(v.input.Allowed, option.Raw())
			}
		}
		pattern := func(n *yaml.Node) { v.input.Pattern = f.Doc.Text(document.Resolved(n)) }
		f.Mapping(value, "an input", document.Fields{
			"type": f.Text(&v.typ, "type"), "description": f.Text(&v.description, "description"), "desc": f.Text(&v.description, "desc"),
			"required": f.Bool(&v.required, "required"),
			"default":  func(n *yaml.Node) { f.byDefault(&v, document.Resolved(n)) },
			"options":  options, "enum": options, "pattern": pattern,
			"validation": func(n *yaml.Node) {
				f.Mapping(n, "a validation", document.Fields{"regex": pattern}, "message")
			},
		}, "label")
		out = append(out, v)
	}
	return out
}

// byDefault reads the default of an input.
func (f *flatReader) byDefault(v *variable, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		f.noteNode(f.Doc, n, "the default of the input "+v.name.Raw()+" is not a string: GitHub's inputs are strings, numbers and choices", "")
		return
	}
	if !document.IsNull(n) {
		text := f.Doc.Text(n)
		v.input.Default = &text
	}
}
