package deploy

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// weights are the versions that share the traffic of shop's alias live.
func (f *fixture) weights() map[string]float64 {
	f.Helper()
	out, err := f.lambda.GetAlias(f.Context(), &lambda.GetAliasInput{FunctionName: aws.String("shop"), Name: aws.String("live")})
	if err != nil {
		f.Fatal(err)
	}
	if out.RoutingConfig == nil {
		return nil
	}
	return out.RoutingConfig.AdditionalVersionWeights
}

// to asks for a shift to a version; "" is the one that shares the traffic.
func to(version string) Request {
	return Request{Function: "shop", Version: version, Aliases: map[string]string{"live": ""}}
}

func share(percent float64) traffic.Schedule { return traffic.Schedule{{Percent: percent}} }

func TestTrafficShiftsBetweenPublishedVersionsAndBack(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		results, err := f.shift(f.Context(), to("1"), share(30))
		if err != nil || f.alias("live") != "2" || f.weights()["1"] != 0.3 {
			f.Fatalf("%v; live is %s with %v", err, f.alias("live"), f.weights())
		}
		if r := results[0]; r.Version != "1" || r.Previous() != "2" || !r.Changed || r.Pinned() != "" || r.CodeSha256 == "" {
			f.Errorf("result %+v", r)
		}
		// The version that shares the traffic need not be named again.
		if _, err := f.shift(f.Context(), to(""), share(100)); err != nil || f.alias("live") != "1" || len(f.weights()) > 0 {
			f.Fatalf("%v; live is %s with %v", err, f.alias("live"), f.weights())
		}
		if _, err := f.rollback(); err != nil || f.alias("live") != "2" || f.weights()["1"] != 0.3 {
			f.Errorf("%v; live is %s with %v", err, f.alias("live"), f.weights())
		}
	})
}

// A deployment that left the old version its part left its provisioned concurrency to
// the shift, which costs what its budget says.
func TestAShiftToAllReleasesTheOldVersionOnceTheTrafficHasMoved(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.write("settings.yaml", "provisionedConcurrency: {qualifier: live, provisionedConcurrentExecutions: 2, onVersion: true}\n")
		f.settings = []string{"settings.yaml"}
		f.deployCode("1")
		f.options.Traffic = share(10)
		f.deployCode("2")
		if n := f.called("DeleteProvisionedConcurrencyConfig"); n != 0 {
			f.Fatalf("the deployment released %d", n)
		}
		f.aws.ResetCalls()
		results, err := f.shift(f.Context(), to(""), share(100))
		if err != nil || f.called("DeleteProvisionedConcurrencyConfig") != 1 {
			f.Fatalf("%v; %v", err, f.operations())
		}
		var moved bool
		for _, c := range f.aws.Calls() {
			if moved = moved || c.Operation == "UpdateAlias"; c.Operation == "DeleteProvisionedConcurrencyConfig" && !moved {
				f.Error("it was released before the traffic moved")
			}
		}
		// Resolving the shift asks about the alias, and that is not the plan's.
		if b, n := BudgetOf([]Planned{results[0].Planned}), f.budgeted()-1; b.Calls != n {
			f.Errorf("%d calls of a budget of %+v: %v", n, b, f.operations())
		}
		if _, err := f.rollback(); err != nil || f.called("PutProvisionedConcurrencyConfig") != 1 {
			f.Errorf("the rollback: %v; %v", err, f.operations())
		}
	})
}

func TestAShiftThatIsRefusedLeavesEverythingAsItWas(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		f.aws.Inject(awslocal.Fault{Operation: "UpdateAlias", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"})
		_, err := f.shift(f.Context(), to("1"), share(30))
		var failed *FailedError
		if !errors.As(err, &failed) || f.alias("live") != "2" || len(f.weights()) > 0 || f.journal().State != journal.RolledBack {
			f.Errorf("ends with %v; live is %s with %v, the journal %s", err, f.alias("live"), f.weights(), f.journal().State)
		}
	})
}

func TestAShiftThatCannotBeMadeIsNotStarted(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.aliases = []string{"live", "next"}
		f.deployCode("1")
		f.deployCode("2")
		f.deployCode("3")
		both := func(version string) Request {
			return Request{Function: "shop", Version: version, Aliases: map[string]string{"live": "", "next": ""}}
		}
		one := both("1")
		delete(one.Aliases, "next")
		other := both("2")
		delete(other.Aliases, "live")
		for _, r := range []Request{one, other} {
			if _, err := f.shift(f.Context(), r, share(10)); err != nil {
				f.Fatal(err)
			}
		}
		for want, r := range map[string]Request{
			"there is no version 9":                                to("9"),
			"function shop in us-east-1 has no alias no":           {Function: "shop", Version: "1", Aliases: map[string]string{"no": ""}},
			"has no alias gone":                                    {Function: "shop", Version: "1", Aliases: map[string]string{"gone": None}},
			"there is no function nobody":                          {Function: "nobody", Version: "1", Aliases: map[string]string{"live": ""}},
			"share their traffic with different versions, 1 and 2": both(""),
		} {
			_, err := f.shift(f.Context(), r, share(50))
			var not *NotStartedError
			if !errors.As(err, &not) || !strings.Contains(err.Error(), want) {
				f.Errorf("%s: ends with %v", want, err)
			}
		}
		f.point("3")
		if _, err := f.shift(f.Context(), to("3"), share(100)); err != nil {
			f.Fatal(err)
		}
		if _, err := f.shift(f.Context(), to(""), share(50)); err == nil || !strings.Contains(err.Error(), "it shares its traffic with no other version") {
			f.Errorf("ends with %v", err)
		}
	})
}
