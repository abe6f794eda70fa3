package plan

import (
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

func TestANewFunctionNeedsWhatAnExistingOneKeeps(t *testing.T) {
	t.Parallel()
	full := definition.Function{FunctionName: "f", Role: new("arn:aws:iam::123456789012:role/f"), Runtime: new("nodejs24.x"), Handler: new("a.b")}
	for name, tc := range map[string]struct {
		without func(*definition.Function)
		code    definition.Code
		blocked int
	}{
		"all":          {func(*definition.Function) {}, definition.Code{Sha256: "one"}, 0},
		"no role":      {func(f *definition.Function) { f.Role = nil }, definition.Code{Sha256: "one"}, 1},
		"name alone":   {func(f *definition.Function) { f.Role, f.Runtime, f.Handler = nil, nil, nil }, definition.Code{Sha256: "one"}, 3},
		"of an image":  {func(f *definition.Function) { f.Runtime, f.Handler = nil, nil }, definition.Code{ImageUri: "x"}, 0},
		"image, named": {func(f *definition.Function) { f.Role, f.Runtime, f.Handler = nil, nil, nil }, definition.Code{ImageUri: "x"}, 1},
	} {
		f := full
		tc.without(&f)
		got := Forward(Wanted{Function: f, Code: tc.code}, Observation{})
		if len(got.Blockers) != tc.blocked {
			t.Errorf("%s: blocked by %q, want %d reasons", name, got.Blockers, tc.blocked)
		}
		for _, reason := range got.Blockers {
			if !strings.Contains(reason, "does not exist yet, and a new one needs a") {
				t.Errorf("%s: %q does not say why", name, reason)
			}
		}
	}
}
