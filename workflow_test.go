package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"gopkg.in/yaml.v3"
)

// workflow FILE CONTEXT=VALUE… does with a workflow what GitHub's runner does,
// as far as workflows that convert writes ask for it: it runs the steps of each
// job in their order and, when the job has failed, the action's post steps, the
// last one first. A context is vars.NAME, secrets.NAME or inputs.NAME; with.NAME
// is one more input of the action. What it does not know ends the test.
func workflow(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: workflow FILE CONTEXT=VALUE…")
	}
	var document struct{ Jobs yaml.Node }
	ts.Check(yaml.Unmarshal([]byte(ts.ReadFile(args[0])), &document))
	r := runner{ts: ts, contexts: map[string]string{}}
	for _, pair := range args[1:] {
		name, value, _ := strings.Cut(pair, "=")
		r.contexts[name] = value
	}
	action, err := os.ReadFile("action.yml")
	ts.Check(err)
	ts.Check(yaml.Unmarshal(action, &r.action))
	for i := 0; i < len(document.Jobs.Content); i += 2 {
		var j job
		ts.Check(document.Jobs.Content[i+1].Decode(&j))
		r.job(document.Jobs.Content[i].Value, j)
	}
	if r.failed != neg {
		ts.Fatalf("the workflow failed: %v", r.failed)
	}
}

type job struct {
	If    string
	Steps []step
}

type step struct {
	Name, ID, If, Uses, Run, Shell string
	With, Env                      map[string]string
}

// runner is a workflow on its way.
type runner struct {
	ts *testscript.TestScript
	// contexts are the values of expressions by their paths.
	contexts map[string]string
	action   struct {
		Inputs map[string]struct{ Default *string }
		Runs   struct {
			Entrypoint     string
			PostEntrypoint string `yaml:"post-entrypoint"`
			PostIf         string `yaml:"post-if"`
			Env            map[string]string
		}
	}
	jobID  string
	failed bool
}

func (r *runner) job(id string, j job) {
	if !r.holds(j.If) {
		return
	}
	r.jobID = id
	var posts []func()
	for i, s := range j.Steps {
		result := "skipped"
		if r.holds(s.If) {
			result = "success"
			ok, post := r.step(cmp.Or(s.ID, fmt.Sprintf("__%d", i)), s)
			if post != nil {
				posts = append(posts, post)
			}
			if !ok {
				r.failed, result = true, "failure"
			}
		}
		r.say("step %s: %s", cmp.Or(s.Name, s.Uses), result)
	}
	for _, post := range slices.Backward(posts) {
		if r.holds(r.action.Runs.PostIf) {
			post()
		}
	}
}

