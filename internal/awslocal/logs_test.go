package awslocal_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func logsOf(a *awstest.AWS) *cloudwatchlogs.Client {
	return cloudwatchlogs.NewFromConfig(a.Config(awstest.Region, awstest.Key))
}

// printed are the lines of fn's log group that a pattern lets through, by pages of
// two.
func printed(t *testing.T, a *awstest.AWS, pattern string) []string {
	t.Helper()
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/fn"), Limit: aws.Int32(2)}
	if pattern != "" {
		in.FilterPattern = &pattern
	}
	var lines []string
	for pages := cloudwatchlogs.NewFilterLogEventsPaginator(logsOf(a), in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			text, _, _ := strings.Cut(*e.Message, " RequestId")
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	return lines
}

func TestLogsOfWhatRanAreFoundByGroupStreamAndPattern(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: answering})
		c, logs := shared(t, a, 0), logsOf(a)
		for _, qualifier := range []string{"live", "2"} {
			if _, err := c.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn"), Qualifier: &qualifier}); err != nil {
				t.Fatal(err)
			}
		}
		groups, err := logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/lambda/")})
		if err != nil || len(groups.LogGroups) != 1 || *groups.LogGroups[0].Arn != "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/fn:*" {
			t.Fatalf("%+v, %v", groups, err)
		}
		streams, err := logs.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/aws/lambda/fn"), OrderBy: logtypes.OrderByLastEventTime, Descending: aws.Bool(true)})
		if err != nil || len(streams.LogStreams) != 2 {
			t.Fatalf("%+v, %v", streams, err)
		}
		first := ""
		for _, s := range streams.LogStreams {
			if strings.HasPrefix(*s.LogStreamName, "2026/11/02/[1]") {
				first = *s.LogStreamName
			}
		}
		one := []string{"START", "hello world", "WARN slow", "END", "REPORT"}
		events, err := logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/lambda/fn"), LogStreamName: &first, StartFromHead: aws.Bool(true)})
		if err != nil || len(events.Events) != len(one) || !strings.Contains(*events.Events[4].Message, "\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB") {
			t.Errorf("%+v, %v", events, err)
		}
		again, err := logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/lambda/fn"), LogStreamName: &first, NextToken: events.NextForwardToken})
		if err != nil || len(again.Events) != 0 || *again.NextForwardToken != *events.NextForwardToken {
			t.Errorf("at the end: %+v, %v", again, err)
		}
		for pattern, want := range map[string][]string{
			"":                         append(append([]string(nil), one...), one...),
			"WARN":                     {"WARN slow", "WARN slow"},
			`"hello world"`:            {"hello world", "hello world"},
			"?WARN ?hello":             {"hello world", "WARN slow", "hello world", "WARN slow"},
			"-RequestId -hello":        {"WARN slow", "WARN slow"},
			"%^WARN s.ow%":             {"WARN slow", "WARN slow"},
			"slow hello":               nil,
			`"Billed Duration" -other`: {"REPORT", "REPORT"},
		} {
			if diff := cmp.Diff(want, printed(t, a, pattern)); diff != "" {
				t.Errorf("%s: %s", pattern, diff)
			}
		}
		_, err = logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/lost")})
		awstest.WantCode(t, err, "ResourceNotFoundException")
		_, err = logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/fn"), FilterPattern: aws.String("{ $.a = 1 }")})
		awstest.WantCode(t, err, "InvalidParameterException")
		_, err = logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/lambda/fn"), LogStreamName: aws.String("lost")})
		awstest.WantCode(t, err, "ResourceNotFoundException")
		_, err = logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/aws/lambda/fn"), LogStreamName: &first, NextToken: aws.String("x")})
		awstest.WantCode(t, err, "InvalidParameterException")
	})
}

// LoggingConfig names the group and turns Lambda's own lines into JSON.
func TestLogsFollowLoggingConfig(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		a := awstest.StartInProcess(t, awslocal.Options{Handler: answering})
		c := a.Lambda()
		awstest.CreateFunction(t, c, "fn")
		_, err := c.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{
			FunctionName: aws.String("fn"), LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatJson, LogGroup: aws.String("shop")},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("fn")}); err != nil {
			t.Fatal(err)
		}
		out, err := logsOf(a).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:shop")})
		if err != nil || len(out.Events) != 4 {
			t.Fatalf("%+v, %v", out, err)
		}
		if got := *out.Events[0].Message; !strings.Contains(got, `"type":"platform.start"`) {
			t.Errorf("first line %s", got)
		}
		if got := *out.Events[3].Message; !strings.Contains(got, `"type":"platform.report"`) || !strings.Contains(got, `"status":"success"`) || !strings.Contains(got, `"memorySizeMB":128`) {
			t.Errorf("last line %s", got)
		}
	})
}
