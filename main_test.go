package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/cli"
)

var update = flag.Bool("update", false, "write what commands print into the scripts")

// The test binary is the program too, under both of its names: a script runs
// real processes with real signals and exit codes.
func TestMain(m *testing.M) {
	// Tests of real processes spend their time waiting for these.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"lambda-rollout": program, "rollback": program})
}

// program is main with short pauses: the AWS of a script is done by the second
// look.
func program() {
	process, err := cli.OS()
	if err != nil {
		panic(err)
	}
	t := &process.Timing
	t.FirstPoll, t.LastPoll, t.Backoff, t.StopPoll = time.Millisecond, 20*time.Millisecond, time.Millisecond, 5*time.Millisecond
	os.Exit(cli.Main(context.Background(), process))
}

// TestScripts are what a user sees, one file a subject. Each script has an
// embedded AWS of its own, reached over HTTP as the real one would be, and the
// examples of this repository as its workspace.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Files:               scripts(t),
		Setup:               setup,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		ContinueOnError:     true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":     await,
			"calls":     calls,
			"code":      exitCode,
			"fail":      failNext,
			"inject":    inject,
			"state":     state,
			"normal":    normal,
			"interrupt": interrupt,
			"request":   request,
			"workflow":  workflow,
			"zip":       archive,
		},
	})
}

// scripts are the files of all scripts: those that are dear with -full only.
func scripts(t *testing.T) []string {
	t.Helper()
	patterns := []string{"testdata/script/*.txt"}
	if *full {
		patterns = append(patterns, "testdata/script/full/*.txt")
	}
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	return files
}

type awsKey struct{}

// setup gives a script its workspace and its AWS.
func setup(env *testscript.Env) error {
	if err := os.CopyFS(filepath.Join(env.WorkDir, "examples"), os.DirFS("examples")); err != nil {
		return err
	}
	options := awslocal.Options{Account: "123456789012"}
	switch filepath.Base(env.WorkDir) {
	case "script-pipeline":
		if err := os.CopyFS(env.WorkDir, os.DirFS("internal/service/testdata/seed")); err != nil {
			return err
		}
	case "script-seedlog", "script-signals":
		options.Pending, options.InProgress = time.Hour, time.Hour
	}
	server, err := awslocal.New(options)
	if err != nil {
		return err
	}
	env.Defer(func() { _ = server.Close() })
	w := &world{Server: server, served: make(chan struct{})}
	endpoint := httptest.NewServer(w)
	env.Defer(endpoint.Close)
	var tokens http.Handler = http.HandlerFunc(mint)
	if filepath.Base(env.WorkDir) == "script-oidc" {
		tokens = everySecond(tokens)
	}
	issuer := httptest.NewServer(tokens)
	env.Defer(issuer.Close)
	env.Setenv("TOKENS", issuer.URL+"/?api-version=2.0")
	env.Values[awsKey{}] = w
	env.Setenv("AWS_ENDPOINT_URL", endpoint.URL)
	env.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	env.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-example")
	env.Setenv("GOGC", "400") // hundreds of short processes: memory is cheaper than collecting it
	env.Setenv("AWS_REGION", "eu-central-1")
	return nil
}

// everySecond fails every other request, from the first on, as GitHub's token
// endpoint does for moments: neither a deploy nor its rollback may depend on one.
func everySecond(next http.Handler) http.Handler {
	var requests atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// tee keeps what it passes on.
type tee struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (t *tee) Write(p []byte) (int, error) {
	t.body.Write(p)
	return t.ResponseWriter.Write(p)
}

// mint answers as GitHub's token endpoint does.
func mint(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" || r.URL.Query().Get("api-version") == "" {
		http.Error(w, "who asks?", http.StatusUnauthorized)
		return
	}
	part := base64.RawURLEncoding.EncodeToString
	claims := fmt.Sprintf(`{"iss":"https://token.actions.githubusercontent.com","sub":"repo:acme/shop:ref:refs/heads/main","aud":%q,"exp":%d}`,
		r.URL.Query().Get("audience"), time.Now().Add(time.Minute).Unix())
	token := part([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature"))
	_, _ = fmt.Fprintf(w, `{"value":%q}`, token)
}

// world is a script's AWS, with a state to compare with. Each change of a
// function is seen once under way, whatever time it takes, and is done
// afterwards.
type world struct {
	*awslocal.Server
	kept awslocal.State
	// held keeps changes under way.
	held atomic.Bool

	mu sync.Mutex
	// served is closed, and made anew, after each call.
	served chan struct{}
}

// ServeHTTP lets an hour pass behind an answer that shows a change under way.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/gate" {
		return // a gate that says yes to all
	}
	answer := tee{ResponseWriter: rw}
	w.Server.ServeHTTP(&answer, r)
	text := answer.body.String()
	if r.Method == http.MethodGet && !w.held.Load() && (strings.Contains(text, `"Pending"`) || strings.Contains(text, `"InProgress"`)) {
		w.Advance(time.Hour)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.served)
	w.served = make(chan struct{})
}

