package logs_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/logs"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// talking answers with a log of its event.
func talking(_ context.Context, e awslocal.Event) awslocal.Answer {
	return awslocal.Answer{Payload: []byte(`"ok"`), Log: "said " + strings.Trim(string(e.Payload), `"`) + "\n"}
}

func client(t *testing.T, a *awstest.AWS) *logs.Client {
	t.Helper()
	s, err := session.Open(t.Context(), session.Options{
		Region: awstest.Region, Endpoint: a.URL, AccessKeyID: "test", SecretAccessKey: "test-test-test", HTTPClient: a.HTTP,
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	return logs.New(t.Context(), s, awstest.Region, time.Now)
}

// publish creates a function that logs to a group, with versions 1 and 2.
func publish(t *testing.T, c *awslambda.Client, name, group string) {
	t.Helper()
	awstest.CreateFunction(t, c, name)
	for _, memory := range []int32{256, 512} {
		in := &awslambda.UpdateFunctionConfigurationInput{FunctionName: &name, MemorySize: &memory, LoggingConfig: &types.LoggingConfig{LogGroup: &group}}
		if _, err := c.UpdateFunctionConfiguration(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: &name}); err != nil {
			t.Fatal(err)
		}
	}
}

func say(t *testing.T, c *awslambda.Client, name, version, text string) {
	t.Helper()
	payload, err := json.Marshal(text)
	if err == nil {
		_, err = c.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: &name, Qualifier: aws.String(version), Payload: payload})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// heard are the lines that a function itself printed, with their versions.
func heard(events []logs.Event) []string {
	var said []string
	for _, e := range events {
		if strings.HasPrefix(e.Message, "said ") {
			said = append(said, e.Version+" "+e.Message)
		}
	}
	return said
}

func TestLinesAreOfTheFunctionAndItsVersions(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: talking})
		c := a.Lambda()
		publish(t, c, "fn", "shop")
		publish(t, c, "fn2", "shop")
		begun := time.Now()
		say(t, c, "fn", "1", "old")
		time.Sleep(time.Hour)
		say(t, c, "fn", "1", "one")
		say(t, c, "fn", "2", "two")
		say(t, c, "fn2", "1", "other")
		for name, tc := range map[string]struct {
			query logs.Query
			want  []string
		}{
			"all":      {logs.Query{Since: begun}, []string{"1 said old", "1 said one", "2 said two"}},
			"recent":   {logs.Query{Since: time.Now().Add(-time.Minute)}, []string{"1 said one", "2 said two"}},
			"version":  {logs.Query{Since: begun, Versions: []string{"2"}}, []string{"2 said two"}},
			"filtered": {logs.Query{Since: begun, Filter: `"said one"`}, []string{"1 said one"}},
			"none":     {logs.Query{Since: begun, Versions: []string{}}, nil},
		} {
			tc.query.Function, tc.query.Group = "fn", "shop"
			var events []logs.Event
			if err := client(t, a).Read(t.Context(), tc.query, func(e logs.Event) error { events = append(events, e); return nil }); err != nil {
				t.Fatal(err)
			}
			if got := heard(events); !slices.Equal(got, tc.want) {
				t.Errorf("%s: %q, want %q", name, got, tc.want)
			}
		}
		err := client(t, a).Read(t.Context(), logs.Query{Group: "lost"}, func(logs.Event) error { return nil })
		var missing *logs.NoGroupError
		if !errors.As(err, &missing) || missing.Group != "lost" {
			t.Errorf("%v", err)
		}
	})
}

// A line is shown once, however often its minute is read; the group may come later;
// a version that an alias moves to counts from then on; an interrupt is no error.
func TestFollowingShowsEachLineOnce(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: talking})
		c := a.Lambda()
		publish(t, c, "fn", "shop")
		ctx, stop := context.WithCancel(t.Context())
		var asked atomic.Int32
		versions := func(context.Context) ([]string, error) {
			asked.Add(1)
			if time.Since(awstest.Epoch) < 5*time.Minute {
				return []string{"1"}, nil
			}
			return []string{"2"}, nil
		}
		events := make(chan logs.Event, 100)
		done := make(chan error)
		go func() {
			done <- client(t, a).Follow(ctx, logs.Query{Function: "fn", Group: "shop", Since: awstest.Epoch}, versions, func(e logs.Event) error { events <- e; return nil })
		}()
		time.Sleep(time.Minute)
		say(t, c, "fn", "1", "one")
		say(t, c, "fn", "2", "unheard")
		time.Sleep(5 * time.Minute)
		say(t, c, "fn", "1", "late")
		say(t, c, "fn", "2", "two")
		time.Sleep(5 * time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		close(events)
		var all []logs.Event
		for e := range events {
			all = append(all, e)
		}
		if got, want := heard(all), []string{"1 said one", "2 said two"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if asked.Load() < 100 {
			t.Errorf("the alias was asked %d times", asked.Load())
		}
	})
}

func TestAMissingPermissionEndsFollowing(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{}, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`{"__type":"AccessDeniedException","message":"not allowed"}`))
			})
		})
		all := func(context.Context) ([]string, error) { return nil, nil }
		err := client(t, a).Follow(t.Context(), logs.Query{Group: "shop"}, all, func(logs.Event) error { return nil })
		var denied session.Denied
		if !errors.As(err, &denied) || denied.Action != "logs:FilterLogEvents" {
			t.Errorf("%v", err)
		}
	})
}
