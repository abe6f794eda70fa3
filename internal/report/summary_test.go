package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

func deployment() Deployment {
	return Deployment{
		Rows: []Row{{
			Function: "shop", Region: "eu-central-1", From: "41", To: "42", Aliases: []string{"live", "beta"}, Share: "10%",
			CodeFrom: "FRj54pGvRp9YaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaAA=", CodeSha: "rKrWgBqs4kPEbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbBB=",
			Took: 3210 * time.Millisecond, Changed: true, Console: "https://eu-central-1.console.aws.amazon.com/lambda/home",
		}},
		Diffs: diffs()[:1],
		By: By{
			Actor: "octo_cat", Commit: "6dcb09b5b57875f334f61aebed695e2e4193db5e",
			CommitURL: "https://github.com/acme/shop/commit/6dcb09b5b57875f334f61aebed695e2e4193db5e", RunURL: "https://github.com/acme/shop/actions/runs/1",
		},
		Took: 10*time.Minute + 3210*time.Millisecond,
		Next: Next{Promote: []string{"lambda-rollout shift"}, Undo: []string{"lambda-rollout rollback --function shop --alias live --aws-region eu-central-1"}},
	}
}

func TestASummaryFitsOneScreen(t *testing.T) {
	t.Parallel()
	d := deployment()
	golden(t, "deployed.md", Summary(d))
	if lines := strings.Count(Summary(d), "\n"); lines > 50 {
		t.Errorf("%d lines", lines)
	}
	d.Course.Stages = []Stage{
		{Percent: 10, Held: 5 * time.Minute, Looks: []Look{
			{At: time.Minute, New: Calls{51, 0}, Old: Calls{470, 1}, Reason: "no sign of a worse rate"},
			{At: 5 * time.Minute, New: Calls{412, 3}, Old: Calls{3690, 2}, Decision: "good", Reason: "a rate above 2.1% would have been seen"},
		}},
		{Percent: 50, Began: 5 * time.Minute, Held: 5 * time.Minute},
	}
	golden(t, "staged.md", Summary(d))
	d.Course.Stages[0].Looks = nil
	if text := Summary(d); strings.Contains(text, "failed") || !strings.Contains(text, "bar [10, 50]") {
		t.Errorf("without figures: %s", text)
	}
}

func TestASummarySaysThatUndoDeletesANewFunction(t *testing.T) {
	t.Parallel()
	d := deployment()
	d.Rows[0].New, d.Rows[0].From = true, ""
	text := Summary(d)
	for _, want := range []string{"### ✓ shop 42 (new) (live, beta 10%)", "To undo this deployment, which **deletes shop**:"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	for range 3 {
		d.Rows = append(d.Rows, d.Rows[0])
	}
	if text := Summary(d); !strings.Contains(text, "**deletes 4 functions**") || !strings.Contains(text, "### ✓ 4 functions deployed") {
		t.Error(text)
	}
}

// However much changes in however many functions, the summary stays below
// GitHub's limit, closes what it opens, and keeps the command that undoes it.
func TestASummaryStaysBelowItsLimit(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]int{"one function": {1, 25_000}, "many functions": {5000, 20}} {
		d := deployment()
		row := d.Rows[0]
		d.Rows, d.Diffs, d.Next.Undo = nil, nil, nil
		for i := range size[0] {
			row.Function = fmt.Sprintf("function-with-a-name-%d", i)
			diff := Diff{Function: row.Function, Region: "eu-central-1", Changed: true}
			for j := range size[1] {
				diff.Changes = append(diff.Changes, Line{Op: "~", Field: fmt.Sprintf("Field%d", j), From: "→ before", To: "after"})
			}
			d.Rows, d.Diffs = append(d.Rows, row), append(d.Diffs, diff)
			d.Next.Undo = append(d.Next.Undo, "lambda-rollout rollback --function "+row.Function)
		}
		for kind, text := range map[string]string{"summary": Summary(d), "plan": PlanSummary(d.Diffs)} {
			if len(text) > SummaryLimit {
				t.Errorf("%s of %s: %d bytes", kind, name, len(text))
			}
			if strings.Count(text, "```")%2 != 0 || strings.Count(text, "<details") != strings.Count(text, "</details>") {
				t.Errorf("%s of %s: something stays open", kind, name)
			}
			if kind == "summary" && !strings.Contains(text, "rollback --function function-with-a-name-0") {
				t.Errorf("%s: no command undoes it", name)
			}
		}
	}
}

