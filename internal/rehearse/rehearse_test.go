package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/gate"
	"github.com/lambda-rollout/lambda-rollout/internal/glob"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
	"github.com/lambda-rollout/lambda-rollout/internal/verify"
)

// secret stands in an environment and must not be in the copy.
const secret = "canary-7d41"

// real is the AWS that is rehearsed against: with its quotas, and a function at version
// 2 that shares the traffic of its alias.
func real(t *testing.T) *awstest.AWS {
	t.Helper()
	a := awstest.StartInProcess(t, awslocal.Options{Quotas: true})
	c, ctx := a.Lambda(), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	awstest.CreateFunction(t, c, "shop")
	publish := func(memory int32) string {
		_, err := c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
			FunctionName: aws.String("shop"), MemorySize: &memory, Environment: &types.Environment{Variables: map[string]string{"SECRET": secret, "SAME": secret}},
		})
		must(err)
		v, err := c.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: aws.String("shop")})
		must(err)
		return *v.Version
	}
	one, two := publish(256), publish(512)
	_, err := c.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: aws.String("shop"), Name: aws.String("live"), FunctionVersion: &two, Description: aws.String("to customers"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{one: 0.25}},
	})
	must(err)
	_, err = c.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: aws.String("shop"), Qualifier: aws.String("live"), StatementId: aws.String("api"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("apigateway.amazonaws.com"),
	})
	must(err)
	_, err = c.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("shop"), MaximumEventAgeInSeconds: aws.Int32(60)})
	must(err)
	_, err = c.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigInput{FunctionName: aws.String("shop"), RecursiveLoop: types.RecursiveLoopAllow})
	must(err)
	_, err = c.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigInput{FunctionName: aws.String("shop"), UpdateRuntimeOn: types.UpdateRuntimeOnFunctionUpdate})
	must(err)
	_, err = c.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String("shop"), Qualifier: aws.String("1")})
	if err == nil {
		t.Fatal("version 1 has traffic")
	}
	time.Sleep(5 * time.Second) // AWS counts these calls, too
	a.ResetCalls()
	return a
}

