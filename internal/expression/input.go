package expression

import (
	"regexp"
	"slices"
	"strings"
)

// Input is a runtime input: <+input> with what its method chain says about the
// value. https://developer.harness.io/docs/platform/variables-and-expressions/runtime-input-usage
type Input struct {
	// Default is the value where none is given; nil when there is none.
	Default *string
	// Allowed lists the values that are accepted; nil means any. It is filled
	// by allowedValues, selectOneFrom and selectManyFrom.
	Allowed []string
	// Many is set where a value may be several of the allowed ones, separated by
	// commas.
	Many bool
	// Pattern is the regular expression that a value must match whole.
	Pattern string
}

func isInput(span string) bool {
	return strings.TrimSpace(span[len(open):len(span)-1]) == "input"
}

var inputMethods = []string{"default", "allowedValues", "selectOneFrom", "selectManyFrom", "regex", "executionInput"}

// chainEnd steps over .default(…).allowedValues(…) and their like.
func chainEnd(text string, i int) int {
	for {
		_, _, end, ok := inputMethod(text, i)
		if !ok {
			return i
		}
		i = end
	}
}

// inputMethod reads one .name(arguments) of a runtime input.
func inputMethod(text string, i int) (name, args string, end int, ok bool) {
	for _, m := range inputMethods {
		head := "." + m + "("
		if !strings.HasPrefix(text[i:], head) {
			continue
		}
		from := i + len(head)
		if end = argumentsEnd(text, from, m == "regex"); end < 0 {
			return "", "", 0, false
		}
		return m, text[from:end], end + 1, true
	}
	return "", "", 0, false
}

// argumentsEnd finds the ) that closes the arguments, on the same line. The
// arguments are raw text, so only balance counts; in a pattern, a parenthesis
// in a class or behind a backslash does not.
func argumentsEnd(text string, i int, pattern bool) int {
	depth, class := 0, false
	quote := byte(0)
	for ; i < len(text) && text[i] != '\n'; i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case strings.HasPrefix(text[i:], open):
			if end := spanEnd(text, i); end > 0 {
				i = end - 1
			}
		case c == '\'' && !pattern && startsArgument(text, i):
			quote = c
		case c == '\\' && pattern:
			i++
		case pattern && c == '[':
			class = true
		case pattern && c == ']':
			class = false
		case class:
		case c == '(':
			depth++
		case c == ')' && depth == 0:
			return i
		case c == ')':
			depth--
		}
	}
	return -1
}

// startsArgument distinguishes the quote of 'a,b' from the apostrophe of it's.
func startsArgument(text string, i int) bool {
	before := strings.TrimRight(text[:i], ` \`)
	return strings.HasSuffix(before, "(") || strings.HasSuffix(before, ",")
}

// ParseInput reads a text that is wholly one runtime input.
func ParseInput(text string) (*Input, bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, open) {
		return nil, false
	}
	end := spanEnd(text, 0)
	if end < 0 || !isInput(text[:end]) || chainEnd(text, end) != len(text) {
		return nil, false
	}
	in := &Input{}
	for i := end; i < len(text); {
		name, args, next, _ := inputMethod(text, i)
		switch name {
		case "default":
			value := unquoteArgument(args)
			in.Default = &value
		case "allowedValues", "selectOneFrom", "selectManyFrom":
			in.Allowed, in.Many = splitArguments(args), name == "selectManyFrom"
		case "regex":
			in.Pattern = unquoteArgument(args)
		}
		i = next
	}
	return in, true
}

// Check says what is wrong with a value for the input, "" when nothing is. A
// Default is checked like any other value.
func (in *Input) Check(value string) (problem string) {
	values := []string{value}
	if in.Many {
		values = splitArguments(value)
	}
	if slices.ContainsFunc(values, func(v string) bool { return !in.allows(v) }) {
		return "is none of the allowed values " + strings.Join(in.Allowed, ", ")
	}
	if in.Pattern == "" {
		return ""
	}
	re, err := regexp.Compile(`^(?:` + in.Pattern + `)$`)
	if err != nil {
		return "cannot be checked: " + in.Pattern + " is not a regular expression: " + regexpReason(err)
	}
	if !re.MatchString(value) {
		return "does not match " + in.Pattern
	}
	return ""
}

// allows reports whether a value is among the allowed ones. One that is an
// expression may come to anything, as far as is known here.
func (in *Input) allows(value string) bool {
	return in.Allowed == nil || slices.ContainsFunc(in.Allowed, func(allowed string) bool {
		return allowed == value || strings.Contains(allowed, open)
	})
}

// splitArguments cuts a,b,\'c,d\' at the commas outside quotes.
func splitArguments(args string) []string {
	var out []string
	from := 0
	quoted := false
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == '\'' && (quoted || startsArgument("("+args, i+1)):
			quoted = !quoted
		case args[i] == ',' && !quoted:
			out = append(out, unquoteArgument(args[from:i]))
			from = i + 1
		}
	}
	return append(out, unquoteArgument(args[from:]))
}

func unquoteArgument(s string) string {
	s = strings.TrimSpace(s)
	for _, quote := range []string{`\'`, `'`, `\"`, `"`} {
		if len(s) >= 2*len(quote) && strings.HasPrefix(s, quote) && strings.HasSuffix(s, quote) {
			return s[len(quote) : len(s)-len(quote)]
		}
	}
	return s
}