// next is closed after the next call.
func (w *world) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.served
}

func aws(ts *testscript.TestScript) *world { return ts.Value(awsKey{}).(*world) }

// reads are the operations that change nothing, by the first word of their
// names.
var reads = regexp.MustCompile(`^(Get|List|Head|Describe|Batch|Assume|Simulate|Invoke)`)

// changing reports whether a call changed something, or was refused when it meant to.
// UpdateFunctionCode with DryRun does neither. What is no operation at all comes
// from elsewhere: a function of another script may still answer on a port that
// was given out anew.
func changing(c awslocal.Call) bool {
	return c.Operation != "" && !reads.MatchString(c.Operation) && (c.Changed || c.Status >= 300)
}

// calls [-sorted] OPERATION… holds the calls that change something, answered or
// refused, since the start or the last such line, against a list; without one,
// none may have gone out. -sorted is for calls side by side.
func calls(ts *testscript.TestScript, neg bool, args []string) {
	var got []string
	for _, c := range aws(ts).Calls() {
		if changing(c) {
			got = append(got, c.Operation)
		}
	}
	aws(ts).ResetCalls()
	if len(args) > 0 && args[0] == "-sorted" {
		slices.Sort(got)
		args = args[1:]
	}
	if slices.Equal(got, args) == neg {
		ts.Fatalf("calls that change something: %q, want %q", got, args)
	}
}

// exitCode N COMMAND… runs a command that must end with an exit code.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit := (interface{ ExitCode() int })(nil); errors.As(err, &exit) {
		got = fmt.Sprint(exit.ExitCode())
	} else {
		ts.Check(err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// failNext WHAT FUNCTION CODE REASON lets the next create, update or version of
// a function end as Failed.
func failNext(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: fail create|update|version FUNCTION CODE REASON")
	}
	aws(ts).Fail(args[0], args[1], args[2], args[3])
}

// inject OPERATION STATUS CODE MESSAGE answers the next call of an operation
// with an error.
func inject(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: inject OPERATION STATUS CODE MESSAGE")
	}
	var status int
	_, err := fmt.Sscan(args[1], &status)
	ts.Check(err)
	aws(ts).Inject(awslocal.Fault{Operation: args[0], Action: awslocal.Error, Status: status, Code: args[2], Message: args[3]})
}

// state keep remembers the state of AWS; state same compares.
func state(ts *testscript.TestScript, neg bool, args []string) {
	now, err := aws(ts).Dump("123456789012")
	ts.Check(err)
	switch {
	case len(args) == 1 && args[0] == "keep":
		aws(ts).kept = now
	case len(args) == 1 && args[0] == "same":
		if diff := cmp.Diff(aws(ts).kept.Functions, now.Functions); (diff == "") == neg {
			ts.Fatalf("the state of AWS (-kept +now):\n%s", diff)
		}
	default:
		ts.Fatalf("usage: state keep|same")
	}
}

// hang is when a process counts as one that hangs.
const hang = 2 * time.Minute

// called waits until AWS has seen an operation.
func called(ts *testscript.TestScript, operation string) bool {
	late := time.After(hang)
	for {
		next := aws(ts).next()
		if slices.ContainsFunc(aws(ts).Calls(), func(c awslocal.Call) bool { return c.Operation == operation }) {
			return true
		}
		select {
		case <-next:
		case <-late:
			return false
		}
	}
}

// await OPERATION waits for a call of a command in the background.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await OPERATION")
	}
	if !called(ts, args[0]) {
		ts.Fatalf("%s was not called", args[0])
	}
}

