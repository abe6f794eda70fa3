package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

var full = flag.Bool("full", false, "try everything that breaks at every moment, not a sample of it")

// ciJob is one CI job on a machine of its own: a workspace with two states of a
// function, the files of a host, and an AWS where the first state is live.
type ciJob struct {
	t    *testing.T
	aws  *awstest.AWS
	dir  string
	env  map[string]string
	kept awslocal.State
}

const (
	smallFunction = `{"functionName":"ledger","role":"arn:aws:iam::123456789012:role/ledger","runtime":"nodejs22.x","handler":"index.handler","memorySize":128}`
	largeFunction = `{"functionName":"ledger","role":"arn:aws:iam::123456789012:role/ledger","runtime":"nodejs22.x","handler":"index.handler","memorySize":512}`
)

func newJob(t *testing.T) *ciJob {
	t.Helper()
	return newJobOn(t, awstest.Start(t, awslocal.Options{Account: "123456789012"}))
}

func newJobOn(t *testing.T, aws *awstest.AWS) *ciJob {
	t.Helper()
	j := &ciJob{t: t, aws: aws, dir: t.TempDir()}
	j.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": j.dir,
		"AWS_ENDPOINT_URL": j.aws.URL, "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI-example",
		"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "4711", "GITHUB_JOB": "deploy", "RUNNER_TEMP": j.path("temp"),
		"GITHUB_WORKSPACE": j.path("workspace"), "GITHUB_OUTPUT": j.path("output"), "GITHUB_STATE": j.path("state"),
		"GITHUB_STEP_SUMMARY": j.path("summary"),
	}
	for _, dir := range []string{"temp", "workspace/code"} {
		if err := os.MkdirAll(j.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"small.json": smallFunction, "large.json": largeFunction, "code/index.js": "exports.handler = async () => 1\n"} {
		if err := os.WriteFile(filepath.Join(j.path("workspace"), name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func (j *ciJob) path(name string) string { return filepath.Join(j.dir, filepath.FromSlash(name)) }

// command is the program under one of its names.
func (j *ciJob) command(args ...string) *exec.Cmd {
	path, err := exec.LookPath(args[0])
	if err != nil {
		j.t.Fatal(err)
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = j.path("workspace")
	for name, value := range j.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// must runs a step of the preparation.
func (j *ciJob) must(args ...string) {
	j.t.Helper()
	if out, err := j.command(args...).CombinedOutput(); err != nil {
		j.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (j *ciJob) keep() {
	j.t.Helper()
	state, err := j.aws.Dump("123456789012")
	if err != nil {
		j.t.Fatal(err)
	}
	j.kept = state
	j.aws.ResetCalls()
}

// changed is the difference between now and keep.
func (j *ciJob) changed() string {
	j.t.Helper()
	state, err := j.aws.Dump("123456789012")
	if err != nil {
		j.t.Fatal(err)
	}
	return cmp.Diff(j.kept.Functions, state.Functions)
}

func (j *ciJob) journal() string {
	j.t.Helper()
	found, err := filepath.Glob(j.path("temp/*.jsonl"))
	if err != nil || len(found) == 0 {
		j.t.Fatalf("journals %v: %v", found, err)
	}
	// The second has a number behind the name of the first.
	return slices.MaxFunc(found, func(a, b string) int { return len(a) - len(b) })
}

func deployArgs(file string, more ...string) []string {
	return append([]string{"lambda-rollout", "deploy", "--function-definition", file, "--artifact", "code", "--alias", "live"}, more...)
}

// moment is something that the program is asked for: how the job comes to it, the
// arguments, and the exit code where nothing breaks.
type moment struct {
	prepare func(j *ciJob)
	args    func(j *ciJob) []string
	code    int
	// changes means that AWS is another one afterwards.
	changes bool
}

func args(words ...string) func(*ciJob) []string { return func(*ciJob) []string { return words } }

func secondDeployed(j *ciJob) {
	j.keep()
	j.must(deployArgs("large.json")...)
}

var moments = map[string]moment{
	"an unchanged deploy": {prepare: (*ciJob).keep, args: args(deployArgs("small.json")...)},
	"a deploy":            {prepare: (*ciJob).keep, args: args(deployArgs("large.json")...), changes: true},
	"a failing deploy": {prepare: func(j *ciJob) {
		j.keep()
		j.aws.Inject(awslocal.Fault{Operation: "UpdateAlias", Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"})
	}, args: args(deployArgs("large.json")...), code: 1},
	"a plan":              {prepare: (*ciJob).keep, args: args("lambda-rollout", "plan", "--function-definition", "large.json", "--artifact", "code", "--alias", "live")},
	"a plan for its code": {prepare: (*ciJob).keep, args: args("lambda-rollout", "plan", "--exit-code", "--function-definition", "large.json", "--artifact", "code", "--alias", "live"), code: 2},
	"a shift":             {prepare: func(j *ciJob) { j.must(deployArgs("large.json", "--traffic", "10%")...); j.keep() }, args: args("lambda-rollout", "shift", "--function", "ledger", "--alias", "live", "--percentage", "100"), changes: true},
	"a rollback":          {prepare: secondDeployed, args: func(j *ciJob) []string { return []string{"lambda-rollout", "rollback", "--journal", j.journal()} }},
	"the post step": {prepare: func(j *ciJob) {
		secondDeployed(j)
		j.env["STATE_journal"], j.env["INPUT_JOB-STATUS"] = j.journal(), "failure"
	}, args: args("rollback")},
}

// breaker is something around the process that does not work.
type breaker struct {
	// around breaks something of the machine, streams something of the process.
	around  func(j *ciJob)
	streams func(j *ciJob, cmd *exec.Cmd)
	// codes are the exit codes that differ from those of a sound machine.
	codes map[string]int
}

func fullDisk(j *ciJob) *os.File {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() { _ = f.Close() })
	return f
}

// gone is a pipe whose reader went away.
func gone(j *ciJob) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		j.t.Fatal(err)
	}
	_ = r.Close()
	j.t.Cleanup(func() { _ = w.Close() })
	return w
}

// closed runs the command with a file descriptor closed.
func closed(j *ciJob, cmd *exec.Cmd, descriptor string) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		j.t.Skip("there is no shell")
	}
	cmd.Args = append([]string{"sh", "-c", `exec "$0" "$@" ` + descriptor + `>&-`, cmd.Args[0]}, cmd.Args[1:]...)
	cmd.Path = shell
}

// noOutputs are the codes where results have no place: 5 where they are results of
// a change, 1 where nothing was changed.
var noOutputs = map[string]int{"an unchanged deploy": 1, "a deploy": 5, "a shift": 5, "a plan": 1, "a plan for its code": 1}

// noPlace are those where that is known beforehand.
var noPlace = map[string]int{"an unchanged deploy": 3, "a deploy": 3, "a failing deploy": 3, "a shift": 3, "a plan": 1, "a plan for its code": 1}

func elsewhere(j *ciJob, env map[string]string) {
	for _, name := range []string{"GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"} {
		delete(j.env, name)
	}
	for name, value := range env {
		j.env[name] = value
	}
}

var breakers = map[string]breaker{
	"nothing":                 {},
	"stdout is full":          {streams: func(j *ciJob, cmd *exec.Cmd) { cmd.Stdout = fullDisk(j) }},
	"stdout has no reader":    {streams: func(j *ciJob, cmd *exec.Cmd) { cmd.Stdout = gone(j) }},
	"stdout is closed":        {streams: func(j *ciJob, cmd *exec.Cmd) { closed(j, cmd, "1") }},
	"stderr is full":          {streams: func(j *ciJob, cmd *exec.Cmd) { cmd.Stderr = fullDisk(j) }},
	"stderr has no reader":    {streams: func(j *ciJob, cmd *exec.Cmd) { cmd.Stderr = gone(j) }},
	"stderr is closed":        {streams: func(j *ciJob, cmd *exec.Cmd) { closed(j, cmd, "2") }},
	"both are full":           {streams: func(j *ciJob, cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = fullDisk(j), fullDisk(j) }},
	"both have no reader":     {streams: func(j *ciJob, cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = gone(j), gone(j) }},
	"the outputs are full":    {around: func(j *ciJob) { j.env["GITHUB_OUTPUT"] = "/dev/full" }, codes: noOutputs},
	"the outputs are nowhere": {around: func(j *ciJob) { j.env["GITHUB_OUTPUT"] = j.path("nowhere/output") }, codes: noPlace},
	"the state is full": {around: func(j *ciJob) { j.env["GITHUB_STATE"] = "/dev/full" },
		codes: map[string]int{"a deploy": 3, "a failing deploy": 3, "a shift": 3}},
	"the summary is full": {around: func(j *ciJob) { j.env["GITHUB_STEP_SUMMARY"] = "/dev/full" },
		codes: map[string]int{"a plan": 1, "a plan for its code": 1}},
	"Harness' outputs are full": {around: func(j *ciJob) {
		elsewhere(j, map[string]string{"HARNESS_BUILD_ID": "1", "HARNESS_WORKSPACE": j.path("workspace"), "HARNESS_OUTPUT_FILE": "/dev/full"})
	}, codes: noOutputs},
	"Woodpecker's workspace takes no folder": {around: func(j *ciJob) {
		elsewhere(j, map[string]string{"CI": "woodpecker", "CI_WORKSPACE": j.path("workspace"), "CI_PIPELINE_NUMBER": "1"})
		_ = os.RemoveAll(j.path("workspace/.lambda-rollout"))
		if err := os.WriteFile(j.path("workspace/.lambda-rollout"), nil, 0o644); err != nil {
			j.t.Fatal(err)
		}
	}, codes: noPlace},
}

// The exit code is true whatever breaks, whenever it breaks: it is the one of a
// sound machine where a log or a summary is lost, and says what AWS holds where the
// results are.
func TestTheExitCodeIsTrueWhateverBreaks(t *testing.T) {
	t.Parallel()
	for what, b := range breakers {
		for when, m := range moments {
			if _, differs := b.codes[when]; !*full && when != "a deploy" && (when != "a plan for its code" || !differs) {
				continue
			}
			t.Run(what+" in "+when, func(t *testing.T) {
				t.Parallel()
				j := newJob(t)
				j.must(deployArgs("small.json")...)
				m.prepare(j)
				cmd, log := j.broken(m.args(j), b)
				want, other := b.codes[when]
				if !other {
					want = m.code
				}
				if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
					t.Fatal(err)
				}
				if got := cmd.ProcessState.ExitCode(); got != want {
					t.Fatalf("exit code %d, want %d\n%s", got, want, log)
				}
				j.holds(want, m, log.String())
			})
		}
	}
}

// broken makes the command with something around it broken.
func (j *ciJob) broken(args []string, b breaker) (*exec.Cmd, *bytes.Buffer) {
	var log bytes.Buffer
	if b.around != nil {
		b.around(j)
	}
	cmd := j.command(args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if b.streams != nil {
		b.streams(j, cmd)
	}
	return cmd, &log
}

// namedCommand is how to undo what remains.
var namedCommand = regexp.MustCompile(`lambda-rollout rollback --journal [^\s)]+`)

// holds compares what AWS holds with what the exit code promises.
func (j *ciJob) holds(code int, m moment, log string) {
	j.t.Helper()
	diff := j.changed()
	switch {
	case code == 5:
		if diff == "" {
			j.t.Error("changes remain, says the exit code, but there are none")
		}
		command := namedCommand.FindString(log)
		if command == "" {
			j.t.Fatalf("the command is not named:\n%s", log)
		}
		delete(j.env, "GITHUB_OUTPUT")
		j.must(strings.Fields(command)...)
		if diff := j.changed(); diff != "" {
			j.t.Errorf("the command that is named does not undo it:\n%s", diff)
		}
	case code == 0 && m.changes:
		if diff == "" {
			j.t.Error("done, says the exit code, but nothing was changed")
		}
	case diff != "":
		j.t.Errorf("exit code %d, but AWS is not as it was:\n%s", code, diff)
	}
}
