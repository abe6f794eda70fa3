package lambdaapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/redact"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// answer is what the stand-in for Lambda says to every call.
type answer struct {
	status     int
	code, body string
}

func client(t *testing.T, a answer, secrets ...string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-Errortype", a.code)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(server.Close)
	var set redact.Set
	set.Add(secrets...)
	s, err := session.Open(t.Context(), session.Options{
		Region: "eu-central-1", AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", Endpoint: server.URL, Redact: set.Text,
	})
	if err != nil {
		t.Fatal(err)
	}
	return New(s, "eu-central-1", timing.Default())
}

var values = map[string]string{
	"TOKEN": "correct-horse-battery", "NAME": "shöp&co", "MODE": "Lambda", "STAGE": "live",
	"REGION": "eu-central-1", "SELF": "shop",
}

func withValues() definition.Function {
	return definition.Function{FunctionName: "shop", Role: aws.String("arn:aws:iam::123456789012:role/shop"), Environment: &definition.Environment{Variables: values}}
}

// Wherever AWS repeats a value that was sent, nothing of the error holds it, and
// its class is the one that its own words had.
func TestAnErrorOfAWSHoldsNoEnvironmentValue(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status              int
		code, message, want string
		class               Class
		updating            bool
	}{
		"quoted": {400, "InvalidParameterValueException", `Invalid: {TOKEN=correct-horse-battery, NAME="sh\u00f6p\u0026co", STAGE=live}`,
			`Invalid: {TOKEN=***, NAME="***", STAGE=***}`, Refused, false},
		"an error that the SDK does not know": {400, "StrangeException", "no correct-horse-battery, delivered alive", "no ***, delivered alive", Refused, false},
		"words that tell the class": {400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.",
			"The role defined for the function cannot be assumed by ***.", Propagating, false},
		"names stay": {409, "ResourceConflictException", "An update is in progress for resource: arn:aws:lambda:eu-central-1:123456789012:function:shop, live",
			"An update is in progress for resource: arn:aws:lambda:eu-central-1:123456789012:function:shop, ***", Conflict, true},
		"a secret of the run": {403, "AccessDeniedException", "no hunter2-hunter2", "no ***", Denied, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, answer{tc.status, tc.code, `{"message":` + strconv.Quote(tc.message) + `}`}, "hunter2-hunter2")
			_, created := c.CreateFunction(t.Context(), withValues(), definition.Code{})
			_, updated := c.UpdateConfiguration(t.Context(), "shop", withValues(), "")
			for _, err := range []error{created, updated} {
				var api smithy.APIError
				if !errors.As(err, &api) || api.ErrorMessage() != tc.want {
					t.Fatalf("error %v, want %q", err, tc.want)
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					for _, hidden := range []string{"correct-horse", "shöp", "=live", "hunter2"} {
						if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, api), hidden) {
							t.Errorf("%T shows %s: %v", e, hidden, e)
						}
					}
				}
				if Classify(err) != tc.class || UpdateInProgress(err) != tc.updating {
					t.Errorf("class %d, update in progress %t", Classify(err), UpdateInProgress(err))
				}
			}
		})
	}
}

// The reasons that come with a state are AWS's words, too; the environment itself
// is read as it is.
func TestAReasonHoldsNoEnvironmentValue(t *testing.T) {
	t.Parallel()
	c := client(t, answer{status: 200, body: `{"Configuration":{"FunctionName":"shop","State":"Failed","StateReason":"cannot decrypt correct-horse-battery",` +
		`"LastUpdateStatusReason":"see \"live\"","Environment":{"Variables":{"TOKEN":"correct-horse-battery","STAGE":"live"},"Error":{"ErrorCode":"E","Message":"bad live"}}}}`})
	got, err := c.Find(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	if got.State.Reason != "cannot decrypt ***" || got.Update.Reason != `see "***"` || got.Unreadable[0].Reason != "E: bad ***" {
		t.Errorf("reasons %q, %q, %v", got.State.Reason, got.Update.Reason, got.Unreadable)
	}
	if got.Environment.Variables["TOKEN"] != "correct-horse-battery" {
		t.Errorf("environment %v", got.Environment.Variables)
	}
}
