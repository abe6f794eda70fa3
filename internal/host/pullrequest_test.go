package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/host"
)

func TestACheckoutOfAPullRequestBesideSecretsIsSeen(t *testing.T) {
	t.Parallel()
	head, base := strings.Repeat("a", 40), strings.Repeat("b", 40)
	pull := `{"pull_request": {"head": {"sha": "` + head + `"}, "merge_commit_sha": "` + strings.Repeat("c", 40) + `"}}`
	for _, tc := range []struct {
		name, event, payload, checkout string
		want                           bool
	}{
		{"the head of the pull request", "pull_request_target", pull, head, true},
		{"its merge commit", "pull_request_target", pull, strings.Repeat("c", 40), true},
		{"the base", "pull_request_target", pull, base, false},
		{"a branch", "pull_request_target", pull, "ref: refs/heads/main", false},
		{"no checkout", "pull_request_target", pull, "", false},
		{"an ordinary pull request", "pull_request", pull, head, false},
		{"a push", "push", `{}`, head, false},
		{"a run that followed a pull request", "workflow_run", `{"workflow_run": {"event": "pull_request", "head_sha": "` + head + `"}}`, head, true},
		{"a run that followed a push", "workflow_run", `{"workflow_run": {"event": "push", "head_sha": "` + head + `"}}`, head, false},
		{"the branch beside such a run", "workflow_run", `{"workflow_run": {"event": "pull_request", "head_sha": "` + head + `"}}`, base, false},
		{"a broken event", "pull_request_target", `{`, head, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tc.checkout != "" {
				if err := os.Mkdir(filepath.Join(dir, ".git"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, ".git", "HEAD"), []byte(tc.checkout+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			payload := filepath.Join(dir, "event.json")
			if err := os.WriteFile(payload, []byte(tc.payload), 0o600); err != nil {
				t.Fatal(err)
			}
			h := host.Detect(host.Options{Env: []string{
				"GITHUB_ACTIONS=true", "GITHUB_WORKSPACE=" + dir, "GITHUB_EVENT_NAME=" + tc.event, "GITHUB_EVENT_PATH=" + payload,
			}})
			event, got := h.PullRequestCheckout()
			if got != tc.want || got && event != tc.event {
				t.Errorf("got %q, %t, want %t", event, got, tc.want)
			}
		})
	}
}
