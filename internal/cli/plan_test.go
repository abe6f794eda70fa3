package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// bench is a workspace and an embedded AWS that commands run against.
type bench struct {
	t   *testing.T
	dir string
	aws *awslocal.Server
	url string
	// client carries the calls of a bench in a bubble.
	client aws.HTTPClient
	now    func() time.Time
	env    []string
	// limited holds the calls to AWS's rates.
	limited bool
	// stdin is what a user types; interactive reports whether there is one.
	stdin       string
	interactive bool
	signals     chan os.Signal
}

func newBench(t *testing.T, o awslocal.Options) *bench {
	t.Helper()
	server, err := awslocal.New(o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		web.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return benchOf(t, server, web.URL)
}

// virtualBench is a bench in a bubble, where no function can run.
func virtualBench(t *testing.T, o awslocal.Options) *bench {
	t.Helper()
	a := awstest.StartInProcess(t, o)
	b := benchOf(t, a.Server, a.URL)
	b.client = a.HTTP
	return b
}

func benchOf(t *testing.T, server *awslocal.Server, url string) *bench {
	b := &bench{t: t, dir: t.TempDir(), aws: server, url: url}
	b.env = []string{
		"AWS_ENDPOINT_URL=" + url, "AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test-test-test", "HOME=" + b.dir,
	}
	return b
}

// write puts a file into the workspace.
func (b *bench) write(name, content string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// run runs a command in the workspace.
func (b *bench) run(args ...string) (code int, stdout, stderr string) {
	b.t.Helper()
	var out, errs bytes.Buffer
	code = Main(b.t.Context(), b.process(&out, &errs, args...))
	return code, out.String(), errs.String()
}

func (b *bench) process(stdout, stderr io.Writer, args ...string) Process {
	return Process{
		Args: append([]string{"lambda-rollout"}, args...), Env: b.env, Dir: b.dir, Stdout: stdout, Stderr: stderr, Now: b.clock(),
		Stdin: strings.NewReader(b.stdin), Interactive: b.interactive, HTTPClient: b.client, Signals: b.signals, Unlimited: !b.limited,
		Salt: []byte("that of all runs"),
		Timing: timing.Timing{
			Upload: time.Minute, FirstPoll: time.Millisecond, LastPoll: 20 * time.Millisecond, Backoff: time.Millisecond,
			Grace: time.Second, Watch: 10 * time.Millisecond, Propagation: time.Second, StopPoll: time.Millisecond,
		},
		Store: func(root, path string) journal.Store { return journal.NewFileBelow(root, path) },
	}
}

// clock is the machine's, or the one that a test has set.
func (b *bench) clock() func() time.Time {
	if b.now != nil {
		return b.now
	}
	return time.Now
}

// must runs a command that has to succeed.
func (b *bench) must(args ...string) string {
	b.t.Helper()
	code, out, errs := b.run(args...)
	if code != 0 {
		b.t.Fatalf("%v: exit %d\n%s%s", args, code, out, errs)
	}
	return out
}

const minimal = `functionName: hello
runtime: nodejs22.x
handler: index.handler
role: arn:aws:iam::000000000000:role/hello
`

func (b *bench) minimal() []string {
	b.write("function.yaml", minimal)
	b.write("code/index.js", "exports.handler = async () => 1\n")
	return []string{"--function-definition", "function.yaml", "--artifact", "code", "--alias", "live"}
}

// changing are the calls that changed something.
func (b *bench) changing() []string {
	var names []string
	for _, c := range b.aws.Calls() {
		if c.Changed {
			names = append(names, c.Operation)
		}
	}
	return names
}

func TestPlanMakesNoCallThatChangesAnything(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	reads := map[string]bool{
		"GetCallerIdentity": true, "GetFunction": true, "GetAlias": true, "GetFunctionCodeSigningConfig": true,
		"GetFunctionRecursionConfig": true, "GetRuntimeManagementConfig": true,
		"HeadObject": true, "GetObject": true, "DescribeImages": true,
		// Whether a rollback could see who uses what is created.
		"GetPolicy": true, "GetFunctionConcurrency": true, "ListEventSourceMappings": true, "ListFunctionUrlConfigs": true,
		"ListFunctionEventInvokeConfigs": true, "ListProvisionedConcurrencyConfigs": true, "ListAliases": true, "ListVersionsByFunction": true,
	}
	plan := func(state string) {
		t.Helper()
		b.aws.ResetCalls()
		before := len(b.aws.Calls())
		b.must(append([]string{"plan"}, inputs...)...)
		calls := b.aws.Calls()[before:]
		if len(calls) == 0 {
			t.Errorf("%s: no call was made: nothing was observed", state)
		}
		for _, c := range calls {
			if c.Changed || !reads[c.Operation] {
				t.Errorf("%s: plan made the call %s.%s", state, c.Service, c.Operation)
			}
		}
	}
	plan("no function")
	b.must(append([]string{"deploy"}, inputs...)...)
	plan("nothing differs")
	b.write("code/index.js", "exports.handler = async () => 2\n")
	b.write("function.yaml", minimal+"timeout: 9\ntags: {team: web}\nenvironment: {variables: {NAME: value}}\n")
	inputs[len(inputs)-1] = "live,next"
	plan("everything differs")
}

// What AWS fills in by itself is no difference.
func TestPlanAfterDeployOfTheSameFilesIsEmpty(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"minimal":      "",
		"environment":  "environment: {variables: {NAME: b}}\n",
		"nothing set":  "environment: {variables: {}}\nlayers: []\nvpcConfig: {subnetIds: [], securityGroupIds: []}\ndescription: \"\"\nkmsKeyArn: \"\"\ndeadLetterConfig: {targetArn: \"\"}\n",
		"AWS' values":  "timeout: 3\nmemorySize: 128\npackageType: Zip\narchitectures: [x86_64]\ntracingConfig: {mode: PassThrough}\nephemeralStorage: {size: 512}\nsnapStart: {applyOn: None}\nloggingConfig: {logFormat: Text, logGroup: /aws/lambda/hello}\n",
		"logging":      "loggingConfig: {logFormat: JSON}\n",
		"log levels":   "loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG}\n",
		"VPC":          "vpcConfig: {subnetIds: [subnet-2, subnet-1], securityGroupIds: [sg-1]}\n",
		"IPv6":         "vpcConfig: {subnetIds: [subnet-1], securityGroupIds: [sg-1], ipv6AllowedForDualStack: false}\n",
		"dead letters": "deadLetterConfig: {targetArn: \"arn:aws:sqs:eu-central-1:000000000000:dead\"}\n",
		"tags":         "tags: {team: web}\n",
		"no tags":      "tags: {}\n",
		"arm64":        "architectures: [arm64]\n",
		"tracing":      "tracingConfig: {mode: Active}\n",
		"key":          "kmsKeyArn: arn:aws:kms:eu-central-1:000000000000:key/11111111-2222-3333-4444-555555555555\n",
		"file system":  "fileSystemConfigs: [{arn: \"arn:aws:elasticfilesystem:eu-central-1:000000000000:access-point/fsap-12345678901234567\", localMountPath: /mnt/data}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awslocal.Options{})
			inputs := b.minimal()
			b.write("function.yaml", minimal+more)
			b.must(append([]string{"deploy"}, inputs...)...)
			out := b.must(append([]string{"plan", "--exit-code", "--output", "json"}, inputs...)...)
			var got []report.Diff
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].Changed || len(got[0].Changes) != 0 || len(got[0].Drift) != 0 {
				t.Errorf("after a deployment of the same files the plan is not empty: %s", out)
			}
		})
	}
}

