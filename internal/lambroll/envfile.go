package lambroll

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseEnvfile reads lines of NAME=VALUE, with or without export before them. A
// value may stand in double quotes, where \n and the like are escapes, or in single
// quotes, where nothing is; a # behind a blank begins a comment
// (https://pkg.go.dev/github.com/hashicorp/go-envparse). Errors show no value.
func ParseEnvfile(content []byte) (map[string]string, error) {
	out := map[string]string{}
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(string(content), "\ufeff"), "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if rest, exported := strings.CutPrefix(name, "export"); exported && strings.TrimLeft(rest, " \t") != rest {
			name = rest
		}
		if name = strings.TrimSpace(name); !ok || !isName(name) {
			return nil, fmt.Errorf("line %d is not NAME=VALUE", number)
		}
		value, err := unquote(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("line %d: the value of %s %w", number, name, err)
		}
		out[name] = value
	}
	return out, nil
}

func isName(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

func unquote(value string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(value); {
		switch c := value[i]; c {
		case '\'':
			end := strings.IndexByte(value[i+1:], '\'')
			if end < 0 {
				return "", fmt.Errorf("has a ' that is never closed")
			}
			out.WriteString(value[i+1 : i+1+end])
			i += end + 2
		case '"':
			quoted, err := strconv.QuotedPrefix(value[i:])
			if err != nil {
				return "", fmt.Errorf(`has a " that is never closed, or an escape that is not known`)
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return "", fmt.Errorf("has an escape that is not known")
			}
			out.WriteString(text)
			i += len(quoted)
		case '#':
			if i > 0 && (value[i-1] == ' ' || value[i-1] == '\t') || i == 0 {
				return strings.TrimRight(out.String(), " \t"), nil
			}
			out.WriteByte(c)
			i++
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String(), nil
}
