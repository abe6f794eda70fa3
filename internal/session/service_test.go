package session

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

var (
	jsonService  = Service{ID: "ECR", SigningName: "ecr", Region: "eu-west-1", Endpoint: "https://api.ecr.eu-west-1.amazonaws.com", Target: "Registry_V1"}
	queryService = Service{ID: "IAM", SigningName: "iam", Region: "us-east-1", Endpoint: "https://iam.amazonaws.com", Version: "2010-05-08"}
)

// say is an answer.
func say(status int, body string) func() (*http.Response, error) {
	return func() (*http.Response, error) { return answer(status, body), nil }
}

func broken() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func caller(t *testing.T, client httpFunc, service Service, change func(*Options)) *Caller {
	t.Helper()
	e := keysEnv
	opts := Options{Region: "eu-west-1", LookupEnv: e.lookup, HTTPClient: client}
	if change != nil {
		change(&opts)
	}
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s.Caller(service)
}

func TestACallerSignsAndReadsBothProtocols(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body string
	answerWith := func(text string) httpFunc {
		return func(r *http.Request) (*http.Response, error) {
			sent, err := io.ReadAll(r.Body)
			got, body = r, string(sent)
			return answer(http.StatusOK, text), err
		}
	}
	var out struct{ Name string }
	if err := caller(t, answerWith(`{"name":"x"}`), jsonService, nil).JSON(t.Context(), "Describe", map[string]string{"repositoryName": "r"}, &out); err != nil || out.Name != "x" {
		t.Errorf("%v, %v", out, err)
	}
	if !strings.Contains(got.Header.Get("Authorization"), "/eu-west-1/ecr/aws4_request") || got.Header.Get("X-Amz-Target") != "Registry_V1.Describe" || got.Header.Get("User-Agent") != "lambda-rollout/dev" ||
		got.URL.String() != jsonService.Endpoint || body != `{"repositoryName":"r"}` {
		t.Errorf("%s %v %s", got.URL, got.Header, body)
	}
	var xmlOut struct {
		Arn string `xml:"GetRoleResult>Role>Arn"`
	}
	err := caller(t, answerWith(`<GetRoleResponse><GetRoleResult><Role><Arn>a</Arn></Role></GetRoleResult></GetRoleResponse>`), queryService, nil).
		Query(t.Context(), "GetRole", url.Values{"RoleName": {"r"}}, &xmlOut)
	if err != nil || xmlOut.Arn != "a" {
		t.Errorf("%v, %v", xmlOut, err)
	}
	if !strings.Contains(got.Header.Get("Authorization"), "/us-east-1/iam/aws4_request") || body != "Action=GetRole&RoleName=r&Version=2010-05-08" {
		t.Errorf("%v %s", got.Header, body)
	}
}

func TestACallersEndpointIsThatOfTheSettings(t *testing.T) {
	t.Parallel()
	c := caller(t, nil, queryService, func(o *Options) {
		o.HTTPClient = &fakeAWS{}
		o.LookupEnv = env{"AWS_ENDPOINT_URL_IAM": "http://iam.example"}.lookup
	})
	if c.endpoint != "http://iam.example" || !c.Custom {
		t.Errorf("endpoint %s, custom %t", c.endpoint, c.Custom)
	}
	if c := caller(t, nil, queryService, func(o *Options) { o.HTTPClient = &fakeAWS{} }); c.endpoint != queryService.Endpoint || c.Custom {
		t.Errorf("endpoint %s, custom %t", c.endpoint, c.Custom)
	}
}

