package matrix

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// attachment is something that somebody attaches to a function, a version or an
// alias of a deployment before its rollback.
type attachment struct {
	name      string
	qualifier string
	does      func(w *world, qualifier *string) error
	// says is what the output of the rollback must name.
	says string
}

func (a attachment) attach(w *world) {
	w.t.Helper()
	w.must(a.does(w, qualified(a.qualifier)))
	w.settle()
}

func qualified(qualifier string) *string {
	if qualifier == "" {
		return nil
	}
	return &qualifier
}

// of is how the output names what is attached to a qualifier.
func of(what, qualifier string) string {
	if qualifier == "" {
		return what
	}
	return what + " of " + qualifier
}

func addPermission(w *world, qualifier *string) error {
	_, err := w.lambda.AddPermission(context.Background(), &lambda.AddPermissionInput{
		FunctionName: aws.String("f"), Qualifier: qualifier, StatementId: aws.String("theirs"),
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("s3.amazonaws.com"),
	})
	return err
}

func addURL(w *world, qualifier *string) error {
	_, err := w.lambda.CreateFunctionUrlConfig(context.Background(), &lambda.CreateFunctionUrlConfigInput{
		FunctionName: aws.String("f"), Qualifier: qualifier, AuthType: types.FunctionUrlAuthTypeAwsIam,
	})
	return err
}

func addEventInvoke(w *world, qualifier *string) error {
	_, err := w.lambda.PutFunctionEventInvokeConfig(context.Background(), &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: aws.String("f"), Qualifier: qualifier, MaximumRetryAttempts: aws.Int32(1),
	})
	return err
}

func addMapping(w *world, qualifier *string) error {
	name := "f"
	if qualifier != nil {
		name += ":" + *qualifier
	}
	_, err := w.lambda.CreateEventSourceMapping(context.Background(), &lambda.CreateEventSourceMappingInput{
		FunctionName: &name, EventSourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:theirs"),
	})
	return err
}

func addProvisioned(w *world, qualifier *string) error {
	_, err := w.lambda.PutProvisionedConcurrencyConfig(context.Background(), &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: aws.String("f"), Qualifier: qualifier, ProvisionedConcurrentExecutions: aws.Int32(2),
	})
	return err
}

func addReserved(w *world, _ *string) error {
	_, err := w.lambda.PutFunctionConcurrency(context.Background(), &lambda.PutFunctionConcurrencyInput{
		FunctionName: aws.String("f"), ReservedConcurrentExecutions: aws.Int32(3),
	})
	return err
}

func addCodeSigning(w *world, _ *string) error {
	ctx := context.Background()
	made, err := w.lambda.CreateCodeSigningConfig(ctx, &lambda.CreateCodeSigningConfigInput{
		AllowedPublishers: &types.AllowedPublishers{SigningProfileVersionArns: []string{"arn:aws:signer:us-east-1:000000000000:/signing-profiles/theirs/0123456789"}},
	})
	if err != nil {
		return err
	}
	_, err = w.lambda.PutFunctionCodeSigningConfig(ctx, &lambda.PutFunctionCodeSigningConfigInput{
		FunctionName: aws.String("f"), CodeSigningConfigArn: made.CodeSigningConfig.CodeSigningConfigArn,
	})
	return err
}

func allowLoops(w *world, _ *string) error {
	_, err := w.lambda.PutFunctionRecursionConfig(context.Background(), &lambda.PutFunctionRecursionConfigInput{
		FunctionName: aws.String("f"), RecursiveLoop: types.RecursiveLoopAllow,
	})
	return err
}

func keepRuntime(w *world, _ *string) error {
	_, err := w.lambda.PutRuntimeManagementConfig(context.Background(), &lambda.PutRuntimeManagementConfigInput{
		FunctionName: aws.String("f"), UpdateRuntimeOn: types.UpdateRuntimeOnFunctionUpdate,
	})
	return err
}

func addAlias(w *world, _ *string) error {
	w.alias("f", "theirs", "1", nil)
	return nil
}

// addVersion publishes a version that differs from the deployment's, and leaves
// $LATEST as it was.
func addVersion(w *world, _ *string) error {
	memory := aws.ToInt32(w.get("").Configuration.MemorySize)
	w.update("f", func(in *lambda.UpdateFunctionConfigurationInput) { in.MemorySize = aws.Int32(1024) })
	w.publish("f")
	w.update("f", func(in *lambda.UpdateFunctionConfigurationInput) { in.MemorySize = &memory })
	return nil
}

