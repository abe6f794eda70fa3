package cli

import (
	"fmt"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
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

// requests reads the inputs: rollback-data of another job, or function and
// alias.
func (a *app) requests() ([]deploy.Request, error) {
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
				hint = "rollback with latest brings $LATEST back"
			}
			return nil, diag.List{{Message: "the deployment of " + d.Function + " named no alias", Hint: hint}}
		}
		requests = append(requests, r)
	}
	return requests, nil
}
