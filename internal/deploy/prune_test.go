package deploy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

// versions creates a durable function with that many versions, of which live points
// to the last, and lets a year pass.
func (f *fixture) versions(name string, count int32) {
	f.Helper()
	_, err := f.lambda.CreateFunction(f.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(awstest.Role), Runtime: types.RuntimePython312, Handler: aws.String("index.handler"),
		Code:          &types.FunctionCode{ZipFile: awstest.Zip(f, "index.py", "1")},
		DurableConfig: &types.DurableConfig{ExecutionTimeout: aws.Int32(60), RetentionPeriodInDays: aws.Int32(1)},
	})
	version := ""
	for n := int32(0); n < count && err == nil; n++ {
		var out *lambda.PublishVersionOutput
		if _, err = f.lambda.UpdateFunctionConfiguration(f.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &name, MemorySize: aws.Int32(128 + n)}); err == nil {
			if out, err = f.lambda.PublishVersion(f.Context(), &lambda.PublishVersionInput{FunctionName: &name}); err == nil {
				version = *out.Version
			}
		}
	}
	if err == nil {
		_, err = f.lambda.CreateAlias(f.Context(), &lambda.CreateAliasInput{FunctionName: &name, Name: aws.String("live"), FunctionVersion: &version})
	}
	if err != nil {
		f.Fatal(err)
	}
	time.Sleep(365 * 24 * time.Hour)
}

func (f *fixture) pruning(runs ...journal.RunState) Pruning {
	return Pruning{Keep: 1, Runs: runs, Now: time.Now, MaxParallel: 4}
}

func (f *fixture) planPrune(pattern string, how Pruning) ([]*Pruned, error) {
	c, err := Connect(f.Context(), f.access, "")
	if err != nil {
		return nil, err
	}
	return PlanPrune(f.Context(), c, pattern, how)
}

// left are the versions that a function has.
func (f *fixture) left(name string) []string {
	f.Helper()
	out, err := f.lambda.ListVersionsByFunction(f.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: &name})
	if err != nil {
		f.Fatal(err)
	}
	var numbers []string
	for _, v := range out.Versions[1:] {
		numbers = append(numbers, *v.Version)
	}
	return numbers
}

func TestPruneKeepsWhatAWSShowsInUse(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.versions("shop", 8)
		name := aws.String("shop")
		if _, err := f.lambda.UpdateAlias(f.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"),
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.5}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.lambda.PutProvisionedConcurrencyConfig(f.Context(), &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: name, Qualifier: aws.String("3"), ProvisionedConcurrentExecutions: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.lambda.AddPermission(f.Context(), &lambda.AddPermissionInput{FunctionName: name, Qualifier: aws.String("4"), StatementId: aws.String("api"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("apigateway.amazonaws.com")}); err != nil {
			t.Fatal(err)
		}
		if err := f.aws.StartExecution(awstest.Account, awstest.Region, "shop", "5"); err != nil {
			t.Fatal(err)
		}
		at := journal.Target{Function: "shop", Region: awstest.Region, Account: awstest.Account}
		holding := journal.RunState{State: journal.Open, Targets: []journal.TargetLog{{Target: at, Run: "r1", Snapshot: &journal.Snapshot{RestorePoint: "6"}}}}
		settled := journal.RunState{State: journal.RolledBack, Targets: []journal.TargetLog{{Target: at, Run: "r2", Snapshot: &journal.Snapshot{RestorePoint: "7"}}}}
		at.Account = "999999999999"
		foreign := journal.RunState{State: journal.Open, Targets: []journal.TargetLog{{Target: at, Run: "r3", Snapshot: &journal.Snapshot{RestorePoint: "7"}}}}
		found, err := f.planPrune("sh*", f.pruning(holding, settled, foreign))
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
		for number, want := range map[string]string{"2": "live gives it traffic", "3": "provisioned concurrency", "4": "permission api", "5": "durable execution", "6": "run r1", "8": "newest"} {
			for _, d := range found[0].Decisions {
				if d.Number == number && !strings.Contains(strings.Join(d.Reasons, "; "), want) {
					t.Errorf("version %s stays because of %q, want %q", number, d.Reasons, want)
				}
			}
		}
		if err := Prune(f.Context(), found); err != nil {
			t.Fatal(err)
		}
		if got, want := f.left("shop"), []string{"2", "3", "4", "5", "6", "8"}; !slices.Equal(got, want) {
			t.Errorf("left are %q, want %q", got, want)
		}
	})
}

// What AWS does not let go stays, and the rest goes; a failure says what was done.
func TestPruneGoesOnAfterARefusalAndStopsAtAFailure(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.versions("shop", 5)
		found, err := f.planPrune("shop", f.pruning())
		if err != nil {
			t.Fatal(err)
		}
		f.aws.Inject(awslocal.Fault{Action: awslocal.Error, Operation: "DeleteFunction", Status: 400, Code: "InvalidParameterValueException", Message: "Lambda was unable to delete it because it is a replicated function."})
		f.aws.Inject(awslocal.Fault{Action: awslocal.Error, Operation: "DeleteFunction", Status: 403, Code: "AccessDeniedException", Message: "no", Nth: 3})
		err = Prune(f.Context(), found)
		var partly *PartlyPrunedError
		if !errors.As(err, &partly) || partly.Deleted != 1 {
			t.Errorf("%v", err)
		}
		if d := found[0].Decisions[0]; !d.Keeps() || !strings.HasPrefix(d.Reasons[0], NotDeleted) || !strings.Contains(d.Reasons[0], "replicated") {
			t.Errorf("version 1: %q", d.Reasons)
		}
		if got, want := f.left("shop"), []string{"1", "3", "4", "5"}; !slices.Equal(got, want) {
			t.Errorf("left are %q, want %q", got, want)
		}
	})
}

func TestPruneNamesFunctionsThatAreNotThere(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.versions("shop", 1)
		for pattern, want := range map[string]string{"lost": "there is no function lost", "lost-*": "no function in us-east-1 matches", "[a": "has no ]", "a b": "may hold letters"} {
			if _, err := f.planPrune(pattern, f.pruning()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", pattern, err, want)
			}
		}
	})
}

func TestFullCodeStorageNamesPrune(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.versions("shop", 1)
		f.aws.Inject(awslocal.Fault{Action: awslocal.Error, Operation: "PublishVersion", Status: 400, Code: "CodeStorageExceededException", Message: "Code storage limit exceeded."})
		c, err := Connect(f.Context(), f.access, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = lambdaapi.New(c.base, awstest.Region, c.timing).PublishVersion(f.Context(), lambdaapi.Publication{Function: "shop"})
		if err == nil || !strings.Contains(err.Error(), "lambda-rollout prune --function '*' --aws-region us-east-1") || lambdaapi.Classify(err) != lambdaapi.Refused {
			t.Errorf("%v", err)
		}
	})
}
