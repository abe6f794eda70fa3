package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

func TestCodeThatCannotBePutBackIsNoticedBeforehand(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		http.StatusPartialContent: "",
		http.StatusOK:             "",
		http.StatusForbidden:      "Lambda no longer gives out the zip that stands (HTTP status 403)",
		http.StatusNotFound:       "Lambda no longer gives out the zip that stands (HTTP status 404)",
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			defer web.Close()
			s, err := session.Open(context.Background(), session.Options{Region: "us-east-1"})
			if err != nil {
				t.Fatal(err)
			}
			r := deploy.Result{
				Target: deploy.Target{Code: &fetcher{session: s}},
				Before: plan.Observation{Latest: &definition.Observed{CodeLocation: web.URL + "/code"}},
			}
			got, err := (&builder{}).gone(context.Background(), r)
			if err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("gone: %q, %v; want %q", got, err, want)
			}
		})
	}
}
