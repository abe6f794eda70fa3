package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Decision is what policies say of a request, in the words of
// SimulatePrincipalPolicy.
type Decision string

// The decisions, weakest first.
const (
	ImplicitDeny Decision = "implicitDeny"
	Allowed      Decision = "allowed"
	ExplicitDeny Decision = "explicitDeny"
)

// document is a policy as "IAM JSON policy elements reference" writes it.
type document struct {
	Version   string
	ID        string `json:"Id"`
	Statement list[statement]
}

type statement struct {
	Sid          string
	Effect       string
	Principal    principals
	NotPrincipal principals
	Action       list[string]
	NotAction    list[string]
	Resource     list[string]
	NotResource  list[string]
	Condition    map[string]map[string]list[string]
}

// list is one element or several, both of which the grammar allows.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return strict(b, (*[]T)(l))
	}
	var one T
	if err := strict(b, &one); err != nil {
		var boolean bool
		text, isText := any(&one).(*string)
		if !isText || json.Unmarshal(b, &boolean) != nil {
			return err
		}
		*text = fmt.Sprint(boolean) // {"Bool": {"key": true}}
	}
	*l = list[T]{one}
	return nil
}

// strict decodes without passing over a field that policies do not have.
func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// principals are identifiers by kind; "*" alone is everybody.
type principals map[string]list[string]

// UnmarshalJSON implements json.Unmarshaler.
func (p *principals) UnmarshalJSON(b []byte) error {
	var all string
	if json.Unmarshal(b, &all) == nil {
		if all != "*" {
			return fmt.Errorf("principal %q", all)
		}
		*p = principals{"AWS": {"*"}}
		return nil
	}
	return json.Unmarshal(b, (*map[string]list[string])(p))
}

// policyError is why a text is no policy, in IAM's words.
type policyError string

func (e policyError) Error() string { return string(e) }

// parsePolicy reads a policy. trust means that it names principals, as trust and
// resource policies do; identity policies must not. Errors: policyError.
func parsePolicy(text string, trust bool) (*document, error) {
	var doc document
	if err := strict([]byte(text), &doc); err != nil || len(doc.Statement) == 0 {
		return nil, policyError("Syntax errors in policy.")
	}
	for _, s := range doc.Statement {
		if fault := s.check(trust); fault != "" {
			return nil, fault
		}
	}
	return &doc, nil
}

func (s *statement) check(trust bool) policyError {
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return "Invalid effect: " + policyError(s.Effect)
	case (s.Action == nil) == (s.NotAction == nil):
		return "Policy statement must contain actions."
	case trust && (s.Principal == nil) == (s.NotPrincipal == nil):
		return "Missing required field Principal"
	case !trust && (s.Principal != nil || s.NotPrincipal != nil):
		return "Policy document should not specify a principal."
	case !trust && (s.Resource == nil) == (s.NotResource == nil):
		return "Policy statement must contain resources."
	}
	for operator := range s.Condition {
		if _, ok := operatorOf(operator); !ok {
			return "The embedded AWS does not evaluate the condition operator " + policyError(operator)
		}
	}
	return ""
}

// query is one question put to policies.
type query struct {
	action   string
	resource string
	keys     keys
}

// keys are condition keys with their values; names are in lower case, since
// they are compared so.
type keys map[string][]string

func newKeys(from map[string][]string) keys {
	k := keys{}
	for name, values := range from {
		k[strings.ToLower(name)] = values
	}
	return k
}

// verdict is a decision with the statements that led to it, as indexes into the
// policies, and the condition keys that were missing.
type verdict struct {
	decision Decision
	matched  []string // names of policies
	missing  []string
}

// evaluate decides about a query by identity policies, by name ("Policy
// evaluation logic": a Deny wins over any Allow, and nothing allows by itself).
func evaluate(policies map[string]*document, q query) verdict {
	v := verdict{decision: ImplicitDeny}
	for name, doc := range policies {
		for _, s := range doc.Statement {
			if !s.covers(q, doc.Version, &v) {
				continue
			}
			decision := Allowed
			if s.Effect == "Deny" {
				decision = ExplicitDeny
			}
			if decision == v.decision && !slices.Contains(v.matched, name) {
				v.matched = append(v.matched, name)
			}
			if decision == ExplicitDeny && v.decision != ExplicitDeny || v.decision == ImplicitDeny {
				v.decision, v.matched = decision, []string{name}
			}
		}
	}
	slices.Sort(v.matched)
	slices.Sort(v.missing)
	v.missing = slices.Compact(v.missing)
	return v
}

// covers reports whether a statement is about the query.
func (s *statement) covers(q query, version string, v *verdict) bool {
	action := func(pattern string) bool { return matches(strings.ToLower(pattern), strings.ToLower(q.action)) }
	resource := func(pattern string) bool {
		pattern, ok := substitute(pattern, version, q.keys)
		return ok && arnMatches(pattern, q.resource)
	}
	switch {
	case s.Action != nil && !slices.ContainsFunc(s.Action, action),
		s.NotAction != nil && slices.ContainsFunc(s.NotAction, action),
		s.Resource != nil && !slices.ContainsFunc(s.Resource, resource),
		s.NotResource != nil && slices.ContainsFunc(s.NotResource, resource):
		return false
	}
	return s.holds(q.keys, version, v)
}

// substitute puts policy variables in ("IAM policy elements: variables and
// tags"); one without a value makes its pattern match nothing.
func substitute(pattern, version string, k keys) (string, bool) {
	if version != "2012-10-17" {
		return pattern, true
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(pattern, "${")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", false
		}
		name, fallback, hasFallback := strings.Cut(name, ",")
		values := k[strings.ToLower(strings.TrimSpace(name))]
		switch {
		case name == "*" || name == "?" || name == "$":
			b.WriteString(literal(name))
		case len(values) == 1:
			b.WriteString(literal(values[0]))
		case hasFallback:
			b.WriteString(strings.Trim(strings.TrimSpace(fallback), "'"))
		default:
			return "", false
		}
		pattern = after
	}
}

// Wildcards that came out of a variable stand for themselves. Two code points
// that no ARN holds keep their place until the pattern is compared.
const (
	plainStar     = '\ue000'
	plainQuestion = '\ue001'
)

func literal(s string) string {
	return strings.NewReplacer("*", string(plainStar), "?", string(plainQuestion)).Replace(s)
}

// matches compares with wildcards: * is any run of characters, ? any one.
func matches(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j] || p[i] == plainStar && t[j] == '*' || p[i] == plainQuestion && t[j] == '?'):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// arnMatches compares ARNs part by part: a wildcard does not reach over a colon
// but in the last part ("IAM JSON policy elements: Resource").
func arnMatches(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	p, a := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(p) != len(a) {
		return false
	}
	for i := range p {
		if !matches(p[i], a[i]) {
			return false
		}
	}
	return true
}
