package definition

import "unicode/utf16"

// Length counts the characters of a text as they are held to Lambda's limits:
// in UTF-16 code units. The API's model gives its limits in characters, which
// Smithy counts as Unicode scalar values
// (https://smithy.io/2.0/spec/constraint-traits.html#length-trait), while a
// service written in Java counts UTF-16 code units. The latter is never the
// smaller number, so a text that fits by it fits by both.
func Length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// Cut returns the longest beginning of s whose Length is at most limit.
func Cut(s string, limit int) string {
	n := 0
	for i, r := range s {
		if n += utf16.RuneLen(r); n > limit {
			return s[:i]
		}
	}
	return s
}
