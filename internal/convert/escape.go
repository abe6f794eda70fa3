package convert

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
)

// A pipeline's text may hold ${{ … }}, which is plain text in Harness and would
// be evaluated by GitHub, secrets included. So the expressions that this package
// writes begin with a character of their own until the workflow is complete;
// then every other ${{ is escaped, wherever it is.

// opening begins an expression of this package's own. What a pipeline holds of
// it is taken out.
const opening = "\uE000"

// evaluated is an expression for GitHub.
func evaluated(expression string) string {
	return opening + " " + strings.ReplaceAll(expression, opening, "") + " }}"
}

const (
	// gitHubOpening begins an expression of GitHub's.
	gitHubOpening = "${{"
	// escapedOpening is an expression that comes to that text.
	escapedOpening = "${{ '${{' }}"
	// brokenOpening takes its place where GitHub evaluates nothing and refuses
	// expressions: in a workflow's name and inputs.
	brokenOpening = "$ {{"
)

// escape writes the workflow's expressions as GitHub does and escapes those of
// the pipeline.
func (c *converter) escape(root *yaml.Node) {
	for i := 0; i+1 < len(root.Content); i += 2 {
		inText := escapedOpening
		if root.Content[i].Value != "jobs" {
			inText = brokenOpening
		}
		c.escapeNode(root.Content[i+1], inText)
	}
}

func (c *converter) escapeNode(n *yaml.Node, inText string) {
	if strings.Contains(n.Value, gitHubOpening) {
		message := "the pipeline's own " + gitHubOpening + " is written as text: in Harness it is not an expression"
		if inText == brokenOpening {
			message = "the pipeline's own " + gitHubOpening + " is written as " + brokenOpening + ": GitHub takes no expression in names and inputs of a workflow"
		}
		c.note(document.Text{Doc: c.pipeline.doc, Node: c.pipeline.doc.Root()}, message, "")
	}
	n.Value = written(n.Value, inText)
	for _, child := range n.Content {
		c.escapeNode(child, inText)
	}
}

// written is a scalar with this package's expressions as GitHub reads them, and
// inText for what the pipeline's text holds of GitHub's. Inside an expression that
// text is in quotes, where it begins nothing.
func written(text, inText string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, opening)
		b.WriteString(strings.ReplaceAll(before, gitHubOpening, inText))
		if !found {
			return b.String()
		}
		end := expressionEnd(rest)
		b.WriteString(gitHubOpening + rest[:end])
		text = rest[end:]
	}
}

// expressionEnd is where an expression ends: behind the first }} outside of quotes.
func expressionEnd(text string) int {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[i:], "}}"):
			return i + len("}}")
		}
	}
	return len(text)
}

// withoutOpening takes this package's own character out of a document.
func withoutOpening(n *yaml.Node) {
	n.Value = strings.ReplaceAll(n.Value, opening, "")
	for _, child := range n.Content {
		withoutOpening(child)
	}
}

// copied is a node of the pipeline for the workflow.
func copied(n *yaml.Node) *yaml.Node {
	out := *n
	out.Alias, out.Anchor = nil, ""
	if n.Kind == yaml.AliasNode {
		return copied(document.Resolved(n))
	}
	out.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		out.Content[i] = copied(child)
	}
	return &out
}
