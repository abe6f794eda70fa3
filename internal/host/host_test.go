package host

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Update writes golden files and the generated parts of action.yml and README.md.
var Update = flag.Bool("update", false, "write golden files and what is generated")

var hosts = []string{"github", "act", "woodpecker", "drone", "harness", "gitlab", "terminal"}

// machine is a host as it really sets up a step: its environment from testdata,
// with $DIR as the root of its file system.
type machine struct {
	dir            string
	stdout, stderr bytes.Buffer
	host           *Host
}

func newMachine(t *testing.T, name, args0 string, extra ...string) *machine {
	t.Helper()
	m := &machine{dir: t.TempDir()}
	for _, dir := range []string{"home", "workspace", "commands", "temp"} {
		if err := os.Mkdir(filepath.Join(m.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.detect(t, name, args0, extra...)
	return m
}

func (m *machine) detect(t *testing.T, name, args0 string, extra ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".env"))
	if err != nil {
		t.Fatal(err)
	}
	env := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), "$DIR", m.dir)), "\n")
	m.host = Detect(Options{
		Env:    append(env, extra...),
		Args0:  args0,
		Dir:    filepath.Join(m.dir, "workspace"),
		Stdout: &m.stdout, Stderr: &m.stderr,
		Now:  func() time.Time { return time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC) },
		Rand: strings.NewReader(strings.Repeat("\x01\x23\x45\x67\x89\xab\xcd\xef", 100)),
	})
}

// transcript is everything that the step left: its log and its files.
func (m *machine) transcript(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "-- stdout --\n%s-- stderr --\n%s", m.stdout.String(), m.stderr.String())
	err := filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "-- %s --\n%s", strings.TrimPrefix(path, m.dir+"/"), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), m.dir, "$DIR")
}

const (
	pem  = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n}\n-----END KEY-----\n"
	word = `pa"ss<word>`
)

