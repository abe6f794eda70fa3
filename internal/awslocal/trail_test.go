package awslocal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func answering(context.Context, awslocal.Event) awslocal.Answer {
	return awslocal.Answer{Payload: []byte(`"ok"`), Log: "hello world\nWARN slow\n"}
}

func lookup(t *testing.T, a *awstest.AWS, key trailtypes.LookupAttributeKey, value string) []trailtypes.Event {
	t.Helper()
	in := &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(2)}
	if key != "" {
		in.LookupAttributes = []trailtypes.LookupAttribute{{AttributeKey: key, AttributeValue: &value}}
	}
	var events []trailtypes.Event
	for pages := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(a.Config(awstest.Region, awstest.Key)), in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, page.Events...)
	}
	return events
}

func names(events []trailtypes.Event) []string {
	var list []string
	for _, e := range events {
		list = append(list, *e.EventName)
	}
	return list
}

// What a deployment and a shift leave in the event history: newest first, in whole
// seconds, with what was asked and answered, and no code.
func TestCloudTrailTellsWhatWasDone(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: answering})
		c := shared(t, a, 0)
		if _, err := c.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90*time.Second + 300*time.Millisecond)
		if _, err := c.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: aws.String("fn"), Name: aws.String("live"), FunctionVersion: aws.String("2"),
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"1": 0.9}}}); err != nil {
			t.Fatal(err)
		}
		_, err := c.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: aws.String("fn"), Name: aws.String("lost")})
		awstest.WantCode(t, err, "ResourceNotFoundException")
		events := lookup(t, a, "", "")
		want := []string{"GetAlias20150331", "UpdateAlias20150331", "CreateAlias20150331", "PublishVersion20150331", "UpdateFunctionCode20150331v2",
			"PublishVersion20150331", "UpdateFunctionCode20150331v2", "CreateFunction20150331"}
		if diff := cmp.Diff(want, names(events)); diff != "" {
			t.Fatal(diff)
		}
		type document struct {
			RequestParameters, ResponseElements map[string]any
			ErrorCode                           string
		}
		var documents []document
		for _, e := range events {
			var d document
			if err := json.Unmarshal([]byte(*e.CloudTrailEvent), &d); err != nil {
				t.Fatal(err)
			}
			documents = append(documents, d)
		}
		moved, published, created := events[1], documents[3], documents[7]
		parameters := map[string]any{"functionName": "fn", "name": "live", "functionVersion": "2", "routingConfig": map[string]any{"additionalVersionWeights": map[string]any{"1": 0.9}}}
		if diff := cmp.Diff(parameters, documents[1].RequestParameters); diff != "" {
			t.Error(diff)
		}
		if !moved.EventTime.Equal(awstest.Epoch.Add(90*time.Second)) || *moved.ReadOnly != "false" || *moved.Username != "root" || *moved.EventSource != "lambda.amazonaws.com" {
			t.Errorf("%+v", moved)
		}
		if *moved.Resources[0].ResourceName != "fn" || *moved.Resources[0].ResourceType != "AWS::Lambda::Function" {
			t.Errorf("resources %+v", moved.Resources)
		}
		if published.ResponseElements["version"] != "2" {
			t.Errorf("a published version: %+v", published.ResponseElements)
		}
		if documents[0].ErrorCode != "ResourceNotFound" || *events[0].ReadOnly != "true" {
			t.Errorf("a read that failed: %+v", documents[0])
		}
		if text := fmt.Sprint(created.RequestParameters); strings.Contains(text, "zipFile") || created.RequestParameters["runtime"] != "python3.12" {
			t.Errorf("creation: %s", text)
		}
	})
}

func TestEventsAreLookedUpByAttributeAndKeptForNinetyDays(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: answering, TrailDelay: 5 * time.Minute})
		c := shared(t, a, 0)
		awstest.CreateFunction(t, c, "other")
		if got := lookup(t, a, "", ""); len(got) != 0 {
			t.Errorf("before they arrive: %v", names(got))
		}
		time.Sleep(5 * time.Minute)
		for _, test := range []struct {
			key   trailtypes.LookupAttributeKey
			value string
			want  int
		}{
			{trailtypes.LookupAttributeKeyResourceName, "other", 1},
			{trailtypes.LookupAttributeKeyEventName, "PublishVersion20150331", 2},
			{trailtypes.LookupAttributeKeyEventName, "PublishVersion", 0},
			{trailtypes.LookupAttributeKeyEventSource, "lambda.amazonaws.com", 7},
			{trailtypes.LookupAttributeKeyReadOnly, "true", 0},
		} {
			if got := lookup(t, a, test.key, test.value); len(got) != test.want {
				t.Errorf("%s %s: %v, want %d", test.key, test.value, names(got), test.want)
			}
		}
		time.Sleep(90 * 24 * time.Hour)
		if got := lookup(t, a, "", ""); len(got) != 0 {
			t.Errorf("after 90 days: %v", names(got))
		}
		client := cloudtrail.NewFromConfig(a.Config(awstest.Region, awstest.Key))
		attribute := trailtypes.LookupAttribute{AttributeKey: trailtypes.LookupAttributeKeyEventName, AttributeValue: aws.String("x")}
		for code, in := range map[string]*cloudtrail.LookupEventsInput{
			"InvalidMaxResultsException":       {MaxResults: aws.Int32(51)},
			"InvalidTimeRangeException":        {StartTime: aws.Time(time.Now()), EndTime: aws.Time(awstest.Epoch)},
			"InvalidNextTokenException":        {NextToken: aws.String("x")},
			"InvalidLookupAttributesException": {LookupAttributes: []trailtypes.LookupAttribute{attribute, attribute}},
		} {
			_, err := client.LookupEvents(t.Context(), in)
			awstest.WantCode(t, err, code)
		}
	})
}

func TestEventsAndLogsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) {
		a := awstest.Start(t, awslocal.Options{Dir: dir, Handler: answering})
		awstest.CreateFunction(t, a.Lambda(), "fn")
		if _, err := a.Lambda().Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn")}); err != nil {
			t.Fatal(err)
		}
	})
	a := awstest.Start(t, awslocal.Options{Dir: dir, Handler: answering})
	if got := lookup(t, a, trailtypes.LookupAttributeKeyResourceName, "fn"); len(got) != 1 {
		t.Errorf("events %v", names(got))
	}
	if got := printed(t, a, ""); len(got) != 5 {
		t.Errorf("logs %q", got)
	}
}
