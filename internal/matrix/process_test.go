package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// process is the program as a host starts it.
type process struct {
	// name is argv[0], "" for /lambda-rollout.
	name string
	env  map[string]string
	args []string
	cut  cut
	// patient gives calls the time that they have outside of tests.
	patient bool
}

// running is a process that was started.
type running struct {
	w   *world
	cmd *exec.Cmd
	out bytes.Buffer
}

// credentialsOf are the variables of a job's credentials.
func credentialsOf(id, secret, token string) map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
}

// with is an environment with more in it; later values win.
func with(env ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, e := range env {
		maps.Copy(all, e)
	}
	return all
}

// base is what every process of a world needs.
func (w *world) base() map[string]string {
	return with(credentialsOf("matrix", "matrix", ""), map[string]string{
		"AWS_ENDPOINT_URL": w.url, "AWS_REGION": "us-east-1", "HOME": w.dir, "PATH": os.Getenv("PATH"), "TMPDIR": w.t.TempDir(),
		// No process asks EC2 for credentials, and none reads this machine's.
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	})
}

// start starts a process in the workspace, with its environment and no other.
func (w *world) start(p process) *running {
	w.t.Helper()
	r := &running{w: w}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	w.t.Cleanup(cancel)
	r.cmd = exec.CommandContext(ctx, os.Args[0], p.args...)
	r.cmd.Args[0] = p.name
	if p.name == "" {
		r.cmd.Args[0] = "/lambda-rollout"
	}
	env := with(p.env, map[string]string{childCut: p.cut.spec()})
	if p.patient {
		env[childPatient] = "1"
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		r.cmd.Env = append(r.cmd.Env, name+"="+env[name])
	}
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = w.dir, &r.out, &r.out
	w.must(r.cmd.Start())
	return r
}

// wait waits for the end of the process.
func (r *running) wait() ended {
	r.w.t.Helper()
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.w.t.Fatal(err)
	}
	e := ended{code: r.cmd.ProcessState.ExitCode(), output: r.out.String()}
	e.killed = e.code == -1
	r.w.noSecret("output", r.out.Bytes())
	return e
}

// do runs a process to its end.
func (w *world) do(p process) ended {
	w.t.Helper()
	return w.start(p).wait()
}

// hold lets a call of an operation wait, and says when it has come in; go on
// lets it go.
func (w *world) hold(operation string, nth int, f awslocal.Fault) (arrived chan struct{}) {
	arrived = make(chan struct{})
	f.Operation, f.Nth = operation, nth
	f.Fired = func() { close(arrived) }
	w.server.Inject(f)
	return arrived
}

// await waits until something has come, and fails where it does not.
func await(t *testing.T, what string, come <-chan struct{}) {
	t.Helper()
	select {
	case <-come:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not come", what)
	}
}

// expect holds how a process ended against what it must be.
func (e ended) expect(t *testing.T, what string, code int, says ...string) {
	t.Helper()
	if e.code != code {
		t.Errorf("%s: exit %d, want %d\n%s", what, e.code, code, e.output)
	}
	for _, text := range says {
		if !strings.Contains(e.output, text) {
			t.Errorf("%s does not say %q:\n%s", what, text, e.output)
		}
	}
}

// same fails where the state is not the one from before.
func (w *world) same(before, after string) {
	w.t.Helper()
	if diff := cmp.Diff(before, after); diff != "" {
		w.t.Errorf("the state after is not the state before (-before +after):\n%s", diff)
	}
}

// github is a job of GitHub's runner: what it mounts into the containers of its
// actions and which variables it sets.
type github struct {
	*world
	temp string
	// job are the variables that earlier steps left, credentials among them.
	job map[string]string
}

func newJob(w *world) *github {
	g := &github{world: w, temp: filepath.Join(w.t.TempDir(), "runner_temp"), job: map[string]string{}}
	w.must(os.MkdirAll(g.temp, 0o755))
	return g
}

// use is one use of the action in the job.
type use struct {
	g    *github
	step string
	// with are its inputs; the runner sets the defaults too.
	with map[string]string
	// state is what main wrote for post.
	state map[string]string
}

func (g *github) use(step string, with map[string]string) *use {
	return &use{g: g, step: step, with: with}
}

// environment is what main and post have alike.
func (u *use) environment() map[string]string {
	g := u.g
	env := with(g.base(), g.job, map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1707", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "deploy",
		"GITHUB_ACTION": u.step, "GITHUB_REPOSITORY": "octo/shop", "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
		"GITHUB_WORKSPACE": g.dir, "GITHUB_STATE": u.file("state"), "GITHUB_OUTPUT": u.file("output"), "GITHUB_STEP_SUMMARY": u.file("summary"),
		"RUNNER_TEMP": g.temp, "RUNNER_OS": "Linux", "LAMBDA_ROLLOUT_POST": "1",
		"INPUT_COMMAND": "deploy", "INPUT_JOB-STATUS": "success", "INPUT_TIMEOUT": "10m", "INPUT_ROLLBACK-ON": "failure, cancelled",
	})
	for name, value := range u.with {
		env["INPUT_"+strings.ToUpper(name)] = value
	}
	return env
}

// file is one of the runner's command files.
func (u *use) file(kind string) string {
	path := filepath.Join(u.g.temp, "_runner_file_commands", kind+"_"+u.step)
	u.g.must(os.MkdirAll(filepath.Dir(path), 0o755))
	return path
}

// main is the process of the step itself.
func (u *use) main() process { return process{env: u.environment()} }

// readState is what the runner does after main, however main ended: it hands
// what stands in GITHUB_STATE to post.
func (u *use) readState() {
	u.g.t.Helper()
	u.state = map[string]string{}
	content, err := os.ReadFile(u.file("state"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	u.g.must(err)
	u.g.noSecret("state", content)
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		name, delimiter, heredoc := strings.Cut(lines[i], "<<")
		if !heredoc {
			name, value, _ := strings.Cut(lines[i], "=")
			u.state[name] = value
			continue
		}
		var value []string
		for i++; i < len(lines) && lines[i] != delimiter; i++ {
			value = append(value, lines[i])
		}
		u.state[name] = strings.Join(value, "\n")
	}
}

// post is the process of the post step, when the job has come to a status.
func (u *use) post(status string) process {
	u.readState()
	env := u.environment()
	env["INPUT_JOB-STATUS"] = status
	for name, value := range u.state {
		env["STATE_"+name] = value
	}
	return process{name: "/rollback", env: env}
}

// spec is a cut as a child reads it.
func (c cut) spec() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}
