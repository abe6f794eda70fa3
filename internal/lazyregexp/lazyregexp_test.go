package lazyregexp

import "testing"

// A pattern that nobody uses in a test would otherwise fail at a user's first.
func TestAWrongPatternIsNoticedInTests(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("a wrong pattern was taken")
		}
	}()
	New(`(`)
}

func TestAPatternIsCompiledOnce(t *testing.T) {
	r := New(`^a(b+)$`)
	if r.String() != `^a(b+)$` {
		t.Errorf("String: %q", r)
	}
	first := r.compiled()
	if got := r.FindStringSubmatch("abb"); len(got) != 2 || got[1] != "bb" {
		t.Errorf("FindStringSubmatch: %q", got)
	}
	if r.compiled() != first {
		t.Error("a second use compiled the pattern again")
	}
}
