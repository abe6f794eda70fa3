package matrix

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

// inputs are those of the step that the tests of post share.
func inputs(more map[string]string) map[string]string {
	return with(map[string]string{"function-definition": "function.json", "artifact": "code", "alias": "live"}, more)
}

// shop is a job whose workspace holds a deployment of code and configuration.
func shop(t *testing.T) (g *github, before string) {
	t.Helper()
	return shopIn(newWorld(t))
}

func shopIn(w *world) (g *github, before string) {
	w.t.Helper()
	before = scenario{before: published, definition: define(`, "memorySize": 256` + newEnvironment), files: map[string]string{"code/bootstrap": "two"}}.prepare(w)
	return newJob(w), before
}

func TestPostPutsBackWhenTheJobAsksForIt(t *testing.T) {
	tests := []struct {
		status, on string
		back       bool
	}{
		{"failure", "failure, cancelled", true},
		{"cancelled", "failure, cancelled", true},
		{"", "failure, cancelled", true},
		{"success", "failure, cancelled", false},
		{"failure", "failure", true},
		{"cancelled", "failure", false},
		{"failure", "cancelled", false},
		{"cancelled", "cancelled", true},
		{"failure", "never", false},
		{"cancelled", "never", false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s with rollback-on %s", tt.status, tt.on), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, before := shop(t)
				step := g.use("__lambda-rollout_lambda-rollout", inputs(map[string]string{"rollback-on": tt.on}))
				g.do(step.main()).expect(t, "main", 0)
				deployed := g.dump()
				want := deployed
				if tt.back {
					want = before
				}
				g.do(step.post(tt.status)).expect(t, "post", 0)
				g.same(want, g.dump())
				g.do(step.post(tt.status)).expect(t, "a second post", 0, "nothing to roll back")
				g.same(want, g.dump())
				g.noTraceOfTheCanary(step)
			})
		})
	}
}

// noTraceOfTheCanary looks through what a step left on the runner.
func (g *github) noTraceOfTheCanary(steps ...*use) {
	g.t.Helper()
	g.noSecretOnDisk()
	for _, u := range steps {
		for _, kind := range []string{"state", "output", "summary"} {
			if content, err := os.ReadFile(u.file(kind)); err == nil {
				g.noSecret(kind, content)
			}
		}
	}
	journals, err := filepath.Glob(filepath.Join(g.temp, "*.jsonl"))
	g.must(err)
	if len(journals) == 0 {
		g.t.Error("no journal lies under RUNNER_TEMP")
	}
	for _, path := range journals {
		content, err := os.ReadFile(path)
		g.must(err)
		g.noSecret(path, content)
	}
	if _, err := os.Stat(filepath.Join(g.dir, ".lambda-rollout")); err == nil {
		g.t.Error("something lies in the workspace")
	}
}

func TestPostFindsASettledJournalAfterADeployThatFailedByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, before := shop(t)
		g.Inject(awslocal.Fault{Operation: "UpdateAlias", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"})
		step := g.use("deploy", inputs(nil))
		g.do(step.main()).expect(t, "main", 1, "no")
		g.same(before, g.dump())
		g.ResetCalls()
		g.do(step.post("failure")).expect(t, "post", 0, "nothing to roll back")
		if calls := g.Calls(); len(calls) != 0 {
			t.Errorf("post made calls: %v", calls)
		}
	})
}

func TestPostWithoutStateDoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, _ := shop(t)
		step := g.use("deploy", inputs(map[string]string{"function-definition": "missing.json"}))
		g.do(step.main()).expect(t, "main", 3)
		g.do(step.post("failure")).expect(t, "post", 0, "nothing to roll back")
	})
}

func TestPostSaysThatTheJournalOfMainIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, _ := shop(t)
		step := g.use("deploy", inputs(nil))
		g.do(step.main()).expect(t, "main", 0)
		post := step.post("failure")
		g.must(os.Remove(post.env["STATE_journal"]))
		g.do(post).expect(t, "post", 4, "the journal that the deployment left is gone")
	})
}

