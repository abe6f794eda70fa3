package runner

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// loop is a bootstrap of POSIX sh and curl; what it does with the event in
// $event, and answers from $answer, is put in the middle.
const loop = `#!/bin/sh
set -eu
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
while :; do
	event=$(curl -sS -D "$headers" "$api/invocation/next")
	id=$(sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *//p' "$headers" | tr -d '\r')
	%s
	curl -sS -o /dev/null "$api/invocation/$id/response" -d "$answer"
done
`

func needs(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not on PATH", p)
		}
	}
}

type file struct {
	name, body string
	mode       fs.FileMode
}

func zipOf(t testing.TB, files ...file) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "code.zip")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		h.SetMode(f.mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, f.body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// function is a Function of the files' zip.
func function(t testing.TB, runtime, handler string, files ...file) Function {
	t.Helper()
	path := zipOf(t, files...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return Function{
		Name: "hello", ARN: "arn:aws:lambda:eu-west-1:000000000000:function:hello:live", Version: "3", Region: "eu-west-1",
		Runtime: runtime, Handler: handler, MemoryMB: 128, Timeout: time.Minute,
		CodeSHA256: hex.EncodeToString(sum[:]), Code: func() (*os.File, error) { return os.Open(path) },
	}
}

func shell(t testing.TB, body string) Function {
	t.Helper()
	needs(t, "curl", "sh")
	return function(t, "provided.al2023", "unused", file{"bootstrap", fmt.Sprintf(loop, body), 0o755})
}

func pool(t testing.TB, o Options) *Pool {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "run")
	p := NewPool(o)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder is left behind: %v", err)
		}
	})
	return p
}