func TestACallerRetriesAsEveryReadDoes(t *testing.T) {
	t.Parallel()
	fine := say(http.StatusOK, `{}`)
	for name, test := range map[string]struct {
		answers []func() (*http.Response, error)
		tries   int
		code    string
		want    any
	}{
		"5xx":           {[]func() (*http.Response, error){say(503, ""), fine}, 2, "", nil},
		"throttled":     {[]func() (*http.Response, error){say(400, `{"__type":"ThrottlingException","message":"slow"}`), fine}, 2, "", nil},
		"no connection": {[]func() (*http.Response, error){broken, fine}, 2, "", nil},
		"refused":       {[]func() (*http.Response, error){say(400, `{"__type":"com.amazonaws.ecr#InvalidParameterException","message":"bad"}`)}, 1, "InvalidParameterException", nil},
		"not JSON":      {[]func() (*http.Response, error){say(200, `<html>`)}, 1, "", new(*smithy.DeserializationError)},
		"down for good": {[]func() (*http.Response, error){say(500, "")}, readAttempts, "UnknownError", nil},
		"expired":       {[]func() (*http.Response, error){say(400, `{"__type":"ExpiredTokenException","message":"old"}`)}, 1, "ExpiredTokenException", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, asked := answers(test.answers...)
				err := caller(t, client, jsonService, nil).JSON(t.Context(), "Describe", struct{}{}, &struct{}{})
				if *asked != test.tries || errorCode(err) != test.code {
					t.Errorf("got %v after %d tries, want %s after %d", err, *asked, test.code, test.tries)
				}
				if test.want != nil && !errors.As(err, test.want) || (err == nil) != (test.code == "" && test.want == nil) {
					t.Errorf("got %v", err)
				}
				if err != nil && !errors.As(err, new(*smithy.OperationError)) {
					t.Errorf("%v does not name the operation", err)
				}
			})
		})
	}
}

func TestACallerStopsWithItsContextAndTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		silent := httpFunc(func(r *http.Request) (*http.Response, error) {
			asked++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c := caller(t, silent, jsonService, func(o *Options) { o.CallTimeout = 10 * time.Second })
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		start := time.Now()
		err := c.JSON(ctx, "Describe", struct{}{}, &struct{}{})
		if err == nil || time.Since(start) != 25*time.Second || asked < 2 {
			t.Errorf("got %v after %d tries and %s", err, asked, time.Since(start))
		}
		if err := c.JSON(WithCallTimeout(t.Context(), time.Second), "Describe", struct{}{}, &struct{}{}); !errors.As(err, new(CallTimeout)) {
			t.Errorf("got %v, want CallTimeout", err)
		}
	})
}

func TestErrorsOfCredentialsNameNoOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := caller(t, nil, jsonService, func(o *Options) { o.HTTPClient, o.LookupEnv = &fakeAWS{}, env{}.lookup })
		if err := c.JSON(t.Context(), "Describe", struct{}{}, &struct{}{}); !errors.As(err, new(NoCredentials)) || strings.Contains(err.Error(), "Describe") {
			t.Errorf("got %v, want NoCredentials alone", err)
		}
		metadataGivesUp()
	})
}

func TestEachAttemptIsTraced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		trace := func(o *Options) { o.Trace = func(a Attempt) { lines = append(lines, a.String()) } }
		client, _ := answers(say(503, ""), say(503, "down"), func() (*http.Response, error) {
			time.Sleep(20 * time.Millisecond)
			return answer(http.StatusOK, `{}`), nil
		})
		err := caller(t, client, jsonService, trace).JSON(t.Context(), "DescribeImages", struct{ RepositoryName string }{"team/app"}, &struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		client, _ = answers(broken, say(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"))
		s := caller(t, client, jsonService, func(o *Options) { trace(o); o.Endpoint = "http://127.0.0.1:4566" }).session
		_, err = sts.NewFromConfig(s.Config("")).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: new(roleOne), RoleSessionName: new("x")})
		if err == nil {
			t.Fatal("not refused")
		}
		want := []string{
			"ECR DescribeImages team/app: 503 UnknownError in 0s", "ECR DescribeImages team/app: 503, not by AWS in 0s", "ECR DescribeImages team/app: 200 in 20ms",
			"STS AssumeRole " + roleOne + ": no answer in 0s", "STS AssumeRole " + roleOne + ": 403 AccessDenied in 0s",
		}
		if !slices.Equal(lines, want) {
			t.Errorf("got %q\nwant %q", lines, want)
		}
	})
}

func TestTheSubjectOfACallIsWhatItIsAbout(t *testing.T) {
	t.Parallel()
	type function struct{ FunctionName, Qualifier, Name *string }
	for want, input := range map[string]any{
		"hello":      &function{FunctionName: new("hello")},
		"hello:41":   &function{FunctionName: new("hello"), Qualifier: new("41")},
		"hello:live": &function{FunctionName: new("hello"), Name: new("live")},
		"b/k":        struct{ Bucket, Key string }{"b", "k"},
		"b":          struct{ Bucket string }{"b"},
		"":           map[string]string{"FunctionName": "x"},
	} {
		if got := subjectOf(input); got != want {
			t.Errorf("subject %q, want %q", got, want)
		}
	}
	if subjectOf(nil) != "" {
		t.Error("nothing has a subject")
	}
}
