package deploy

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// fixture is an AWS and the inputs of deployments in it.
type fixture struct {
	*testing.T
	aws    *awstest.AWS
	lambda *lambda.Client
	dir    string
	access Access
	// runs counts the deployments.
	runs int
	// saved are the names of journals in the host's state, in their order.
	saved []string
	log   *safeLog

	// What the inputs say.
	options         Options
	terms           Terms
	postFollows     bool
	timeout         time.Duration
	rollbackTimeout time.Duration
	aliases         []string
	artifact        string
	// settings are the files of the input settings.
	settings    []string
	firstDeploy string
	commit      string
}

// safeLog is a log that several goroutines write.
type safeLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestMain(m *testing.M) {
	// A proxy's certificates of this machine: the SDK adds them to a client of
	// its own alone.
	if err := os.Unsetenv("AWS_CA_BUNDLE"); err != nil {
		panic(err)
	}
	// Memory is cheaper than collecting it often.
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// run runs a test with an AWS of its own in virtual time.
func run(t *testing.T, o awslocal.Options, test func(f *fixture), wrap ...awstest.Wrap) {
	t.Helper()
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, o, wrap...)
		f := &fixture{T: t, aws: a, lambda: a.Lambda(), dir: t.TempDir(), log: &safeLog{}, aliases: []string{"live"}}
		f.defaults()
		f.access.Session = session.Options{
			Region: awstest.Region, AccessKeyID: awstest.Key, SecretAccessKey: "secret", Endpoint: a.URL,
			HTTPClient: a.HTTP, Limits: session.NewLimits(), LookupEnv: f.env, Version: "test",
		}
		f.write("function.yaml", definitionOf("shop", ""))
		f.write("code/index.js", "1")
		test(f)
	})
}

// defaults are those of the inputs.
func (f *fixture) defaults() {
	f.artifact, f.firstDeploy = filepath.Join(f.dir, "code"), "delete"
	f.timeout, f.rollbackTimeout = 10*time.Minute, 10*time.Minute
	f.options = Options{MaxParallel: 4, Environment: "replace", Traffic: traffic.Schedule{{Percent: 100}}}
	f.options.Watch.Guard = Guard{Tolerance: -1, MinInvocations: 50}
	f.access.Timing = timing.Default()
}

// definitionOf is a definition file; more is added at its end.
func definitionOf(name, more string) string {
	return "functionName: " + name + "\nruntime: nodejs22.x\nhandler: index.handler\nrole: " + awstest.Role + "\n" + more
}

// env keeps the machine's own settings out.
func (f *fixture) env(name string) (string, bool) {
	switch name {
	case "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE":
		return os.DevNull, true
	}
	return "", false
}

func (f *fixture) write(name, content string) {
	f.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.Fatal(err)
	}
}

// set reads definition files, all with the same artifact: by default the folder
// code.
func (f *fixture) set(definitions ...string) *service.Set {
	f.Helper()
	files, closeFiles, err := service.OpenFiles(f.Context(), f.dir)
	if err != nil {
		f.Fatal(err)
	}
	set, problems := service.Load(service.Options{
		Files: files, Definitions: definitions, Aliases: f.aliases, Artifact: f.artifact, Settings: f.settings, Now: time.Now, Serialised: true,
	})
	if err := closeFiles(); err != nil {
		f.Fatal(err)
	}
	if problems.Err() != nil {
		f.Fatal(problems)
	}
	return set
}

func (f *fixture) connect() *Connection {
	f.Helper()
	c, err := Connect(f.Context(), f.access, "")
	if err != nil {
		f.Fatal(err)
	}
	return c
}

func (f *fixture) newRun() string {
	f.runs++
	return RunID("run-" + string(rune('0'+f.runs)))
}

func (f *fixture) work() Work {
	return Work{
		Events: report.NewLog(f.log, time.Now, nil), Now: time.Now, Timing: f.access.Timing, MaxParallel: f.options.MaxParallel, Temp: f.TempDir(),
	}
}

func (f *fixture) record(run string) Record {
	f.Helper()
	storage, err := OpenStorage(f.Context(), nil, filepath.Join(f.dir, "journals", run+".jsonl"), func(path string) journal.Store { return journal.NewFile(path) })
	if err != nil {
		f.Fatal(err)
	}
	return Record{
		Header:  journal.Header{Run: run, Started: time.Now().UTC(), Salt: []byte("that of all runs"), FirstDeploy: f.firstDeploy},
		Storage: storage,
		SaveState: func(name string) error {
			f.saved = append(f.saved, name)
			return nil
		},
	}
}

func (f *fixture) execution(run string) Execution {
	return Execution{Work: f.work(), Record: f.record(run), RollbackTimeout: f.rollbackTimeout, PostFollows: f.postFollows}
}

// resolve finds the targets of definition files.
func (f *fixture) resolve(ctx context.Context, run string, definitions ...string) ([]Target, error) {
	f.Helper()
	o := f.options
	o.Marker, o.Folders = plan.Marker{Run: run, Repository: "acme/shop", Commit: f.commit}, Folders{Workspace: f.dir, Temp: f.TempDir()}
	return Resolve(ctx, f.connect(), f.set(definitions...), o)
}

// plan resolves and plans.
func (f *fixture) plan(definitions ...string) []Planned {
	f.Helper()
	targets, err := f.resolve(f.Context(), "planned", definitions...)
	if err != nil {
		f.Fatal(err)
	}
	planned, err := Plan(f.Context(), targets, f.work())
	if err != nil {
		f.Fatal(err)
	}
	return planned
}

