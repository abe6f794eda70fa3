package service

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// warnOfExposed warns of secrets in a definition that are outside the
// function's environment: AWS shows them to everyone who may read the function,
// and the journal of a deployment keeps descriptions, tags and aliases to put
// them back. An ARN, which some keep among their secrets, is none.
func (l *loader) warnOfExposed(doc *expression.Document, hidden []*yaml.Node, secrets []string) {
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return strings.Contains(s, expression.Unknown) })
	if len(secrets) == 0 {
		return
	}
	var look func(n *yaml.Node, path string)
	look = func(n *yaml.Node, path string) {
		switch {
		case slices.Contains(hidden, n):
		case n.Kind == yaml.MappingNode:
			content := document.Pairs(n)
			for i := 0; i+1 < len(content); i += 2 {
				look(content[i+1], inputPath(path, content[i].Value))
			}
		case strings.HasPrefix(n.Value, "arn:"):
		case n.Kind == yaml.ScalarNode:
			if slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(n.Value, s) }) {
				f := doc.Problem(n, path+" holds a secret, which AWS shows to everyone who may read the function", "environment variables and Secrets Manager are the places for it")
				f.Warning = true
				l.report(f)
			}
		default:
			for _, child := range n.Content {
				look(child, path)
			}
		}
	}
	look(doc.Root(), "")
}