func TestPostPutsBackWhatAMainThatDiedLeft(t *testing.T) {
	for _, c := range []cut{{beforeAnswer, 1}, {beforeAnswer, 3}, {beforeAnswer, 4}, {tornWrite, 3}} {
		t.Run(fmt.Sprint(c.Where, c.At), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, before := shop(t)
				step := g.use("deploy", inputs(nil))
				main := step.main()
				main.cut = c
				g.do(main).expect(t, "main", killed)
				g.do(step.post("failure")).expect(t, "post", 0, "Starting Rollback..")
				g.same(before, g.dump())
				g.noTraceOfTheCanary(step)
			})
		})
	}
}

// TestPostStopsAMainThatLivesOn is the runner's cancel: it ends the docker
// client, and main's container lives on beside post.
func TestPostStopsAMainThatLivesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, before := shop(t)
		step := g.use("deploy", inputs(nil))
		updating := g.inject(awslocal.Fault{Operation: "UpdateFunctionConfiguration", Action: awslocal.Delay, Delay: 600 * time.Millisecond})
		main := g.start(step.main())
		await(t, "UpdateFunctionConfiguration", updating)
		post := g.start(step.post("cancelled"))
		main.end().expect(t, "main", 5, "another process asked this run to stop")
		post.end().expect(t, "post", 0, "Starting Rollback..")
		g.same(before, g.dump())
	})
}

func TestPostsOfTwoUsesInOneJobPutBackTheLastFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, before := shop(t)
		first := g.use("deploy", inputs(nil))
		second := g.use("deploy2", inputs(map[string]string{"alias": "live,beta"}))
		g.do(first.main()).expect(t, "the first main", 0)
		between := g.dump()
		g.write(map[string]string{"code/bootstrap": "three", "function.json": define(`, "memorySize": 512, "tags": {"team": "c"}`)})
		g.do(second.main()).expect(t, "the second main", 0)
		g.do(second.post("failure")).expect(t, "the second post", 0)
		g.same(between, g.dump())
		g.do(first.post("failure")).expect(t, "the first post", 0)
		g.same(before, g.dump())
	})
}

// TestPostUnderAct has no STATE_ and, of the inputs, only what is under
// with:.
func TestPostUnderAct(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, before := shop(t)
		g.job["ACT"] = "true"
		step := g.use("deploy", inputs(nil))
		g.do(step.main()).expect(t, "main", 0)
		post := step.post("")
		for name := range post.env {
			given := step.with[strings.ToLower(strings.TrimPrefix(name, "INPUT_"))] != ""
			if strings.HasPrefix(name, "STATE_") || strings.HasPrefix(name, "INPUT_") && !given {
				delete(post.env, name)
			}
		}
		g.do(post).expect(t, "post", 0, "Starting Rollback..")
		g.same(before, g.dump())
	})
}

const otherAccount = "111122223333"

func TestPostTellsApartWhatIsWrongWithItsCredentials(t *testing.T) {
	tests := []struct {
		name string
		job  map[string]string
		says string
	}{
		{"wiped", credentialsOf("", "", ""), "another step wiped the job's credentials"},
		{"foreign", credentialsOf(otherAccount, "x", ""), ", but only 000000000000 may be touched"},
		{"expired", nil, "the AWS credentials have expired"},
		{"missing", map[string]string{"AWS_ACCESS_KEY_ID": "unset"}, "no AWS credentials: set role-to-assume"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, _ := shop(t)
				if tt.name == "expired" {
					g.job = g.session()
				}
				step := g.use("deploy", inputs(nil))
				g.do(step.main()).expect(t, "main", 0)
				deployed := g.dump()
				if tt.name == "expired" {
					g.pass(2 * time.Hour)
				} else {
					g.job = tt.job
				}
				g.ResetCalls()
				post := step.post("failure")
				if tt.name == "missing" {
					for name := range credentialsOf("", "", "") {
						delete(post.env, name)
					}
				}
				done := g.do(post)
				done.expect(t, "post", 4, tt.says, "lambda-rollout rollback --journal "+post.env["STATE_journal"])
				for _, c := range g.Calls() {
					if c.Service == "lambda" {
						t.Errorf("post called %s", c.Operation)
					}
				}
				g.same(deployed, g.dump())
			})
		})
	}
}

