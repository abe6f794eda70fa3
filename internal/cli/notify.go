package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/notify"
)

// deploymentState is the name under which main leaves the deployment on GitHub to the
// post step.
const deploymentState = "deployment"

// openChannels begins to tell those whom the inputs name.
func (a *app) openChannels() (sinks []event.Sink) {
	if !a.in.Has("notify") {
		return nil
	}
	if url := a.in.String("notify"); url != "" {
		a.channels = append(a.channels, notify.New(notify.Options{
			URL: url, Client: a.client(), Now: a.Now, Run: a.told, ID: rand.Text(), Redact: a.host.Redact,
		}))
	}
	if github := a.gitHub(); github != nil {
		a.channels = append(a.channels, github)
	}
	for _, c := range a.channels {
		sinks = append(sinks, c)
	}
	return sinks
}

// gitHub is the deployment of the repository; nil where no token asks for one.
func (a *app) gitHub() *notify.GitHub {
	token, run := a.in.String("github-token"), a.host.Run()
	if token == "" && a.in.Given("deployment-environment") && !a.host.IsPost() {
		a.log().Warn("deployment-environment is ignored without github-token")
	}
	if token == "" {
		return nil
	}
	api, known := a.lookupEnv("GITHUB_API_URL")
	if k := a.host.Kind(); k != host.GitHub && k != host.Act || !known || run.Repository == "" || run.Commit == "" {
		a.log().Warn("github-token is for runs on GitHub: there is no deployment to give a status to")
		return nil
	}
	created, _ := strconv.ParseInt(a.host.State(deploymentState), 10, 64)
	return notify.NewGitHub(notify.GitHubOptions{
		Client: a.client(), API: api, Repository: run.Repository, Commit: run.Commit,
		Environment: cmp.Or(a.in.String("deployment-environment"), a.environment, "production"), // GitHub's own default
		Token:       token, RunURL: run.URL, Deployment: created, Redact: a.host.Redact,
	})
}

// client sends requests to other hosts than those of AWS. It follows no redirect: a request is
// meant for the host that was named.
func (a *app) client() notify.Doer {
	if a.HTTPClient != nil {
		return a.HTTPClient
	}
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// told is what others are told of this run.
func (a *app) told() notify.Run {
	r := a.host.Run()
	return notify.Run{Command: a.in.Command(), Run: a.runName, RunURL: r.URL, Repository: r.Repository, Commit: r.Commit, Actor: r.Actor}
}

// tellOf keeps what others are told of the functions at the end.
func (a *app) tellOf(results []deploy.Result) {
	for _, r := range results {
		a.outcome = append(a.outcome, notify.Function{
			Function: r.At.Function, Region: r.At.Region, Version: r.Version, PreviousVersion: r.Previous(), Changed: &r.Changed,
		})
		if a.url == "" && len(results) == 1 {
			a.url = r.FunctionURL
			if a.url == "" && r.At.Endpoint == "" {
				a.url = console(r.At.Region, r.At.Function, r.Version)
			}
		}
	}
}

// afterSignal is how long others may still be told after a signal: the few seconds
// that a host leaves belong to the journal.
const afterSignal = time.Second

// tellEnd tells others how the run ended.
func (a *app) tellEnd(ctx context.Context, code int, err error) {
	within := notify.LastWords
	if ctx.Err() != nil {
		within = afterSignal
	}
	end := notify.End{Outcome: a.outcomeOf(code, err), ExitCode: code, Took: a.Now().Sub(a.began), Functions: a.outcome, URL: a.url}
	if err != nil {
		end.Err = err.Error()
	}
	for _, c := range a.channels {
		if missed := c.End(end, within); missed != nil {
			a.log().Warn("notifications of this run: %v", missed)
		}
		if github, is := c.(*notify.GitHub); is && github.Deployment() != 0 && a.host.PostFollows() {
			if err := a.host.SaveState(deploymentState, strconv.FormatInt(github.Deployment(), 10)); err != nil {
				a.log().Warn("the post step will not find the deployment on GitHub: %v", err)
			}
		}
	}
}

// outcomeOf is how the run ended, in a word.
func (a *app) outcomeOf(code int, err error) notify.Outcome {
	var back *deploy.RolledBackError
	switch {
	case code == exitDone && a.in.Command() == "rollback", errors.As(err, &back):
		return notify.RolledBack
	case code == exitDone:
		return notify.Succeeded
	case code == exitInput:
		return notify.Refused
	case code == exitIncomplete:
		return notify.Incomplete
	case code == exitStopped:
		return notify.Stopped
	}
	return notify.Failed
}
