package cli

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
)

// document runs a command with --output json and decodes its one document.
func (b *bench) document(wantCode int, into any, args ...string) {
	b.t.Helper()
	code, out, errs := b.run(append(args, "--output", "json")...)
	if code != wantCode {
		b.t.Fatalf("%v: exit %d\n%s%s", args, code, out, errs)
	}
	d := json.NewDecoder(strings.NewReader(out))
	if err := d.Decode(into); err != nil {
		b.t.Fatalf("%v: %v:\n%s", args, err, out)
	}
	if err := d.Decode(new(any)); err != io.EOF {
		b.t.Errorf("%v prints more than one document:\n%s", args, out)
	}
}

func TestEachCommandPrintsOneJSONDocument(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	with := func(command string, more ...string) []string { return slices.Concat([]string{command}, inputs, more) }

	var version struct{ Version, Commit, Go, Platform string }
	if b.document(0, &version, "version"); version.Version == "" || version.Go == "" || version.Platform == "" {
		t.Errorf("version: %+v", version)
	}
	var valid struct {
		Valid     bool
		Functions []struct {
			Function string
			Aliases  []string
		}
		Problems []struct{ Message, File string }
	}
	if b.document(0, &valid, with("validate")...); !valid.Valid || len(valid.Functions) != 1 || valid.Functions[0].Function != "hello" || valid.Functions[0].Aliases[0] != "live" || len(valid.Problems) != 0 {
		t.Errorf("validate: %+v", valid)
	}
	b.write("broken.yaml", minimal+"timeout: never\n")
	if b.document(3, &valid, "validate", "--function-definition", "broken.yaml", "--artifact", "code"); valid.Valid || len(valid.Problems) == 0 || valid.Problems[0].File != "broken.yaml" {
		t.Errorf("validate: %+v", valid)
	}
	var rendered []struct {
		Function map[string]any
		Aliases  []map[string]any
	}
	if b.document(0, &rendered, with("render")...); len(rendered) != 1 || rendered[0].Function["functionName"] != "hello" || rendered[0].Aliases[0]["name"] != "live" {
		t.Errorf("render: %+v", rendered)
	}
	type planned []struct {
		Function string
		Changed  bool
		Calls    []string
		Changes  []struct{ Op, Field, From, To string }
	}
	var plan planned
	if b.document(0, &plan, with("plan")...); len(plan) != 1 || !plan[0].Changed {
		t.Errorf("plan: %+v", plan)
	}
	var policy any
	b.document(0, &policy, with("policy")...)
	var deployed []struct {
		FunctionName, Version string
		RollbackData          struct {
			Function string
			Aliases  map[string]string
		}
	}
	if b.document(0, &deployed, with("deploy")...); len(deployed) != 1 || deployed[0].Version != "1" || deployed[0].RollbackData.Aliases["live"] != "none" {
		t.Errorf("deploy: %+v", deployed)
	}
	b.write("code/index.js", "2")
	b.document(0, &deployed, with("deploy")...)
	var dry planned
	if b.document(0, &dry, "rollback", "--dry-run"); len(dry) != 1 || dry[0].Function != "hello" || len(dry[0].Changes) == 0 || len(dry[0].Calls) == 0 {
		t.Errorf("rollback --dry-run: %+v", dry)
	}
	if b.document(0, &dry, "rollback", "--dry-run", "--function", "hello", "--alias", "live"); len(dry) != 1 || dry[0].Changes[0].Field != "Aliases.live" || dry[0].Changes[0].To != "1" {
		t.Errorf("rollback --dry-run by hand: %+v", dry)
	}
	var restored []struct {
		Function, Region string
		Changes          []struct{ Op, Field, From, To string }
	}
	if b.document(0, &restored, "rollback"); len(restored) != 1 || restored[0].Function != "hello" || len(restored[0].Changes) == 0 {
		t.Errorf("rollback: %+v", restored)
	}
	for _, again := range [][]string{{"rollback"}, {"rollback", "--dry-run"}, {"rollback", "--function", "hello", "--alias", "live"}, {"rollback", "--function", "hello", "--alias", "live", "--dry-run"}} {
		restored = nil
		if b.document(0, &restored, again...); len(restored) != 0 {
			t.Errorf("%v again: %+v", again, restored)
		}
	}
	var past struct {
		Function string
		Versions []struct {
			Version string
			Served  []struct {
				Alias, Before, Source string
				Now                   bool
			}
		}
	}
	if b.document(0, &past, "history", "--function", "hello"); len(past.Versions) != 2 || past.Versions[0].Version != "2" || past.Versions[1].Served[0].Before != "2" || !past.Versions[1].Served[0].Now {
		t.Errorf("history: %+v", past)
	}
	var compared struct{ Changes []struct{ Field string } }
	if b.document(0, &compared, "history", "--function", "hello", "--compare", "1..2"); len(compared.Changes) != 1 || compared.Changes[0].Field != "Code" {
		t.Errorf("history --compare: %+v", compared)
	}
	b.document(0, &deployed, "shift", "--function", "hello", "--alias", "live", "--to-version", "2", "--percentage", "10")
}