// What a deploy says and leaves, to the byte, on each host.
func TestEachHostGetsWhatItReads(t *testing.T) {
	t.Parallel()
	for _, name := range hosts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, name, "/lambda-rollout")
			h := m.host
			h.Mask("word", word, pem, "")
			h.Mask("pin", "4711")
			h.Mask("again", "4711")
			h.Mask("", "test")
			h.Group("Deploy of 100%")
			fmt.Fprintln(h.Log(), "Published new version: [2]")
			fmt.Fprintf(h.Log(), "the password is %s, as JSON \"pa\\\"ss<word>\"\n", word)
			fmt.Fprint(h.Log(), pem)
			fmt.Fprintln(h.Log(), "::set-output name=version::666")
			fmt.Fprintln(h.Log(), "  ::add-path::/evil\r::stop-commands::x ##[error]no ##[group]x")
			fmt.Fprintln(h.Log(), "\x1b]0;title\a the pin 4711 is no part of 47110 \u202e")
			h.EndGroup()
			h.Annotate(Annotation{File: filepath.Join(m.dir, "workspace", "f.yaml"), Line: 3, Col: 7, Title: "a: b, c", Message: "unknown key\nhint: " + word + "\x1b[2J"})
			h.Annotate(Annotation{Warning: true, File: "g.json", Message: "runtime"})
			err := errors.Join(
				h.SaveState("journal", filepath.Join(m.dir, "temp", "j.jsonl")),
				h.SetOutputs([]Output{
					{"function-name", "shop"},
					{"function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:shop:2"},
					{"runtime", ""},
					{"alias-arns", `{"live":"it's $HOME #1"}`},
					{"plan", "code\nalias live 1 -> 2"},
					{"artifact", "x\n_GitHubActionsFileCommandDelimeter_\nversion=666\nlambda_rollout_00"},
					{"rollback-data", word},
				}),
				h.Summary("## Deployed\n\n| a | "+word+" |\n"),
				h.Summary("again\n"),
			)
			h.Log().Flush()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, m.transcript(t))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *Update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestEachHostSaysWhoRuns(t *testing.T) {
	t.Parallel()
	const sha = "05818a52403e07b2cab4d980522e7264be4aa18c"
	want := map[string]Run{
		"github": {ID: "16413290117", Attempt: "2", Job: "deploy", Step: "__lambda-rollout_lambda-rollout", Repository: "octo/shop", Commit: sha,
			URL: "https://github.com/octo/shop/actions/runs/16413290117", CommitURL: "https://github.com/octo/shop/commit/" + sha, Actor: "hubot", Pipeline: "Deploy", Number: "87",
			Axis: "GitHub Actions 1000000042", Scope: "16413290117-2-deploy", Part: "__lambda-rollout_lambda-rollout"},
		"act": {ID: "1", Attempt: "1", Job: "deploy", Step: "deploy", Repository: "octo/shop", Commit: sha,
			URL: "https://github.com/octo/shop/actions/runs/1", CommitURL: "https://github.com/octo/shop/commit/" + sha, Actor: "nektos/act", Pipeline: "deploy", Number: "1", Scope: "1-1-deploy", Part: "deploy"},
		"woodpecker": {ID: "24", Attempt: "1", Job: "woodpecker", Step: "deploy", Repository: "test/woodpecker-test", Commit: "8826c98181353075bbeee8f99b400496488e3523",
			URL: "http://1.2.3.4:8000/repos/2/pipeline/24", Actor: "mona", Pipeline: "woodpecker", Number: "24",
			Axis: "1", Began: "1721328737", Scope: "test_woodpecker-test-24-woodpecker-1", Part: "deploy"},
		"drone": {ID: "15", Attempt: "1", Job: "default", Step: "deploy", Repository: "octo/shop", Commit: sha,
			URL: "https://cloud.drone.io/octo/shop/15", Actor: "mona", Pipeline: "default", Number: "15",
			Began: "1555573280", Scope: "octo_shop-15-default", Part: "deploy"},
		"harness": {ID: "kq2cRb5eRZqcLHbZ3yAVvw", Attempt: "1", Job: "Deploy", Step: "deploy", Repository: "octo/shop", Commit: sha,
			URL: "https://app.harness.io/ng/#/account/acc/ci/orgs/default/projects/shop/pipelines/deploy/executions/xyz", Actor: "mona", Pipeline: "deploy", Number: "57",
			Scope: "octo_shop-kq2cRb5eRZqcLHbZ3yAVvw", Part: "Deploy-deploy"},
		"gitlab": {ID: "1523456789", Attempt: "1", Job: "deploy", Step: "8123456789", Repository: "octo/shop", Commit: sha,
			URL: "https://gitlab.com/octo/shop/-/jobs/8123456789", Actor: "mona", Pipeline: "shop", Number: "311", AllJobs: true,
			Scope: "octo_shop-1523456789", Part: "deploy-8123456789"},
		"terminal": {ID: "20261123T093000-012345", Attempt: "1", Actor: "mona", Part: "20261123T093000-012345-1"},
	}
	journals := map[string]string{
		"github":     "temp/lambda-rollout-16413290117-2-deploy-__lambda-rollout_lambda-rollout.jsonl",
		"act":        "commands/lambda-rollout-1-1-deploy-deploy.jsonl",
		"woodpecker": "workspace/.lambda-rollout/lambda-rollout-test_woodpecker-test-24-woodpecker-1-deploy.jsonl",
		"drone":      "workspace/.lambda-rollout/lambda-rollout-octo_shop-15-default-deploy.jsonl",
		"harness":    "workspace/.lambda-rollout/lambda-rollout-octo_shop-kq2cRb5eRZqcLHbZ3yAVvw-Deploy-deploy.jsonl",
		"gitlab":     "workspace/.lambda-rollout/lambda-rollout-octo_shop-1523456789-deploy-8123456789.jsonl",
		"terminal":   "workspace/.lambda-rollout/lambda-rollout-20261123T093000-012345-1.jsonl",
	}
	kinds := map[string]Kind{"github": GitHub, "act": Act, "woodpecker": Woodpecker, "drone": Drone, "harness": Harness, "gitlab": Terminal, "terminal": Terminal}
	status := map[string]string{"github": "success", "woodpecker": "failure", "drone": "success", "harness": "success"}
	for _, name := range hosts {
		m := newMachine(t, name, "/usr/local/bin/lambda-rollout")
		if got := m.host.Kind(); got != kinds[name] {
			t.Errorf("%s is taken for %s", name, got)
		}
		if diff := cmp.Diff(want[name], m.host.Run()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := strings.TrimPrefix(m.host.JournalPath(), m.dir+"/"); got != journals[name] {
			t.Errorf("%s: journal %s", name, got)
		}
		if got := m.host.Workspace(); got != filepath.Join(m.dir, "workspace") {
			t.Errorf("%s: workspace %s", name, got)
		}
		if got := m.host.JobStatus(); got != status[name] {
			t.Errorf("%s: job status %q", name, got)
		}
		actions := name == "github" || name == "act"
		if m.host.PostFollows() != actions || m.host.IsPost() {
			t.Errorf("%s: post", name)
		}
	}
}

func touch(t *testing.T, path string, age time.Duration) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-age)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

