package deploy

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

func TestAPlanOfARollbackChangesNothingAndSaysEverything(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.write("function.yaml", definitionOf("shop", "timeout: 9\n"))
		f.deployCode("2")
		f.aws.ResetCalls()
		planned, err := PlanRollback(f.Context(), f.access, f.journal())
		if err != nil || len(planned) != 1 {
			f.Fatal(err)
		}
		var fields []string
		for _, c := range planned[0].Plan.Changes {
			fields = append(fields, c.Field)
		}
		if got := strings.Join(fields, " "); got != "Aliases.live Code Timeout" {
			f.Errorf("changes %s", got)
		}
		for _, c := range f.aws.Calls() {
			if c.Changed {
				f.Errorf("it called %s", c.Operation)
			}
		}
		if planned[0].Label() != "shop in us-east-1" {
			f.Error(planned[0].Label())
		}
	})
}

// first-deploy: keep settles the journal and leaves the function.
func TestANewFunctionIsKeptWhereItIsAskedFor(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.firstDeploy = "keep"
		f.mustDeploy()
		restored, err := f.rollback()
		if err != nil || !restored[0].Kept || f.alias("live") != "1" || f.journal().State != journal.Kept {
			f.Errorf("%+v, %v; live is %s, the journal %s", restored, err, f.alias("live"), f.journal().State)
		}
		f.logged("first-deploy: keep leaves it as it is")
	})
}

// A target whose turn never came has nothing to roll back; the other one has.
func TestOnlyWhatWasChangedIsRolledBack(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.write("other.yaml", definitionOf("other", ""))
		f.mustDeploy("function.yaml", "other.yaml")
		f.write("function.yaml", definitionOf("shop", "timeout: 9\n"))
		f.aws.Inject(awslocal.Fault{Operation: "UpdateAlias", Path: "/shop/", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"})
		_, err := f.deploy(f.Context(), "function.yaml", "other.yaml")
		var back *RolledBackError
		if !errors.As(err, &back) || len(back.Targets) != 2 || len(back.Targets[1].Changes) > 0 {
			f.Fatalf("ends with %v", err)
		}
		f.logged("[other in us-east-1] Nothing was changed: no rollback data for function other, skipped")
	})
}

func TestARollbackWithoutCredentialsIsBlockedAndSaysHowToGoOn(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		f.access.Session.AccessKeyID = "999999999999"
		_, err := f.rollback()
		var blocked *BlockedError
		if !errors.As(err, &blocked) || blocked.Journal != f.saved[1] || !strings.Contains(err.Error(), RollbackCommand(f.saved[1])) || f.alias("live") != "2" {
			f.Fatalf("ends with %v", err)
		}
		// What a rollback without the journal needs.
		data := blocked.Targets[0].Data
		if data.Function != "shop" || data.Region != "us-east-1" || data.Version != "2" || data.Restore != "1" || data.Aliases["live"] != "1" || blocked.Targets[0].New {
			f.Errorf("data %+v", data)
		}
		f.access.Session.AccessKeyID = "test"
		request := data.Request(true)
		if changed, err := f.manual(request); err != nil || !changed || f.alias("live") != "1" {
			f.Errorf("changed %v, %v; live is %s", changed, err, f.alias("live"))
		}
	})
}

// An account that is not allowed is not touched, whatever the journal says.
func TestARollbackStaysInTheAllowedAccounts(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		f.access.Session.AllowedAccountIDs = []string{"999900001111"}
		_, err := f.rollback()
		var blocked *BlockedError
		if !errors.As(err, &blocked) || !strings.Contains(err.Error(), "which allowed-account-ids does not name") || f.alias("live") != "2" {
			f.Errorf("ends with %v; live is %s", err, f.alias("live"))
		}
		if _, err := PlanRollback(f.Context(), f.access, f.journal()); err == nil {
			f.Error("a plan of it is made")
		}
	})
}

// A part that cannot be restored is named, the rest is.
func TestWhatIsLeftOfARollbackIsNamed(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		f.update(timeout(7)) // by somebody else
		restored, err := f.rollback()
		var incomplete *IncompleteError
		if !errors.As(err, &incomplete) || len(restored[0].Left()) == 0 || f.alias("live") != "1" {
			f.Fatalf("%+v, %v; live is %s", restored, err, f.alias("live"))
		}
		if !strings.Contains(err.Error(), "shop in us-east-1: $LATEST was not rolled back") || f.journal().State != journal.Deployed {
			f.Errorf("ends with %v, the journal %s", err, f.journal().State)
		}
	})
}

func TestErrorsSayWhatRemains(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	restored := Restored{Target: journal.Target{Function: "f", Region: "r"}, Err: errors.New("unreadable")}
	restored.Refused = []plan.Refusal{{Subject: "alias live", Found: "it points to 3", Reason: "not ours"}}
	for want, err := range map[string]error{
		"cause": &NotStartedError{cause},
		"cause\nEverything is as it was before the deployment":                                        &RolledBackError{FailedError: FailedError{cause}},
		"stopped: cause; changes remain; to roll them back, run: lambda-rollout rollback --journal J": &StoppedError{cause, "J"},
		"cause\nthe rollback is not complete:\n  f in r: unreadable\n  f in r: alias live was not rolled back: it points to 3; not ours\nonce that is fixed, run: lambda-rollout rollback --journal J": &IncompleteError{cause, []Restored{restored}, "J"},
		"roll back J: cause\nonce that is fixed, run: lambda-rollout rollback --journal J":                                                                                                             &BlockedError{Journal: "J", Err: cause},
	} {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		if !errors.Is(err, cause) {
			t.Errorf("%q hides its cause", err)
		}
	}
}

// A mapping may name $LATEST as a qualifier; AWS lists it under that name alone.
func TestAMappingOfLatestKeepsTheFunction(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		_, err := f.lambda.CreateEventSourceMapping(f.Context(), &lambda.CreateEventSourceMappingInput{
			FunctionName: aws.String("shop:$LATEST"), EventSourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:orders"),
		})
		if err != nil {
			f.Fatal(err)
		}
		_, err = f.rollback()
		if err == nil || !strings.Contains(err.Error(), "event source mapping") || f.alias("live") != "1" {
			f.Errorf("%v; live is %s", err, f.alias("live"))
		}
	})
}
