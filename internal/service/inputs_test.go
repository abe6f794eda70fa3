package service

import "testing"

// Of two values for one path, the same one is used every time: the one with the longer
// path.
func TestOfTwoValuesForOnePathTheOneOfItsOwnHolds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs map[string]string
		want   string
	}{
		"inside of another":         {map[string]string{"env.variables": "{SIZE: 1}"}, "1"},
		"beside that":               {map[string]string{"env.variables": "{SIZE: 1}", "env.variables.SIZE": "2"}, "2"},
		"inside of two others":      {map[string]string{"env": "{variables: {SIZE: 1}}", "env.variables": "{SIZE: 3}"}, "3"},
		"in two ways to write it":   {map[string]string{"env.variables.SIZE": "2", "spec.env.variables.SIZE": "4"}, "4"},
		"in any of three positions": {map[string]string{"env": "{variables: {SIZE: 1}}", "env.variables": "{SIZE: 3}", "env.variables.SIZE": "2"}, "2"},
	} {
		for range 20 {
			in := runtimeInputs{}
			in.lay(inputsByPath(tc.inputs))
			if got := in["env.variables.SIZE"]; got != tc.want {
				t.Errorf("%s: %q, want %q", name, got, tc.want)
				break
			}
		}
	}
}