// A dry run of several functions says which is which.
func TestADryRunOfARollbackNamesItsFunctions(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.minimal()
	b.write("other.yaml", strings.ReplaceAll(minimal, "hello", "other"))
	both := []string{"deploy", "--function-definition", "function.yaml,other.yaml", "--artifact", b.dir + "/code", "--alias", "live"}
	b.must(both...)
	b.write("code/index.js", "2")
	b.must(both...)
	out := b.must("rollback", "--dry-run")
	for _, want := range []string{"hello in eu-central-1: 2 changes by 2 calls\n  ~ ", "other in eu-central-1: 2 changes by 2 calls\n  ~ ", "calls: UpdateAlias live, UpdateFunctionCode"} {
		if !strings.Contains(out, want) {
			t.Errorf("the dry run lacks %q:\n%s", want, out)
		}
	}
}

func TestATerminalAsksBeforeItDeletes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer  string
		args    []string
		alone   bool
		code    int
		asked   bool
		deleted bool
	}{
		"yes":                {answer: "yes\n", asked: true, deleted: true},
		"no":                 {answer: "\n", asked: true, code: exitInput},
		"nobody answers":     {answer: "", asked: true, code: exitInput},
		"answered before":    {args: []string{"--yes"}, deleted: true},
		"nobody is there":    {alone: true, deleted: true},
		"a dry run asks not": {args: []string{"--dry-run"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awslocal.Options{})
			b.must(append([]string{"deploy"}, b.minimal()...)...)
			b.stdin, b.interactive = tc.answer, !tc.alone
			code, out, errs := b.run(append([]string{"rollback"}, tc.args...)...)
			if code != tc.code {
				t.Errorf("exit %d\n%s%s", code, out, errs)
			}
			if asked := strings.Contains(errs, "The rollback deletes what the deployment created: hello in eu-central-1. Continue? [y/N]"); asked != tc.asked {
				t.Errorf("asked %v:\n%s", asked, errs)
			}
			if deleted := slices.Contains(b.changing(), "DeleteFunction"); deleted != tc.deleted {
				t.Errorf("deleted: %v", deleted)
			}
			if !tc.deleted && tc.code != 0 {
				b.interactive = false
				b.must("rollback") // it can still be done
			}
		})
	}
}

func TestARollbackThatDeletesNothingAsksNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.must(append([]string{"deploy"}, inputs...)...)
	b.write("code/index.js", "2")
	b.must(append([]string{"deploy"}, inputs...)...)
	b.interactive = true
	if code, out, errs := b.run("rollback"); code != 0 || strings.Contains(errs, "[y/N]") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// What is wrong with an invocation is said in our words, and nothing ran.
