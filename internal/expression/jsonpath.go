package expression

import (
	"errors"
	"strconv"
	"strings"
)

// parsePath reads a JSONPath; the leading $ may be missing.
func parsePath(path string) ([]pathStep, error) {
	rest := strings.TrimPrefix(strings.TrimSpace(path), "$")
	if len(rest) > maxPattern {
		return nil, errors.New("it is too long")
	}
	var out []pathStep
	first := true
	for rest != "" {
		deep := strings.HasPrefix(rest, "..")
		bracket := false
		switch {
		case deep:
			rest = rest[2:]
			bracket = strings.HasPrefix(rest, "[")
		case rest[0] == '.':
			rest = rest[1:]
		case rest[0] == '[':
			bracket = true
		case !first:
			return nil, errors.New(`expected "." or "[" before ` + strconv.Quote(rest))
		}
		step, left, err := parseStep(rest, bracket)
		if err != nil {
			return nil, err
		}
		step.deep = deep
		out, rest, first = append(out, step), left, false
	}
	return out, nil
}

func parseStep(rest string, bracket bool) (pathStep, string, error) {
	if !bracket {
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return pathStep{}, "", errors.New("a name is missing")
		}
		return pathStep{name: rest[:end], all: rest[:end] == "*"}, rest[end:], nil
	}
	end := bracketEnd(rest)
	if end < 0 {
		return pathStep{}, "", errors.New(`"[" is not closed`)
	}
	step, err := bracketStep(strings.TrimSpace(rest[1:end]))
	return step, rest[end+1:], err
}

// bracketEnd finds the ] of the [ at the start, outside quotes.
func bracketEnd(s string) int {
	depth, quote := 0, byte(0)
	for i := range len(s) {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func bracketStep(inside string) (pathStep, error) {
	if inside == "*" {
		return pathStep{all: true}, nil
	}
	if name, ok := unquote(inside); ok {
		return pathStep{name: name}, nil
	}
	if filter, ok := strings.CutPrefix(inside, "?("); ok && strings.HasSuffix(filter, ")") {
		f, err := parseFilter(strings.TrimSuffix(filter, ")"))
		return pathStep{filter: f}, err
	}
	i, err := strconv.Atoi(inside)
	if err != nil {
		return pathStep{}, errors.New("[" + inside + "] is neither an index, a quoted name, * nor a filter")
	}
	return pathStep{index: &i}, nil
}

// parseFilter reads @.a.b, or that compared with a literal.
func parseFilter(s string) (*pathFilter, error) {
	left, op, right := s, "", ""
	for _, candidate := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if l, r, ok := strings.Cut(s, candidate); ok {
			left, op, right = l, candidate, r
			break
		}
	}
	path, ok := strings.CutPrefix(strings.TrimSpace(left), "@")
	if !ok {
		return nil, errors.New("a filter starts with @")
	}
	steps, err := parsePath(path)
	if err != nil {
		return nil, err
	}
	f := &pathFilter{steps: steps, op: op}
	right = strings.TrimSpace(right)
	switch text, quoted := unquote(right); {
	case quoted:
		f.want = NewString(text)
	case right == "true" || right == "false":
		f.want = NewBool(right == "true")
	case right == "null" || op == "":
	default:
		if f.want = parseNumber(right); f.want.kind == Null {
			return nil, errors.New("a filter compares with a quoted text, a number, true, false or null")
		}
	}
	return f, nil
}

func unquote(s string) (string, bool) {
	if len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1], true
	}
	return "", false
}
