package expression

import (
	"strings"
	"testing"
)

// Without these bounds a file of opening brackets would take quadratic time.
func TestASpanIsBounded(t *testing.T) {
	t.Parallel()
	span := func(length int) string { return "<+" + strings.Repeat("a", length-3) + ">" }
	nested := func(depth int) string { return strings.Repeat("<+", depth) + "a" + strings.Repeat(">", depth) }
	for _, c := range []struct {
		name, text string
		is         bool
	}{
		{"the longest", span(maxSpan), true},
		{"one character more", span(maxSpan + 1), false},
		{"a > that ends nothing, and the end too far behind it", "<+" + `\>` + strings.Repeat("a", maxSpan) + ">", false},
		{"the deepest", nested(maxSpanDepth), true},
	} {
		start, end, ok := nextSpan(c.text, 0)
		if ok != c.is || ok && (start != 0 || end != len(c.text)) {
			t.Errorf("%s: from %d to %d, %v; want %v", c.name, start, end, ok, c.is)
		}
	}
	// One more opening is text, and the span begins behind it.
	if start, _, ok := nextSpan(nested(maxSpanDepth+1), 0); !ok || start != len("<+") {
		t.Errorf("nested too deeply: a span from %d, %v", start, ok)
	}
}