func TestTheClosingLineSaysHowItEnded(t *testing.T) {
	t.Parallel()
	d := deployment()
	d.Took = 3210 * time.Millisecond
	for want, change := range map[string]func(*Deployment){
		"✓ shop 41 → 42 (live, beta 10%), 3.2 s. Undo: lambda-rollout rollback --function shop --alias live --aws-region eu-central-1": func(*Deployment) {},
		"✓ shop 42 (new) (live, beta 10%), 3.2 s. Undo, which deletes shop: lambda-rollout rollback": func(d *Deployment) {
			d.Rows[0].New, d.Rows[0].From, d.Next.Undo = true, "", []string{"lambda-rollout rollback"}
		},
		"✓ shop 42 (unchanged), 3.2 s.": func(d *Deployment) { d.Rows[0].Changed, d.Next.Undo = false, nil },
		"✓ 1 function deployed, 1 unchanged, 3.2 s. Undo: lambda-rollout rollback": func(d *Deployment) {
			d.Rows, d.Next.Undo = append(d.Rows, Row{}), []string{"lambda-rollout rollback"}
		},
		"✓ shop 41 → 42 (live, beta), 4m10s. Undo: 2 commands in the summary": func(d *Deployment) {
			d.Rows[0].Share, d.Took, d.Next.Undo = "", 250*time.Second, []string{"a", "b"}
		},
	} {
		d := d
		d.Rows = append([]Row(nil), d.Rows...)
		change(&d)
		if got := d.Closing(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTheRecorderKeepsHowLongEachStageLasted(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := NewRecorder(event.Discard{}, func() time.Time { return now })
	r.Emit(event.StepBegan{})
	r.Emit(event.StageHeld{Percent: 10, Wait: 5 * time.Minute, Left: 5 * time.Minute})
	now = now.Add(time.Minute)
	r.Emit(event.StageHeld{Percent: 10, Wait: 5 * time.Minute, Left: 4 * time.Minute})
	now = now.Add(4 * time.Minute)
	r.Emit(event.OfTarget{Event: event.StepBegan{}})
	r.Emit(event.OfTarget{Event: event.StepBegan{}})
	r.Emit(event.StageHeld{Percent: 50, Wait: 3 * time.Minute, Left: 3 * time.Minute})
	now = now.Add(time.Minute)
	r.Emit(event.StageHeld{Percent: 50, Wait: 3 * time.Minute, Left: 2 * time.Minute})
	got := r.Course().Stages
	if len(got) != 2 || got[0].Held != 5*time.Minute || got[1].Began != 5*time.Minute || got[1].Held != time.Minute || got[1].Percent != 50 {
		t.Errorf("got %+v", got)
	}
}

// A summary names each of 1,500 functions within GitHub's limit; how the run ended
// and the command that undoes it stay outside what is folded.
func TestASummaryOfManyFunctionsIsFoldedAndWhole(t *testing.T) {
	t.Parallel()
	d := deployment()
	row := d.Rows[0]
	d.Rows = nil
	for i := range 1500 {
		row.Function = fmt.Sprintf("%s-%04d", strings.Repeat("f", 59), i)
		row.Console = "https://eu-central-1.console.aws.amazon.com/lambda/home?region=eu-central-1#/functions/" + row.Function + "/versions/42"
		d.Rows = append(d.Rows, row)
	}
	text := Summary(d)
	if n := strings.Count(text, "/versions/42) |"); n != 1500 || len(text) > SummaryLimit {
		t.Errorf("%d rows in %d bytes", n, len(text))
	}
	before, inside, _ := strings.Cut(text, "<details><summary>1500 functions</summary>")
	_, after, _ := strings.Cut(inside, "</details>")
	if !strings.Contains(before, "### ✓ 1500 functions deployed") || !strings.Contains(after, "lambda-rollout rollback") {
		t.Errorf("outside the folded table:\n%s\n%s", before, after)
	}
}
