// Package servicetest serves one service of the embedded AWS for the tests of its
// own package. Other tests want package awstest, which serves all of it.
package servicetest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// OpenStore opens the state of dir, in memory where dir is empty, until the test
// ends.
func OpenStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// Serve serves a service over HTTP until the test ends, with the caller that a
// request names, and returns the URL.
func Serve(t testing.TB, service http.Handler, caller func(*http.Request) api.Caller) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service.ServeHTTP(w, r.WithContext(api.With(r.Context(), caller(r), &api.Record{})))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Always is the caller of every request.
func Always(c api.Caller) func(*http.Request) api.Caller {
	return func(*http.Request) api.Caller { return c }
}

// Code is the error code that AWS answered with: "" where err is nil, the whole
// error where AWS did not answer.
func Code(err error) string {
	var refusal smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refusal):
		return refusal.ErrorCode()
	}
	return err.Error()
}
