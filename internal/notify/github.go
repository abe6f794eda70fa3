package notify

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// GitHubOptions name a deployment of a repository.
type GitHubOptions struct {
	Client Doer
	// API is GITHUB_API_URL: https://api.github.com, or an Enterprise server's.
	API, Repository, Commit, Environment string
	Token                                string
	// RunURL is the log of the run.
	RunURL string
	// Deployment is the one that an earlier step of the job created; 0 for none.
	Deployment int64
	Redact     func(string) string
}

// GitHub creates a deployment of a commit in an environment, and gives it a status at
// each stage and at the end
// (https://docs.github.com/en/rest/deployments/deployments#create-a-deployment,
// https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status). The
// token needs the permission deployments: write.
type GitHub struct {
	options GitHubOptions
	outbox  *outbox

	mu    sync.Mutex
	began bool
	id    int64
}

// NewGitHub begins to tell a repository.
func NewGitHub(o GitHubOptions) *GitHub {
	return &GitHub{options: o, outbox: newOutbox(o.Client), id: o.Deployment}
}

// Deployment is the one that was created; 0 where none was.
func (g *GitHub) Deployment() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.id
}

// Emit implements event.Sink.
func (g *GitHub) Emit(e event.Event) {
	if of, is := e.(event.OfTarget); is {
		e = of.Event
	}
	//nolint:gochecksumtype // no status tells of the others
	switch e := e.(type) {
	case event.RunBegan:
		g.begin(e)
	case event.StageHeld:
		if e.Left == e.Wait {
			g.status("in_progress", fmt.Sprintf("%s%% of the traffic for %s", strconv.FormatFloat(e.Percent, 'f', -1, 64), e.Wait), "")
		}
	case event.DeploymentFailed:
		g.status("in_progress", "Rolling back: "+e.Err.Error(), "")
	}
}

func (g *GitHub) begin(e event.RunBegan) {
	g.mu.Lock()
	first := !g.began && g.id == 0
	g.began = true
	g.mu.Unlock()
	if !first {
		return
	}
	var names []string
	for _, t := range e.Targets {
		names = append(names, t.Function)
	}
	body, err := json.Marshal(map[string]any{
		"ref": g.options.Commit, "environment": g.options.Environment, "description": cut("lambda-rollout: " + strings.Join(names, ", ")),
		"auto_merge": false, "required_contexts": []string{},
	})
	if err != nil {
		return // texts always are JSON
	}
	g.outbox.add(message{
		build: func() *call { return g.call("/deployments", body) },
		answered: func(answer []byte) error {
			var created struct {
				ID int64 `json:"id"`
			}
			if err := json.Unmarshal(answer, &created); err != nil || created.ID == 0 {
				return fmt.Errorf("GitHub created no deployment of %s", g.options.Commit)
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			g.id = created.ID
			return nil
		},
	})
	g.status("in_progress", "", "")
}

// maxDescription is the length of a deployment's and a status's description.
const maxDescription = 140

func cut(text string) string {
	r := []rune(text)
	if len(r) <= maxDescription {
		return text
	}
	return string(r[:maxDescription-1]) + "…"
}

func (g *GitHub) call(path string, body []byte) *call {
	return &call{strings.TrimSuffix(g.options.API, "/") + "/repos/" + g.options.Repository + path, map[string]string{
		"Accept": "application/vnd.github+json", "Content-Type": "application/json",
		"Authorization": "Bearer " + g.options.Token, "X-GitHub-Api-Version": "2022-11-28",
	}, body}
}

// status is sent where there is a deployment by then.
func (g *GitHub) status(state, description, environmentURL string) {
	status := map[string]any{"state": state, "log_url": g.options.RunURL, "description": cut(g.options.Redact(description))}
	if environmentURL != "" {
		status["environment_url"] = environmentURL
	}
	body, err := json.Marshal(status)
	if err != nil {
		return // texts always are JSON
	}
	g.outbox.add(message{build: func() *call {
		id := g.Deployment()
		if id == 0 {
			return nil
		}
		return g.call("/deployments/"+strconv.FormatInt(id, 10)+"/statuses", body)
	}})
}

// End implements Channel.
func (g *GitHub) End(e End, within time.Duration) error {
	g.mu.Lock()
	began := g.began
	g.mu.Unlock()
	if began {
		switch e.Outcome {
		case Succeeded:
			g.status("success", "", e.URL)
		case RolledBack:
			g.status("failure", "Rolled back", "")
		case Failed, Refused:
			g.status("failure", e.Err, "")
		case Incomplete, Stopped:
			g.status("error", e.Err, "")
		}
	}
	return g.outbox.close(within)
}
