package host

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

const (
	// maxEvent bounds GitHub's event, in bytes: a webhook's payload has at most
	// 25 MB (https://docs.github.com/en/webhooks/webhook-events-and-payloads).
	maxEvent = 25 << 20
	maxHead  = 4096
)

var commitHash = lazyregexp.New(`^[0-9a-f]{40}$`)

// PullRequestCheckout reports whether a run of pull_request_target or
// workflow_run has the commit of a pull request in its workspace, and names the
// event: such a run has the repository's secrets beside whatever the author of
// the pull request wrote
// (https://docs.github.com/en/actions/reference/security/securely-using-pull_request_target).
func (h *Host) PullRequestCheckout() (event string, is bool) {
	event = h.env["GITHUB_EVENT_NAME"]
	if h.kind != GitHub || event != "pull_request_target" && event != "workflow_run" {
		return "", false
	}
	head, err := readStart(filepath.Join(h.Workspace(), ".git", "HEAD"), maxHead)
	commit := strings.TrimSpace(string(head))
	if err != nil || !commitHash.MatchString(commit) {
		return "", false // a branch of the repository, or no checkout
	}
	payload, err := readStart(h.env["GITHUB_EVENT_PATH"], maxEvent)
	if err != nil {
		return "", false
	}
	var e struct {
		PullRequest struct {
			Head  struct{ SHA string }
			Merge string `json:"merge_commit_sha"`
		} `json:"pull_request"`
		WorkflowRun struct {
			Event string
			Head  string `json:"head_sha"`
		} `json:"workflow_run"`
	}
	if json.Unmarshal(payload, &e) != nil {
		return "", false
	}
	switch event {
	case "workflow_run":
		return event, commit == e.WorkflowRun.Head && strings.HasPrefix(e.WorkflowRun.Event, "pull_request")
	default:
		return event, commit == e.PullRequest.Head.SHA || commit == e.PullRequest.Merge
	}
}

// readStart reads a regular file up to a limit in bytes.
func readStart(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, os.ErrInvalid
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}