// session are the variables of a role's session of an hour.
func (w *world) session() map[string]string {
	w.t.Helper()
	client := sts.New(sts.Options{BaseEndpoint: &w.URL, Region: "us-east-1", HTTPClient: w.lambda.Options().HTTPClient, Credentials: w.lambda.Options().Credentials})
	out, err := client.AssumeRole(context.Background(), &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("job")})
	w.must(err)
	return credentialsOf(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
}

// issuer answers as GitHub's token endpoint, and hands every other request on.
type issuer struct {
	minted atomic.Int64
}

func (i *issuer) wrap(next http.Handler) http.Handler {
	encode := base64.RawURLEncoding.EncodeToString
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			next.ServeHTTP(w, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer request-token" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		claims := fmt.Sprintf(`{"iss":"https://token.actions.githubusercontent.com","sub":"repo:octo/shop:ref:refs/heads/main","aud":%q,"exp":%d,"jti":"%d"}`,
			r.URL.Query().Get("audience"), time.Now().Add(5*time.Minute).Unix(), i.minted.Add(1))
		fmt.Fprintf(w, `{"value":"%s.%s.c2ln"}`, encode([]byte(`{"alg":"RS256","typ":"JWT"}`)), encode([]byte(claims)))
	})
}

func TestPostWithARoleMintsItsOwnCredentials(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var tokens issuer
		w := worldOf(t, awstest.StartInProcess(t, awslocal.Options{Pending: pending, InProgress: inProgress}, tokens.wrap))
		w.virtual = true
		g, before := shopIn(w)
		g.job = with(credentialsOf("", "", ""), map[string]string{
			"ACTIONS_ID_TOKEN_REQUEST_URL": g.URL + "/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
		})
		step := g.use("deploy", inputs(map[string]string{"role-to-assume": role}))
		g.do(step.main()).expect(t, "main", 0)
		inMain := tokens.minted.Load()
		// What two hours of other steps do: main's session ends, another action
		// wipes the job's variables.
		g.pass(2 * time.Hour)
		g.do(step.post("failure")).expect(t, "post", 0)
		g.same(before, g.dump())
		if tokens.minted.Load() <= inMain {
			t.Error("post did not mint a token of its own")
		}
	})
}

// A rollback goes where its journal was written, and only where the environment
// does not name another place by then.
func TestARollbackGoesWhereItsJournalWasWrittenOrNowhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, before := shop(t)
		step := g.use("deploy", inputs(nil))
		g.do(step.main()).expect(t, "main", 0)
		deployed := g.dump()
		g.ResetCalls()
		for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA"} {
			g.job = map[string]string{name: "http://elsewhere"}
			g.do(step.post("failure")).expect(t, "post with "+name, 4, "the environment names http://elsewhere")
		}
		if calls := g.Calls(); len(calls) != 0 {
			t.Errorf("calls of a rollback that was refused: %v", calls)
		}
		g.same(deployed, g.dump())
		g.job = map[string]string{"AWS_REGION": "eu-west-1"}
		g.do(step.post("failure")).expect(t, "post", 0)
		g.same(before, g.dump())
	})
}

// TestAJournalWithoutAnEndpointMeansAWSItself lets a step of the job start an
// AWS of its own for tests: a rollback must not go there.
func TestAJournalWithoutAnEndpointMeansAWSItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, _ := shop(t)
		step := g.use("deploy", inputs(nil))
		g.do(step.main()).expect(t, "main", 0)
		post := step.post("failure")
		path := post.env["STATE_journal"]
		content, err := os.ReadFile(path)
		g.must(err)
		g.must(os.WriteFile(path, []byte(strings.Replace(string(content), `"endpoint":"`+g.URL+`"`, `"endpoint":""`, 1)), 0o600))
		g.ResetCalls()
		// Nothing of AWS can be reached from here: the proxy sees to it.
		post.env["HTTPS_PROXY"] = "http://127.0.0.1:9"
		g.do(post).expect(t, "post", 4, "lambda-rollout rollback --journal "+path)
		if calls := g.Calls(); len(calls) != 0 {
			t.Errorf("calls went where the environment pointed: %v", calls)
		}
	})
}