// attachments are all that can be attached to these qualifiers, "" for the
// function itself.
func attachments(qualifiers ...string) []attachment {
	var all []attachment
	add := func(name, qualifier, says string, does func(*world, *string) error) {
		all = append(all, attachment{name: of(name, qualifier), qualifier: qualifier, does: does, says: of(says, qualifier)})
	}
	for _, q := range qualifiers {
		add("permission", q, "permission theirs", addPermission)
		number := q != "" && strings.Trim(q, "0123456789") == ""
		if q != "" {
			add("provisioned concurrency", q, "provisioned concurrency", addProvisioned)
		}
		if !number { // a version has no URL
			add("function URL", q, "function URL", addURL)
		}
		add("event-invoke configuration", q, "event-invoke configuration", addEventInvoke)
		all = append(all, attachment{of("event source mapping", q), q, addMapping, "event source mapping "}) // its UUID follows
	}
	if slices.Contains(qualifiers, "") {
		add("reserved concurrency", "", "reserved concurrency of 3", addReserved)
		add("recursive loop detection", "", "recursive loop detection", allowLoops)
		add("runtime management", "", "runtime management", keepRuntime)
		add("code signing configuration", "", "code signing configuration arn:aws:lambda:", addCodeSigning)
		add("another alias", "", "alias theirs", addAlias)
		add("another version", "", "version 2", addVersion)
	}
	return all
}

// everything is all that a client can see of Lambda, versions and event source
// mappings too.
func (w *world) everything() string {
	w.t.Helper()
	w.settle()
	state, err := w.Dump("000000000000")
	w.must(err)
	text, err := json.MarshalIndent([]any{state.Functions, state.Versions, state.Mappings}, "", " ")
	w.must(err)
	return string(text)
}

// firstDeploy creates function f and its alias live.
func firstDeploy() scenario {
	return scenario{
		before: func(*world) {}, definition: define(`, "memorySize": 256`), files: map[string]string{"code/bootstrap": "two"},
		args: []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live"},
	}
}

// TestAFunctionThatOthersUseIsNotDeleted attaches each thing that AWS would
// delete, or leave without a target, together with a function that the run
// created.
func TestAFunctionThatOthersUseIsNotDeleted(t *testing.T) {
	for _, a := range attachments("", "live", "1") {
		t.Run(a.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				firstDeploy().prepare(w)
				firstDeploy().deploy(w, cut{}).expect(t, "the deployment", 0)
				a.attach(w)
				w.keeps(w.everything(), 4, "function f was not rolled back: in use: ", a.says, "lambda-rollout rollback --journal ")
			})
		})
	}
}

// keeps rolls back twice: both must end with the code, and change nothing.
func (w *world) keeps(theirs string, code int, says ...string) {
	w.t.Helper()
	for _, what := range []string{"the rollback", "a second rollback"} {
		w.run(cut{}, "rollback").expect(w.t, what, code, says...)
		if diff := cmp.Diff(theirs, w.everything()); diff != "" {
			w.t.Errorf("%s changed (-theirs +after):\n%s", what, diff)
		}
	}
}

func TestAFunctionThatNobodyUsesIsDeleted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		firstDeploy().prepare(w)
		before := w.everything()
		firstDeploy().deploy(w, cut{}).expect(t, "the deployment", 0)
		w.run(cut{}, "rollback").expect(t, "the rollback", 0)
		w.same(before, w.everything())
	})
}

// newAlias deploys a new alias beta of a function that existed before.
func newAlias() scenario {
	s := firstDeploy()
	s.before, s.args = published, append(s.args[:len(s.args)-1], "live,beta")
	return s
}

// TestANewAliasThatOthersUseIsNotDeleted rolls the rest of the function back all
// the same.
func TestANewAliasThatOthersUseIsNotDeleted(t *testing.T) {
	for _, a := range every(2, attachments("beta"), 0) {
		t.Run(a.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				newAlias().prepare(w)
				before := w.parts()
				newAlias().deploy(w, cut{}).expect(t, "the deployment", 0)
				a.attach(w)
				theirs := w.parts()
				w.run(cut{}, "rollback").expect(t, "the rollback", 4, "alias beta was not rolled back: in use: ", a.says, "lambda-rollout rollback --journal ")
				w.onlyBetaStays(before, theirs)
				w.keeps(w.everything(), 4, "alias beta was not rolled back: in use: ", a.says)
			})
		})
	}
}

