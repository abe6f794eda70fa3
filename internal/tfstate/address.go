package tfstate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// address is an address that was taken apart.
type address struct {
	// output is the name of an output, "" for a resource.
	output string
	// resource is the resource with its module, without its index.
	resource string
	// index is a json.Number, a string, or nil.
	index any
	path  []step
}

// step is one step of an address: a name, the key of a map, or the number of an
// item.
type step struct {
	key     string
	number  bool
	bracket bool
}

func (s step) String() string {
	switch {
	case s.number:
		return "[" + s.key + "]"
	case s.bracket:
		return fmt.Sprintf("[%q]", s.key)
	}
	return s.key
}

func (s step) index() any {
	if s.number {
		return json.Number(s.key)
	}
	return s.key
}

func parse(text string) (address, error) {
	wrong := func(why string) (address, error) {
		return address{}, fmt.Errorf("%q is not an address of Terraform's state: %s", text, why)
	}
	steps, why := split(text)
	if why != "" {
		return wrong(why)
	}
	if !steps[0].bracket && steps[0].key == "output" {
		if len(steps) < 2 {
			return wrong("write output.NAME")
		}
		return address{output: steps[1].key, path: steps[2:]}, nil
	}
	var a address
	var module []string
	for len(steps) > 1 && steps[0].key == "module" && !steps[1].bracket {
		name := "module." + steps[1].key
		if steps = steps[2:]; len(steps) > 0 && steps[0].bracket {
			name += steps[0].String()
			steps = steps[1:]
		}
		module = append(module, name)
	}
	if len(steps) > 0 && steps[0].key == "data" && !steps[0].bracket {
		module = append(module, "data")
		steps = steps[1:]
	}
	if len(steps) < 2 || steps[0].bracket || steps[1].bracket {
		return wrong("write output.NAME, TYPE.NAME.ATTRIBUTE or data.TYPE.NAME.ATTRIBUTE, with module.NAME. before it where it is in a module")
	}
	a.resource = strings.Join(append(module, steps[0].key, steps[1].key), ".")
	if steps = steps[2:]; len(steps) > 0 && steps[0].bracket {
		a.index = steps[0].index()
		steps = steps[1:]
	}
	a.path = steps
	return a, nil
}

// split takes an address into steps; why says what is wrong.
func split(text string) (steps []step, why string) {
	for rest := text; rest != ""; {
		if rest[0] == '[' {
			s, n, why := bracket(rest)
			if why != "" {
				return nil, why
			}
			steps, rest = append(steps, s), rest[n:]
			continue
		}
		if len(steps) > 0 {
			if rest[0] != '.' {
				return nil, "a . is missing before " + strconv.Quote(rest)
			}
			rest = rest[1:]
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return nil, "a name is missing"
		}
		steps, rest = append(steps, step{key: rest[:end]}), rest[end:]
	}
	if len(steps) == 0 {
		return nil, "it is empty"
	}
	return steps, ""
}

// bracket reads [0], ["key"] or ['key'] and says how long it is.
func bracket(text string) (s step, length int, why string) {
	if len(text) > 1 && (text[1] == '"' || text[1] == '\'') {
		var key strings.Builder
		for i := 2; i < len(text); i++ {
			switch c := text[i]; {
			case c == '\\' && i+1 < len(text):
				i++
				key.WriteByte(text[i])
			case c != text[1]:
				key.WriteByte(c)
			case i+1 < len(text) && text[i+1] == ']':
				return step{key: key.String(), bracket: true}, i + 2, ""
			default:
				return step{}, 0, "a ] is missing after " + strconv.Quote(key.String())
			}
		}
		return step{}, 0, "a quote is not closed"
	}
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return step{}, 0, "a ] is missing"
	}
	n, err := strconv.ParseUint(text[1:end], 10, 31)
	if err != nil {
		return step{}, 0, "what is in brackets is neither a number nor a key in quotes"
	}
	return step{key: strconv.FormatUint(n, 10), number: true, bracket: true}, end + 1, ""
}

// descend follows a path into a value.
func descend(raw json.RawMessage, path []step) (json.RawMessage, error) {
	at := ""
	for _, s := range path {
		var ok bool
		switch kind(raw) {
		case '{':
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(raw, &fields); err != nil {
				return nil, err
			}
			raw, ok = fields[s.key]
			if inner := untyped(fields); !ok && inner != nil {
				raw, ok = inner[s.key]
			}
		case '[':
			var items []json.RawMessage
			if err := json.Unmarshal(raw, &items); err != nil {
				return nil, err
			}
			if n, err := strconv.Atoi(s.key); err == nil && n >= 0 && n < len(items) {
				raw, ok = items[n], true
			}
		}
		if !ok {
			where := ""
			if at != "" {
				where = " in " + strings.TrimPrefix(at, ".")
			}
			return nil, fmt.Errorf("the state has no %s%s there", s, where)
		}
		if s.bracket {
			at += s.String()
		} else {
			at += "." + s.key
		}
	}
	return raw, nil
}

// untyped are the fields of a value that Terraform writes with its type, because the
// provider does not fix that: the outputs of a terraform_remote_state, as an example.
// Its own expressions leave the type out, and so may an address.
func untyped(fields map[string]json.RawMessage) (inner map[string]json.RawMessage) {
	if len(fields) != 2 || fields["type"] == nil || json.Unmarshal(fields["value"], &inner) != nil {
		return nil
	}
	return inner
}

// flat returns an attribute of a state that was upgraded from Terraform 0.11: a path is
// one key there.
func flat(attributes map[string]string, path []step) (json.RawMessage, error) {
	keys := make([]string, len(path))
	for i, s := range path {
		keys[i] = s.key
	}
	value, ok := attributes[strings.Join(keys, ".")]
	if !ok {
		return nil, fmt.Errorf("the state has no %s there", strings.Join(keys, "."))
	}
	return json.Marshal(value)
}

// kind is the first byte of a JSON value.
func kind(raw json.RawMessage) byte {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 {
		return raw[0]
	}
	return 0
}

// text is a JSON value as the text that a function's environment takes.
func text(raw json.RawMessage) (string, error) {
	switch kind(raw) {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case 'n', 0:
		return "", fmt.Errorf("the value is null in the state")
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, raw)
	return compact.String(), err
}
