package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// With slow answers and many functions the last question is asked as patiently
// as the first one.
func TestEveryFunctionIsAskedAboutWithAClockOfItsOwn(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		var definitions []string
		for i := range 6 {
			name := fmt.Sprintf("f%d.yaml", i)
			f.write(name, definitionOf(fmt.Sprintf("f%d", i), ""))
			definitions = append(definitions, name)
		}
		f.mustDeploy(definitions...)
		f.write("code/index.js", "2")
		f.options.MaxParallel = 1
		f.terms.AllowPartial = true
		var slow atomic.Int32
		for i := range 5 {
			f.aws.Inject(awslocal.Fault{Operation: "GetProvisionedConcurrencyConfig", Path: fmt.Sprintf("/f%d/", i), Action: awslocal.Delay, Delay: 14 * time.Second, Fired: func() { slow.Add(1) }})
		}
		f.aws.Inject(awslocal.Fault{Operation: "GetProvisionedConcurrencyConfig", Path: "/f5/", Action: awslocal.Error, Status: 403, Code: "AccessDeniedException",
			Message: "User: arn:aws:iam::000000000000:user/ci is not authorized to perform: lambda:GetProvisionedConcurrencyConfig on resource: f5"})
		began := time.Now()
		_, err := f.deploy(f.Context(), definitions...)
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "lambda:GetProvisionedConcurrencyConfig") {
			f.Errorf("ends with %v", err)
		}
		if slow.Load() != 5 || time.Since(began) < questionTimeout {
			f.Errorf("%d slow answers in %s: the test shows nothing", slow.Load(), time.Since(began))
		}
	})
}

func TestWhatAWSWouldRefuseIsRefusedBeforehand(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.write("function.yaml", "functionName: shop\nrole: arn:aws:iam::000000000000:role/function\npackageType: Image\n")
		f.artifact = imageRepository + ":latest"
		f.push("1")
		f.saved = nil
		_, err := f.deploy(f.Context(), "function.yaml")
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "function shop: ") || len(f.saved) > 0 {
			f.Errorf("ends with %v", err)
		}
		if err := Refused(f.plan("function.yaml"), Terms{AllowPartial: true}); err == nil {
			f.Error("allow-partial-rollback does not make AWS take it")
		}
	})
}

// What somebody changed in $LATEST and the deployment publishes is reported before.
func TestDriftThatGoesLiveIsLogged(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.update(timeout(7))
		f.update(func(in *lambda.UpdateFunctionConfigurationInput) { in.MemorySize = aws.Int32(512) })
		f.write("function.yaml", definitionOf("shop", "memorySize: 256\n"))
		f.mustDeploy()
		f.logged("$LATEST was changed since version 1, to which the alias points, was published; this goes live with the deployment: Timeout 3 → 7\n")
		before := f.log.String()
		f.write("function.yaml", definitionOf("shop", "memorySize: 128\n"))
		f.mustDeploy()
		if after := strings.TrimPrefix(f.log.String(), before); strings.Contains(after, "goes live") {
			f.Errorf("nothing drifted since:\n%s", after)
		}
	})
}

// With 200 functions one cause is one line.
func TestOneCauseIsReportedOnce(t *testing.T) {
	t.Parallel()
	var names []name
	for i := range 200 {
		names = append(names, name(fmt.Sprintf("f%d", i)))
	}
	var began sync.WaitGroup
	began.Add(len(names))
	err := each(t.Context(), len(names), names, func(_ context.Context, n name) error {
		began.Done()
		began.Wait()
		switch {
		case n == "f7":
			return errors.New("something else")
		case strings.HasSuffix(string(n), "9"):
			return fmt.Errorf("find function %s: %w", n, session.ExpiredCredentials{Err: errors.New("ExpiredToken")})
		}
		return errors.New("it rains")
	})
	want := "f0, f1, f2 and 176 more: it rains\nf7: something else\n" + session.ExpiredCredentials{Err: errors.New("ExpiredToken")}.Error()
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestAMissingRegionIsReportedOnce(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.access.Session.Region = ""
		var definitions []string
		for i := range 10 {
			file := fmt.Sprintf("f%d.yaml", i)
			f.write(file, definitionOf(fmt.Sprintf("f%d", i), ""))
			definitions = append(definitions, file)
		}
		_, err := f.deploy(f.Context(), definitions...)
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.HasPrefix(err.Error(), "no AWS Region") || strings.Contains(err.Error(), "\n") {
			f.Errorf("ends with %v", err)
		}
	})
}

// One question for each set of credentials and Region, in the order of the targets; gates
// are invoked as the run itself.
func TestIAMIsAskedOnceForEachCallerInTheOrderOfTheTargets(t *testing.T) {
	t.Parallel()
	at := func(region, connector, endpoint string, steps ...plan.Step) Planned {
		return Planned{
			Target: Target{At: journal.Target{Function: "f", Account: "111122223333", Partition: "aws", Region: region, Connector: connector, Endpoint: endpoint}},
			Plan:   plan.Plan{Steps: steps},
		}
	}
	function, err := gate.ParseDestination("arn:aws:lambda:eu-west-1:111122223333:function:gate")
	if err != nil {
		t.Fatal(err)
	}
	gates := Gates{All: []gate.Gate{{Moment: gate.BeforeStage, To: function}}, Connection: &Connection{}}
	code := plan.UpdateCode{}
	for name, tc := range map[string]struct {
		planned []Planned
		gates   Gates
		want    []string
	}{
		"two Regions, two roles": {planned: []Planned{at("z", "", "", code), at("a", "x", "", code), at("z", "", "", code), at("a", "", "", code)}, want: []string{"z", "a", "a"}},
		"nothing to do":          {planned: []Planned{at("z", "", ""), at("a", "", "", code)}, want: []string{"a"}},
		"embedded":               {planned: []Planned{at("z", "", journal.LocalEndpoint+"/w", code)}, gates: gates},
		"gates":                  {planned: []Planned{at("z", "x", "", code), at("a", "", "", code)}, gates: Gates{All: gates.All}, want: []string{"z", "a, and the gate"}},
		"gates of connectors":    {planned: []Planned{at("z", "x", "", code)}, gates: gates, want: []string{"z", "z, and the gate"}},
	} {
		tc.planned[0].Watch.Gates = tc.gates
		var got []string
		for _, q := range (checker{}).questions(tc.planned) {
			text := q.Region
			if slices.ContainsFunc(q.Needs, func(n policy.Need) bool { return n.Action == "lambda:InvokeFunction" }) {
				text += ", and the gate"
			}
			got = append(got, text)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
