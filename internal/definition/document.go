package definition

import (
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"gopkg.in/yaml.v3"
)

// Document is one parsed and rendered file (JSON is read as the YAML that it
// is): internal/expression makes them. Its nodes hold the rendered scalars, and
// its places are those of the source as the user wrote it.
type Document interface {
	// Root is the document's value, not the yaml.DocumentNode around it.
	Root() *yaml.Node
	// Problem is a problem at the node's place.
	Problem(n *yaml.Node, message, hint string) diag.Problem
	// Hide keeps the text of nodes out of the source lines that problems show.
	Hide(nodes ...*yaml.Node)
	// Whole reports whether the scalar was nothing but one expression: then its
	// text may be a list or a map where the field wants one.
	Whole(n *yaml.Node) bool
}

// A definition has a few hundred values. More than this many, aliases counted
// as often as they are used, is a file that was made to expand without end.
const maxValues = 20_000

// values counts the nodes below n as often as they are used and stops at the
// limit, so that aliases of aliases cost nothing.
func values(n *yaml.Node, limit int) int {
	if limit <= 0 {
		return 1
	}
	if n.Kind == yaml.AliasNode {
		return values(n.Alias, limit-1) + 1
	}
	count := 1
	for _, child := range n.Content {
		count += values(child, limit-count)
		if count > limit {
			break
		}
	}
	return count
}
