package deploy

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

var full = flag.Bool("full", false, "let every function of a fleet fail at every call, and ask about thirty random pasts, not a sample of them")

// numbered writes definitions of n functions f00, f01, …
func (f *fixture) numbered(n int, more string) []string {
	f.Helper()
	var files []string
	for i := range n {
		name := fmt.Sprintf("f%02d", i)
		f.write(name+".yaml", definitionOf(name, more))
		files = append(files, name+".yaml")
	}
	return files
}

// Whichever function fails, at whichever of its calls: all functions are as they
// were, the new one is gone, and the error names the one that failed.
func TestAFunctionThatFailsTakesTheWholeFleetBack(t *testing.T) {
	size, functions, step := 5, []int{0, 4}, 4
	if testing.Short() { // for the race detector, which is slow
		functions = functions[1:]
	}
	if *full {
		size, step = 30, 1
		functions = functions[:0]
		for k := range size {
			functions = append(functions, k)
		}
	}
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy(f.numbered(size-1, "")...)
		f.write("code/index.js", "2")
		files := f.numbered(size, "memorySize: 256\n")
		before := f.state().Functions
		struck, ended := 0, 0
		for _, k := range functions {
			for c := 1; ; c += step {
				name, fired := fmt.Sprintf("f%02d", k), false
				f.aws.Inject(awslocal.Fault{Path: "/" + name, Nth: c, Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "struck", Fired: func() { fired = true }})
				_, err := f.deploy(f.Context(), files...)
				f.aws.ClearFaults()
				if !fired {
					if err != nil {
						f.Fatalf("%s, call %d: nothing struck it, and it ends with %v", name, c, err)
					}
					ended++
					if _, err := f.rollback(); err != nil {
						f.Fatal(err)
					}
					break
				}
				struck++
				var failed *FailedError
				var not *NotStartedError
				switch {
				case err == nil:
					// A question before the start, whose answer may be missing.
					if _, err := f.rollback(); err != nil {
						f.Fatal(err)
					}
				case !errors.As(err, &failed) && !errors.As(err, &not), !strings.Contains(err.Error(), name):
					f.Errorf("%s, call %d: %v", name, c, err)
				}
				if diff := cmp.Diff(before, f.state().Functions); diff != "" {
					f.Fatalf("%s, call %d: not as before: %s", name, c, diff)
				}
			}
		}
		if struck < 5 || ended == 0 {
			f.Errorf("%d failures, %d deployments came to their end: the test shows nothing", struck, ended)
		}
	})
}

// Traffic is right again everywhere before anything else is restored, and the
// function that failed comes first.
func TestTheAliasesOfAllFunctionsGoBackBeforeAnyCode(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		const size = 12
		f.mustDeploy(f.numbered(size, "")...)
		f.write("code/index.js", "2")
		f.options.MaxParallel = 3
		f.aws.Inject(awslocal.Fault{Operation: "UpdateAlias", Path: "/f11", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "struck"})
		f.aws.ResetCalls()
		_, err := f.deploy(f.Context(), f.numbered(size, "")...)
		var back *RolledBackError
		if !errors.As(err, &back) || back.Targets[0].Target.Function != "f11" || len(back.Targets) != size {
			f.Fatalf("ends with %v", err)
		}
		var order []string
		for _, c := range f.aws.Calls() {
			if c.Operation == "UpdateAlias" || c.Operation == "UpdateFunctionCode" {
				order = append(order, c.Operation)
			}
		}
		var kinds []string
		for _, o := range order {
			if len(kinds) == 0 || kinds[len(kinds)-1] != o {
				kinds = append(kinds, o)
			}
		}
		// Code and aliases of the deployment, aliases and code of its rollback.
		if got := strings.Join(kinds, " "); got != "UpdateFunctionCode UpdateAlias UpdateFunctionCode" {
			f.Errorf("the calls came in the order %s", got)
		}
	})
}