// copied is the copy of a deployment of new code, memory and environment.
func copied(t *testing.T, a *awstest.AWS, function string, how ...func(*deploy.Options)) *Copy {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("function.yaml", "functionName: "+function+"\nruntime: python3.12\nhandler: index.handler\nmemorySize: 128\nrole: "+awstest.Role+"\nenvironment: {variables: {SECRET: "+secret+", SAME: other}}\n")
	write("settings.yaml", "recursiveLoop: Terminate\nruntimeManagement: {updateRuntimeOn: Auto}\neventInvokeConfig: [{maximumEventAgeInSeconds: 90}]\n")
	write("code/index.py", "two")
	files, closeFiles, err := service.OpenFiles(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	set, problems := service.Load(service.Options{Files: files, Definitions: []string{"function.yaml"}, Settings: []string{"settings.yaml"}, Aliases: []string{"live"}, Artifact: filepath.Join(dir, "code"), Now: time.Now, Serialised: true})
	if err := closeFiles(); err != nil || problems.Err() != nil {
		t.Fatal(err, problems)
	}
	reader := NewReader()
	c, err := deploy.Connect(t.Context(), deploy.Access{Timing: timing.Default(), Session: session.Options{
		Region: awstest.Region, AccessKeyID: awstest.Key, SecretAccessKey: "secret", Endpoint: a.URL, HTTPClient: a.HTTP, Wrap: reader.Wrap,
		LookupEnv: func(name string) (string, bool) {
			if name == "AWS_CONFIG_FILE" || name == "AWS_SHARED_CREDENTIALS_FILE" {
				return os.DevNull, true
			}
			return "", false
		},
	}}, "")
	if err != nil {
		t.Fatal(err)
	}
	o := deploy.Options{
		MaxParallel: 4, Environment: "replace", Traffic: traffic.AllAtOnce(), Marker: plan.Marker{Run: "rehearsed"},
		Folders: deploy.Folders{Workspace: dir, Temp: t.TempDir()}, Watch: deploy.Watch{Guard: deploy.Guard{Off: true}},
	}
	for _, change := range how {
		change(&o)
	}
	targets, err := deploy.Resolve(t.Context(), c, set, o)
	if err != nil {
		t.Fatal(err)
	}
	planned, err := deploy.Plan(t.Context(), targets, deploy.Work{Events: event.Discard{}, Now: time.Now, Timing: timing.Default(), MaxParallel: 4, Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	out, err := NewCopy(t.Context(), reader, targets, planned, Code{Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
	return out
}

// rehearsal runs f in virtual time, with a copy.
func rehearsal(t *testing.T, function string, f func(t *testing.T, a *awstest.AWS, c *Copy)) {
	t.Helper()
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := real(t)
		f(t, a, copied(t, a, function))
	})
}

var full = flag.Bool("full", false, "play every scenario, not a sample of them")

func options(t *testing.T) Options {
	o := Options{MaxTime: time.Hour, Temp: t.TempDir(), every: 53}
	if *full {
		o.every = 1
	}
	return o
}

// The copy shows what the real AWS shows, and no secret; making it changes nothing.
func TestACopyIsWhatExistsWithoutItsSecrets(t *testing.T) {
	rehearsal(t, "shop", func(t *testing.T, a *awstest.AWS, c *Copy) {
		for _, call := range a.Calls() {
			if call.Changed || call.Operation == "UpdateFunctionCode" {
				t.Errorf("it made the call %s", call.Operation)
			}
		}
		p := player{copy: c, options: options(t)}
		w, err := p.world()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.aws.Close() }()
		text, err := w.state()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, secret) {
			t.Errorf("the copy holds a secret: %s", text)
		}
		var state map[string]struct {
			Latest struct {
				Config struct {
					MemorySize  int
					Environment struct{ Variables map[string]string }
				}
			}
			Aliases map[string]struct {
				FunctionVersion, Description string
				Weights                      map[string]float64
			}
			Policies    map[string]any
			EventInvoke map[string]struct{ MaximumEventAgeInSeconds int }
			Runtimes    map[string]struct{ UpdateRuntimeOn string }
			Recursion   string
		}
		if err := json.Unmarshal([]byte(text), &state); err != nil {
			t.Fatal(err)
		}
		f := state["us-east-1/shop"]
		variables, live := f.Latest.Config.Environment.Variables, f.Aliases["live"]
		if len(variables["SECRET"]) != len(secret) || variables["SECRET"] != variables["SAME"] {
			t.Errorf("the placeholders are %q", variables)
		}
		if f.Recursion != "Allow" || f.Runtimes["$LATEST"].UpdateRuntimeOn != "FunctionUpdate" || f.EventInvoke["$LATEST"].MaximumEventAgeInSeconds != 60 {
			t.Errorf("the settings of the copy are %+v", f)
		}
		if f.Latest.Config.MemorySize != 512 || live.FunctionVersion != "2" || live.Weights["1"] != 0.25 || live.Description != "to customers" || f.Policies["live"] == nil {
			t.Errorf("the copy is %s", text)
		}
	})
}

func TestEveryPlayOfADeploymentEndsExactOrDocumented(t *testing.T) {
	for _, function := range []string{"shop", "fresh"} {
		t.Run(function, func(t *testing.T) {
			rehearsal(t, function, func(t *testing.T, a *awstest.AWS, c *Copy) {
				r, err := Play(t.Context(), c, options(t))
				if err != nil {
					t.Fatal(err)
				}
				total := r.Total()
				if len(r.Wrong) > 0 || total.Exact+total.Documented != total.Played || total.Played < 5 {
					t.Errorf("%+v\n%+v", total, r.Wrong)
				}
				for _, group := range groups {
					if group == groupJudged || group == groupHanded {
						continue // see below
					}
					if !slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Scenario == group.title && row.Played > 0 }) {
						t.Errorf("nothing of %q", group.title)
					}
				}
				if slices.ContainsFunc(a.Calls(), func(c awslocal.Call) bool { return c.Changed }) {
					t.Error("the rehearsal changed something")
				}
			})
		})
	}
}

// Nobody can change a function that is not there yet: its play is none.
func TestAStrangerCannotChangeWhatIsNotThereYet(t *testing.T) {
	rehearsal(t, "fresh", func(t *testing.T, _ *awstest.AWS, c *Copy) {
		p := &player{copy: c, options: options(t)}
		if _, err := p.measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := p.strangers()
		for i, s := range all[:p.sent] {
			// CreateFunction is one of the last calls.
			if i < p.sent-5 {
				continue
			}
			if v, err := p.one(t.Context(), s); err != nil || v.kind == wrong {
				t.Errorf("%s: %+v %v", s.id(), v, err)
			}
		}
	})
}