func TestAnInvocationThatCannotBeMadeIsNotStarted(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.must(append([]string{"deploy"}, b.minimal()...)...)
	for want, args := range map[string][]string{
		"there is no function nobody in eu-central-1":                  {"--function", "nobody"},
		"function hello in eu-central-1 has no alias or version none":  {"--function", "hello", "--qualifier", "none"},
		"function hello in eu-central-1 has no alias or version 9":     {"--function", "hello", "--qualifier", "9"},
		"the payload is not JSON: line 2, column 1: this character":    {"--function", "hello", "--payload", "{\n'a': 1}"},
		"the payload is not JSON: line 1, column 8: it ends too early": {"--function", "hello", "--payload", `{"a": [1`},
		"it is in Region us-east-1, but eu-west-1 is requested":        {"--function", "arn:aws:lambda:us-east-1:000000000000:function:hello", "--aws-region", "eu-west-1"},
		"nothing says which function to invoke":                        {},
		"lambda-rollout invoke --function hello --qualifier live":      {"--function", "hello:live"},
	} {
		code, out, errs := b.run(append([]string{"invoke"}, args...)...)
		if code != exitInput || !strings.Contains(errs, want) || strings.Contains(errs, "operation error") {
			t.Errorf("%v: exit %d, without %q\n%s%s", args, code, want, out, errs)
		}
	}
}