func invoke(t testing.TB, p *Pool, f Function, payload string) Result {
	t.Helper()
	r, err := p.Invoke(t.Context(), f, "8476a536-e9f4-11e8-9739-2dfe598c3fcd", []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAShellBootstrapAnswersAndStaysWarm(t *testing.T) {
	t.Parallel()
	p := pool(t, Options{})
	f := shell(t, `echo "got $event"; answer="{\"pid\":$$,\"event\":$event,\"stage\":\"$STAGE\",\"name\":\"$AWS_LAMBDA_FUNCTION_NAME\",\"here\":\"$([ "$PWD" = "$LAMBDA_TASK_ROOT" ] && echo yes)\"}"`)
	f.Environment = map[string]string{"STAGE": "prod"}
	first, second := invoke(t, p, f, `{"n":1}`), invoke(t, p, f, `{"n":2}`)
	if !strings.Contains(string(first.Payload), `"event":{"n":1},"stage":"prod","name":"hello","here":"yes"}`) || first.FunctionError != "" {
		t.Errorf("answer %s %s", first.Payload, first.FunctionError)
	}
	pid := func(r Result) string { s, _, _ := strings.Cut(string(r.Payload), ","); return s }
	if pid(first) != pid(second) || first.Init == 0 || second.Init != 0 {
		t.Errorf("not warm: %s after %s, init %v and %v", second.Payload, first.Payload, first.Init, second.Init)
	}
	log := string(second.Log)
	for _, want := range []string{"START RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Version: 3\n", "got {\"n\":2}\n", "END RequestId: ", "\nREPORT RequestId: ", "Memory Size: 128 MB"} {
		if !strings.Contains(log, want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, `{"n":1}`) || strings.Contains(log, "Init Duration") {
		t.Errorf("the second log has the first's lines:\n%s", log)
	}
}

func TestWhatAKilledProcessLeftGoes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	old := filepath.Join(dir, "old")
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	p := NewPool(Options{Dir: dir})
	invoke(t, p, shell(t, `answer=1`), "{}")
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestAChangedFunctionGetsANewProcess(t *testing.T) {
	t.Parallel()
	p := pool(t, Options{})
	f := shell(t, `answer="\"$STAGE\""`)
	f.Environment = map[string]string{"STAGE": "one"}
	g := f
	g.Environment = map[string]string{"STAGE": "two"}
	if a, b := invoke(t, p, f, "{}"), invoke(t, p, g, "{}"); string(a.Payload) != `"one"` || string(b.Payload) != `"two"` {
		t.Errorf("%s, %s", a.Payload, b.Payload)
	}
}

func TestInvocationsSideBySideHaveTheirOwnProcesses(t *testing.T) {
	t.Parallel()
	p := pool(t, Options{MaxProcesses: 3})
	gate := filepath.Join(t.TempDir(), "open")
	f := shell(t, `while ! [ -e "$GATE" ]; do sleep 0.01; done; answer=$$`)
	f.Environment = map[string]string{"GATE": gate}
	var wg sync.WaitGroup
	pids := make([]string, 3)
	started := func() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.all) }
	for i := range pids {
		wg.Go(func() { pids[i] = string(invoke(t, p, f, "{}").Payload) })
	}
	for started() < 3 {
		time.Sleep(time.Millisecond) // until the processes are there
	}
	if _, err := p.Invoke(t.Context(), f, "x", nil); !errors.Is(err, ErrBusy) {
		t.Errorf("a fourth: %v", err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if pids[0] == pids[1] || pids[1] == pids[2] || pids[0] == pids[2] {
		t.Errorf("processes %v", pids)
	}
	g := f
	g.Environment = map[string]string{"GATE": gate, "OTHER": "x"}
	if r := invoke(t, p, g, "{}"); r.FunctionError != "" {
		t.Errorf("another function when all are idle: %s", r.Payload)
	}
}

func TestATimeoutEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	expired := make(chan time.Time)
	p := pool(t, Options{expired: expired})
	mark, waits := filepath.Join(t.TempDir(), "child"), filepath.Join(t.TempDir(), "waits")
	if err := syscall.Mkfifo(waits, 0o600); err != nil {
		t.Fatal(err)
	}
	f := shell(t, `sleep 600 & echo $! >"$MARK"; echo waiting; echo >"$WAITS"; wait; answer=1`)
	f.Environment = map[string]string{"MARK": mark, "WAITS": waits}
	f.Timeout = 2 * time.Second
	go func() {
		_, _ = os.ReadFile(waits) // until the function writes to it
		close(expired)
	}()
	r := invoke(t, p, f, "{}")
	want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Error: Task timed out after 2.00 seconds"}`
	if diff := cmp.Diff(want, string(r.Payload)); diff != "" || r.FunctionError != Unhandled {
		t.Errorf("%s %s", r.FunctionError, diff)
	}
	if log := string(r.Log); !strings.Contains(log, "waiting\n") || !strings.Contains(log, " 8476a536-e9f4-11e8-9739-2dfe598c3fcd Task timed out after 2.00 seconds\n") {
		t.Errorf("log:\n%s", log)
	}
	text, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	gone(t, strings.TrimSpace(string(text)))
}

// gone waits until a process has ended.
func gone(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		status, err := os.ReadFile("/proc/" + pid + "/stat")
		if errors.Is(syscall.Kill(n, 0), syscall.ESRCH) || err == nil && strings.Contains(string(status), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond) // the kernel's time, not ours
	}
	t.Errorf("process %s still runs", pid)
}

func TestCloseEndsProcessesAndTheirChildren(t *testing.T) {
	t.Parallel()
	p := NewPool(Options{Dir: t.TempDir()})
	f := shell(t, `sleep 600 & answer=$!`)
	r := invoke(t, p, f, "{}")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, string(r.Payload))
	if _, err := p.Invoke(t.Context(), f, "x", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestAProcessThatPrintsWithoutEndLeavesFourKilobytes(t *testing.T) {
	t.Parallel()
	p := pool(t, Options{})
	f := shell(t, `head -c 2M /dev/zero | tr '\0' x; echo; echo last; answer=1`)

	r := invoke(t, p, f, "{}")
	if len(r.Log) != logSize || !strings.Contains(string(r.Log), "x\nlast\nEND RequestId") {
		t.Errorf("%d bytes of log, ending %q", len(r.Log), r.Log[max(0, len(r.Log)-200):])
	}
}

func TestFailuresAreToldAsLambdaTellsThem(t *testing.T) {
	t.Parallel()
	const id = "RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Error: "
	script := func(body string, mode fs.FileMode) []file { return []file{{"bootstrap", "#!/bin/sh\n" + body, mode}} }
	report := func(where, header string) string {
		return `curl -sS -o /dev/null -D h "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next"
id=$(sed -n 's/^Lambda-Runtime-Aws-Request-Id: *//p' h | tr -d '\r')
curl -sS -o /dev/null ` + header + ` "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/` + where + `" -d '{"errorType":"Mine"}'`
	}
	tests := map[string]struct {
		files []file
		want  string
		fault string
	}{
		"no bootstrap":     {[]file{{"main", "", 0o755}}, `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}`, Unhandled},
		"not executable":   {script("", 0o644), `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"fork/exec /var/task/bootstrap: permission denied"}`, Unhandled},
		"no program":       {[]file{{"bootstrap", "\x7fELF", 0o755}}, `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"fork/exec /var/task/bootstrap: exec format error"}`, Unhandled},
		"exit status":      {script("exit 3", 0o755), `{"errorType":"Runtime.ExitError","errorMessage":"` + id + `Runtime exited with error: exit status 3"}`, Unhandled},
		"exit without one": {script("exit 0", 0o755), `{"errorType":"Runtime.ExitError","errorMessage":"` + id + `Runtime exited without providing a reason"}`, Unhandled},
		"killed":           {script("kill -9 $$", 0o755), `{"errorType":"Runtime.ExitError","errorMessage":"` + id + `Runtime exited with error: signal: killed"}`, Unhandled},
		"init error":       {script(`curl -sS -o /dev/null "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error" -d '{"errorType":"Mine"}'; exit 1`, 0o755), `{"errorType":"Mine"}`, Unhandled},
		"error":            {script(report("invocation/$id/error", ""), 0o755), `{"errorType":"Mine"}`, Unhandled},
		"handled error":    {script(report("invocation/$id/error", "-H 'Lambda-Runtime-Function-Error-Type: Handled'"), 0o755), `{"errorType":"Mine"}`, Handled},
		"foreign answer":   {script(report("invocation/other/response", ""), 0o755), `{"errorType":"Runtime.ExitError","errorMessage":"` + id + `Runtime exited without providing a reason"}`, Unhandled},
		"7 MB":             {script(strings.NewReplacer(`-d '{"errorType":"Mine"}'`, "--data-binary @-", "curl -sS -o /dev/null  ", "head -c 7340032 /dev/zero | curl -sS -o /dev/null  ").Replace(report("invocation/$id/response", "")), 0o755), `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`, Unhandled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needs(t, "curl", "sh")
			r := invoke(t, pool(t, Options{}), function(t, "provided.al2023", "x", test.files...), "{}")
			if diff := cmp.Diff(test.want, string(r.Payload)); diff != "" || r.FunctionError != test.fault {
				t.Errorf("%s: %s", r.FunctionError, diff)
			}
		})
	}
}

func TestABootstrapThatNeverAsksIsTimedOut(t *testing.T) {
	t.Parallel()
	needs(t, "sh")
	p := pool(t, Options{InitTimeout: 10 * time.Millisecond})
	f := function(t, "provided.al2023", "x", file{"bootstrap", "#!/bin/sh\nsleep 600", 0o755})
	f.Timeout = 20 * time.Millisecond
	if r := invoke(t, p, f, "{}"); !strings.Contains(string(r.Payload), "Task timed out after 0.02 seconds") {
		t.Errorf("%s", r.Payload)
	}
}

func TestIdleProcessesEnd(t *testing.T) {
	t.Parallel()
	p := pool(t, Options{Idle: time.Millisecond})
	gone(t, string(invoke(t, p, shell(t, `answer=$$`), "{}").Payload))
}

func TestAnAbandonedInvocationEndsItsProcess(t *testing.T) {
	t.Parallel()
	p := pool(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	mark := filepath.Join(t.TempDir(), "pid")
	f := shell(t, `echo $$ >"$MARK.new"; mv "$MARK.new" "$MARK"; sleep 600; answer=1`)
	f.Environment = map[string]string{"MARK": mark}
	go func() {
		for {
			if _, err := os.Stat(mark); err == nil {
				cancel()
				return
			}
			time.Sleep(time.Millisecond) // until the function runs
		}
	}()
	if _, err := p.Invoke(ctx, f, "x", []byte("{}")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	text, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	gone(t, strings.TrimSpace(string(text)))
}

func TestOtherRuntimesSayWhyTheyDoNotRun(t *testing.T) {
	t.Parallel()
	var unsupported *UnsupportedError
	_, err := pool(t, Options{}).Invoke(t.Context(), function(t, "java21", "x"), "x", nil)
	if !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "java21") {
		t.Errorf("error %v", err)
	}
}

func TestAMissingInterpreterIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for runtime, program := range map[string]string{"nodejs22.x": "node", "python3.13": "python3"} {
		_, err := pool(t, Options{}).Invoke(t.Context(), function(t, runtime, "index.handler"), "x", nil)
		if err == nil || !strings.Contains(err.Error(), program+" is not on PATH") {
			t.Errorf("%s: %v", runtime, err)
		}
	}
}

func TestLayersAreSaidToBeLeftOut(t *testing.T) {
	t.Parallel()
	f := shell(t, `answer=1`)
	f.Layers = []string{"arn:aws:lambda:eu-west-1:000000000000:layer:x:1"}
	if r := invoke(t, pool(t, Options{}), f, "{}"); !strings.Contains(string(r.Log), "without the function's 1 layers") {
		t.Errorf("log:\n%s", r.Log)
	}
}

// BenchmarkWarmInvoke is one warm process answering.
func BenchmarkWarmInvoke(b *testing.B) {
	functions := map[string]func() Function{
		"sh and curl": func() Function { return shell(b, `answer=1`) },
		"node": func() Function {
			needs(b, "node")
			return function(b, "nodejs22.x", "index.handler", file{"index.mjs", "export const handler = async () => 1", 0o644})
		},
		"python3": func() Function {
			needs(b, "python3")
			return function(b, "python3.13", "app.handler", file{"app.py", "def handler(e, c): return 1", 0o644})
		},
	}
	for name, make := range functions {
		b.Run(name, func(b *testing.B) {
			p, f := pool(b, Options{}), make()
			invoke(b, p, f, "{}")
			for b.Loop() {
				invoke(b, p, f, "{}")
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invokes/s")
		})
	}
}
