package document

import "gopkg.in/yaml.v3"

// Pairs are a mapping's keys and values in turn, with YAML's merge keys
// (<<: *base) resolved: what the mapping itself holds wins over what is
// merged in, and an earlier merge over a later one.
func Pairs(n *yaml.Node) []*yaml.Node {
	return merged(n, 0)
}

// Merges of merges deeper than this are a cycle or a prank.
const maxMerge = 20

func merged(n *yaml.Node, depth int) []*yaml.Node {
	if !merges(n) {
		return n.Content
	}
	var out []*yaml.Node
	has := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !isMerge(key) || len(bases(n.Content[i+1], depth)) == 0 {
			out = append(out, key, n.Content[i+1])
			has[key.Value] = true
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) {
			continue
		}
		for _, base := range bases(n.Content[i+1], depth) {
			pairs := merged(base, depth+1)
			for j := 0; j+1 < len(pairs); j += 2 {
				if !has[pairs[j].Value] {
					has[pairs[j].Value] = true
					out = append(out, pairs[j], pairs[j+1])
				}
			}
		}
	}
	return out
}

// bases are the mappings that a merge key names; none where it names anything
// else, which leaves the key to be reported as unknown.
func bases(value *yaml.Node, depth int) []*yaml.Node {
	list := []*yaml.Node{Resolved(value)}
	if list[0].Kind == yaml.SequenceNode {
		list = list[0].Content
	}
	var out []*yaml.Node
	for _, n := range list {
		if n = Resolved(n); n.Kind != yaml.MappingNode || depth >= maxMerge {
			return nil
		}
		out = append(out, n)
	}
	return out
}

func merges(n *yaml.Node) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			return true
		}
	}
	return false
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.ShortTag() == "!!merge"
}