// onlyBetaStays fails where what belongs to alias beta is not as others left it,
// or anything else is not as before.
func (w *world) onlyBetaStays(before, theirs map[string]string) {
	w.t.Helper()
	want := map[string]string{}
	for name, part := range before {
		want[name] = part
	}
	for name, part := range theirs {
		if strings.HasSuffix(name, ".beta") {
			want[name] = part
		}
	}
	if want["Aliases.beta"] == "" {
		w.t.Fatal("there is no alias beta")
	}
	if diff := cmp.Diff(want, w.parts()); diff != "" {
		w.t.Errorf("the state after the rollback (-want +got):\n%s", diff)
	}
}

// TestWhatIsAttachedElsewhereDoesNotKeepANewAlias attaches everything to the
// function and to an alias that existed before.
func TestWhatIsAttachedElsewhereDoesNotKeepANewAlias(t *testing.T) {
	for _, a := range every(5, attachments("", "live"), 1) {
		if a.name == "another version" || a.name == "code signing configuration" {
			continue // a change of $LATEST, or of what a deployment may set, is a test of its own
		}
		t.Run(a.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				newAlias().prepare(w)
				newAlias().deploy(w, cut{}).expect(t, "the deployment", 0)
				a.attach(w)
				w.run(cut{}, "rollback").expect(t, "the rollback", 0)
				if _, kept := w.parts()["Aliases.beta"]; kept {
					t.Error("alias beta is still there")
				}
			})
		})
	}
}

// question is a call that a rollback makes before it deletes something.
type question struct {
	operation string
	// function is whether only the function itself is asked about.
	function bool
}

var questions = []question{
	{"ListAliases", true}, {"ListVersionsByFunction", true}, {"GetFunctionCodeSigningConfig", true}, {"GetFunctionConcurrency", true},
	{"GetFunctionRecursionConfig", true}, {"GetRuntimeManagementConfig", true},
	{"GetPolicy", false}, {"ListFunctionUrlConfigs", false}, {"ListFunctionEventInvokeConfigs", false},
	{"ListEventSourceMappings", false}, {"ListProvisionedConcurrencyConfigs", false},
}

func (q question) denied() awslocal.Fault {
	return awslocal.Fault{
		Operation: q.operation, Count: -1, Action: awslocal.Error, Status: 403, Code: "AccessDeniedException",
		Message: "User: arn:aws:iam::000000000000:user/ci is not authorized to perform: lambda:" + q.operation + " on resource: " + functionARN + " because no identity-based policy allows the lambda:" + q.operation + " action",
	}
}

// TestWhatCannotBeLookedAtIsNotDeleted denies each question: the plan warns, and
// the rollback deletes nothing until it may ask.
func TestWhatCannotBeLookedAtIsNotDeleted(t *testing.T) {
	for _, q := range every(3, questions, 0) {
		for name, s := range map[string]scenario{"function f": firstDeploy(), "alias beta": newAlias()} {
			if q.function && name != "function f" {
				continue
			}
			t.Run(name+", "+q.operation, func(t *testing.T) {
				bubble(t, func(t *testing.T) { q.keeps(t, name, s) })
			})
		}
	}
}

func (q question) keeps(t *testing.T, subject string, s scenario) {
	w := newWorld(t)
	s.prepare(w)
	before := w.dump()
	permission := "no permission for lambda:" + q.operation
	struck := w.inject(q.denied())
	w.run(cut{}, append([]string{"plan"}, s.args...)...).expect(t, "the plan", 0, "a rollback would not delete what this deployment creates", permission)
	await(t, "the denied question", struck)
	s.deploy(w, cut{}).expect(t, "the deployment", 0, permission)
	w.run(cut{}, "rollback").expect(t, "the rollback", 4, subject+" was not rolled back: ", permission, "lambda-rollout rollback --journal ")
	w.keeps(w.everything(), 4, subject+" was not rolled back: ", permission)
	w.ClearFaults()
	w.run(cut{}, "rollback").expect(t, "the rollback that may ask", 0)
	w.same(before, w.dump())
}
