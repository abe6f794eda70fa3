package cli

import (
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/verify"
)

// cases reads the inputs verify and verify-expect.
func (a *app) cases(files service.Files, set *service.Set) ([]verify.Case, diag.List) {
	if !a.in.Has("verify") {
		return nil, nil
	}
	var problems diag.List
	fail := func(format string, args ...any) {
		problems = append(problems, diag.Problem{Message: "input " + fmt.Sprintf(format, args...)})
	}
	var expect []any
	if text := a.in.String("verify-expect"); text != "" {
		value, err := verify.ReadJSON(text)
		if err != nil {
			fail("verify-expect: is not JSON: %v", err)
		}
		expect = []any{value}
		if !a.in.Given("verify") {
			fail("verify-expect: nothing is invoked without the input verify, such as --verify '{}'")
		}
	}
	sources, err := verify.Sources(a.in.String("verify"))
	if err != nil {
		fail("verify: %v", err)
	}
	var cases []verify.Case
	for i, source := range sources {
		var found []verify.Case
		var wrong diag.List
		switch s := source.(type) {
		case verify.Text:
			found, wrong = verify.Read(fmt.Sprintf("payload %d", i+1), []byte(s), expect)
		case verify.File:
			found, wrong = readCases(files, string(s), expect)
		}
		cases, problems = append(cases, found...), append(problems, wrong...)
	}
	return cases, append(problems, withoutFunction(cases, set)...)
}

func readCases(files service.Files, pattern string, expect []any) ([]verify.Case, diag.List) {
	read, problems := files.Read([]string{pattern})
	var cases []verify.Case
	for _, f := range read {
		found, wrong := verify.Read(f.Name, f.Content, expect)
		if what, hint := service.Describe(f.Content); what != "" && wrong.Err() != nil {
			wrong = diag.List{{File: f.Name, Message: "is " + what + ", neither a JSON payload nor a document with cases", Hint: hint}}
		}
		cases, problems = append(cases, found...), append(problems, wrong...)
	}
	return cases, problems
}

// withoutFunction are the cases that no function of the deployment would be
// invoked with: most likely the function's name is misspelt.
func withoutFunction(cases []verify.Case, set *service.Set) diag.List {
	var problems diag.List
	for _, c := range cases {
		used := len(set.Targets) == 0
		for _, t := range set.Targets {
			name, _ := definition.ParseFunctionName(t.Function.FunctionName)
			used = used || len(verify.For([]verify.Case{c}, name.Name)) > 0
		}
		if !used {
			problems = append(problems, diag.Problem{Message: fmt.Sprintf("input verify: the case %q is for no function of this deployment", c.Name), Hint: "function is a name or a pattern such as shop-*"})
		}
	}
	return problems
}