// step carries one out, and gives what the end of the job has to do for it.
func (r *runner) step(id string, s step) (ok bool, post func()) {
	files := r.files()
	variables := []string{"GITHUB_ACTION=" + id}
	for name, value := range s.Env {
		variables = append(variables, name+"="+r.value(value))
	}
	switch {
	case strings.HasPrefix(s.Uses, "actions/checkout@"):
		return true, nil // the workspace is there
	case s.Uses == "lambda-rollout/lambda-rollout@v1":
		inputs := func() []string { return append(r.inputs(s.With), variables...) }
		ok = r.run(files, inputs(), filepath.Base(r.action.Runs.Entrypoint))
		post = func() {
			// The job's status is asked for anew.
			state := inputs()
			for name, value := range r.pairs(files, "GITHUB_STATE") {
				state = append(state, "STATE_"+name+"="+value)
			}
			done := r.run(r.files(), state, filepath.Base(r.action.Runs.PostEntrypoint))
			r.failed = r.failed || !done
			r.say("post %s: %v", s.Name, done)
		}
	case s.Uses == "" && s.Shell == "bash":
		ok = r.run(files, variables, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", r.value(s.Run))
	default:
		r.ts.Fatalf("step %s: no runner for uses %q, shell %q", id, s.Uses, s.Shell)
	}
	for name, value := range r.pairs(files, "GITHUB_OUTPUT") {
		r.contexts["steps."+id+".outputs."+name] = value
	}
	return ok, post
}

// inputs are the action's as its container sees them, defaults included.
func (r *runner) inputs(with map[string]string) []string {
	var variables []string
	for name := range with {
		if _, known := r.action.Inputs[name]; !known {
			r.ts.Fatalf("the action has no input %s", name)
		}
	}
	for name, input := range r.action.Inputs {
		value, given := with[name]
		if more, is := r.contexts["with."+name]; is {
			value, given = more, true
		}
		if !given && input.Default == nil {
			continue
		}
		if !given {
			value = *input.Default
		}
		variables = append(variables, "INPUT_"+strings.ToUpper(name)+"="+r.value(value))
	}
	for name, value := range r.action.Runs.Env {
		variables = append(variables, name+"="+value)
	}
	return variables
}

// run runs a command in the workspace with a runner's variables. The job has a
// token and no credentials.
func (r *runner) run(files string, variables []string, name string, args ...string) bool {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.ts.Getenv("WORK"), r.ts.Stdout(), r.ts.Stderr()
	cmd.Env = append(variables,
		"GITHUB_ACTIONS=true", "GITHUB_WORKSPACE="+cmd.Dir, "GITHUB_RUN_ID=1", "GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB="+r.jobID,
		"RUNNER_TEMP="+r.ts.MkAbs("runner"), "HOME="+r.ts.MkAbs("runner"), "PATH="+os.Getenv("PATH"),
		"ACTIONS_ID_TOKEN_REQUEST_URL="+r.ts.Getenv("TOKENS"), "ACTIONS_ID_TOKEN_REQUEST_TOKEN=request",
		"AWS_ENDPOINT_URL="+r.ts.Getenv("AWS_ENDPOINT_URL"))
	for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"} {
		cmd.Env = append(cmd.Env, file+"="+filepath.Join(files, file))
	}
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.ts.Check(err)
	}
	return err == nil
}

// files is the folder of a step's own files.
func (r *runner) files() string {
	r.ts.Check(os.MkdirAll(r.ts.MkAbs("runner"), 0o755))
	folder, err := os.MkdirTemp(r.ts.MkAbs("runner"), "step")
	r.ts.Check(err)
	return folder
}

// pairs reads what a step left in one of its files: NAME=VALUE, or NAME<<END
// and lines up to END.
func (r *runner) pairs(folder, file string) map[string]string {
	text, err := os.ReadFile(filepath.Join(folder, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	r.ts.Check(err)
	pairs := map[string]string{}
	for rest := string(text); rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		name, value, _ := strings.Cut(line, "=")
		if before, end, long := strings.Cut(line, "<<"); long && !strings.Contains(before, "=") {
			name = before
			value, rest, _ = strings.Cut("\n"+rest, "\n"+end+"\n")
			value = strings.TrimPrefix(value, "\n")
		}
		pairs[name] = value
	}
	return pairs
}

var expressions = regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`)

// value fills in expressions: the paths of contexts alone.
func (r *runner) value(text string) string {
	r.contexts["job.status"] = "success"
	if r.failed {
		r.contexts["job.status"] = "failure"
	}
	return expressions.ReplaceAllStringFunc(text, func(span string) string {
		path := expressions.FindStringSubmatch(span)[1]
		value, known := r.contexts[path]
		if !known {
			r.ts.Fatalf("nothing is known of %s", path)
		}
		return value
	})
}

// holds decides a condition of functions of the status and of constants. One
// that asks for no status asks for success.
func (r *runner) holds(condition string) bool {
	if m := expressions.FindStringSubmatch(condition); m != nil {
		condition = m[1]
	}
	known := map[string]bool{"success()": !r.failed, "failure()": r.failed, "cancelled()": false, "always()": true, "true": true, "false": false}
	if !strings.Contains(condition, "()") {
		condition = strings.TrimSuffix("success() && "+condition, " && ")
	}
	return slices.ContainsFunc(strings.Split(condition, " || "), func(all string) bool {
		return !slices.ContainsFunc(strings.Split(all, " && "), func(term string) bool {
			value, is := known[term]
			if !is {
				r.ts.Fatalf("the condition %s is not known", term)
			}
			return !value
		})
	})
}

func (r *runner) say(format string, args ...any) {
	_, err := fmt.Fprintf(r.ts.Stdout(), format+"\n", args...)
	r.ts.Check(err)
}