func TestASignalLeavesTheRollbackToPost(t *testing.T) {
	for _, action := range []awslocal.Action{awslocal.Silence, awslocal.SilenceAfter, awslocal.Delay} {
		for _, operation := range []string{"UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias"} {
			t.Run(fmt.Sprint(operation, " ", action), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					g, before := shop(t)
					step := g.use("deploy", inputs(nil))
					arrived := g.inject(awslocal.Fault{Operation: operation, Action: action, Delay: 2 * time.Second})
					main := g.start(step.main())
					await(t, operation, arrived)
					stopped := time.Now()
					g.must(main.signal(os.Interrupt))
					done := main.end()
					if took := time.Since(stopped); took > 6*time.Second {
						t.Errorf("main took %s to stop", took)
					}
					if operation == "UpdateAlias" && action == awslocal.Delay {
						// The last call was answered: the deployment is whole, and what
						// becomes of it is for rollback-on to say.
						done.expect(t, "main", 0)
					} else {
						done.expect(t, "main", 5, "stopped", "lambda-rollout rollback --journal ")
					}
					g.do(step.post("cancelled")).expect(t, "post", 0)
					g.same(before, g.dump())
				})
			})
		}
	}
}

// TestASignalWithoutPostRollsBackAtOnce is a cancel under Woodpecker: SIGTERM,
// and no step afterwards.
func TestASignalWithoutPostRollsBackAtOnce(t *testing.T) {
	for _, operation := range []string{"UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias"} {
		t.Run(operation, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, before := shop(t)
				arrived := g.inject(awslocal.Fault{Operation: operation, Action: awslocal.Delay, Delay: 300 * time.Millisecond})
				main := g.start(process{env: g.plugin("woodpecker", inputs(nil))})
				await(t, operation, arrived)
				g.must(main.signal(syscall.SIGTERM))
				main.end().expect(t, "deploy", 1, "Starting Rollback..")
				g.same(before, g.dump())
			})
		})
	}
}

// plugin is the environment of a plugin's step.
func (g *github) plugin(host string, settings map[string]string) map[string]string {
	g.t.Helper()
	env := g.base()
	recorded, err := os.ReadFile(filepath.Join("..", "host", "testdata", host+".env"))
	g.must(err)
	for line := range strings.Lines(string(recorded)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		_, fixed := env[name]
		if ok && !fixed && !strings.HasPrefix(name, "PLUGIN_") && !strings.HasPrefix(name, "#") {
			env[name] = value
		}
	}
	env["CI_WORKSPACE"], env["DRONE_WORKSPACE"] = g.dir, g.dir
	for name, value := range settings {
		env["PLUGIN_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = value
	}
	return env
}

func TestASecondStepRollsBackUnderWoodpeckerAndDrone(t *testing.T) {
	for _, host := range []string{"woodpecker", "drone"} {
		t.Run(host, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g, before := shop(t)
				g.do(process{env: g.plugin(host, inputs(nil))}).expect(t, "deploy", 0)
				env := g.plugin(host, map[string]string{"command": "rollback"})
				env["CI_STEP_NAME"], env["DRONE_STEP_NAME"] = "rollback", "rollback"
				env["CI_PIPELINE_STATUS"], env["DRONE_BUILD_STATUS"] = "failure", "failure"
				g.do(process{env: env}).expect(t, "rollback", 0, "Starting Rollback..")
				g.same(before, g.dump())
				g.do(process{env: env}).expect(t, "a second rollback", 0, "nothing to roll back")
				g.noSecretOnDisk()
			})
		})
	}
}

func TestPostFinishesARollbackByHandThatWasCutOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, before := shop(t)
		g.do(g.use("deploy", inputs(nil)).main()).expect(t, "deploy", 0)
		step := g.use("night", map[string]string{"command": "rollback", "function": "f", "alias": "live", "latest": "true"})
		main := step.main()
		main.cut = cut{beforeAnswer, 2}
		g.do(main).expect(t, "main", killed)
		g.do(step.post("cancelled")).expect(t, "post", 0)
		served, err := g.lambda.GetAlias(context.Background(), &lambda.GetAliasInput{FunctionName: aws.String("f"), Name: aws.String("live")})
		g.must(err)
		if *served.FunctionVersion != "1" {
			t.Errorf("the alias serves %s", *served.FunctionVersion)
		}
		g.same(before, g.dump())
	})
}
