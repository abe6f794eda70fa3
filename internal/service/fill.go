package service

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// lacking are the runtime inputs of one document that have no value, or one that
// is refused. Only those that something reads are reported: nobody has to set the
// branch of a manifest that is read from the workspace.
type lacking map[*yaml.Node]lack

type lack struct {
	path    string
	problem diag.Problem
}

// fillInputs replaces the <+input> of one document by their values and returns
// what is missing, with null in its place. id is what the document is called, prefix
// what its paths begin with.
func (l *loader) fillInputs(doc *expression.Document, n *yaml.Node, id, prefix string) lacking {
	missing := lacking{}
	walkScalars(n, prefix, func(path string, scalar *yaml.Node) {
		input, ok := expression.ParseInput(doc.Text(scalar))
		if !ok {
			return
		}
		l.asked = append(l.asked, alternatives(id, path)...)
		value, given := l.inputs.value(id, path)
		problem := ""
		if input.Default != nil {
			problem = refusal(input, path, "its default", *input.Default)
			if !given {
				value, given = *input.Default, true
			}
		}
		if given && problem == "" {
			problem = refusal(input, path, "the value", value)
		}
		wrong := func(problem, hint string) diag.Problem {
			return doc.Problem(scalar, "the runtime input "+path+problem, hint)
		}
		switch {
		case !given:
			missing[scalar] = lack{path, wrong(" has no value", giveIt(path, input.Allowed))}
		case problem != "":
			missing[scalar] = lack{path, wrong(": "+problem, "")}
		default:
			*scalar = inputNode(value, scalar)
			return
		}
		*scalar = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: scalar.Line, Column: scalar.Column}
	})
	return missing
}

// refusal says why a value is refused; it does not show one of the function's
// environment.
func refusal(input *expression.Input, path, what, value string) string {
	problem := input.Check(value)
	switch {
	case problem == "":
		return ""
	case ofEnvironment(path):
		return what + " is not allowed"
	}
	return strings.TrimPrefix(what+" ", "the value ") + quoted(value) + " " + problem
}

// ofEnvironment reports whether a path belongs to the function's environment.
func ofEnvironment(path string) bool {
	path = strings.ToLower(path)
	return strings.HasPrefix(path, "functiondefinition.variables.") || strings.HasPrefix(path, "functiondefinition.environment.")
}

// giveIt is the hint of an input that is missing.
func giveIt(path string, choice []string) string {
	hint := "set it with the input inputs: " + path + "=…"
	if len(choice) > 0 && !ofEnvironment(path) {
		hint += ", one of " + strings.Join(choice, ", ")
	}
	return hint
}

// lacks takes a null that is read: where a runtime input without a value stood,
// it is to be reported.
func (l *loader) lacks(n *yaml.Node) {
	if missing, ok := l.lacking[n]; ok {
		l.needed = append(l.needed, missing)
	}
}

// tellLacking reports what a document needs and nobody sets. A variable that the
// input variables sets needs no other value.
func (l *loader) tellLacking() {
	for _, missing := range l.needed {
		name, ok := strings.CutPrefix(missing.path, "serviceVariables.")
		if !ok {
			name, ok = strings.CutPrefix(missing.path, "overrides.variables.")
		}
		if !ok || !slices.Contains(l.inputNames(), name) {
			l.report(missing.problem)
		}
	}
	l.needed = nil
}

// inputNode is a given value as a node: a list or a map where it is written
// as one, else a text.
func inputNode(value string, place *yaml.Node) yaml.Node {
	if n := flow(value); n != nil {
		moveTo(n, place)
		return *n
	}
	return yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: place.Line, Column: place.Column}
}

func moveTo(n, place *yaml.Node) {
	n.Line, n.Column = place.Line, place.Column
	for _, child := range n.Content {
		moveTo(child, place)
	}
}
