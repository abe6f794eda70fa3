package service

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// runtimeInputs are the values of <+input> by path: artifacts.primary.
// primaryArtifactRef, serviceVariables.x, env.variables.x, infra.region. With
// several services a path may begin with the service's identifier.
type runtimeInputs map[string]string

// wrappers are the keys that Harness nests and a path leaves out.
var wrappers = []string{"service", "serviceDefinition", "spec", "manifest", "environment", "infrastructureDefinition", "overrides", "serviceOverrides"}

// inputPath joins a key to a path as a person would write it.
func inputPath(path, key string) string {
	switch {
	case slices.Contains(wrappers, key):
		return path
	case path == "":
		return key
	}
	return path + "." + key
}

// itemName is what an item of a list is called in a path: by its identifier or
// its name.
func itemName(n *yaml.Node) string {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for _, want := range []string{"identifier", "name", "manifest"} {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value != want {
				continue
			}
			if want == "manifest" {
				return itemName(n.Content[i+1])
			}
			return n.Content[i+1].Value
		}
	}
	return ""
}

// variablePath writes variables.x.value as serviceVariables.x.
func variablePath(path string) string {
	rest, ok := strings.CutSuffix(path, ".value")
	if !ok {
		return path
	}
	if name, ok := strings.CutPrefix(rest, "variables."); ok {
		return "serviceVariables." + name
	}
	return rest
}

// walkScalars calls visit for each scalar below n, with its path.
func walkScalars(n *yaml.Node, path string, visit func(path string, n *yaml.Node)) {
	n = resolved(n)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			walkScalars(n.Content[i+1], inputPath(path, n.Content[i].Value), visit)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			walkScalars(item, inputPath(path, itemName(item)), visit)
		}
	case yaml.ScalarNode:
		visit(variablePath(strings.TrimSuffix(path, ".")), n)
	}
}

// readInputs joins the input sets in their order and lays the input inputs
// over them.
func (l *loader) readInputs(docs []parsed) runtimeInputs {
	in := runtimeInputs{}
	for _, p := range docs {
		doc, root := p.doc, p.doc.Root()
		for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
			if key := root.Content[i].Value; key == "inputSet" || key == "pipeline" {
				in.collect(doc, root.Content[i+1])
			}
		}
	}
	for path, value := range l.opts.Inputs {
		for _, wrapper := range []string{"service.", "serviceDefinition.", "spec."} {
			path = strings.TrimPrefix(path, wrapper)
		}
		in[variablePath(path)] = value
	}
	return in
}

// collect finds the inputs of services, environments and infrastructures
// wherever a pipeline holds them.
func (in runtimeInputs) collect(doc *expression.Document, n *yaml.Node) {
	n = resolved(n)
	for i, child := range n.Content {
		key := ""
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			key = n.Content[i-1].Value
		}
		switch key {
		case "serviceInputs", "serviceOverrideInputs":
			in.add(doc, child, "", siblingText(n, "serviceRef"))
		case "environmentInputs":
			in.add(doc, child, "env", "")
		case "inputs":
			in.add(doc, child, "infra", siblingText(n, "identifier"))
		default:
			in.collect(doc, child)
		}
	}
}

func siblingText(n *yaml.Node, key string) string {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// add flattens what an input set gives; what is itself <+input> gives nothing.
func (in runtimeInputs) add(doc *expression.Document, n *yaml.Node, prefix, ref string) {
	walkScalars(n, prefix, func(path string, scalar *yaml.Node) {
		value := doc.Text(scalar)
		if input, ok := expression.ParseInput(value); ok {
			if input.Default == nil {
				return
			}
			value = *input.Default
		}
		if ref != "" {
			in[ref+"."+path] = value
		}
		if _, ok := in[path]; !ok {
			in[path] = value
		}
	})
}

// value looks a path up, first under the document's own identifier.
func (in runtimeInputs) value(id, path string) (string, bool) {
	paths := []string{id + "." + path, path}
	if name, ok := strings.CutPrefix(path, "serviceVariables."); ok {
		paths = append(paths, "variables."+name)
	}
	if name, ok := strings.CutPrefix(path, "infra."); ok {
		paths = append(paths, id+"."+name, "infrastructure."+name)
	}
	for _, p := range paths {
		if v, ok := in[p]; ok {
			return v, true
		}
	}
	return "", false
}

// fillInputs puts values in the place of the <+input> of one document, and
// lists what is missing or refused.
func (l *loader) fillInputs(doc *expression.Document, n *yaml.Node, prefix string) {
	id := itemName(n)
	walkScalars(n, prefix, func(path string, scalar *yaml.Node) {
		input, ok := expression.ParseInput(doc.Text(scalar))
		if !ok {
			return
		}
		value, given := l.inputs.value(id, path)
		switch {
		case given:
		case input.Default != nil:
			value = *input.Default
		case path == "artifacts.primary.primaryArtifactRef":
			// With one source the choice is made; with several the artifact's
			// own check lists them.
			*scalar = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: scalar.Line, Column: scalar.Column}
			return
		default:
			l.fault(doc.Fault(scalar, "the runtime input "+path+" has no value", "give it with the input inputs: "+path+"=…"))
			return
		}
		if problem, ok := input.Check(value); !ok {
			what := "the runtime input " + path + ": " + quoted(value) + " "
			if !given {
				what = "the runtime input " + path + ": its default " + quoted(value) + " "
			}
			l.fault(doc.Fault(scalar, what+problem, ""))
			return
		}
		*scalar = inputNode(value, scalar)
	})
}

func quoted(s string) string { return `"` + s + `"` }

// inputNode is a given value as a node: a list or a map where it is written
// as one, in JSON or YAML's flow style, else a text.
func inputNode(value string, place *yaml.Node) yaml.Node {
	var parsed yaml.Node
	if trimmed := strings.TrimSpace(value); strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{") {
		if err := yaml.Unmarshal([]byte(value), &parsed); err == nil && len(parsed.Content) == 1 {
			moveTo(parsed.Content[0], place)
			return *parsed.Content[0]
		}
	}
	return yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: place.Line, Column: place.Column}
}

func moveTo(n, place *yaml.Node) {
	n.Line, n.Column = place.Line, place.Column
	for _, child := range n.Content {
		moveTo(child, place)
	}
}
