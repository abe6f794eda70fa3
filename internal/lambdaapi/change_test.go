package lambdaapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// server answers each request without a network.
type server func(r *http.Request) reply

// reply is an answer: 200 with AWS' request id where nothing else is said.
type reply struct {
	status        int
	code, body    string
	noID          bool
	contentFormat string
}

func (s server) Do(r *http.Request) (*http.Response, error) {
	a := s(r)
	if a.status == 0 {
		a.status = http.StatusOK
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if a.contentFormat != "" {
		header.Set("Content-Type", a.contentFormat)
	}
	if !a.noID {
		header.Set("X-Amzn-Requestid", "5f2d0a8c-0000-4000-8000-000000000000")
	}
	if a.code != "" {
		header.Set("X-Amzn-Errortype", a.code)
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

func (s server) client(t *testing.T) *Client {
	t.Helper()
	opened, err := session.Open(t.Context(), session.Options{
		Region: "us-east-1", AccessKeyID: "id", SecretAccessKey: "key", HTTPClient: s,
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	return New(opened, "us-east-1", timing.Default())
}

// always answers every request alike.
func always(a reply) server { return func(*http.Request) reply { return a } }

const arnOfF = "arn:aws:lambda:us-east-1:000000000000:function:f"

// change is a changing call, and the answer of AWS to it.
type change struct {
	name string
	call func(ctx context.Context, c *Client) error
	good reply
}

func changes() []change {
	live := definition.Alias{Name: "live", Version: "2", Weights: map[string]float64{"1": 0.5}}
	function := reply{body: `{"FunctionName": "f", "FunctionArn": "` + arnOfF + `", "Version": "2"}`}
	alias := reply{body: `{"Name": "live", "FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}}`}
	none := reply{status: http.StatusNoContent}
	return []change{
		{"CreateFunction", func(ctx context.Context, c *Client) error {
			_, err := c.CreateFunction(ctx, definition.Function{FunctionName: "f", Role: aws.String("r")}, definition.Code{S3Bucket: "b", S3Key: "k"})
			return err
		}, function},
		{"UpdateFunctionConfiguration", func(ctx context.Context, c *Client) error {
			_, err := c.UpdateConfiguration(ctx, "f", definition.Function{Timeout: aws.Int32(3)}, "r")
			return err
		}, function},
		{"UpdateFunctionCode", func(ctx context.Context, c *Client) error {
			_, err := c.UpdateCode(ctx, CodeUpdate{Function: "f", Code: definition.Code{S3Bucket: "b", S3Key: "k"}, RevisionId: "r"})
			return err
		}, function},
		{"PublishVersion", func(ctx context.Context, c *Client) error {
			_, err := c.PublishVersion(ctx, Publication{Function: "f", RevisionId: "r"})
			return err
		}, function},
		{"CreateAlias", func(ctx context.Context, c *Client) error {
			_, err := c.CreateAlias(ctx, "f", live)
			return err
		}, alias},
		{"UpdateAlias", func(ctx context.Context, c *Client) error {
			_, err := c.UpdateAlias(ctx, "f", live, "r")
			return err
		}, alias},
		{"DeleteAlias", func(ctx context.Context, c *Client) error { return c.DeleteAlias(ctx, "f", "live") }, none},
		{"DeleteFunction", func(ctx context.Context, c *Client) error { return c.DeleteFunction(ctx, "f", "") }, none},
		{"TagResource", func(ctx context.Context, c *Client) error { return c.Tag(ctx, arnOfF, map[string]string{"a": "b"}) }, none},
		{"UntagResource", func(ctx context.Context, c *Client) error { return c.Untag(ctx, arnOfF, []string{"a"}) }, none},
		{"PutFunctionCodeSigningConfig", func(ctx context.Context, c *Client) error { return c.SetCodeSigning(ctx, "f", "arn") },
			reply{body: `{"CodeSigningConfigArn": "arn", "FunctionName": "f"}`}},
		{"DeleteFunctionCodeSigningConfig", func(ctx context.Context, c *Client) error { return c.SetCodeSigning(ctx, "f", "") }, none},
	}
}

func TestAChangeIsSentOnceAndBelievesTheAnswerOfAWS(t *testing.T) {
	t.Parallel()
	for _, tc := range changes() {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if err := tc.call(t.Context(), always(tc.good).client(t)); err != nil {
				t.Errorf("the answer of AWS is refused: %v", err)
			}
			sent := 0
			broken := server(func(*http.Request) reply { sent++; return reply{status: 500, code: "ServiceException", body: `{}`} })
			if err := tc.call(t.Context(), broken.client(t)); err == nil || Classify(err) != Unknown || sent != 1 {
				t.Errorf("a failure inside AWS: sent %d times, %v", sent, err)
			}
		})
	}
}

// What a portal, a proxy or another service answers in the place of AWS is no
// success, and what became of the call is not known.
func TestAForeignAnswerToAChangeIsADoubt(t *testing.T) {
	t.Parallel()
	const page = "<!doctype html><html><body>Sign in</body></html>"
	foreign := map[string]reply{
		"a page":                {body: page, contentFormat: "text/html", noID: true},
		"a page with an id":     {body: page, contentFormat: "text/html"},
		"an empty object":       {body: `{}`, noID: true},
		"an empty answer":       {noID: true},
		"another object":        {body: `{"FunctionName": "other", "Version": "2", "Name": "other", "FunctionVersion": "2", "CodeSigningConfigArn": "other"}`, noID: true},
		"no content without id": {status: http.StatusNoContent, noID: true},
	}
	for _, tc := range changes() {
		for name, answer := range foreign {
			t.Run(tc.name+", "+name, func(t *testing.T) {
				t.Parallel()
				// By the API's model DeleteFunction may also be answered with 200.
				if tc.name == "DeleteFunction" && answer.status == 0 && !answer.noID {
					return
				}
				err := tc.call(t.Context(), always(answer).client(t))
				if err == nil || Classify(err) != Unknown {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestAPublicationIsANumberedVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", latest} {
		c := always(reply{body: `{"FunctionName": "f", "Version": "` + version + `"}`}).client(t)
		_, err := c.PublishVersion(t.Context(), Publication{Function: "f"})
		if _, foreign := errors.AsType[*AnswerError](err); !foreign || !strings.Contains(err.Error(), "PublishVersion of f: ") {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

func TestADeletionIsAcknowledgedByStatusAndRequestID(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status              int
		noID, alias, number bool
	}{
		{status: 204, alias: true, number: true},
		{status: 204, noID: true},
		{status: 200, number: true},
		{status: 202, number: true},
		{status: 200, noID: true},
		{status: 201},
	} {
		t.Run(fmt.Sprintf("%d without id %v", tc.status, tc.noID), func(t *testing.T) {
			t.Parallel()
			c := always(reply{status: tc.status, noID: tc.noID}).client(t)
			if err := c.DeleteAlias(t.Context(), "f", "live"); (err == nil) != tc.alias {
				t.Errorf("DeleteAlias: %v", err)
			}
			if err := c.DeleteFunction(t.Context(), "f", "3"); (err == nil) != tc.number {
				t.Errorf("DeleteFunction: %v", err)
			}
		})
	}
}

func TestWhatIsNotThereIsDeletedAlready(t *testing.T) {
	t.Parallel()
	c := always(reply{status: 404, code: "ResourceNotFoundException", body: `{}`}).client(t)
	for _, tc := range changes() {
		deletes := strings.HasPrefix(tc.name, "Delete")
		if err := tc.call(t.Context(), c); (err == nil) != deletes {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestAZipIsSentFromItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(path, []byte("zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	var sent string
	c := server(func(r *http.Request) reply {
		body, _ := io.ReadAll(r.Body)
		sent = string(body)
		return reply{body: `{"FunctionName": "f"}`}
	}).client(t)
	if _, err := c.UpdateCode(t.Context(), CodeUpdate{Function: "f", Code: definition.Code{ZipPath: path}}); err != nil || !strings.Contains(sent, `"ZipFile":"emlw"`) {
		t.Errorf("sent %s: %v", sent, err)
	}
	missing := definition.Code{ZipPath: path + ".gone"}
	_, update := c.UpdateCode(t.Context(), CodeUpdate{Function: "f", Code: missing})
	_, create := c.CreateFunction(t.Context(), definition.Function{FunctionName: "f"}, missing)
	if !errors.Is(update, os.ErrNotExist) || !errors.Is(create, os.ErrNotExist) {
		t.Errorf("a zip that is gone: %v, %v", update, create)
	}
}
