package deploy

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/verify"
)

// invocations answers in the place of functions, which no bubble can run.
type invocations struct {
	mu sync.Mutex
	// seen are the qualifiers and payloads, in their order.
	seen []string
	// answer writes what version answers.
	answer func(w http.ResponseWriter, version string)
}

func (i *invocations) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/invocations") {
			next.ServeHTTP(w, r)
			return
		}
		version := r.URL.Query().Get("Qualifier")
		payload, _ := io.ReadAll(r.Body)
		i.mu.Lock()
		i.seen = append(i.seen, version+" "+string(payload))
		i.mu.Unlock()
		w.Header().Set("X-Amz-Executed-Version", version)
		i.answer(w, version)
	})
}

// says answers with a payload, and a log that holds a value of the environment.
func says(payload string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) {
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte("token is hush-hush-hush\n")))
		_, _ = io.WriteString(w, payload)
	}
}

// verified runs a test in which the invocations are answered.
func verified(t *testing.T, cases string, i *invocations, test func(f *fixture)) {
	t.Helper()
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		var problems error
		found, wrong := verify.Read("smoke.yaml", []byte(cases), nil)
		if problems = wrong.Err(); problems != nil {
			f.Fatal(problems)
		}
		f.options.Verify = found
		f.write("code/index.js", "2")
		f.write("function.yaml", definitionOf("shop", "environment: {variables: {TOKEN: hush-hush-hush}}\n"))
		test(f)
	}, awstest.Wrap(i.wrap))
}

func (i *invocations) expect(f *fixture, want ...string) {
	f.Helper()
	if diff := cmp.Diff(want, i.seen); diff != "" {
		f.Errorf("invocations: %s", diff)
	}
}

func TestANewVersionIsInvokedByItsNumberBeforeAnyAliasMoves(t *testing.T) {
	i := &invocations{}
	verified(t, `{"cases": [{"payload": {"id": 1}, "expect": {"ok": true}}]}`, i, func(f *fixture) {
		i.answer = func(w http.ResponseWriter, version string) {
			if live := f.alias("live"); live != "1" {
				f.Errorf("live is %s while version %s is verified", live, version)
			}
			says(`{"ok": true}`)(w, version)
		}
		f.mustDeploy()
		i.expect(f, `2 {"id":1}`)
		if f.alias("live") != "2" {
			f.Errorf("live is %s", f.alias("live"))
		}
	})
}

func TestAVersionThatAnswersOtherwiseIsRolledBack(t *testing.T) {
	for name, tc := range map[string]struct {
		cases  string
		answer func(http.ResponseWriter, string)
		logged string
		seen   []string
	}{
		"another answer": {`{"cases": [{"expect": {"token": "x"}}]}`, says(`{"token": "hush-hush-hush"}`), `$.token: want "x", got "***"`, []string{"2 "}},
		"every case":     {`{"cases": [{"name": "a", "expect": 1}, {"name": "b", "expect": 2}]}`, says(`3`), "Verifying b failed", []string{"2 ", "2 "}},
		"FunctionError": {`{"cases": [{}]}`, func(w http.ResponseWriter, v string) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			says(`{"errorType": "Boom"}`)(w, v)
		}, `it failed: Unhandled: {"errorType":"Boom"}`, []string{"2 "}},
		"no answer": {`{"cases": [{}]}`, func(w http.ResponseWriter, _ string) {
			w.Header().Set("X-Amzn-ErrorType", "ServiceException")
			w.WriteHeader(500)
		}, "ServiceException", []string{"2 "}},
		"throttled": {`{"cases": [{}]}`, func(w http.ResponseWriter, _ string) {
			w.Header().Set("X-Amzn-ErrorType", "TooManyRequestsException")
			w.WriteHeader(429)
		}, "TooManyRequestsException", []string{"2 "}},
		"other than the old": {`{"cases": [{"against": "old"}]}`, func(w http.ResponseWriter, v string) { says(`{"v": `+v+`}`)(w, v) }, "$.v: old 1, new 2", []string{"2 ", "1 "}},
	} {
		t.Run(name, func(t *testing.T) {
			i := &invocations{answer: tc.answer}
			verified(t, tc.cases, i, func(f *fixture) {
				_, err := f.deploy(f.Context(), "function.yaml")
				var back *RolledBackError
				if !errors.As(err, &back) {
					f.Fatalf("ends with %T: %v", err, err)
				}
				i.expect(f, tc.seen...)
				f.logged(tc.logged)
				if strings.Contains(f.log.String(), "hush-hush") || strings.Contains(err.Error(), "hush-hush") {
					f.Errorf("a value of the environment is shown: %s\n%v", f.log, err)
				}
				if f.alias("live") != "1" || f.called("UpdateAlias") != 0 {
					f.Errorf("live is %s, %d calls of UpdateAlias", f.alias("live"), f.called("UpdateAlias"))
				}
			})
		})
	}
}

func TestEqualVersionsAreInvokedTwiceEach(t *testing.T) {
	i := &invocations{answer: says("1")}
	verified(t, `{"cases": [{"name": "same", "against": "old"}]}`, i, func(f *fixture) {
		f.mustDeploy()
		i.expect(f, "2 ", "1 ", "2 ", "1 ")
		f.logged("verify (against: old): the payload of same is sent to the new version of function shop and to version 1, which gets the traffic now", "Compared same: version 2 answered as version 1 does")
	})
}

// What $LATEST was, where an alias pointed to it, is only in the restore point
// once the new code is there.
func TestTheOldVersionOfAnAliasOnLatestIsTheRestorePoint(t *testing.T) {
	i := &invocations{answer: says("1")}
	verified(t, `{"cases": [{"against": "old"}]}`, i, func(f *fixture) {
		f.point("$LATEST")
		f.mustDeploy()
		i.expect(f, "2 ", "1 ", "2 ", "1 ")
	})
}

func TestAStopWhileAVersionIsVerifiedEndsInARollback(t *testing.T) {
	i := &invocations{}
	verified(t, `{"cases": [{"name": "a"}, {"name": "b"}]}`, i, func(f *fixture) {
		ctx, cancel := context.WithCancelCause(f.Context())
		i.answer = func(w http.ResponseWriter, v string) {
			cancel(ErrSignal)
			says("1")(w, v)
		}
		_, err := f.deploy(ctx, "function.yaml")
		var back *RolledBackError
		if !errors.As(err, &back) || f.alias("live") != "1" {
			f.Errorf("ends with %T %v; live is %s", err, err, f.alias("live"))
		}
		i.expect(f, "2 ")
	})
}

func TestANewFunctionIsComparedWithNothing(t *testing.T) {
	i := &invocations{answer: says("1")}
	run(t, awslocal.Options{}, func(f *fixture) {
		f.options.Verify, _ = verify.Read("smoke.yaml", []byte(`{"cases": [{"name": "same", "against": "old"}]}`), nil)
		f.mustDeploy()
		i.expect(f, "1 ")
		f.logged("verify: same is compared with nothing")
		if strings.Contains(f.log.String(), "side effects") {
			f.Errorf("it warns of an old version that does not exist:\n%s", f.log)
		}
	}, awstest.Wrap(i.wrap))
}

func TestAFunctionThatDoesNotChangeIsNotInvoked(t *testing.T) {
	i := &invocations{answer: says("1")}
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.options.Verify, _ = verify.Read("x", []byte("{}"), nil)
		f.mustDeploy()
		i.expect(f)
	}, awstest.Wrap(i.wrap))
}