// deploy goes the whole way.
func (f *fixture) deploy(ctx context.Context, definitions ...string) ([]Result, error) {
	f.Helper()
	run := f.newRun()
	targets, err := f.resolve(ctx, run, definitions...)
	if err != nil {
		return nil, err
	}
	return f.change(ctx, targets, f.execution(run))
}

func (f *fixture) change(ctx context.Context, targets []Target, execution Execution) ([]Result, error) {
	ctx, cancel := WithTimeout(ctx, targets, f.timeout)
	defer cancel()
	planned, err := Plan(ctx, targets, execution.Work)
	if err != nil {
		return nil, err
	}
	if err := Check(ctx, planned, f.terms, execution.Work); err != nil {
		return nil, err
	}
	if execution.Watching, err = NewWatching(ctx, planned, execution.Work); err != nil {
		return nil, err
	}
	return Deploy(ctx, planned, execution)
}

// mustDeploy deploys function.yaml or what is named.
func (f *fixture) mustDeploy(definitions ...string) []Result {
	f.Helper()
	if len(definitions) == 0 {
		definitions = []string{"function.yaml"}
	}
	results, err := f.deploy(f.Context(), definitions...)
	if err != nil {
		f.Fatalf("deploy: %v\n%s", err, f.log)
	}
	return results
}

// deployCode deploys a function with other code.
func (f *fixture) deployCode(content string) Result {
	f.Helper()
	f.write("code/index.js", content)
	return f.mustDeploy()[0]
}

// shift shifts the traffic of function.yaml's alias.
func (f *fixture) shift(ctx context.Context, r Request, schedule traffic.Schedule) ([]Result, error) {
	f.Helper()
	run := f.newRun()
	targets, err := ResolveShift(ctx, f.connect(), []Request{r}, ShiftOptions{Run: run, Traffic: schedule, Watch: f.options.Watch})
	if err != nil {
		return nil, err
	}
	return f.change(ctx, targets, f.execution(run))
}

// rollback rolls the last journal back.
func (f *fixture) rollback() ([]Restored, error) {
	f.Helper()
	if len(f.saved) == 0 {
		f.Fatal("no run saved a journal")
	}
	j, err := TakeOver(f.Context(), journal.NewFile(f.saved[len(f.saved)-1]), f.work())
	if err != nil {
		return nil, err
	}
	if j == nil {
		f.Fatal("the journal is gone")
	}
	defer func() {
		if err := j.Close(); err != nil {
			f.Error(err)
		}
	}()
	return Rollback(f.Context(), j, f.access, f.rollbackTimeout, f.work())
}

// journal reads the journal of the last run.
func (f *fixture) journal() *journal.RunState {
	f.Helper()
	if len(f.saved) == 0 {
		f.Fatal("no run saved a journal")
	}
	log, err := journal.Read(f.Context(), journal.NewFile(f.saved[len(f.saved)-1]))
	if err != nil {
		f.Fatal(err)
	}
	return log
}

// alias is the version that an alias of shop points to; "" where there is none.
func (f *fixture) alias(name string) string {
	f.Helper()
	out, err := f.lambda.GetAlias(f.Context(), &lambda.GetAliasInput{FunctionName: aws.String("shop"), Name: &name})
	if awstest.Code(err) == "ResourceNotFoundException" {
		return ""
	}
	if err != nil {
		f.Fatal(err)
	}
	return *out.FunctionVersion
}

// state is all that AWS holds, to compare.
func (f *fixture) state() awslocal.State {
	f.Helper()
	state, err := f.aws.Dump("")
	if err != nil {
		f.Fatal(err)
	}
	return state
}

// logged reports a log that lacks a text.
func (f *fixture) logged(texts ...string) {
	f.Helper()
	for _, text := range texts {
		if !strings.Contains(f.log.String(), text) {
			f.Errorf("the log lacks %q:\n%s", text, f.log)
		}
	}
}

// eventually is a Sink that also calls do with each event.
type also struct {
	event.Sink
	do func(event.Event)
}

func (a also) Emit(e event.Event) {
	a.Sink.Emit(e)
	if of, is := e.(event.OfTarget); is {
		e = of.Event
	}
	a.do(e)
}

// update changes $LATEST as somebody else would.
func (f *fixture) update(change func(*lambda.UpdateFunctionConfigurationInput)) {
	f.Helper()
	in := &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("shop")}
	change(in)
	if _, err := f.lambda.UpdateFunctionConfiguration(f.Context(), in); err != nil {
		f.Fatal(err)
	}
}

func parseTraffic(t *testing.T, text string) traffic.Schedule {
	t.Helper()
	c, err := traffic.Parse(strings.Split(text, ", "))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func timeout(seconds int32) func(*lambda.UpdateFunctionConfigurationInput) {
	return func(in *lambda.UpdateFunctionConfigurationInput) { in.Timeout = &seconds }
}

// called counts the calls of an operation.
func (f *fixture) called(operation string) int {
	n := 0
	for _, c := range f.aws.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

// point moves shop's alias live as somebody else would.
func (f *fixture) point(version string) {
	f.Helper()
	_, err := f.lambda.UpdateAlias(f.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("shop"), Name: aws.String("live"), FunctionVersion: &version})
	if err != nil {
		f.Fatal(err)
	}
}
