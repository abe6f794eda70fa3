package service

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// imageOf takes Code.ImageUri out of a rendered definition, for a service whose
// artifact nothing else names.
func (l *loader) imageOf(file string, doc *expression.Document) (Artifact, bool) {
	node := takeOut(doc.Root(), "Code", "ImageUri")
	if node == nil {
		l.report(doc.Apart(diag.List{{File: file, Message: "nothing says where its code is", Hint: "give artifact: a folder (. for lambroll's default), a zip, s3://bucket/key or an ECR image"}})...)
		return Artifact{}, false
	}
	if expression.IsForgotten(node) {
		return Artifact{Kind: ECR, Identifier: "primary"}, true // it is only not known here
	}
	if registry, is := awsfacts.ForeignRegistry(node.Value); is {
		message, hint := foreignImage(node.Value, registry)
		l.report(doc.Apart(diag.List{doc.Problem(node, message, hint)})...)
		return Artifact{}, false
	}
	return Artifact{Kind: Reference, Identifier: "primary", Reference: node.Value}, true
}

// takeOut removes the value at a path of keys, whose first letter may be small, and
// returns it; nil where there is none.
func takeOut(n *yaml.Node, path ...string) *yaml.Node {
	if n = document.Resolved(n); n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !strings.EqualFold(n.Content[i].Value, path[0]) {
			continue
		}
		value := document.Resolved(n.Content[i+1])
		if len(path) > 1 {
			return takeOut(value, path[1:]...)
		}
		if value.Kind != yaml.ScalarNode || document.IsNull(value) {
			return nil
		}
		n.Content = slices.Delete(n.Content, i, i+2)
		return value
	}
	return nil
}
