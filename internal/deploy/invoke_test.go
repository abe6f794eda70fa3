package deploy

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

func TestAnInvocationThatMayHaveRunIsNoRefusal(t *testing.T) {
	answer := ""
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		name := definition.Name{Name: "shop"}
		call := func(payload, qualifier string) (Invoked, error) {
			return Invoke(f.Context(), f.connect(), name, lambdaapi.Invocation{Function: "shop", Qualifier: qualifier, Payload: []byte(payload)})
		}
		answer = "ok"
		if got, err := call("{}", ""); err != nil || string(got.Payload) != `"ok"` || got.Region != "us-east-1" {
			f.Errorf("%+v, %v", got, err)
		}
		var not *NotStartedError
		answer = "broken"
		if _, err := call("{}", ""); err == nil || errors.As(err, &not) {
			f.Errorf("a failure inside AWS: %v", err)
		}
		answer = "refused"
		if _, err := call("{}", ""); !errors.As(err, &not) {
			f.Errorf("a refusal: %v", err)
		}
		answer = ""
		for want, in := range map[string][2]string{
			"has no alias or version none":                                 {"{}", "none"},
			"the payload is not JSON: line 1, column 2":                    {"{x", ""},
			"the payload is not JSON: line 1, column 1: it ends too early": {"{", ""},
		} {
			if _, err := call(in[0], in[1]); !errors.As(err, &not) || !strings.Contains(err.Error(), want) {
				f.Errorf("%s: %v", want, err)
			}
		}
		for want, in := range map[string]definition.Name{
			"is in account 999999999999, but the credentials belong to account 000000000000": {Name: "shop", Account: "999999999999"},
			`qualifier "a b" is neither an alias nor a version`:                              {Name: "shop", Account: "000000000000"},
		} {
			if _, err := Invoke(f.Context(), f.connect(), in, lambdaapi.Invocation{Function: "shop", Qualifier: map[bool]string{true: "a b"}[in.Account[0] == '0']}); !errors.As(err, &not) || !strings.Contains(err.Error(), want) {
				f.Errorf("%s: %v", want, err)
			}
		}
		name.Name = "nobody"
		if _, err := Invoke(f.Context(), f.connect(), name, lambdaapi.Invocation{Function: "nobody"}); !errors.As(err, &not) || !strings.Contains(err.Error(), "there is no function nobody in us-east-1") {
			f.Errorf("ends with %v", err)
		}
		name.Region = "eu-west-1"
		if _, err := Invoke(f.Context(), f.connect(), name, lambdaapi.Invocation{Function: "shop"}); !errors.As(err, &not) {
			f.Errorf("ends with %v", err)
		}
	}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/invocations") || answer == "" {
				next.ServeHTTP(w, r)
				return
			}
			switch answer {
			case "ok":
				_, _ = w.Write([]byte(`"ok"`))
			case "broken":
				w.WriteHeader(http.StatusInternalServerError)
			case "refused":
				w.Header().Set("X-Amzn-ErrorType", "InvalidRequestContentException")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`{"message": "no"}`))
			}
		})
	})
}