// interrupt OPERATION CODE COMMAND… runs a command, sends it SIGINT when AWS
// has seen an operation, whose change is under way until then, and compares its
// exit code.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: interrupt OPERATION CODE COMMAND…")
	}
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.Getenv("WORK"), ts.Stdout(), ts.Stderr()
	for _, name := range passed {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	// Updates come before an alias, and its stage lasts by itself.
	aws(ts).held.Store(args[0] != "UpdateAlias")
	ts.Check(cmd.Start())
	if !called(ts, args[0]) {
		_ = cmd.Process.Kill()
		ts.Fatalf("%s was not called", args[0])
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	aws(ts).held.Store(false)
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		ts.Check(err)
	}
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit code %s, want %s", got, args[1])
	}
}

// passed are the variables that interrupt hands to its command.
var passed = []string{"PATH", "HOME", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"LAMBDA_ROLLOUT_POST", "GITHUB_ACTIONS", "GITHUB_STATE", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_RUN_ID", "RUNNER_TEMP"}

// request SERVICE REGION METHOD PATH [BODY|@FILE] is somebody else's call: it
// fills buckets and changes functions. ECR has operations in the place of
// methods, and no paths. The answer is on stdout, the version of an object that
// was put in VERSION_ID.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: request SERVICE REGION METHOD PATH [BODY|@FILE]")
	}
	service, region, method, path, body := args[0], args[1], args[2], args[3], strings.Join(args[4:], " ")
	target := ""
	if service == "ecr" {
		target, method, path, body = "AmazonEC2ContainerRegistry_V20150921."+method, http.MethodPost, "/", strings.Join(args[3:], " ")
	}
	if file, ok := strings.CutPrefix(body, "@"); ok {
		body = ts.ReadFile(file)
	}
	r, err := http.NewRequest(method, ts.Getenv("AWS_ENDPOINT_URL")+path, strings.NewReader(body))
	ts.Check(err)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDOTHER/20260101/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(text)
	ts.Check(err)
	if (answer.StatusCode >= 300) != neg {
		ts.Fatalf("%s %s: %s %s", args[2], args[3], answer.Status, text)
	}
	if id := answer.Header.Get("X-Amz-Version-Id"); id != "" {
		ts.Setenv("VERSION_ID", id)
	}
	aws(ts).ResetCalls()
}

// archive FILE NAME… writes a zip of files of the script. A number is a file of
// that many random megabytes, and with = before it one that compresses well.
func archive(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: zip FILE [SIZE] NAME…")
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	w := zip.NewWriter(f)
	for _, name := range args[1:] {
		header := &zip.FileHeader{Name: filepath.Base(name), Method: zip.Deflate}
		header.SetMode(0o755)
		var content io.Reader
		if text, zeros := strings.CutPrefix(name, "="); zeros {
			content = megabytes(ts, text, zero{})
		} else if _, err := strconv.Atoi(name); err == nil {
			content, header.Method = megabytes(ts, name, rand.NewChaCha8([32]byte{})), zip.Store
		} else {
			content = strings.NewReader(ts.ReadFile(name))
		}
		entry, err := w.CreateHeader(header)
		ts.Check(err)
		_, err = io.Copy(entry, content)
		ts.Check(err)
	}
	ts.Check(errors.Join(w.Close(), f.Close()))
}

func megabytes(ts *testscript.TestScript, n string, of io.Reader) io.Reader {
	size, err := strconv.ParseInt(n, 10, 64)
	ts.Check(err)
	return io.LimitReader(of, size<<20)
}

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`lambda_rollout_[0-9a-f]{32}`), "DELIMITER"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{43}=`), "SHA256"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "REQUEST"},
	{regexp.MustCompile(`\b\d+\.\d s\b`), "TIME"},
	{regexp.MustCompile(`\b\d{8}T\d{6}-[0-9a-f]{6}\b`), "RUN"},
}

// normal FROM TO [UNTIL] writes what a command printed, or a file, without what
// differs from run to run, and up to where UNTIL stands.
func normal(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: normal FROM TO [UNTIL]")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "$WORK")
	if len(args) == 3 {
		text, _, _ = strings.Cut(text, args[2])
	}
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}
