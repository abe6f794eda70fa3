package lambdaapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asked is how a request asks: the last part of its path, with what it is about.
func asked(r *http.Request) string {
	parts := strings.Split(strings.TrimSuffix(r.URL.Path, "/list"), "/")
	q := r.URL.Query()
	what := parts[len(parts)-1]
	if name := q.Get("FunctionName"); name != "" {
		what += " " + name
	}
	if qualifier := q.Get("Qualifier"); qualifier != "" {
		what += " " + qualifier
	}
	if marker := q.Get("Marker"); marker != "" {
		what += " after " + marker
	}
	return what
}

// nothing are the answers about a function that nobody uses.
func nothing() map[string]reply {
	return map[string]reply{
		"urls":                    {body: `{"FunctionUrlConfigs": []}`},
		"event-invoke-config":     {body: `{"FunctionEventInvokeConfigs": []}`},
		"provisioned-concurrency": {body: `{"ProvisionedConcurrencyConfigs": []}`},
		"concurrency":             {body: `{}`},

		"recursion-config":          {body: `{"RecursiveLoop": "Terminate"}`},
		"runtime-management-config": {body: `{"UpdateRuntimeOn": "Auto"}`},
	}
}

// server answers the questions, 404 where there is no answer, and empty lists of
// event source mappings.
func answering(answers map[string]reply) server {
	return func(r *http.Request) reply {
		what := asked(r)
		if a, ok := answers[what]; ok {
			return a
		}
		if strings.HasPrefix(what, "event-source-mappings ") {
			return reply{body: `{"EventSourceMappings": []}`}
		}
		return reply{status: 404, code: "ResourceNotFoundException", body: `{"Message": "not there"}`}
	}
}

func TestEverythingThatCanBeAttachedIsFound(t *testing.T) {
	t.Parallel()
	all := []string{"", "live", "1"}
	for _, tc := range []struct {
		name    string
		answers map[string]reply
		wanted  []string // the qualifiers that are asked about; nil is all
		want    []string
	}{
		{name: "nothing"},
		{name: "permissions", answers: map[string]reply{
			"policy":      {body: `{"Policy": "{\"Statement\": [{\"Sid\": \"api\"}, {\"Sid\": \"s3\"}]}"}`},
			"policy live": {body: `{"Policy": "{\"Statement\": [{\"Sid\": \"sns\"}]}"}`},
			"policy 1":    {body: `{"Policy": "{\"Statement\": [{}]}"}`},
		}, want: []string{"permission api", "permission of 1", "permission s3", "permission sns of live"}},
		{name: "a policy without statements is no use", answers: map[string]reply{
			"policy": {body: `{"Policy": "{\"Statement\": []}"}`}, "policy live": {body: `{"Policy": "{\"Statement\": [], \"Id\": \"default\"}"}`},
		}},
		{name: "function URLs on several pages", answers: map[string]reply{
			"urls":          {body: `{"FunctionUrlConfigs": [{"FunctionArn": "` + arnOfF + `"}, {"FunctionArn": "` + arnOfF + `:other"}], "NextMarker": "p2"}`},
			"urls after p2": {body: `{"FunctionUrlConfigs": [{"FunctionArn": "` + arnOfF + `:live"}]}`},
		}, want: []string{"function URL", "function URL of live"}},
		{name: "event-invoke configurations on several pages", answers: map[string]reply{
			"event-invoke-config":          {body: `{"FunctionEventInvokeConfigs": [{"FunctionArn": "` + arnOfF + `:$LATEST"}], "NextMarker": "p2"}`},
			"event-invoke-config after p2": {body: `{"FunctionEventInvokeConfigs": [{"FunctionArn": "` + arnOfF + `:1"}]}`},
		}, want: []string{"event-invoke configuration", "event-invoke configuration of 1"}},
		{name: "provisioned concurrency on several pages", answers: map[string]reply{
			"provisioned-concurrency":          {body: `{"ProvisionedConcurrencyConfigs": [{"FunctionArn": "` + arnOfF + `:live"}], "NextMarker": "p2"}`},
			"provisioned-concurrency after p2": {body: `{"ProvisionedConcurrencyConfigs": [{"FunctionArn": "` + arnOfF + `:1"}]}`},
		}, want: []string{"provisioned concurrency of 1", "provisioned concurrency of live"}},
		{name: "reserved concurrency", answers: map[string]reply{"concurrency": {body: `{"ReservedConcurrentExecutions": 0}`}},
			want: []string{"reserved concurrency of 0"}},
		{name: "what is not as AWS begins with", answers: map[string]reply{
			"recursion-config":          {body: `{"RecursiveLoop": "Allow"}`},
			"runtime-management-config": {body: `{"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "arn:aws:lambda:eu-west-1::runtime:x"}`},
		}, want: []string{"recursive loop detection", "runtime management"}},
		{name: "event source mappings on several pages", answers: map[string]reply{
			"event-source-mappings f":                          {body: `{"EventSourceMappings": [{"UUID": "a"}], "NextMarker": "p2"}`},
			"event-source-mappings f after p2":                 {body: `{"EventSourceMappings": [{"UUID": "b"}]}`},
			"event-source-mappings " + arnOfF + ":live":        {body: `{"EventSourceMappings": [{"UUID": "c"}]}`},
			"event-source-mappings " + arnOfF + ":not-ask-for": {body: `{"EventSourceMappings": [{"UUID": "d"}]}`},
		}, want: []string{"event source mapping a", "event source mapping b", "event source mapping c of live"}},
		{name: "only the alias is asked about", wanted: []string{"live"}, answers: map[string]reply{
			"concurrency": {body: `{"ReservedConcurrentExecutions": 3}`},
			"policy":      {body: `{"Policy": "{\"Statement\": [{\"Sid\": \"api\"}]}"}`},
			"urls":        {body: `{"FunctionUrlConfigs": [{"FunctionArn": "` + arnOfF + `"}, {"FunctionArn": "` + arnOfF + `:lives"}]}`},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			answers := nothing()
			for what, a := range tc.answers {
				answers[what] = a
			}
			if tc.wanted == nil {
				tc.wanted = all
			}
			found, err := answering(answers).client(t).Attached(t.Context(), arnOfF, tc.wanted)
			if err != nil {
				t.Error(err)
			}
			var got []string
			for _, a := range found {
				got = append(got, a.String())
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("attached (-want +got):\n%s", diff)
			}
		})
	}
}