// A deployment that is watched ends wherever it is to end: by verify, by each gate, and in
// each stage by an alarm, by the guard and by a signal.
func TestEveryJudgementIsPlayed(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := real(t)
		ask, err := gate.ParseDestination("arn:aws:lambda:us-east-1:000000000000:function:gate")
		if err != nil {
			t.Fatal(err)
		}
		everything, err := glob.Parse("*")
		if err != nil {
			t.Fatal(err)
		}
		c := copied(t, a, "shop", func(o *deploy.Options) {
			o.Traffic = traffic.Schedule{{Percent: 10, Wait: 5 * time.Minute}, {Percent: 50, Wait: time.Minute}, {Percent: 100}}
			o.Watch = deploy.Watch{
				Guard:  deploy.Guard{Tolerance: -1, MinInvocations: 50},
				Alarms: []deploy.Alarm{{Name: "high"}},
				Gates:  deploy.Gates{All: []gate.Gate{{Moment: gate.BeforeStage, To: ask}, {Moment: gate.AfterTraffic, To: ask}}, Timeout: time.Minute},
			}
			o.Verify = []verify.Case{{Name: "one", Functions: everything, Payload: []byte(`{"a":1}`), Want: verify.Succeeds{Contains: []any{map[string]any{"ok": true}}}}}
		})
		p := &player{copy: c, options: options(t)}
		if _, err := p.measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		var names []string
		for i, s := range p.judgements() {
			names = append(names, s.name)
			if !*full && i%4 > 0 {
				continue
			}
			v, err := p.one(t.Context(), s)
			if err != nil || v.kind != exact {
				t.Errorf("%s: %+v %v", s.id(), v, err)
			}
		}
		want := []string{
			"verify", "gate-1:no", "gate-1:silent", "gate-2:no", "gate-2:silent", "gate-3:no", "gate-3:silent", "gate-4:no", "gate-4:silent",
			"stage-1:stopped", "stage-1:alarm:high", "stage-1:guard-bad", "stage-1:guard-inconclusive", "stage-1:guard-blind",
			"stage-2:stopped", "stage-2:alarm:high", "stage-2:guard-bad", "stage-2:guard-inconclusive", "stage-2:guard-blind",
		}
		if !slices.Equal(names, want) {
			t.Errorf("the plays are %q", names)
		}
	})
}

// A rehearsal that a signal ends has shown nothing.
func TestARehearsalThatIsStoppedIsNoSuccess(t *testing.T) {
	rehearsal(t, "shop", func(t *testing.T, _ *awstest.AWS, c *Copy) {
		p := &player{copy: c, options: Options{MaxTime: time.Hour, Temp: t.TempDir()}}
		ctx, stop := context.WithCancelCause(t.Context())
		why := errors.New("a signal")
		played := 0
		err := p.playAll(ctx, []scenario{{groupLost, "one", func(context.Context, *world) (verdict, error) {
			played++
			stop(why)
			return verdict{}, nil
		}}}, &Result{})
		if !errors.Is(err, why) || played > 1 {
			t.Errorf("%d plays, then %v", played, err)
		}
	})
}

// forgetful loses the intents that are recorded before a call goes out.
type forgetful struct{ journal.Store }

func (f forgetful) Append(ctx context.Context, target int, line []byte) error {
	if strings.Contains(string(line), `"intent"`) {
		return nil
	}
	return f.Store.Append(ctx, target, line)
}

// An engine that does not record what it is about to do is found, and the play that shows
// it is named.
func TestABrokenRuleOfTheEngineIsFoundAndNamed(t *testing.T) {
	rehearsal(t, "shop", func(t *testing.T, _ *awstest.AWS, c *Copy) {
		o := options(t)
		o.every = 0
		o.store = func(s journal.Store) journal.Store { return forgetful{s} }
		o.Plays = []string{"killed:before-call-1", "killed:before-answer-1"}
		r, err := Play(t.Context(), c, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Total().Played != 2 || len(r.Wrong) != 1 || r.Wrong[0].Play != "killed:before-answer-1" || !strings.Contains(r.Wrong[0].Detail, "us-east-1/shop") {
			t.Errorf("%+v", r)
		}
	})
}

func TestAReaderLetsNoChangeThrough(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := real(t)
		c := lambda.NewFromConfig(a.Config(awstest.Region, awstest.Key), func(o *lambda.Options) { o.HTTPClient = NewReader().Wrap(a.HTTP) })
		if _, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("shop")}); err != nil {
			t.Error(err)
		}
		_, err := c.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: aws.String("shop"), Name: aws.String("live")})
		if err == nil || !strings.Contains(err.Error(), "a rehearsal only reads") {
			t.Errorf("DeleteAlias: %v", err)
		}
		_, err = c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("shop"), DryRun: true, ZipFile: []byte("x")})
		if err == nil || !strings.Contains(err.Error(), "a rehearsal only reads") {
			t.Errorf("a dry run: %v", err)
		}
		if slices.ContainsFunc(a.Calls(), func(c awslocal.Call) bool { return c.Changed }) {
			t.Error("something changed")
		}
	})
}
