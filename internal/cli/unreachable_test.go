package cli

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// closedPort is an endpoint where nobody listens.
type closedPort struct{}

func (closedPort) Do(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }

// A command that only reads has nothing to wait for where nobody listens: it says
// soon what to look at.
func TestACommandThatOnlyReadsGivesAClosedPortUpSoon(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"status", "--function", "hello"}, {"history", "--function", "hello"}, {"list"},
		{"logs", "--function", "hello"},
		{"plan", "--function-definition", "function.yaml", "--artifact", "code"},
		{"prune", "--function", "hello", "--keep-versions", "3", "--dry-run"},
		{"rollback", "--function", "hello", "--alias", "live", "--dry-run"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := benchOf(t, nil, "http://localhost:4566")
			b.minimal()
			b.client = closedPort{}
			began := time.Now()
			code, _, errs := b.run(args...)
			if took := time.Since(began); code == 0 || took > 2*time.Second || !strings.Contains(errs, "AWS_ENDPOINT_URL") {
				t.Errorf("%v: exit %d after %s\n%s", args, code, took, errs)
			}
		})
	}
}
