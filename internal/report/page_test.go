package report

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

func runOf(name string) *journal.RunState {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	content := func(timeout, code string) journal.Content {
		return journal.Content{Fields: map[string]string{"Timeout": timeout, "MemorySize": "m", name: timeout}, CodeSha256: code}
	}
	before, after := content("a", "FRj54pGvRp9Yxxxx"), content("b", "rKrWgBqs4kPExxxx")
	done := &journal.Outcome{Result: journal.Done}
	step := func(n, began, ended int, i journal.Intent, o *journal.Outcome) journal.Step {
		s := journal.Step{Number: n, Record: journal.Record{At: at.Add(time.Duration(began) * time.Second)}, Intent: i, Outcome: o}
		if o != nil {
			s.Ended = at.Add(time.Duration(ended) * time.Second)
		}
		return s
	}
	return &journal.RunState{
		Header: journal.Header{Run: name, Started: at, Tool: "v1", Command: "deploy", Repository: name, Commit: name, Actor: name, RunURL: "https://example.com/" + name},
		State:  journal.RolledBack,
		Evidence: []journal.Evidence{
			{At: at, Gate: &journal.Gate{Moment: "before-traffic", To: "https://example.com/" + name}},
			{At: at.Add(42 * time.Second), Gate: &journal.Gate{Moment: "before-traffic", To: "https://example.com/" + name, Answer: "yes", Reason: name}},
			{Percent: 10, Stage: 1},
			{Percent: 10, Minutes: []journal.Measured{{Alias: name, New: [2]int64{200, 1}, Old: [2]int64{1800, 2}}, {New: [2]int64{212, 2}, Old: [2]int64{1890}}}},
			{Percent: 10, Decision: "extend", Reason: name},
			{Percent: 10, Decision: "continue", Reason: name},
			{Percent: 50, Stage: 2, Minutes: []journal.Measured{{New: [2]int64{900, 400}, Old: [2]int64{900, 1}}}, Decision: "rollback", Reason: name},
			{Percent: 50, Durations: []journal.Timed{{New: journal.Median{Invocations: 90, Milliseconds: 310}, Old: journal.Median{Invocations: 90, Milliseconds: 120.4}}}},
			{At: at.Add(time.Minute), Percent: 50, Gate: &journal.Gate{Moment: "before-stage", To: "https://example.com/" + name}},
		},
		Targets: []journal.TargetLog{{
			Target:   journal.Target{Function: name, Region: "eu-central-1"},
			Snapshot: &journal.Snapshot{Exists: true, Content: before, Aliases: []journal.Alias{{Name: name, Version: "41", Weights: map[string]float64{"42": 0.1}}}},
			Steps: []journal.Step{
				step(1, 0, 2, journal.Intent{Call: "UpdateFunctionConfiguration", Content: &after}, done),
				step(2, 2, 3, journal.Intent{Call: "PublishVersion"}, &journal.Outcome{Result: journal.Done, Version: "42"}),
				step(3, 3, 4, journal.Intent{Call: "UpdateAlias", Alias: &journal.Alias{Name: name, Version: "42"}}, &journal.Outcome{Result: journal.Refused, Error: name}),
				step(4, 4, 6, journal.Intent{Call: "UpdateFunctionConfiguration", Back: true, Content: &before}, nil),
			},
		}},
	}
}

func same(s string) string { return s }

func TestThePageOfARun(t *testing.T) {
	t.Parallel()
	golden(t, "page.html", Page(runOf("shop"), same))
}

// Whatever names and messages hold, they stay text: nothing of them becomes an
// element, an attribute or a script, and the page loads nothing.
func TestAPageEscapesEveryValue(t *testing.T) {
	t.Parallel()
	plain := Page(runOf("shop"), same)
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onload='alert(1)`, `</style><script>`, "&lt;b&gt;", "\x00\x1b[31m\xff", `</title><svg onload=alert(1)>`,
	} {
		got := Page(runOf(hostile), same)
		for _, sign := range []string{"<script", "<img", "<svg onload", "</style><", "\x00", "\x1b", "\xff"} {
			if strings.Contains(strings.ReplaceAll(got, "</style></head>", ""), sign) {
				t.Errorf("%q: the page holds %q", hostile, sign)
			}
		}
		// As many elements and quoted values as with a harmless name.
		for _, sign := range []string{"<", ">", `"`} {
			if n, want := strings.Count(got, sign), strings.Count(plain, sign); n != want {
				t.Errorf("%q: %d times %s instead of %d", hostile, n, sign, want)
			}
		}
	}
}

// A link leads to a page of the web and nowhere else.
func TestAPageLinksNoScript(t *testing.T) {
	t.Parallel()
	state := runOf("shop")
	state.Header.RunURL = "javascript:alert(1)"
	if got := Page(state, same); strings.Contains(got, "javascript:") {
		t.Error(got)
	}
}

func TestAPageHidesSecrets(t *testing.T) {
	t.Parallel()
	got := Page(runOf("sesame"), func(s string) string { return strings.ReplaceAll(s, "sesame", "***") })
	if strings.Contains(got, "sesame") {
		t.Error(got)
	}
}

// The document of a run has each call with its result, and which are of the rollback.
func TestTheDocumentOfARun(t *testing.T) {
	t.Parallel()
	d := DocumentOf(runOf("shop"), same)
	var got []string
	for _, c := range d.Functions[0].Calls {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %s%s %s rollback:%v", c.Number, c.Call, c.Alias, c.Version, c.Result, c.Rollback)))
	}
	want := []string{
		"1 UpdateFunctionConfiguration  done rollback:false", "2 PublishVersion 42 done rollback:false",
		"3 UpdateAlias shop42 refused rollback:false", "4 UpdateFunctionConfiguration  open rollback:true",
	}
	if diff := cmp.Diff(want, got); diff != "" || d.State != "rolled-back" || !d.Functions[0].Exists {
		t.Error(diff)
	}
}

// The figures of a stage are the sum of its minutes, and each decision is said.
func TestAPageHasTheFiguresAndDecisionsOfTheStages(t *testing.T) {
	t.Parallel()
	got := Page(runOf("shop"), same)
	for _, want := range []string{
		"10% of the traffic", "new 3/412 (0.73%) · old 2/3,690 (0.05%) failed", "the stage lasted longer: shop", "the shift went on: shop",
		"median duration in the last minute: new 310 ms · old 120 ms", "<dt>By</dt><dd>shop</dd>",
		"before-traffic</span>", ">https://example.com/shop</span>", "waited 42.0 s", "yes: shop", "before-stage</span>", "asked at 10:01:00", "no answer: the run ended",
		"50% of the traffic", "new 400/900 (44.4%) · old 1/900 (0.11%) failed", "rolled back: shop",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestAStageWithoutAnyFigureHasNone(t *testing.T) {
	t.Parallel()
	state := runOf("shop")
	state.Evidence = []journal.Evidence{{Stage: 3, Percent: 100}}
	if got := Page(state, same); !strings.Contains(got, "nothing measured") || strings.Contains(got, "none failed") {
		t.Error(got)
	}
}

// FuzzEscape holds every text to being text: no byte of it acts in an element or in
// a quoted attribute.
func FuzzEscape(f *testing.F) {
	f.Add("<script>\x00\"'&\xff\u009b")
	f.Fuzz(func(t *testing.T, s string) {
		got := escape(s)
		if strings.ContainsAny(got, "<>\"'\x00\x1b\x7f") || !utf8.ValidString(got) {
			t.Errorf("%q became %q", s, got)
		}
	})
}