// On GitHub post reads what its own main left, and without it nothing: a main
// that was skipped has no state, and the journal that lies there is another's.
func TestPostOnGitHubReadsItsOwnStateAlone(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "github", "/rollback")
	touch(t, m.host.JournalPath(), 0)
	if got := m.host.Journals(); got != nil || !m.host.IsPost() || m.host.PostFollows() {
		t.Errorf("journals %v", got)
	}
	m.detect(t, "github", "/rollback", "STATE_journal=/x/j.jsonl")
	if diff := cmp.Diff([]string{"/x/j.jsonl"}, m.host.Journals()); diff != "" {
		t.Error(diff)
	}
}

// act hands post no state: there it looks for what the same step left.
func TestPostUnderActFindsTheJournalOfItsStep(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "act", "/lambda-rollout")
	mine := m.host.JournalPath()
	touch(t, mine, time.Minute)
	touch(t, filepath.Join(filepath.Dir(mine), "lambda-rollout-1-1-deploy-other.jsonl"), 0)
	m.detect(t, "act", "/rollback")
	if diff := cmp.Diff([]string{mine}, m.host.Journals()); diff != "" {
		t.Error(diff)
	}
}

// Elsewhere another step of the same run rolls back, so the step's name does
// not count, and the newest journal comes first.
func TestARollbackStepFindsTheJournalsOfItsRun(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "woodpecker", "/lambda-rollout")
	dir := filepath.Dir(m.host.JournalPath())
	const run = "test_woodpecker-test-24-woodpecker-"
	for i, name := range []string{run + "1-b", run + "1-a", run + "2-a", "test_woodpecker-test-240-woodpecker-1-c", "other_woodpecker-test-24-woodpecker-1-a", "24-1-woodpecker-a"} {
		touch(t, filepath.Join(dir, "lambda-rollout-"+name+".jsonl"), time.Duration(i)*time.Minute)
	}
	touch(t, filepath.Join(dir, "outputs.env"), 0)
	want := []string{filepath.Join(dir, "lambda-rollout-"+run+"1-b.jsonl"), filepath.Join(dir, "lambda-rollout-"+run+"1-a.jsonl")}
	if diff := cmp.Diff(want, m.host.Journals()); diff != "" {
		t.Error(diff)
	}
}

func TestASecondUseUnderOneNameGetsAJournalOfItsOwn(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "github", "/lambda-rollout")
	first := m.host.JournalPath()
	touch(t, first, 0)
	if got, want := m.host.JournalPath(), strings.TrimSuffix(first, ".jsonl")+"-2.jsonl"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Before runner 2.329.0 RUNNER_TEMP named a folder of the machine that the
// container did not have.
func TestWithoutItsTempTheJournalLiesInHome(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "github", "/lambda-rollout")
	if err := os.Remove(filepath.Join(m.dir, "temp")); err != nil {
		t.Fatal(err)
	}
	if got := filepath.Dir(m.host.JournalPath()); got != filepath.Join(m.dir, "home") {
		t.Errorf("journal in %s", got)
	}
}

// A value cannot leave its heredoc: whatever it holds, the runner reads one
// output of this name and no other.
func TestNoValueInjectsAnOutput(t *testing.T) {
	t.Parallel()
	const drawn = "lambda_rollout_0123456789abcdef0123456789abcdef"
	for _, value := range []string{
		"a\n_GitHubActionsFileCommandDelimeter_\nversion<<_GitHubActionsFileCommandDelimeter_\n666",
		"a\n" + drawn + "\nversion=666",
		"\n\n", "EOF", "version=666", "a\r\nversion<<x\r\n666\r\nx",
	} {
		m := newMachine(t, "github", "/lambda-rollout")
		// The first delimiter is the one that the value knows; it must be passed over.
		m.host.options.Rand = strings.NewReader(strings.Repeat("\x01\x23\x45\x67\x89\xab\xcd\xef", 2) + "another sixteen b and more")
		if err := m.host.SetOutputs([]Output{{"plan", value}}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(m.dir, "commands", "set_output_7f"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"plan": value}, readAsTheRunner(t, string(text))); diff != "" {
			t.Errorf("%q: %s", value, diff)
		}
	}
}

// readAsTheRunner parses a command file as FileCommandManager.cs does.
func readAsTheRunner(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		name, delimiter, heredoc := strings.Cut(line, "<<")
		if before, value, ok := strings.Cut(line, "="); ok && (!heredoc || len(before) < len(name)) {
			out[before] = value
			continue
		}
		if line == "" {
			continue
		}
		if !heredoc {
			t.Fatalf("the runner refuses the line %q", line)
		}
		end := strings.Index("\n"+text, "\n"+delimiter+"\n")
		if end < 0 {
			t.Fatalf("no end of %s", name)
		}
		out[name] = text[:max(0, end-1)]
		text = text[end+len(delimiter)+1:]
	}
	return out
}

func TestAFileThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"github", "drone", "harness"} {
		m := newMachine(t, name, "/lambda-rollout")
		if err := os.RemoveAll(m.dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.dir, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := m.host.SetOutputs([]Output{{"version", "2"}}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if name == "github" && (m.host.SaveState("journal", "x") == nil || m.host.Summary("x") == nil) {
			t.Error("no error of state or summary")
		}
	}
}

// A pipe without a reader would hold the run for ever.
func TestAPipeThatNobodyReadsIsAnError(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, "github", "/lambda-rollout", "GITHUB_OUTPUT="+pipe, "GITHUB_STATE="+pipe, "GITHUB_STEP_SUMMARY="+pipe)
	if m.host.CheckOutputs() == nil || m.host.SetOutputs([]Output{{"version", "2"}}) == nil || m.host.SaveState("journal", "x") == nil || m.host.Summary("x") == nil {
		t.Error("no error on GitHub")
	}
	for _, env := range []string{"HARNESS_OUTPUT_FILE=", "DRONE_OUTPUT="} {
		m := newMachine(t, "drone", "/lambda-rollout", env+pipe)
		if m.host.CheckOutputs() == nil {
			t.Errorf("%s: no error", env)
		}
	}
}

func TestTheSummaryStaysBelowItsLimit(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "github", "/lambda-rollout")
	row := strings.Repeat("x", 99) + "\n"
	for range 3 {
		if err := m.host.Summary(strings.Repeat(row, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(m.dir, "commands", "step_summary_7f"))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > summaryLimit || len(text) < summaryLimit-200 || !strings.HasSuffix(string(text), cutNotice+"\n") {
		t.Errorf("%d bytes, end %q", len(text), text[len(text)-60:])
	}
}

func TestJSONOnStdoutStaysAlone(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "github", "/lambda-rollout")
	m.host.LogToStderr()
	m.host.Mask("password", "hunter2-hunter2")
	m.host.Group("x")
	fmt.Fprintln(m.host.Log(), "hunter2-hunter2")
	if m.stdout.Len() != 0 || !strings.Contains(m.stderr.String(), "***\n") {
		t.Errorf("stdout %q, stderr %q", m.stdout.String(), m.stderr.String())
	}
}

// GitHub shows ten; the log has every one.
func TestAnnotationsEndAtTheLimitAndWarningsGoOnInTheLog(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "github", "/lambda-rollout")
	for range 30 {
		m.host.Annotate(Annotation{Message: "x"})
		m.host.Warn("y")
	}
	m.host.Log().Flush()
	for line, want := range map[string]int{"::error::x\n": annotationLimit, "::warning title=lambda-rollout::y\n": annotationLimit, "warning: y\n": 30 - annotationLimit} {
		if got := strings.Count(m.stdout.String(), line); got != want {
			t.Errorf("%d times %q, want %d", got, line, want)
		}
	}
	m = newMachine(t, "woodpecker", "/lambda-rollout")
	m.host.Warn("y")
	if got := m.stdout.String(); got != "warning: y\n" {
		t.Errorf("a host without annotations: %q", got)
	}
}

// GitHub would hide a short or common value inside every word, so it does not learn
// of it; the user does.
func TestAWeakSecretIsNotHandedToGitHub(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "github", "/lambda-rollout")
	m.host.Mask("db", "live")
	m.host.Mask("user", "postgres")
	m.host.Mask("key", "correct-horse-battery")
	m.host.Mask("", "correct?horse?>", "two-lines\rof-one-key")
	m.host.Mask("", "abc")
	m.host.Log().Flush()
	out := m.stdout.String()
	for _, weak := range []string{"::add-mask::live", "::add-mask::postgres", "::add-mask::abc", "::add-mask::bGl2ZQ"} {
		if strings.Contains(out, weak) {
			t.Errorf("%s in:\n%s", weak, out)
		}
	}
	for _, want := range []string{"the secret db is shorter than 8 characters", "the secret user is shorter", "::add-mask::correct-horse-battery\n",
		"::add-mask::Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5\n", "::add-mask::correct?horse?>\n", "::add-mask::Y29ycmVjdD9ob3JzZT8+\n", "::add-mask::Y29ycmVjdD9ob3JzZT8-\n",
		"::add-mask::correct?horse?\\u003e\n", "::add-mask::two-lines\n", "::add-mask::of-one-key\n"} {
		if strings.Count(out, want) != 1 {
			t.Errorf("without %q:\n%s", want, out)
		}
	}
	if got := m.host.Redact(`a live "live" alive`); got != `a *** "***" alive` {
		t.Errorf("shown as %q", got)
	}
}
