package session

import (
	"errors"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// listensNot is an endpoint that refuses every connection.
type listensNot struct{ asked int }

func (l *listensNot) Do(*http.Request) (*http.Response, error) {
	l.asked++
	return nil, syscall.ECONNREFUSED
}

func TestARefusedEndpointIsGivenUpSoonBeforeTheFirstChangeOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nobody := &listensNot{}
		s, err := Open(t.Context(), Options{HTTPClient: nobody, LookupEnv: keysEnv.lookup, Region: "us-east-1"})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = s.Identity(BeforeChanges(t.Context()))
		if took := time.Since(start); !errors.As(err, new(RefusedConnection)) || !errors.Is(err, syscall.ECONNREFUSED) || nobody.asked != refusedAttempts || took > 2*time.Second {
			t.Errorf("%d attempts in %s: %v", nobody.asked, took, err)
		}
		nobody.asked = 0
		err = s.Caller(queryService).Query(BeforeChanges(t.Context()), "GetRole", url.Values{}, nil)
		if !errors.As(err, new(RefusedConnection)) || nobody.asked != refusedAttempts {
			t.Errorf("a call without a client of the SDK: %d attempts, %v", nobody.asked, err)
		}
		nobody.asked = 0
		if _, err := s.Identity(t.Context()); errors.As(err, new(RefusedConnection)) || nobody.asked != readAttempts {
			t.Errorf("after the first change: %d attempts, %v", nobody.asked, err)
		}
	})
}
