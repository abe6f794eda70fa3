package definition

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Sensitive returns the nodes of a function definition whose text no problem may
// show: the values of the environment's variables, and whatever is where
// they may have been meant to be: an environment of the wrong shape, the value
// of a key that is not known, a key that is no name.
func Sensitive(root *yaml.Node) []*yaml.Node { return sensitiveNodes(root, functionFields) }

// SensitiveAlias returns the same of an alias definition.
func SensitiveAlias(root *yaml.Node) []*yaml.Node { return sensitiveNodes(root, aliasFields) }

func sensitiveNodes(root *yaml.Node, fields []field) []*yaml.Node {
	s := sensitive{seen: map[*yaml.Node]bool{}}
	if root = target(root); root.Kind != yaml.MappingNode {
		return []*yaml.Node{root}
	}
	s.members(root, fields)
	return s.nodes
}

type sensitive struct {
	nodes []*yaml.Node
	seen  map[*yaml.Node]bool
}

// plainKey is a key that can be shown: it looks like a name and not like a
// value.
var plainKey = lazyregexp.New(`^[A-Za-z0-9_.$/-]{1,64}$`)

func (s *sensitive) add(nodes ...*yaml.Node) {
	for _, n := range nodes {
		s.nodes = append(s.nodes, n)
		if n.Kind == yaml.AliasNode {
			s.nodes = append(s.nodes, n.Alias)
		}
	}
}

// members looks through a mapping whose keys are fields.
func (s *sensitive) members(n *yaml.Node, fields []field) {
	if s.seen[n] {
		return
	}
	s.seen[n] = true
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch f := find(fields, key.Value); {
		case key.ShortTag() == "!!merge":
			s.merged(value, func(n *yaml.Node) { s.members(n, fields) })
		case f == nil && key.Value == schemaKey:
		case f == nil:
			s.key(key)
			s.add(value)
		default:
			s.field(f, value)
		}
	}
}

// field looks into the value of a field that is known.
func (s *sensitive) field(f *field, n *yaml.Node) {
	value := target(n)
	switch {
	case f.name == "Variables":
		s.variables(n)
	case f.kind == object && value.Kind == yaml.MappingNode:
		s.members(value, f.members)
	case f.kind == objects && value.Kind == yaml.SequenceNode:
		for _, item := range value.Content {
			if item = target(item); item.Kind == yaml.MappingNode {
				s.members(item, f.members)
			}
		}
	case f.name == "Environment", f.kind != stringMap && value.Kind == yaml.MappingNode:
		s.add(n)
	}
}

// variables hides every value; of keys those that look like values.
func (s *sensitive) variables(n *yaml.Node) {
	mapping := target(n)
	if mapping.Kind != yaml.MappingNode {
		s.add(n)
		return
	}
	if s.seen[mapping] {
		return
	}
	s.seen[mapping] = true
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if key.ShortTag() == "!!merge" {
			s.merged(value, s.variables)
			continue
		}
		s.key(key)
		s.add(value)
	}
}

func (s *sensitive) key(key *yaml.Node) {
	if key.Kind != yaml.ScalarNode || !plainKey.MatchString(key.Value) && !strings.Contains(key.Value, "<+") && key.Value != "" {
		s.add(key)
	}
}

// merged looks through what << merges.
func (s *sensitive) merged(n *yaml.Node, look func(*yaml.Node)) {
	sources := []*yaml.Node{n}
	if t := target(n); t.Kind == yaml.SequenceNode {
		sources = t.Content
	}
	for _, source := range sources {
		if source = target(source); source.Kind == yaml.MappingNode {
			look(source)
		} else {
			s.add(source)
		}
	}
}

// keyName quotes a key with its path; one that does not look like a name is not
// shown: it may be a value that slipped out of its place.
func keyName(path, key string) string {
	if key == "" || plainKey.MatchString(key) {
		return strconv.Quote(path + key)
	}
	return strconv.Quote(path+concealed) + " (its text does not look like a name and is not shown)"
}
