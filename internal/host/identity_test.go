package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Every process of one run of one job has the same scope, and every other run,
// repository, workflow and axis another one.
func TestTheScopeOfARun(t *testing.T) {
	t.Parallel()
	woodpecker := []string{"CI_REPO=octo/shop", "CI_PIPELINE_NUMBER=12", "CI_WORKFLOW_NAME=release", "CI_WORKFLOW_NUMBER=1", "CI_PIPELINE_STARTED=100", "CI_STEP_NAME=deploy"}
	drone := []string{"DRONE_REPO=octo/shop", "DRONE_BUILD_NUMBER=0", "DRONE_STAGE_NAME=release", "DRONE_BUILD_STARTED=99", "DRONE_STAGE_STARTED=100"}
	for name, tt := range map[string]struct {
		kind, change string
		base         []string
		same         bool
	}{
		"another step":                  {"woodpecker", "CI_STEP_NAME=undo", woodpecker, true},
		"another status":                {"woodpecker", "CI_PIPELINE_STATUS=failure", woodpecker, true},
		"another repository":            {"woodpecker", "CI_REPO=octo/other", woodpecker, false},
		"another owner":                 {"woodpecker", "CI_REPO=cat/shop", woodpecker, false},
		"another number":                {"woodpecker", "CI_PIPELINE_NUMBER=13", woodpecker, false},
		"another workflow":              {"woodpecker", "CI_WORKFLOW_NAME=nightly", woodpecker, false},
		"another axis":                  {"woodpecker", "CI_WORKFLOW_NUMBER=2", woodpecker, false},
		"a number tells by itself":      {"woodpecker", "CI_PIPELINE_STARTED=200", woodpecker, true},
		"exec, a later run":             {"woodpecker", "CI_PIPELINE_STARTED=200", append(woodpecker, "CI_PIPELINE_NUMBER=0"), false},
		"drone, another step":           {"drone", "DRONE_STEP_NAME=undo", drone, true},
		"drone exec, a later run":       {"drone", "DRONE_STAGE_STARTED=200", drone, false},
		"drone, the stage began":        {"drone", "DRONE_BUILD_STARTED=200", drone, true},
		"drone, another stage":          {"drone", "DRONE_STAGE_NAME=nightly", drone, false},
		"drone, another repository":     {"drone", "DRONE_REPO=octo/other", drone, false},
		"harness, another stage":        {"harness", "HARNESS_STAGE_ID=Undo", nil, true},
		"harness, another execution":    {"harness", "HARNESS_EXECUTION_ID=x", nil, false},
		"harness, another repository":   {"harness", "DRONE_REPO=octo/other", nil, false},
		"gitlab, another job":           {"gitlab", "CI_JOB_NAME=undo", nil, true},
		"gitlab, another pipeline":      {"gitlab", "CI_PIPELINE_ID=1", nil, false},
		"gitlab, another project":       {"gitlab", "CI_PROJECT_PATH=octo/other", nil, false},
		"github, another step":          {"github", "GITHUB_ACTION=undo", nil, true},
		"github, another job":           {"github", "GITHUB_JOB=undo", nil, false},
		"github, another attempt":       {"github", "GITHUB_RUN_ATTEMPT=9", nil, false},
		"github, another run":           {"github", "GITHUB_RUN_ID=9", nil, false},
		"a terminal has none":           {"terminal", "USER=hubot", nil, true},
		"a workflow with a long name":   {"woodpecker", "CI_WORKFLOW_NAME=" + strings.Repeat("x", 100) + "1", append(woodpecker, "CI_WORKFLOW_NAME="+strings.Repeat("x", 100)+"2"), false},
		"a repository with odd letters": {"woodpecker", "CI_REPO=octo/shöp", append(woodpecker, "CI_REPO=octo/shop"), false},
	} {
		m := newMachine(t, tt.kind, "/lambda-rollout")
		scope := func(env ...string) (string, string) {
			m.detect(t, tt.kind, "/lambda-rollout", env...)
			if key := m.host.Run().Key(); len(key) > 200 || fileName(key) != key {
				t.Errorf("%s: key %s", name, key)
			}
			return m.host.Run().Scope, m.host.JournalPrefix()
		}
		before, prefix := scope(tt.base...)
		after, prefixAfter := scope(append(tt.base, tt.change)...)
		if (before == after) != tt.same || (prefix == prefixAfter) != tt.same {
			t.Errorf("%s: %q and %q", name, before, after)
		}
	}
}

// Journals of other runs lie beside those of this run, and are told apart.
func TestJournalsOfOthers(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "drone", "/lambda-rollout")
	mine := m.host.JournalPath()
	others := []string{"lambda-rollout-octo_shop-14-default-deploy.jsonl", "lambda-rollout-octo_other-15-default-deploy.jsonl"}
	touch(t, mine, 0)
	for i, name := range others {
		touch(t, filepath.Join(filepath.Dir(mine), name), time.Duration(i+1)*time.Minute)
		others[i] = filepath.Join(filepath.Dir(mine), name)
	}
	if diff := cmp.Diff(others, m.host.JournalsOfOthers()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{mine}, m.host.Journals()); diff != "" {
		t.Error(diff)
	}
	for kind, want := range map[string]bool{"github": false, "act": true, "woodpecker": true, "drone": true, "harness": true, "gitlab": true, "terminal": false} {
		m := newMachine(t, kind, "/lambda-rollout")
		if got := m.host.FindsByName(); got != want {
			t.Errorf("%s finds journals by name: %v", kind, got)
		}
		touch(t, filepath.Join(filepath.Dir(m.host.JournalPath()), "lambda-rollout-x.jsonl"), 0)
		if got := m.host.JournalsOfOthers(); (len(got) > 0) != (want && kind != "act") {
			t.Errorf("%s: others %v", kind, got)
		}
	}
}

// A run whose step has no name finds its own journal, and no longer name's.
func TestAJournalWithoutAStepIsFound(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "drone", "/lambda-rollout")
	m.detect(t, "drone", "/lambda-rollout", "DRONE_STEP_NAME=")
	mine := m.host.JournalPath()
	touch(t, mine, 0)
	touch(t, strings.TrimSuffix(mine, ".jsonl")+"s.jsonl", 0)
	if diff := cmp.Diff([]string{mine}, m.host.Journals()); diff != "" {
		t.Error(diff)
	}
}

// Whoever wrote the repository cannot make a link the place of journals.
func TestNoJournalIsFoundBehindALink(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "woodpecker", "/lambda-rollout")
	path := m.host.JournalPath()
	if root := m.host.JournalRoot(path); root != m.host.Workspace() {
		t.Errorf("root %q", root)
	}
	for _, outside := range []string{"/tmp/j.jsonl", filepath.Join(m.dir, "temp", "j"), filepath.Join(m.host.Workspace(), "j"), filepath.Join(m.host.Workspace(), StateDir, "..", "j")} {
		if root := m.host.JournalRoot(outside); root != "" {
			t.Errorf("%s: root %q", outside, root)
		}
	}
	out := filepath.Join(m.dir, "out")
	touch(t, filepath.Join(out, filepath.Base(path)), 0)
	if err := os.Symlink(out, filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if found := append(m.host.Journals(), m.host.JournalsOfOthers()...); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}
