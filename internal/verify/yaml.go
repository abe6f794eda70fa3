package verify

import (
	"bytes"
	"encoding/json"
	"strconv"

	"gopkg.in/yaml.v3"
)

// json writes a YAML value as JSON, with its keys in their order and its numbers
// as they are written. What JSON has no form for is reported.
func (r *reader) json(n *yaml.Node) []byte {
	var b bytes.Buffer
	r.write(&b, n)
	return b.Bytes()
}

func (r *reader) write(b *bytes.Buffer, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			if n.Content[i].Kind != yaml.ScalarNode || n.Content[i].Tag == "!!merge" {
				r.wrong(n.Content[i], "", "a key must be text")
				continue
			}
			text(b, n.Content[i].Value)
			b.WriteByte(':')
			r.write(b, n.Content[i+1])
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			r.write(b, item)
		}
		b.WriteByte(']')
	case yaml.ScalarNode:
		r.scalar(b, n)
	default:
		// An alias of an alias makes a short file endless.
		r.wrong(n, "repeat the value", "aliases are not read here")
		b.WriteString("null")
	}
}

func (r *reader) scalar(b *bytes.Buffer, n *yaml.Node) {
	switch n.Tag {
	case "!!null":
		b.WriteString("null")
	case "!!bool":
		var truth bool
		_ = n.Decode(&truth)
		b.WriteString(strconv.FormatBool(truth))
	case "!!int", "!!float":
		r.number(b, n)
	default:
		text(b, n.Value)
	}
}

// number writes a number of JSON as it is, and one that only YAML has, such as
// 0x1f or 1_000, in decimal.
func (r *reader) number(b *bytes.Buffer, n *yaml.Node) {
	if json.Valid([]byte(n.Value)) {
		b.WriteString(n.Value)
		return
	}
	var value any
	if err := n.Decode(&value); err == nil {
		if out, err := json.Marshal(value); err == nil {
			b.Write(out)
			return
		}
	}
	r.wrong(n, "write it in quotes", "%s is not a JSON number", n.Value)
	b.WriteString("null")
}

func text(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has a form
	b.Truncate(b.Len() - 1)
}
