package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/notify"
)

// hook is a server that keeps the requests it gets.
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	told []notify.Event
	// github is what came for the API of GitHub: paths, and states of statuses.
	github []string
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if path, is := strings.CutPrefix(r.URL.Path, "/api/v3"); is {
			var status struct{ State, Environment string }
			_ = json.Unmarshal(body, &status)
			h.github = append(h.github, path+" "+status.State+status.Environment)
			_, _ = io.WriteString(w, `{"id":42}`)
			return
		}
		var e notify.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		h.told = append(h.told, e)
	}))
	t.Cleanup(h.Close)
	return h
}

// types are the kinds of the events, and forgets them.
func (h *hook) types() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.told {
		all = append(all, e.Type[strings.LastIndexByte(e.Type, '.')+1:]+" "+string(e.Data.Outcome))
	}
	h.told = nil
	return all
}

// Others are told of a deploy, of its stages, of a rollback and of the end, and nothing
// that they answer changes how a run ends.
func TestOthersAreToldOfARun(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	b := newBench(t, awslocal.Options{})
	tell := append([]string{"--notify", h.URL + "/hook?key=secret-of-the-hook"}, b.minimal()...)
	if out := b.must(append([]string{"deploy"}, tell...)...); strings.Contains(out, "secret-of-the-hook") {
		t.Errorf("the URL's query is shown:\n%s", out)
	}
	if version := h.told[len(h.told)-1].Data.Functions[0].Version; version != "1" {
		t.Errorf("the end tells of version %q", version)
	}
	if diff := cmp.Diff([]string{"begin ", "end succeeded"}, h.types()); diff != "" {
		t.Errorf("the first deploy: %s", diff)
	}
	b.write("code/index.js", "2")
	b.must(append([]string{"deploy", "--traffic", "10%/20ms", "--guard", "none"}, tell...)...)
	if diff := cmp.Diff([]string{"begin ", "stage ", "end succeeded"}, h.types()); diff != "" {
		t.Errorf("in stages: %s", diff)
	}
	b.must("rollback", "--notify", h.URL)
	if diff := cmp.Diff([]string{"begin ", "rollback ", "end rolled-back"}, h.types()); diff != "" {
		t.Errorf("a rollback: %s", diff)
	}
	b.write("code/index.js", "3")
	b.aws.Fail("version", "hello", "InternalError", "it cannot start")
	if code, _, _ := b.run(append([]string{"deploy"}, tell...)...); code != exitFailed {
		t.Errorf("a failing deploy ends with %d", code)
	}
	if diff := cmp.Diff([]string{"begin ", "rollback ", "end rolled-back"}, h.types()); diff != "" {
		t.Errorf("a failing deploy: %s", diff)
	}
	h.Close()
	code, out, errs := b.run(append([]string{"deploy"}, tell...)...)
	if out += errs; code != 0 || !strings.Contains(out, "notifications of this run") || strings.Contains(out, "secret-of-the-hook") {
		t.Errorf("nobody listens: exit %d\n%s", code, out)
	}
	if code, _, errs := b.run("deploy", "--notify", "hooks.example.com", "--function-definition", "function.yaml"); code != exitInput || !strings.Contains(errs, "notify: it does not begin with http:// or https://") {
		t.Errorf("no URL: exit %d\n%s", code, errs)
	}
}

// On GitHub the run is a deployment, which the post step finds again. Its environment is
// GitHub's default, the Harness Environment's, or the one that is named: that of the job is
// not known to its steps (https://github.com/actions/runner/issues/1369).
func TestARunIsADeploymentOfTheRepository(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	b := newBench(t, awslocal.Options{})
	for _, name := range []string{"state", "output", "summary"} {
		b.write(name, "")
	}
	b.env = append(b.env, "GITHUB_ACTIONS=true", "GITHUB_API_URL="+h.URL+"/api/v3", "GITHUB_REPOSITORY=acme/shop", "GITHUB_SHA=3f2a91c",
		"GITHUB_RUN_ID=7", "GITHUB_JOB=deploy", "GITHUB_ACTION=step", "GITHUB_WORKSPACE="+b.dir, "RUNNER_TEMP="+b.dir+"/temp", "GITHUB_STATE="+b.dir+"/state", "GITHUB_OUTPUT="+b.dir+"/output", "GITHUB_STEP_SUMMARY="+b.dir+"/summary", "LAMBDA_ROLLOUT_POST=1")
	if err := os.MkdirAll(b.dir+"/temp", 0o755); err != nil {
		t.Fatal(err)
	}
	b.write("environment.yaml", "environment:\n  name: Staging EU\n  identifier: staging\n  type: PreProduction\n")
	const path = "/repos/acme/shop/deployments"
	for _, tc := range []struct {
		environment string
		args        []string
	}{
		{"production", nil},
		{"Staging EU", []string{"--environment", "environment.yaml"}},
		{"staging", []string{"--environment", "environment.yaml", "--deployment-environment", "staging"}},
	} {
		h.github = nil
		b.must(slices.Concat([]string{"deploy", "--github-token", "ghs_token_of_the_job"}, b.minimal(), tc.args)...)
		if diff := cmp.Diff([]string{path + " " + tc.environment, path + "/42/statuses in_progress", path + "/42/statuses success"}, h.github); diff != "" {
			t.Error(diff)
		}
	}
	state, err := os.ReadFile(b.dir + "/state")
	if err != nil || !strings.Contains(string(state), "deployment") || !slices.Contains(strings.Fields(string(state)), "42") && !strings.Contains(string(state), "=42") {
		t.Errorf("the post step gets: %s %v", state, err)
	}
}
