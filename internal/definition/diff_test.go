package definition

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiffOfAMinimalDefinitionAgainstWhatAWSAnswersIsEmpty(t *testing.T) {
	t.Parallel()
	have := Canonical(decode(t, minimal))
	if d := Diff(decode(t, minimal), have); !d.Empty() || !cmp.Equal(d.Patch, Function{}) {
		t.Errorf("%+v", d)
	}
	if !EqualConfiguration(have, Canonical(have)) {
		t.Error("the canonical form of a canonical form is another one")
	}
}
