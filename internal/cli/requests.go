package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/moment"
)

// regionHint is the first Region that a request names.
func regionHint(requests []deploy.Request) string {
	for _, r := range requests {
		if r.Region != "" {
			return r.Region
		}
	}
	return ""
}

// rewinds reports whether the rollback goes back in time, and to when.
func (a *app) rewinds() (deploy.Instant, bool, error) {
	switch {
	case !a.in.Has("at") || a.host.IsPost():
	case a.in.Given("at"):
		at, err := moment.Parse(a.in.String("at"), a.Now())
		if err != nil {
			return nil, true, diag.List{{Message: "input at: " + err.Error()}}
		}
		return deploy.At(at), true, nil
	case a.in.Given("commit"):
		return deploy.Commit(a.in.String("commit")), true, nil
	}
	return nil, false, nil
}

// rewound looks up where the aliases pointed to, and says what proves it.
func (a *app) rewound(ctx context.Context, c *deploy.Connection, requests []deploy.Request) ([]deploy.Request, error) {
	to, rewinds, err := a.rewinds()
	if err != nil || !rewinds {
		return requests, err
	}
	requests, proofs, err := deploy.NewHistorian(c, a.knownRuns(ctx), a.Now).Rewind(ctx, requests, to)
	for _, p := range proofs {
		a.log().Line("Alias %s of %s in %s pointed to %s (%s)", p.Alias, p.Function, p.Region, p.Pointer, p.Proof)
	}
	return requests, err
}

// requests reads the inputs: rollback-data of another job, or function and
// alias, or the files of a deployment.
func (a *app) requests(ctx context.Context) ([]deploy.Request, error) {
	if a.in.String("function") == "" && a.in.String("rollback-data") == "" {
		set, err := a.load(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range set.Targets {
			if len(t.Aliases) == 0 {
				return nil, diag.List{{File: t.Source, Message: "function " + t.Function.FunctionName + " has no alias that could be rolled back", Hint: "name one: alias: live"}}
			}
		}
		return deploy.RequestsOf(set.Set)
	}
	if text := a.in.String("rollback-data"); text != "" {
		return a.requestsOf(text)
	}
	name, err := definition.ParseFunctionName(a.in.String("function"))
	if err != nil {
		return nil, notStarted(err)
	}
	r := deploy.RequestOf(name)
	r.Latest = a.flag("latest")
	if v := a.in.Int("to-version"); v > 0 {
		r.Version = strconv.Itoa(v)
	}
	for _, alias := range a.in.List("alias") {
		r.Aliases[alias] = r.Version
	}
	if len(r.Aliases) == 0 {
		return nil, diag.List{{Message: "no alias is named", Hint: "lambda-rollout rollback --function " + name.Name + " --alias live"}}
	}
	return []deploy.Request{r}, nil
}

// requestsOf reads the output rollback-data.
func (a *app) requestsOf(text string) ([]deploy.Request, error) {
	data, err := deploy.ParseRollbackData(text)
	if err != nil {
		return nil, diag.List{{Message: fmt.Sprintf("input rollback-data: %v", err), Hint: "use the output rollback-data of a deploy as it is"}}
	}
	var requests []deploy.Request
	for _, d := range data {
		r := d.Request(a.flag("latest"))
		if len(r.Aliases) == 0 && !r.Latest {
			hint := "an alias is what shares its traffic: name one at the deploy"
			if a.in.Has("latest") {
				hint = "rollback with latest restores $LATEST"
			}
			return nil, diag.List{{Message: "the deployment of " + d.Function + " named no alias", Hint: hint}}
		}
		requests = append(requests, r)
	}
	return requests, nil
}