func TestPlanExitCode(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	if code, out, _ := b.run(append([]string{"plan", "--exit-code"}, inputs...)...); code != 2 {
		t.Errorf("exit %d, want 2\n%s", code, out)
	}
	if code, out, _ := b.run(append([]string{"plan"}, inputs...)...); code != 0 {
		t.Errorf("without --exit-code: exit %d, want 0\n%s", code, out)
	}
	b.must(append([]string{"deploy"}, inputs...)...)
	if code, out, _ := b.run(append([]string{"plan", "--exit-code"}, inputs...)...); code != 0 {
		t.Errorf("unchanged: exit %d, want 0\n%s", code, out)
	}
}

func TestPlanShowsFilesAndNoValueOfTheEnvironment(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.write("code/old.js", "1\n")
	b.write("function.yaml", minimal+"environment: {variables: {KEPT: hunter1, GONE: hunter2, NEW_VALUE: hunter3}}\n")
	b.must(append([]string{"deploy"}, inputs...)...)
	if err := os.Remove(filepath.Join(b.dir, "code/old.js")); err != nil {
		t.Fatal(err)
	}
	b.write("code/index.js", "exports.handler = async () => 'two'\n")
	b.write("code/lib/new.js", "22\n")
	b.write("function.yaml", minimal+"timeout: 9\nenvironment: {variables: {KEPT: hunter1, NEW_VALUE: hunter4, ADDED: hunter5}}\n")
	out := b.must(append([]string{"plan"}, inputs...)...)
	if strings.Contains(out, "hunter") {
		t.Errorf("a value of the environment is shown:\n%s", out)
	}
	var got []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); !strings.Contains(line, "Code:") {
			got = append(got, line)
		}
	}
	want := []string{
		"hello in eu-central-1: 6 changes by 4 calls",
		"~ Timeout: 3 → 9",
		"+ Environment.Variables.ADDED: set",
		"- Environment.Variables.GONE: removed",
		"~ Environment.Variables.NEW_VALUE: changed",
		"~ index.js (32 B → 36 B)",
		"+ lib/new.js (3 B)",
		"- old.js (2 B)",
		"~ Aliases.live: 1 → new version",
		"calls: UpdateFunctionConfiguration, UpdateFunctionCode, PublishVersion, UpdateAlias live",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What somebody changed by hand since the version that the alias points to is
// marked where the deployment changes it too, and named where it would go live.
func TestPlanMarksDrift(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.must(append([]string{"deploy"}, inputs...)...)
	client := lambda.NewFromConfig(b.config())
	_, err := client.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("hello"), Timeout: aws.Int32(77), MemorySize: aws.Int32(999), Description: aws.String("by hand"),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.write("function.yaml", minimal+"timeout: 9\n")
	var got []report.Diff
	if err := json.Unmarshal([]byte(b.must(append([]string{"plan", "--output", "json"}, inputs...)...)), &got); err != nil {
		t.Fatal(err)
	}
	want := report.Diff{
		Function: "hello", Region: "eu-central-1", Changed: true, Artifact: "code",
		Calls: []string{"PublishVersion (restore point)", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias live"},
		Changes: []report.Line{
			{Op: "~", Field: "Timeout", From: "77", To: "9", Drifted: true, Served: "3"},
			{Op: "~", Field: "Aliases.live", From: "1", To: "new version"},
		},
		Served: "1", Drift: []report.Line{{Op: "~", Field: "MemorySize", From: "128", To: "999"}},
	}
	if diff := cmp.Diff([]report.Diff{want}, got); diff != "" {
		t.Error(diff)
	}
}

// A deployment that could not be undone would not start, and the plan says so.
func TestPlanSaysWhatNoRollbackCouldRestore(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{PolicyEvaluation: true})
	inputs := b.minimal()
	b.must(append([]string{"deploy"}, inputs...)...)
	b.role(policy.Document{Version: "2012-10-17", Statement: []policy.Statement{{Effect: "Allow", Action: []string{"lambda:GetFunction", "lambda:GetAlias"}, Resource: []string{"*"}}}})
	b.write("function.yaml", minimal+"tags: {team: web}\n")
	code, out, errs := b.run(append([]string{"plan", "--role-to-assume", deployer}, inputs...)...)
	if code != 3 || !strings.Contains(out, "cannot be rolled back: the tags cannot be read") || !strings.Contains(errs, "it would not start") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if code, out, _ := b.run(append([]string{"plan", "--allow-partial-rollback", "--role-to-assume", deployer}, inputs...)...); code != 0 || !strings.Contains(out, "cannot be rolled back") {
		t.Errorf("with allow-partial-rollback: exit %d\n%s", code, out)
	}
}

// GitHub drops an output that holds a masked value, so the output plan holds
// neither a secret nor the number of an account.
func TestOutputPlanIsFitForAComment(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.write("function.yaml", minimal+"description: <+secrets.getValue(\"words\")>\n")
	for _, name := range []string{"output", "summary", "state"} {
		b.write(name, "")
	}
	b.env = append(b.env, "GITHUB_ACTIONS=true", "GITHUB_WORKSPACE="+b.dir, "GITHUB_RUN_ID=1", "GITHUB_OUTPUT="+filepath.Join(b.dir, "output"),
		"GITHUB_STEP_SUMMARY="+filepath.Join(b.dir, "summary"), "GITHUB_STATE="+filepath.Join(b.dir, "state"), "RUNNER_TEMP="+b.dir)
	for _, command := range []string{"plan", "deploy"} {
		b.write("output", "")
		b.must(append([]string{command, "--secrets", "words=open-sesame"}, inputs...)...)
		text, err := os.ReadFile(filepath.Join(b.dir, "output"))
		if err != nil {
			t.Fatal(err)
		}
		_, plan, ok := strings.Cut(string(text), "plan<<")
		plan, _, _ = strings.Cut(plan, "rollback-data")
		if !ok || !strings.Contains(plan, "+ Role: arn:aws:iam::***:role/hello") || strings.Contains(plan, "sesame") || !strings.Contains(plan, "+ Description: ***") {
			t.Errorf("%s: %s", command, text)
		}
	}
	page, err := os.ReadFile(filepath.Join(b.dir, "summary"))
	if err != nil || !strings.Contains(string(page), "<details open><summary>hello in eu-central-1: ") || strings.Contains(string(page), "sesame") {
		t.Errorf("summary %v: %s", err, page)
	}
}

// Configuration and code change in two calls, which matters to callers of
// $LATEST alone.
func TestPlanWarnsCallersOfLatest(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.must(append([]string{"deploy"}, inputs...)...)
	b.write("function.yaml", minimal+"timeout: 9\n")
	b.write("code/index.js", "2")
	const warning = "callers of $LATEST see the new configuration with the old code"
	if out := b.must(append([]string{"plan"}, inputs...)...); strings.Contains(out, warning) {
		t.Errorf("callers of an alias are warned:\n%s", out)
	}
	if out := b.must(append([]string{"plan"}, inputs[:len(inputs)-2]...)...); !strings.Contains(out, warning) {
		t.Errorf("without an alias nobody is warned:\n%s", out)
	}
	client := lambda.NewFromConfig(b.config())
	if _, err := client.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: aws.String("$LATEST")}); err != nil {
		t.Fatal(err)
	}
	if out := b.must(append([]string{"plan"}, inputs...)...); !strings.Contains(out, warning) {
		t.Errorf("an alias on $LATEST, and nobody is warned:\n%s", out)
	}
}
