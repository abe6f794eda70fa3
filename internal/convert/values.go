package convert

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// inputs are the values of a service's runtime inputs, one path=value a line.
func (j *jobSteps) inputs(ref reference) []string {
	lines := j.flatten(ref.inputs, "", j.service(ref.ref.Raw()))
	if len(j.stage.services) > 1 {
		for i, line := range lines {
			lines[i] = ref.ref.Raw() + "." + line
		}
	}
	return lines
}

// flatten writes what the pipeline sets in a document as path=value. What the
// pipeline itself asks for at each run becomes an input of the workflow, but
// for a choice that there is none of. Where all of it is asked for, the
// document itself says what that is.
func (j *jobSteps) flatten(n *yaml.Node, prefix string, of *entity) []string {
	if n == nil {
		return nil
	}
	doc := j.stage.doc
	_, all := expression.ParseInput(doc.Text(n))
	if all && of == nil {
		j.noteNode(doc, n, "what the document asks for at each run is not known: its file was not given", "convert with the file, or name the values with the action's input inputs")
		return nil
	}
	if all {
		doc, n = of.doc, of.node
	}
	var out []string
	walk(n, prefix, func(path string, n *yaml.Node) {
		t := document.Text{Doc: doc, Node: n}
		input, asked := expression.ParseInput(t.Raw())
		if all && !asked || says(path) {
			return
		}
		switch {
		case !asked:
			out = append(out, path+"="+j.text(t))
		case path == "artifacts.primary.sources":
			j.note(t, "the service's own artifact sources are used: a workflow has no choice of them at each run", "the input artifact replaces them")
		case path == "artifacts.primary.primaryArtifactRef" && j.onlySource():
		case !all && input.Default != nil && input.Allowed == nil && input.Pattern == "":
			out = append(out, path+"="+*input.Default)
		default:
			name := path[strings.LastIndexByte(path, '.')+1:]
			out = append(out, path+"="+evaluated("inputs."+j.ask(name, variable{value: t}, input)))
		}
	})
	return out
}

// says reports whether a path names an item instead of a value of it.
func says(path string) bool {
	return strings.HasSuffix(path, ".type") || strings.HasSuffix(path, ".name") || strings.HasSuffix(path, ".identifier") || path == "type"
}

// value is a value that a step takes: one that is asked for at each run becomes
// an input of the workflow.
func (j *jobSteps) value(name string, t document.Text) string {
	if input, asked := expression.ParseInput(t.Raw()); asked {
		return evaluated("inputs." + j.ask(name, variable{value: t}, input))
	}
	return j.text(t)
}

// onlySource reports whether every service has one artifact source, which needs
// no choice, as far as the given files show.
func (j *jobSteps) onlySource() bool {
	for _, ref := range j.stage.services {
		e := j.service(ref.ref.Raw())
		if e != nil && len(e.sources) > 1 {
			return false
		}
	}
	return true
}

// walk visits the scalars as the input inputs calls them: see the paths of
// package service.
func walk(n *yaml.Node, path string, visit func(path string, n *yaml.Node)) {
	n = document.Resolved(n)
	join := func(key string) string {
		switch {
		case slices.Contains([]string{"serviceDefinition", "spec", "manifest", "environment"}, key) || key == "":
			return path
		case path == "":
			return key
		}
		return path + "." + key
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			walk(n.Content[i+1], join(n.Content[i].Value), visit)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			walk(item, join(itemName(item)), visit)
		}
	case yaml.ScalarNode:
		if rest, ok := strings.CutSuffix(path, ".value"); ok {
			path = rest
			if name, ok := strings.CutPrefix(rest, "variables."); ok {
				path = "serviceVariables." + name
			}
		}
		visit(path, n)
	}
}

func itemName(n *yaml.Node) string {
	n = document.Resolved(n)
	if n.Kind != yaml.MappingNode {
		return ""
	}
	if inner := get(n, "manifest"); inner != nil {
		return itemName(inner)
	}
	for _, key := range []string{"identifier", "name"} {
		if value := get(n, key); value != nil {
			return value.Value
		}
	}
	return ""
}
