package cloudtrail_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/cloudtrail"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

func client(t *testing.T, a *awstest.AWS) *cloudtrail.Client {
	t.Helper()
	s, err := session.Open(t.Context(), session.Options{
		Region: awstest.Region, Endpoint: a.URL, AccessKeyID: "test", SecretAccessKey: "test-test-test", HTTPClient: a.HTTP,
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	return cloudtrail.New(t.Context(), s, awstest.Region, time.Now)
}

func everything(string) bool { return true }

func TestTheMovesOfAnAliasAreReadInTheirOrder(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{})
		c := a.Lambda()
		function, alias := aws.String("fn"), aws.String("live")
		awstest.CreateFunction(t, c, "fn")
		awstest.CreateFunction(t, c, "other")
		if _, err := c.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: function}); err != nil {
			t.Fatal(err)
		}
		created, err := c.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: function, Name: alias, FunctionVersion: aws.String("1")})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		arn := aws.String("arn:aws:lambda:us-east-1:000000000000:function:fn")
		updated, err := c.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{
			FunctionName: arn, Name: alias, Description: aws.String("moved"), RevisionId: created.RevisionId,
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: function, Name: alias, FunctionVersion: aws.String("9")})
		awstest.WantCode(t, err, "ResourceNotFoundException") // no event: it changed nothing
		time.Sleep(time.Minute)
		if _, err := c.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: function}); err != nil {
			t.Fatal(err)
		}
		trail, err := client(t, a).Read(t.Context(), awstest.Epoch.Add(-time.Hour), func(name string) bool { return strings.HasSuffix(name, "fn") })
		if err != nil {
			t.Fatal(err)
		}
		at := func(d time.Duration, function string, c cloudtrail.Change) cloudtrail.Event {
			return cloudtrail.Event{Second: awstest.Epoch.Add(d), By: "root", Function: function, Change: c}
		}
		want := []cloudtrail.Event{
			at(0, "fn", cloudtrail.AliasSet{Alias: "live", Version: "1", RevisionID: *created.RevisionId}),
			at(0, "fn", cloudtrail.FunctionCreated{}),
			at(time.Minute, *arn, cloudtrail.AliasSet{Alias: "live", Version: "1", RevisionID: *updated.RevisionId, Expected: *created.RevisionId}),
			at(2*time.Minute, "fn", cloudtrail.FunctionDeleted{}),
		}
		if diff := cmp.Diff(want, trail.Events, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if !trail.From.Equal(awstest.Epoch.Add(-time.Hour)) || !trail.Read.Equal(time.Now()) {
			t.Errorf("from %s, read %s", trail.From, trail.Read)
		}
	})
}

// What lies behind the last page that is read is not there: the trail says so.
func TestATrailBeginsBehindItsLastPage(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		pages := 0
		a := awstest.StartInProcess(t, awslocal.Options{}, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				pages++
				_, _ = w.Write([]byte(`{"Events":[{"EventId":"e","EventTime":1.7987112E9,"CloudTrailEvent":"{}"}],"NextToken":"more"}`))
			})
		})
		trail, err := client(t, a).Read(t.Context(), time.Time{}, everything)
		if err != nil {
			t.Fatal(err)
		}
		if want := time.Unix(1798711201, 0); !trail.From.Equal(want) || len(trail.Events) != 0 {
			t.Errorf("from %s, want %s; %d events", trail.From, want.UTC(), len(trail.Events))
		}
		if pages == 0 || pages > 500 {
			t.Errorf("%d pages", pages)
		}
	})
}

func TestAMissingPermissionIsNamed(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{}, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`{"__type":"AccessDeniedException","message":"User: u is not authorized to perform: cloudtrail:LookupEvents because no identity-based policy allows the cloudtrail:LookupEvents action"}`))
			})
		})
		_, err := client(t, a).Read(t.Context(), time.Time{}, everything)
		var denied session.Denied
		if !errors.As(err, &denied) || denied.Action != "cloudtrail:LookupEvents" {
			t.Errorf("%v", err)
		}
	})
}
