package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// caseOf reads one case.
func caseOf(t *testing.T, yaml string) Case {
	t.Helper()
	cases, problems := Read("smoke.yaml", []byte("cases:\n  - "+strings.ReplaceAll(yaml, "\n", "\n    ")), nil)
	if len(cases) != 1 || len(problems) > 0 {
		t.Fatalf("%d cases of %q, %v", len(cases), yaml, problems)
	}
	return cases[0]
}

func TestAnAnswerMustContainWhatIsExpected(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, expect, answer string
		want                 []string
	}{
		{"more keys are ignored", `{a: 1}`, `{"a":1,"b":2}`, nil},
		{"a missing key", `{a: {b: true}}`, `{"a":{}}`, []string{"$.a.b: want true, got nothing"}},
		{"all places", `{a: 1, b: [x, y]}`, `{"a":2,"b":["x","z"]}`, []string{"$.a: want 1, got 2", `$.b[1]: want "y", got "z"`}},
		{"lists have a length", `[1]`, `[1,2]`, []string{"$[1]: want nothing, got 2"}},
		{"numbers by their value", `{a: 1, b: 1.50}`, `{"a":1.0,"b":15e-1}`, nil},
		{"large numbers exactly", `{a: 9007199254740993}`, `{"a":9007199254740992}`, []string{"$.a: want 9007199254740993, got 9007199254740992"}},
		{"text is no number", `{a: "1"}`, `{"a":1}`, []string{`$.a: want "1", got 1`}},
		{"null is not nothing", `{a: null}`, `{}`, []string{"$.a: want null, got nothing"}},
		{"JSON inside of text", `{body: {ok: true}}`, `{"body":"{\"ok\":false}"}`, []string{"$.body.ok: want true, got false"}},
		{"text that is compared as text", `{body: '{"ok": true}'}`, `{"body":"{\"ok\":true}"}`, []string{`$.body: want "{\"ok\": true}", got "{\"ok\":true}"`}},
		{"odd keys", `{"a.b": 1}`, `{"a.b":2}`, []string{`$["a.b"]: want 1, got 2`}},
		{"no JSON", `{a: 1}`, `oops`, []string{`$: want {"a":1}, got "oops"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := caseOf(t, "expect: "+tc.expect)
			if diff := cmp.Diff(tc.want, c.Check(Answer{Payload: []byte(tc.answer)})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const failure = `{"errorType":"NotFound","errorMessage":"no order 7"}`

func TestAnErrorIsExpectedOrNot(t *testing.T) {
	t.Parallel()
	failed, fine := Answer{Error: "Unhandled", Payload: []byte(failure)}, Answer{Payload: []byte(`{"ok":true}`)}
	for _, tc := range []struct {
		name, yaml string
		answer     Answer
		want       []string
	}{
		{"unexpected", "payload: {}", failed, []string{"it failed: Unhandled: " + `{"errorMessage":"no order 7","errorType":"NotFound"}`}},
		{"any", "expect-error: true", failed, nil},
		{"none came", "expect-error: true", fine, []string{`it succeeded and was expected to fail; it answered {"ok":true}`}},
		{"of a type", "expect-error: NotFound", failed, nil},
		{"of a message", "expect-error: order 7", failed, nil},
		{"of another message", "expect-error: order 8", failed, []string{`neither the error's type nor its message contains "order 8": {"errorMessage":"no order 7","errorType":"NotFound"}`}},
		{"with fields", "expect-error: {errorType: Other}", failed, []string{`$.errorType: want "Other", got "NotFound"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, caseOf(t, tc.yaml).Check(tc.answer)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMaxDurationIsThatOfTheFunctionWithoutItsInitialization(t *testing.T) {
	t.Parallel()
	c := caseOf(t, "max-duration: 100ms")
	report := func(ms string) string {
		return "END\nREPORT RequestId: 1\tDuration: " + ms + " ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 900.00 ms\t\n"
	}
	for _, tc := range []struct {
		answer Answer
		want   []string
	}{
		{Answer{Took: time.Second, Log: report("99.50")}, nil},
		{Answer{Took: time.Millisecond, Log: report("250.00")}, []string{"it took 250ms: max-duration is 100ms"}},
		{Answer{Took: 120 * time.Millisecond}, []string{"it took 120ms: max-duration is 100ms"}},
	} {
		tc.answer.Payload = []byte("null")
		if diff := cmp.Diff(tc.want, c.Check(tc.answer)); diff != "" {
			t.Errorf("%+v: %s", tc.answer, diff)
		}
	}
}

func TestTheOldVersionsAnswerIsComparedWhole(t *testing.T) {
	t.Parallel()
	c := caseOf(t, "against: old\nignore: [id, \"items[*].at\", '$[\"x.y\"]']")
	old := Answer{Payload: []byte(`{"id":1,"items":[{"at":1,"n":1},{"at":2,"n":2}],"x.y":1,"gone":1,"body":"{\"a\":1}"}`)}
	same := Answer{Payload: []byte(`{"id":2,"items":[{"at":3,"n":1},{"n":2}],"gone":1,"body":"{\"a\": 1}"}`)}
	if got := c.Old.Compare(same, old); len(got) > 0 {
		t.Errorf("what is ignored differs: %q", got)
	}
	other := Answer{Payload: []byte(`{"id":1,"items":[{"n":1},{"n":3}],"new":1,"body":"{\"a\":2}"}`)}
	want := []string{"$.body.a: old 1, new 2", "$.gone: old 1, new nothing", "$.items[1].n: old 2, new 3", "$.new: old nothing, new 1"}
	if diff := cmp.Diff(want, c.Old.Compare(other, old)); diff != "" {
		t.Error(diff)
	}
	if got := c.Old.Compare(Answer{Error: "Unhandled", Payload: []byte(failure)}, old); len(got) != 1 || !strings.HasPrefix(got[0], "the old version succeeded, the new one failed: Unhandled") {
		t.Errorf("an error of the new version: %q", got)
	}
}

func TestUsageIsReadFromTextAndJSON(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, log string
		want      Usage
		ok        bool
	}{
		{"text", "hi\nREPORT RequestId: 1\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\t\n", Usage{12340 * time.Microsecond, 0, 64}, true},
		{"cold", "REPORT RequestId: 1\tDuration: 2.00 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 100.50 ms\t", Usage{2 * time.Millisecond, 100500 * time.Microsecond, 64}, true},
		{"JSON", `{"time":"t","type":"platform.report","record":{"requestId":"1","metrics":{"durationMs":1.5,"billedDurationMs":2,"memorySizeMB":128,"maxMemoryUsedMB":70,"initDurationMs":80}}}` + "\n", Usage{1500 * time.Microsecond, 80 * time.Millisecond, 70}, true},
		{"another event", `{"type":"platform.start"}`, Usage{}, false},
		{"the last one counts", "REPORT RequestId: fake\tDuration: 1.00 ms\nREPORT RequestId: 2\tDuration: 5.00 ms\tMax Memory Used: 6 MB\t\n", Usage{5 * time.Millisecond, 0, 6}, true},
		{"none", "hello\n", Usage{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, ok := ReadUsage(tc.log)
			if got != tc.want || ok != tc.ok {
				t.Errorf("%+v, %v, want %+v, %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestCasesAreForTheFunctionsThatTheyName(t *testing.T) {
	t.Parallel()
	cases, problems := Read("smoke.yaml", []byte("cases: [{name: all}, {name: shops, function: shop-*}, {name: one, function: shop-a}]"), nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for function, want := range map[string]string{"shop-a": "all shops one", "shop-b": "all shops", "bank": "all"} {
		var names []string
		for _, c := range For(cases, function) {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s gets %s, want %s", function, got, want)
		}
	}
}

func TestAnInvocationsCostIsShownAsFarAsItsLogTells(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Answer{
		"1.23ms, 64 MB":                         {Log: "REPORT RequestId: 1\tDuration: 1.2345 ms\tMax Memory Used: 64 MB\t"},
		"12ms after an initialization of 100ms": {Log: "REPORT RequestId: 1\tDuration: 12.34 ms\tInit Duration: 100.40 ms\t"},
		"1.001s with the call":                  {Took: 1000600 * time.Microsecond},
	} {
		if got := a.Summary(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// What a rehearsal answers in place of the function satisfies the case.
func TestAnExampleIsWhatItsCaseExpects(t *testing.T) {
	t.Parallel()
	inner := func(key string, value any) any { return map[string]any{"in": map[string]any{key: value}, "n": nil} }
	for _, want := range []Expectation{
		Succeeds{}, Succeeds{[]any{inner("a", "1"), inner("b", true)}}, Succeeds{[]any{[]any{"x"}}},
		Fails{}, Fails{[]any{map[string]any{"errorType": "NotFound"}}}, FailsWith{"no such order"},
	} {
		payload, functionError, err := Case{Want: want}.Example()
		if got := want.differences(Answer{Payload: payload, Error: functionError}); len(got) > 0 || err != nil {
			t.Errorf("%+v: %s: %q, %v", want, payload, got, err)
		}
	}
}

// A long value is cut between two characters.
func TestADifferenceShowsTheBeginningOfALongValue(t *testing.T) {
	t.Parallel()
	text := "x" + strings.Repeat("é", 100)
	if got, want := show(text), "\"x"+strings.Repeat("é", 99)+"… (203 bytes)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := show(strings.Repeat("<", shown-2)); len(got) != shown {
		t.Errorf("%d bytes are cut: %s", shown, got)
	}
}