// questionsAbout are the questions about a function and its alias live.
var questionsAbout = map[string]string{
	"urls": "ListFunctionUrlConfigs", "event-invoke-config": "ListFunctionEventInvokeConfigs",
	"provisioned-concurrency": "ListProvisionedConcurrencyConfigs", "concurrency": "GetFunctionConcurrency",
	"policy": "GetPolicy", "policy live": "GetPolicy",
	"event-source-mappings f": "ListEventSourceMappings", "event-source-mappings " + arnOfF + ":live": "ListEventSourceMappings",
}

func TestADeniedQuestionIsNamedAndTheOthersAreAnswered(t *testing.T) {
	t.Parallel()
	for question, operation := range questionsAbout {
		t.Run(question, func(t *testing.T) {
			t.Parallel()
			answers := nothing()
			answers["policy 1"] = reply{body: `{"Policy": "{\"Statement\": [{\"Sid\": \"api\"}]}"}`}
			answers[question] = reply{status: 403, code: "AccessDeniedException", body: `{"Message": "User: x is not authorized to perform: lambda:` + operation + `"}`}
			found, err := answering(answers).client(t).Attached(t.Context(), arnOfF, []string{"", "live", "1"})
			if diff := cmp.Diff([]string{"lambda:" + operation}, DeniedActions(err)); diff != "" {
				t.Errorf("%s\n%v", diff, err)
			}
			if diff := cmp.Diff([]Attachment{{"1", "permission api"}}, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAForeignAnswerIsNotTakenForNothingAttached(t *testing.T) {
	t.Parallel()
	for question := range questionsAbout {
		for name, foreign := range map[string]reply{"a page": {body: "<html></html>"}, "an empty object": {body: `{}`}} {
			if question == "concurrency" && name == "an empty object" {
				continue // which is how AWS says that there is none
			}
			t.Run(question+", "+name, func(t *testing.T) {
				t.Parallel()
				answers := nothing()
				answers[question] = foreign
				if _, err := answering(answers).client(t).Attached(t.Context(), arnOfF, []string{"", "live"}); err == nil {
					t.Error("the answer passes for one of AWS")
				}
			})
		}
	}
}
