package matrix

import (
	stdcmp "cmp"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
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
	// diskFull and closed are as in machine.
	diskFull, closed int
	// onCall is called before each call to AWS is sent, in virtual time.
	onCall func(n int)
}

func (p process) argv0() string { return stdcmp.Or(p.name, "/lambda-rollout") }

func (p process) environ() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		all = append(all, name+"="+p.env[name])
	}
	return all
}

// running is a process that was started.
type running struct {
	w      *world
	wait   func() (ended, error)
	signal func(os.Signal) error
}

// killed is the exit code of a process that a cut ended.
const killed = -1

// ended is how a process ended.
type ended struct {
	code   int
	output string
	// count and struck are known in virtual time only.
	count  count
	struck bool
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
		"AWS_ENDPOINT_URL": w.URL, "AWS_REGION": "us-east-1", "HOME": w.dir, "PATH": os.Getenv("PATH"), "TMPDIR": w.disk,
		// No process asks EC2 for credentials, and none reads this machine's.
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	})
}

// start starts a process in the workspace, with its environment and no other.
func (w *world) start(p process) running {
	w.t.Helper()
	if w.virtual {
		return w.simulate(p)
	}
	r, err := w.spawn(p)
	w.must(err)
	return r
}

// end waits for the end of the process.
func (r running) end() ended {
	r.w.t.Helper()
	e, err := r.wait()
	r.w.must(err)
	r.w.noSecret("output", []byte(e.output))
	return e
}

// do runs a process to its end.
func (w *world) do(p process) ended {
	w.t.Helper()
	return w.start(p).end()
}

// inject arms a fault. When it first strikes, the call waits until meanwhile has
// been done, and struck is closed.
func (w *world) inject(f awslocal.Fault, meanwhile ...func()) (struck chan struct{}) {
	struck = make(chan struct{})
	f.Fired = sync.OnceFunc(func() {
		for _, does := range meanwhile {
			does()
		}
		close(struck)
	})
	w.Inject(f)
	return struck
}

// await waits until something has come and every process of the bubble waits;
// it fails where nothing comes.
func await(t *testing.T, what string, come <-chan struct{}) {
	t.Helper()
	select {
	case <-come:
		synctest.Wait()
	case <-time.After(hang):
		t.Fatalf("%s did not come", what)
	}
}

// expect holds how a process ended against what it must be.
func (e ended) expect(t *testing.T, what string, code int, says ...string) {
	t.Helper()
	if e.code != code {
		t.Fatalf("%s: exit %d, want %d\n%s", what, e.code, code, e.output)
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
	g := &github{world: w, temp: filepath.Join(w.disk, "runner_temp"), job: map[string]string{}}
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
// the contents of GITHUB_STATE to post.
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
