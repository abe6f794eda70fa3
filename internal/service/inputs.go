package service

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/yamltext"
)

// runtimeInputs are the values of <+input> by path: artifacts.primary.
// primaryArtifactRef, serviceVariables.x, env.variables.x, infra.region. With
// several services a path may begin with the service's identifier.
type runtimeInputs map[string]string

// wrappers are the keys that Harness nests and a path leaves out.
var wrappers = []string{"service", "serviceDefinition", "spec", "manifest", "environment", "infrastructureDefinition", "overrides", "serviceOverrides"}

// inputPath joins a key to a path as a user would write it.
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
	for _, want := range []string{"identifier", "name", "manifest"} {
		switch value := valueOf(document.Resolved(n), want); {
		case value == nil:
		case want == "manifest":
			return itemName(value)
		default:
			return value.Value
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
	n = document.Resolved(n)
	switch n.Kind {
	case yaml.MappingNode:
		content := document.Pairs(n)
		for i := 0; i+1 < len(content); i += 2 {
			walkScalars(content[i+1], inputPath(path, content[i].Value), visit)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			walkScalars(item, inputPath(path, itemName(item)), visit)
		}
	case yaml.ScalarNode:
		visit(variablePath(strings.TrimSuffix(path, ".")), n)
	}
}

// readInputs lays the input sets in their order over what the pipelines give,
// and the input inputs over both.
func (l *loader) readInputs(docs []parsed) runtimeInputs {
	in := runtimeInputs{}
	for _, kind := range []string{"pipeline", "inputSet"} {
		for _, p := range docs {
			if n := valueOf(p.doc.Root(), kind); n != nil {
				in.lay(collect(p.doc, n))
			}
		}
	}
	in.lay(inputsByPath(l.opts.Inputs))
	return in
}

// inputsByPath are the values of the input inputs, and those inside of lists and maps. What
// has a path of its own comes before the same path inside of another value, and a
// longer path before a shorter one.
func inputsByPath(inputs map[string]string) []givenInput {
	paths := slices.SortedFunc(maps.Keys(inputs), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	var list []givenInput
	for _, path := range paths {
		list = append(list, givenInput{path: plainPath(path), value: inputs[path]})
	}
	for _, path := range paths {
		if n := flow(inputs[path]); n != nil {
			walkScalars(n, path, func(path string, scalar *yaml.Node) {
				list = append(list, givenInput{path: plainPath(path), value: scalar.Value})
			})
		}
	}
	return list
}

// givenInput is a value for a path, of one service or infrastructure where ref
// names it.
type givenInput struct{ ref, path, value string }

// lay puts values over those that are there; of several for one path the first
// holds. One that names no service replaces what single services have.
func (in runtimeInputs) lay(list []givenInput) {
	for _, g := range list {
		if g.ref == "" {
			maps.DeleteFunc(in, func(path, _ string) bool { return strings.HasSuffix(path, "."+g.path) })
		}
	}
	for _, g := range slices.Backward(list) {
		in[g.path] = g.value
		if g.ref != "" {
			in[g.ref+"."+g.path] = g.value
		}
	}
}

// flow is a value that is written as a list or a map, in JSON or YAML's flow
// style; nil for any other.
func flow(value string) *yaml.Node {
	if s := strings.TrimSpace(value); !strings.HasPrefix(s, "[") && !strings.HasPrefix(s, "{") {
		return nil
	}
	var parsed yaml.Node
	if err := yaml.Unmarshal(yamltext.OfJSON([]byte(value)), &parsed); err != nil || len(parsed.Content) != 1 {
		return nil
	}
	return parsed.Content[0]
}

// plainPath takes off a path what Harness nests around it.
func plainPath(path string) string {
	for _, wrapper := range []string{"service.", "serviceDefinition.", "spec."} {
		path = strings.TrimPrefix(path, wrapper)
	}
	return variablePath(path)
}

// collect finds the inputs of services, environments and infrastructures
// wherever a pipeline holds them.
func collect(doc *expression.Document, n *yaml.Node) []givenInput {
	var out []givenInput
	n = document.Resolved(n)
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
			out = append(out, flatten(doc, child, "", siblingText(n, "serviceRef"))...)
		case "environmentInputs":
			out = append(out, flatten(doc, child, "env", "")...)
		case "inputs":
			out = append(out, flatten(doc, child, "infra", siblingText(n, "identifier"))...)
		default:
			out = append(out, collect(doc, child)...)
		}
	}
	return out
}

// valueOf is what a mapping holds under a key; nil where it has no such key.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	content := document.Pairs(n)
	for i := 0; i+1 < len(content); i += 2 {
		if content[i].Value == key {
			return document.Resolved(content[i+1])
		}
	}
	return nil
}

func siblingText(n *yaml.Node, key string) string {
	if value := valueOf(n, key); value != nil {
		return value.Value
	}
	return ""
}

// flatten returns what an input set sets; what is itself <+input> sets nothing.
func flatten(doc *expression.Document, n *yaml.Node, prefix, ref string) []givenInput {
	var out []givenInput
	walkScalars(n, prefix, func(path string, scalar *yaml.Node) {
		value := doc.Text(scalar)
		if input, ok := expression.ParseInput(value); ok {
			if input.Default == nil {
				return
			}
			value = *input.Default
		}
		out = append(out, givenInput{unscoped(ref), path, value})
	})
	return out
}

// value looks a path up, first under the document's own identifier.
func (in runtimeInputs) value(id, path string) (string, bool) {
	for _, p := range alternatives(id, path) {
		if v, ok := in[p]; ok {
			return v, true
		}
	}
	return "", false
}

// alternatives are the ways to write a path.
func alternatives(id, path string) []string {
	paths := []string{id + "." + path, path}
	if name, ok := strings.CutPrefix(path, "serviceVariables."); ok {
		paths = append(paths, "variables."+name)
	}
	if name, ok := strings.CutPrefix(path, "overrides.variables."); ok {
		paths = append(paths, "serviceVariables."+name)
	}
	if name, ok := strings.CutPrefix(path, "infra."); ok {
		paths = append(paths, id+"."+name, "infrastructure."+name)
	}
	return paths
}

// warnOfUnused names inputs, overrides and connectors that nothing asked for:
// most often they are misspelt.
func (l *loader) warnOfUnused(places []place) {
	warn := func(f diag.Problem) {
		f.Warning = true
		l.report(f)
	}
	for _, path := range slices.Sorted(maps.Keys(l.opts.Inputs)) {
		below := func(asked string) bool { return asked == plainPath(path) || strings.HasPrefix(asked, path+".") }
		if !slices.ContainsFunc(l.asked, below) {
			warn(diag.Problem{File: "input inputs", Message: "there is no <+input> at " + path, Hint: diag.DidYouMean(path, l.asked)})
		}
	}
	for _, o := range l.overrides {
		if !slices.ContainsFunc(places, o.applies) {
			warn(o.doc.Problem(o.node, "the override is for another environment, infrastructure or service, and changes nothing here", ""))
		}
	}
}

func quoted(s string) string { return `"` + s + `"` }
