package definition

import "gopkg.in/yaml.v3"

type pair struct{ key, value *yaml.Node }

// pairs are a mapping's entries with YAML's merge keys (<<: *base) resolved:
// the mapping itself wins over what is merged in, and an earlier
// merge over a later one. Keys that are repeated are returned twice.
func (d *decoder) pairs(n *yaml.Node) []pair {
	return d.merged(n, 0)
}

// Merges of merges deeper than this are a cycle or a prank.
const maxMerge = 20

func (d *decoder) merged(n *yaml.Node, depth int) []pair {
	var own, merges []pair
	has := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		p := pair{target(n.Content[i]), n.Content[i+1]}
		switch {
		case p.key.Kind == yaml.ScalarNode && p.key.ShortTag() == "!!merge":
			merges = append(merges, p)
		case p.key.Kind != yaml.ScalarNode:
			d.problem(p.key, "", "a key must be a string, not %s", nature(p.key))
		default:
			own = append(own, p)
			has[p.key.Value] = true
		}
	}
	for _, m := range merges {
		sources := []*yaml.Node{target(m.value)}
		if sources[0].Kind == yaml.SequenceNode {
			sources = sources[0].Content
		}
		for _, source := range sources {
			source = target(source)
			if source.Kind != yaml.MappingNode || depth >= maxMerge {
				d.problem(m.key, "", "<< merges a mapping, not %s", nature(source))
				continue
			}
			for _, p := range d.merged(source, depth+1) {
				if !has[p.key.Value] {
					has[p.key.Value] = true
					own = append(own, p)
				}
			}
		}
	}
	return own
}
