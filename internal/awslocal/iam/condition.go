package iam

import (
	"slices"
	"strings"
)

// operator is a condition operator taken apart.
type operator struct {
	compare  func(want, got string) bool
	negated  bool // no value may match, and an absent key is fine
	ifExists bool // an absent key is fine
	all, any bool // ForAllValues, ForAnyValue
	null     bool
}

// comparisons are the operators of "IAM JSON policy elements: Condition
// operators" that are evaluated here, without prefix, Not and IfExists.
var comparisons = map[string]func(want, got string) bool{
	"StringEquals":           func(want, got string) bool { return unescaped(want) == got },
	"StringEqualsIgnoreCase": func(want, got string) bool { return strings.EqualFold(unescaped(want), got) },
	"StringLike":             matches,
	"ArnEquals":              arnMatches,
	"ArnLike":                arnMatches,
	"Bool":                   func(want, got string) bool { return strings.EqualFold(want, got) },
}

// negations are the same under names that begin with Not.
var negations = map[string]string{
	"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
	"ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike",
}

// unescaped takes back what literal did, for operators without wildcards.
func unescaped(s string) string {
	return strings.NewReplacer(string(plainStar), "*", string(plainQuestion), "?").Replace(s)
}

func operatorOf(name string) (operator, bool) {
	var o operator
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		o.all, name = true, rest
	}
	if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		o.any, name = true, rest
	}
	if name == "Null" {
		o.null = true
		return o, true
	}
	name, o.ifExists = strings.CutSuffix(name, "IfExists")
	if plain, ok := negations[name]; ok {
		o.negated, name = true, plain
	}
	o.compare = comparisons[name]
	return o, o.compare != nil
}

// holds reports whether each condition of a statement holds.
func (s *statement) holds(k keys, version string, v *verdict) bool {
	for name, block := range s.Condition {
		o, _ := operatorOf(name) // checked by parsePolicy
		for key, wanted := range block {
			got, present := k[strings.ToLower(key)]
			if !present && !o.null {
				v.missing = append(v.missing, key)
			}
			if !o.holds(substituted(wanted, version, k), got, present) {
				return false
			}
		}
	}
	return true
}

// substituted are the wanted values with their variables in place.
func substituted(wanted []string, version string, k keys) []string {
	var values []string
	for _, w := range wanted {
		if value, ok := substitute(w, version, k); ok {
			values = append(values, value)
		}
	}
	return values
}

func (o operator) holds(wanted, got []string, present bool) bool {
	if o.null {
		return slices.Contains(wanted, "true") == !present
	}
	if !present {
		return o.ifExists || o.all || o.negated && !o.any
	}
	one := func(value string) bool {
		matched := slices.ContainsFunc(wanted, func(want string) bool { return o.compare(want, value) })
		return matched != o.negated
	}
	if o.all || o.negated && !o.any {
		return !slices.ContainsFunc(got, func(value string) bool { return !one(value) })
	}
	return slices.ContainsFunc(got, one)
}
