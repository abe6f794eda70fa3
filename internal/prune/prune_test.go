package prune

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/history"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// five are facts about versions 1 to 5, a hundred days old, of which live points to
// the last one.
func five() Facts {
	f := Facts{Keep: 1, Now: now, Aliases: map[string]history.Pointer{"live": {Version: "5"}}}
	for n := 1; n <= 5; n++ {
		f.Versions = append(f.Versions, history.Version{Number: strconv.Itoa(n), Published: now.Add(-100 * 24 * time.Hour), CodeSize: 10})
	}
	return f
}

// Every reason to keep keeps version 2, which nothing else does.
func TestEachReasonKeepsAVersion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Facts)
		reason string // "" where version 2 goes
	}{
		"nothing needs it":      {func(*Facts) {}, ""},
		"an alias points to it": {func(f *Facts) { f.Aliases["old"] = history.Pointer{Version: "2"} }, "old points to it"},
		"an alias weighs it": {func(f *Facts) {
			f.Aliases["live"] = history.Pointer{Version: "5", Weights: map[string]float64{"2": 0.1}}
		}, "live gives it traffic"},
		"even with a weight of nothing": {func(f *Facts) { f.Aliases["live"] = history.Pointer{Version: "5", Weights: map[string]float64{"2": 0}} }, "live gives it traffic"},
		"one of the newest":             {func(f *Facts) { f.Keep = 4 }, "one of the newest 4"},
		"a young restore point":         {func(f *Facts) { f.Versions[1].RestorePoint, f.Versions[1].Published = true, now.Add(-29*24*time.Hour) }, "younger than 30 days"},
		"an old restore point":          {func(f *Facts) { f.Versions[1].RestorePoint, f.Versions[1].Published = true, now.Add(-30*24*time.Hour) }, ""},
		"lent to a young deployment":    {func(f *Facts) { f.Versions[2].Run, f.Versions[2].Published = "run-7", now.Add(-29*24*time.Hour) }, "the restore point of a deployment"},
		"lent to an old deployment":     {func(f *Facts) { f.Versions[2].Run, f.Versions[2].Published = "run-7", now.Add(-30*24*time.Hour) }, ""},
		"before a young restore point": {func(f *Facts) {
			f.Versions[2].Run, f.Versions[2].Published, f.Versions[2].RestorePoint = "run-7", now.Add(-time.Hour), true
		}, ""},
		"a run's own before a deployment": {func(f *Facts) {
			f.Versions[1].Run, f.Versions[2].Run, f.Versions[2].Published = "run-6", "run-7", now.Add(-time.Hour)
		}, ""},
		"before a young version that somebody published by hand":              {func(f *Facts) { f.Versions[2].Published = now.Add(-time.Hour) }, ""},
		"a young version of a run":                                            {func(f *Facts) { f.Versions[1].Published = now.Add(-time.Hour) }, ""},
		"before the last deployment":                                          {func(f *Facts) { f.Versions[4].Was = map[string]string{"live": "2"} }, "live pointed to it before"},
		"before the last deployment, behind which somebody published by hand": {func(f *Facts) { f.Versions[3].Was = map[string]string{"live": "2"} }, "live pointed to it before"},
		"before the version that serves": {func(f *Facts) {
			f.Aliases["live"] = history.Pointer{Version: "3"}
			f.Versions[2].Was = map[string]string{"live": "2"}
			f.Versions[4].Was = map[string]string{"live": "3"}
		}, "live pointed to it before"},
		"before a canary": {func(f *Facts) {
			f.Aliases["live"] = history.Pointer{Version: "5", Weights: map[string]float64{"3": 0.1}}
			f.Versions[2].Was = map[string]string{"live": "2"}
			f.Versions[4].Was = map[string]string{"live": "3"}
		}, "live pointed to it before"},
		"before an older deployment": {func(f *Facts) {
			f.Versions[2].Was = map[string]string{"live": "2"}
			f.Versions[4].Was = map[string]string{"live": "3"}
		}, ""},
		"before that of a deleted alias": {func(f *Facts) { f.Versions[4].Was = map[string]string{"gone": "2"} }, ""},
		"a journal leads back to it":     {func(f *Facts) { f.Held = map[string]string{"2": "run-7"} }, "journal of run run-7"},
		"provisioned concurrency":        {func(f *Facts) { f.Attached = map[string][]string{"2": {"provisioned concurrency"}} }, "it has provisioned concurrency"},
		"a permission":                   {func(f *Facts) { f.Attached = map[string][]string{"2": {"permission api"}} }, "it has permission api"},
		"a durable execution":            {func(f *Facts) { f.Running = map[string]bool{"2": true} }, "a durable execution runs on it"},
		"of unknown age":                 {func(f *Facts) { f.Versions[1].Published = time.Time{} }, "is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := five()
			tc.change(&f)
			d := Decide(f)[1]
			switch {
			case d.Keeps() != (tc.reason != ""):
				t.Errorf("kept because of %q, want %q", d.Reasons, tc.reason)
			case d.Keeps() && (len(d.Reasons) != 1 || !strings.Contains(d.Reasons[0], tc.reason)):
				t.Errorf("kept because of %q, want %q alone", d.Reasons, tc.reason)
			}
		})
	}
}

func TestWhatNobodyNeedsGoesOldestFirst(t *testing.T) {
	t.Parallel()
	f := five()
	f.Keep = 2
	all := Decide(f)
	goes := Deletable(all)
	var numbers []string
	for _, d := range goes {
		numbers = append(numbers, d.Number)
	}
	if want := []string{"1", "2", "3"}; !slices.Equal(numbers, want) || Size(goes) != 30 || len(all) != 5 {
		t.Errorf("%q of %d go, %d bytes; want %q", numbers, len(all), Size(goes), want)
	}
	f.Keep = 50
	if goes := Deletable(Decide(f)); len(goes) != 0 {
		t.Errorf("%d go although all are among the newest", len(goes))
	}
}
