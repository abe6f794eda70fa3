package definition

import (
	"strings"
	"testing"
	"time"
)

func TestTheDatesOfRuntimesAreInOrder(t *testing.T) {
	t.Parallel()
	for _, r := range runtimes {
		if r.deprecated == "" {
			if r.createBlocked != "" || r.updateBlocked != "" {
				t.Errorf("%s is supported and has dates", r.name)
			}
			continue
		}
		for _, day := range []string{r.deprecated, r.createBlocked, r.updateBlocked} {
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
		}
		if r.deprecated > runtimesKnownTo || r.createBlocked > r.updateBlocked {
			t.Errorf("%s: deprecated %s, no creation from %s, no update from %s", r.name, r.deprecated, r.createBlocked, r.updateBlocked)
		}
	}
}

func TestADeprecatedRuntimeIsAWarningWithItsDates(t *testing.T) {
	t.Parallel()
	for runtime, want := range map[string]string{
		"nodejs24.x": "",
		"nodejs18.x": "deprecated since 2025-09-01: Lambda refuses new functions with it from 2027-07-29 and updates from 2027-08-31",
		"python3.7":  "deprecated since 2023-12-04: Lambda refuses new functions with it since 2024-01-09 and updates from 2027-08-31",
		"go1.x":      "refuses new functions with it since 2024-02-08 and updates from 2027-08-31",
		"python2.7":  "refuses new functions with it since 2021-07-15 and updates since 2022-05-30",
	} {
		doc, _ := parse("f.yaml", []byte("functionName: f\nhandler: a.b\nruntime: "+runtime+"\n"), nil)
		_, problems := Decode(doc)
		if problems.Err() != nil || (want == "") != (len(problems) == 0) || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: got %q, want a warning with %q", runtime, problems.Error(), want)
		}
		if refused := strings.Contains(want, "updates since"); RuntimeRefused(runtime) != refused {
			t.Errorf("RuntimeRefused(%s) = %t", runtime, !refused)
		}
	}
}

func TestWhatOnlyANewFunctionNeedsIsNotRequired(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ src, packageType, want string }{
		{"functionName: f\n", "Zip", "role runtime handler"},
		{"functionName: f\n", "Image", "role"},
		{"functionName: f\nrole: arn:aws:iam::123456789012:role/f\nruntime: nodejs24.x\n", "Zip", "handler"},
		{"functionName: f\nrole: null\nruntime: nodejs24.x\nhandler: a.b\n", "Zip", "role"},
		{"functionName: f\nrole: arn:aws:iam::123456789012:role/f\nruntime: nodejs24.x\nhandler: a.b\n", "Zip", ""},
	} {
		doc, _ := parse("f.yaml", []byte(tc.src), nil)
		f, problems := Decode(doc)
		if problems.Err() != nil {
			t.Fatal(problems)
		}
		fitting, problems := CheckPackage(*f, tc.packageType, doc)
		if problems.Err() != nil {
			t.Fatal(problems)
		}
		missing := MissingForCreation(fitting, tc.packageType)
		if got := strings.Join(missing, " "); got != tc.want {
			t.Errorf("%q: missing %q, want %q", tc.src, got, tc.want)
		}
		if warnings := CheckNew(fitting, tc.packageType, doc); len(warnings) != len(missing) || warnings.Err() != nil {
			t.Errorf("%q: %v, want %d warnings", tc.src, warnings, len(missing))
		}
	}
}
