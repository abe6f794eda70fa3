package awslocal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"
)

// deployer calls Lambda as CodeDeploy does: through its API, so that every rule of
// Lambda's holds and CloudTrail has the calls.
type deployer struct {
	lambda *lambda.Service
	// host is where functions find the server.
	host func() string
}

// AliasVersion implements codedeploy.Lambda.
func (d deployer) AliasVersion(c api.Caller, function, alias string) (string, error) {
	body, err := d.call(context.Background(), c, http.MethodGet, aliasPath(function, alias), nil)
	if err != nil {
		return "", err
	}
	var out struct{ FunctionVersion string }
	if err := json.Unmarshal(body, &out); err != nil {
		return "", fmt.Errorf("read the alias %s of %s: %w", alias, function, err)
	}
	return out.FunctionVersion, nil
}

// Route implements codedeploy.Lambda.
func (d deployer) Route(c api.Caller, function, alias string, to codedeploy.Routing) error {
	weights := map[string]float64{}
	if to.Other != "" {
		weights[to.Other] = to.Weight
	}
	_, err := d.call(context.Background(), c, http.MethodPut, aliasPath(function, alias), map[string]any{
		"FunctionVersion": to.Version, "RoutingConfig": map[string]any{"AdditionalVersionWeights": weights},
	})
	return err
}

// InvokeHook implements codedeploy.Lambda.
func (d deployer) InvokeHook(ctx context.Context, c api.Caller, function string, payload []byte) error {
	_, err := d.call(ctx, c, http.MethodPost, "/2015-03-31/functions/"+url.PathEscape(function)+"/invocations", json.RawMessage(payload))
	return err
}

func aliasPath(function, alias string) string {
	return "/2015-03-31/functions/" + url.PathEscape(function) + "/aliases/" + url.PathEscape(alias)
}

// call makes one call of Lambda's without a connection.
func (d deployer) call(ctx context.Context, c api.Caller, method, path string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	r, err := http.NewRequestWithContext(api.With(ctx, c, &api.Record{Service: "lambda"}), method, "http://"+d.host()+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	r.Header.Set("User-Agent", "codedeploy.amazonaws.com")
	w := &answerBuffer{header: http.Header{}}
	w.header.Set(api.RequestIDHeader, api.NewID())
	d.lambda.ServeHTTP(w, r)
	switch {
	case w.status >= http.StatusBadRequest:
		var refused struct{ Message string }
		if err := json.Unmarshal(w.body.Bytes(), &refused); err != nil {
			return nil, fmt.Errorf("%s %s: status %d", method, path, w.status)
		}
		return nil, errors.New(refused.Message)
	case w.header.Get("X-Amz-Function-Error") != "":
		return nil, fmt.Errorf("the function answered with the error %s", w.header.Get("X-Amz-Function-Error"))
	}
	return w.body.Bytes(), nil
}

// answerBuffer keeps an answer.
type answerBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answerBuffer) Header() http.Header { return w.header }

func (w *answerBuffer) WriteHeader(status int) { w.status = status }

func (w *answerBuffer) Write(b []byte) (int, error) { return w.body.Write(b) }