// Terraform's text is no JSON document.
func TestAPolicyIsNotPrintedInTwoFormats(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	code, out, errs := b.run(append([]string{"policy", "--format", "terraform", "--output", "json"}, b.minimal()...)...)
	if code != exitInput || !strings.Contains(out+errs, "--format terraform prints no JSON document") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

func TestALocalFunctionIsFoundInItsRegion(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.env = []string{"HOME=" + b.dir}
	local := []string{"--local", "--local-dir", b.dir + "/aws"}
	b.must(slices.Concat([]string{"deploy", "--aws-region", "eu-central-1"}, b.minimal(), local)...)
	for want, args := range map[string][]string{
		"there is no function hello in us-east-1; the embedded AWS has it in eu-central-1: add --aws-region eu-central-1": {"--function", "hello", "--aws-region", "us-east-1"},
		"there is no function nobody in us-east-1":                    {"--function", "nobody"},
		"function hello in eu-central-1 has no alias or version none": {"--function", "hello", "--qualifier", "none"},
	} {
		if code, out, errs := b.run(slices.Concat([]string{"invoke"}, args, local)...); code != exitInput || !strings.Contains(errs, want) {
			t.Errorf("%v: exit %d, without %q\n%s%s", args, code, want, out, errs)
		}
	}
	for _, command := range [][]string{{"status"}, {"history"}, {"prune", "--keep-versions", "2"}, {"rollback", "--alias", "live"}, {"shift", "--alias", "live", "--percentage", "10"}} {
		want := "the embedded AWS has it in eu-central-1: add --aws-region eu-central-1"
		code, out, errs := b.run(slices.Concat(command, []string{"--function", "hello", "--aws-region", "us-east-1"}, local)...)
		if code != exitInput || !strings.Contains(errs, want) {
			t.Errorf("%v: exit %d, without %q\n%s%s", command, code, want, out, errs)
		}
	}
}

// On a hosted runner the journal is gone when the job is: the command that needs
// none is named, too.
func TestAnIncompleteRollbackOnGitHubNamesACommandWithoutJournal(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	for _, file := range []string{"OUTPUT", "STATE", "STEP_SUMMARY", "ENV"} {
		b.write(file, "")
		b.env = append(b.env, "GITHUB_"+file+"="+b.dir+"/"+file)
	}
	b.env = append(b.env, "GITHUB_ACTIONS=true", "GITHUB_RUN_ID=7", "GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=job", "GITHUB_ACTION=step", "GITHUB_WORKSPACE="+b.dir, "RUNNER_TEMP="+b.dir, "LAMBDA_ROLLOUT_POST=1")
	inputs := b.minimal()
	b.must(append([]string{"deploy"}, inputs...)...)
	b.write("code/index.js", "2")
	b.aws.Inject(awslocal.Fault{Operation: "UpdateAlias", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"},
		awslocal.Fault{Operation: "UpdateFunctionCode", Nth: 2, Count: -1, Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"})
	code, out, errs := b.run(append([]string{"deploy"}, inputs...)...)
	if code != exitIncomplete {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	_, command, found := strings.Cut(out, "if the journal is gone by then, run:\n  lambda-rollout ")
	if !found || !strings.Contains(out, "once that is fixed, run: lambda-rollout rollback --journal ") {
		t.Fatalf("the commands are not named:\n%s", out)
	}
	command, _, _ = strings.Cut(command, "\n")
	b.aws.ClearFaults()
	b.env = b.env[:5]
	b.must(quoted(command)...)
	var plan []struct{ Changed bool }
	b.write("code/index.js", "exports.handler = async () => 1\n")
	if b.document(0, &plan, append([]string{"plan"}, inputs...)...); plan[0].Changed {
		t.Error("the function is not what it was")
	}
}

// quoted are the words of a command line whose one quoted word has no quotes inside.
func quoted(line string) []string {
	before, rest, _ := strings.Cut(line, "'")
	one, after, _ := strings.Cut(rest, "'")
	return slices.Concat(strings.Fields(before), []string{one}, strings.Fields(after))
}

// A shift that takes a version out of the traffic proposes no command to promote it.
func TestAShiftToNothingIsNotAnsweredByAShiftToEverything(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.must(append([]string{"deploy"}, inputs...)...)
	b.write("code/index.js", "2")
	const all = "To give the new version all the traffic: "
	if out := b.must(slices.Concat([]string{"deploy"}, inputs, []string{"--traffic", "0%"})...); !strings.Contains(out, all) {
		t.Errorf("a deployment without traffic names no next step:\n%s", out)
	}
	shift := []string{"shift", "--function", "hello", "--alias", "live", "--to-version", "2", "--percentage"}
	if out := b.must(append(shift, "10")...); !strings.Contains(out, all) {
		t.Errorf("a canary names no next step:\n%s", out)
	}
	if out := b.must(append(shift, "0")...); strings.Contains(out, all) {
		t.Errorf("it was taken out:\n%s", out)
	}
}

// Of several functions that are rolled back by hand none is changed where one
// cannot be.
func TestARollbackByHandOfSeveralIsAllOrNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.must(append([]string{"deploy"}, inputs...)...)
	b.write("code/index.js", "2")
	b.must(append([]string{"deploy"}, inputs...)...)
	b.aws.ResetCalls()
	data := `[{"function":"hello","version":"2","aliases":{"live":"1"}},{"function":"hello","region":"eu-central-1","version":"7","aliases":{"live":"5"}}]`
	code, out, errs := b.run("rollback", "--rollback-data", data)
	if code != exitInput || !strings.Contains(errs, "the deployment published version 7 over 5") || len(b.changing()) > 0 {
		t.Errorf("exit %d, changed %v\n%s%s", code, b.changing(), out, errs)
	}
}

// 3 promises that nothing was touched: of two journals the first is rolled back, so
// the refusal of the second is no 3.
func TestARefusalAfterARollbackIsNoRefusalOfAll(t *testing.T) {
	t.Parallel()
	refused := &deploy.NotStartedError{Err: errors.New("no")}
	for restored, want := range map[bool]int{false: exitInput, true: exitIncomplete} {
		a := &app{}
		if restored {
			a.progress.restoredSome()
		}
		if got := a.exitCode(refused); got != want {
			t.Errorf("restored %v: exit %d, want %d", restored, got, want)
		}
	}
}
