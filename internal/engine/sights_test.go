package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// A copy of a call that got no answer may still arrive, whatever AWS says to the
// copies after it.
func TestADoubtStaysWhateverIsAnsweredLater(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers []error
		result  journal.Result
		doubt   bool
	}{
		"taken at once":            {nil, journal.Done, false},
		"throttled, then taken":    {[]error{throttled}, journal.Done, false},
		"lost, then taken":         {[]error{lost}, journal.Done, true},
		"lost, throttled, taken":   {[]error{lost, throttled}, journal.Done, true},
		"refused":                  {[]error{refusal}, journal.Refused, false},
		"lost, then refused":       {[]error{lost, refusal}, journal.Unknown, false},
		"lost, throttled, refused": {[]error{lost, throttled, refusal}, journal.Unknown, false},
		"throttled, then refused":  {[]error{throttled, refusal}, journal.Refused, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.aws.before = func(call string, n int) error {
				if call == "CreateAlias" && n <= len(tc.answers) {
					return tc.answers[n-1]
				}
				return nil
			}
			err := b.deploy(t.Context(), wanted("live", "next"))
			o := b.record.outcome("CreateAlias")
			if o.Result != tc.result || o.Doubt != tc.doubt || (err == nil) != (tc.result == journal.Done) {
				t.Errorf("%s: %+v, %v", name, o, err)
			}
			if (err == nil) != (o.Error == "") || err != nil && !strings.Contains(err.Error(), o.Error) {
				t.Errorf("%s: recorded %q of %v", name, o.Error, err)
			}
		})
	}
	if got := short(errors.New(strings.Repeat("x", 501))); len(got) != 500 {
		t.Errorf("a line of %d bytes", len(got))
	}
	if got := short(errors.New("x" + strings.Repeat("ü", 300))); got != "x"+strings.Repeat("ü", 249) {
		t.Errorf("half a character: %q", got[490:])
	}
}

// An alias is as it was wanted, as it was before, or somebody else's. Where both are the
// same, as in a fence, the RevisionId tells whether the call arrived.
func TestALookAtAnAliasTellsWhoseItIs(t *testing.T) {
	t.Parallel()
	at := func(version, revision string, weights map[string]float64) *definition.ObservedAlias {
		return &definition.ObservedAlias{Alias: definition.Alias{Name: "live", Version: version, Weights: weights}, RevisionId: revision}
	}
	weights := map[string]float64{"1": 0.5}
	for name, tc := range map[string]struct {
		before, now *definition.ObservedAlias
		wanted      string
		provisioned bool
		want        sight
	}{
		"moved":                       {before: at("1", "0", nil), now: at("2", "1", nil), wanted: "2", want: applied},
		"not moved":                   {before: at("1", "0", nil), now: at("1", "0", nil), wanted: "2", want: unchanged},
		"not moved, but touched":      {before: at("1", "0", nil), now: at("1", "1", nil), wanted: "2", want: unchanged},
		"somebody's":                  {before: at("1", "0", nil), now: at("3", "1", nil), wanted: "2", want: foreign},
		"gone":                        {before: at("1", "0", nil), wanted: "2", want: foreign},
		"a fence arrived":             {before: at("1", "0", nil), now: at("1", "1", nil), wanted: "1", want: applied},
		"a fence did not arrive":      {before: at("1", "0", nil), now: at("1", "0", nil), wanted: "1", want: unchanged},
		"created":                     {now: at("2", "1", nil), wanted: "2", want: applied},
		"not created":                 {wanted: "2", want: unchanged},
		"somebody created it":         {now: at("3", "1", nil), wanted: "2", want: foreign},
		"deleted":                     {before: at("2", "0", nil), want: applied},
		"not deleted":                 {before: at("2", "0", nil), now: at("2", "0", nil), want: unchanged},
		"moved, AWS shifts":           {before: at("1", "0", nil), now: at("2", "1", weights), wanted: "2", provisioned: true, want: applied},
		"moved, somebody shares":      {before: at("1", "0", nil), now: at("2", "1", weights), wanted: "2", want: foreign},
		"moved elsewhere, AWS shifts": {before: at("1", "0", nil), now: at("3", "1", weights), wanted: "2", provisioned: true, want: foreign},
	} {
		b := newBench(t)
		e := b.engine()
		e.live.aliases["live"] = tc.before
		b.aws.aliases["live"] = tc.now
		if tc.provisioned {
			b.aws.status["live"] = "IN_PROGRESS"
		}
		var wanted *journal.Alias
		if tc.wanted != "" {
			wanted = &journal.Alias{Name: "live", Version: tc.wanted}
		}
		got, err := e.lookAlias(wanted, "live")(t.Context())
		if got != tc.want || err != nil {
			t.Errorf("%s: %d, want %d, %v", name, got, tc.want, err)
		}
		if now := e.live.aliases["live"]; got != foreign && (now == nil) != (tc.now == nil) || got != foreign && now != nil && now.RevisionId != tc.now.RevisionId {
			t.Errorf("%s: the engine goes on with %+v", name, now)
		}
	}
	// Whether AWS shifts cannot be seen: no call may go out on a guess.
	b := newBench(t)
	b.aws.aliases["live"] = at("2", "1", weights)
	b.aws.before = failing("Provisioned", 1, denial)
	if got, err := b.engine().lookAlias(&journal.Alias{Name: "live", Version: "2"}, "live")(t.Context()); got != unreadable || !errors.Is(err, denial) {
		t.Errorf("%d, %v", got, err)
	}
}

// A function may be there because a lost call created it, or because somebody did.
func TestACreationThatMeetsAFunctionLooksAtItsTag(t *testing.T) {
	t.Parallel()
	for run, ours := range map[string]bool{"r1": true, "r2": false, "": false} {
		synctest.Test(t, func(t *testing.T) {
			b, w := first(t)
			b.aws.before = on("CreateFunction", 1, func() error {
				f := plan.Forward(w, plan.Observation{}).Steps[0].(plan.CreateFunction).Function
				f.Tags = map[string]string{plan.RunTag: run}
				b.aws.function = &definition.Observed{Function: f, Arn: "arn:f", Version: plan.Latest, CodeSha256: "two", RevisionId: b.aws.next(), State: definition.Status{Value: "Active"}}
				return lost
			})
			err := b.deploy(t.Context(), w)
			if foreign := (*ForeignError)(nil); errors.As(err, &foreign) == ours || (err == nil) != ours {
				t.Errorf("tag %q: %v", run, err)
			}
		})
	}
}

func TestAnAnswerIsComparedInWhatEveryAnswerHas(t *testing.T) {
	t.Parallel()
	wanted := definition.Function{MemorySize: new(int32(256)), PackageType: new("Zip"), CodeSigningConfigArn: new("arn:csc")}
	answer := &definition.Observed{Function: definition.Function{MemorySize: new(int32(256))}, CodeSha256: "two"}
	if !shows(answer, wanted) {
		t.Error("an answer without the kind of the package and code signing is no answer")
	}
	wanted.MemorySize = new(int32(512))
	if shows(answer, wanted) {
		t.Error("an answer with another memory size is taken")
	}
	if !showsCode(answer, "two") || showsCode(answer, "one") || !showsCode(answer, "") {
		t.Error("the code of an answer")
	}
}

// What GetFunction may not show is known once this run has written it.
func TestAFieldThatWasUnreadableIsKnownOnceItIsWritten(t *testing.T) {
	t.Parallel()
	environment := definition.Function{Environment: &definition.Environment{Variables: map[string]string{"A": "b"}}}
	image := definition.Function{ImageConfig: &definition.ImageConfig{Command: []string{"x"}}}
	for name, tc := range map[string]struct {
		patch definition.Function
		want  []string
	}{
		"environment": {environment, []string{"Environment"}},
		"image":       {image, []string{"ImageConfig"}},
		"another one": {definition.Function{MemorySize: new(int32(256))}, nil},
		"both":        {environment.Merge(image), []string{"Environment", "ImageConfig"}},
	} {
		b := newBench(t)
		e := b.engine()
		e.live.latest = b.aws.function
		e.live.latest.Unreadable = []definition.Unreadable{{Field: "Environment"}, {Field: "ImageConfig"}}
		c := e.updateConfiguration(plan.UpdateConfiguration{Patch: tc.patch})
		var got []string
		for _, field := range []string{"Environment", "ImageConfig"} {
			if _, known := c.intent.Content.Fields[field]; known {
				got = append(got, field)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: the journal knows %q, want %q", name, got, tc.want)
		}
	}
	a, b := newBench(t).aws.function, newBench(t).aws.function
	b.ImageConfig, b.Unreadable = image.ImageConfig, []definition.Unreadable{{Field: "ImageConfig"}}
	if !sameContent(a, b) || !sameContent(b, a) {
		t.Error("what AWS cannot show is taken for somebody else's change")
	}
}

// Somebody else's content is not recorded as what this run left.
func TestOnlyWhatOurCallLeftIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.after = on("UpdateConfiguration", 1, func() error {
			now := *b.aws.function
			now.MemorySize, now.RevisionId = new(int32(999)), b.aws.next()
			b.aws.function = &now
			return nil
		})
		err := b.deploy(t.Context(), wanted("live"))
		if foreign := (*ForeignError)(nil); !errors.As(err, &foreign) {
			t.Fatalf("the error is %v", err)
		}
		ours := *b.aws.function
		ours.MemorySize = new(int32(256))
		if got := b.record.outcome("UpdateFunctionConfiguration").Content; got == nil || !got.Equal(plan.ContentOf(&ours, b.record.log.Salt)) {
			t.Errorf("recorded %+v", got)
		}
	})
}

// Publishing moves the RevisionId of $LATEST, and the next look takes the new one: it
// must not be that of somebody else's change.
func TestASecondWriterBehindTheRestorePointIsSeen(t *testing.T) {
	t.Parallel()
	for name, theirs := range map[string]func(b *bench){
		"changed": func(b *bench) {
			now := *b.aws.function
			now.MemorySize, now.RevisionId = new(int32(512)), b.aws.next()
			b.aws.function = &now
		},
		"deleted": func(b *bench) { b.aws.function = nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.aws.function.CodeSha256 = "hot fix"
			b.aws.after = on("PublishVersion", 1, func() error { theirs(b); return nil })
			err := b.deploy(t.Context(), wanted("live"))
			if foreign := (*ForeignError)(nil); !errors.As(err, &foreign) {
				t.Errorf("%s: the error is %v", name, err)
			}
			if got := b.aws.changes(); !slices.Equal(got, []string{"PublishVersion"}) {
				t.Errorf("%s: calls %q", name, got)
			}
		})
	}
}

func TestADescriptionThatNobodyNamesIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.aws.aliases["live"].Description = new("theirs")
		b.mustDeploy(wanted("live"))
		for _, s := range b.record.log.Steps {
			if s.Intent.Alias != nil && s.Intent.Alias.Description != "theirs" {
				t.Errorf("the journal says %+v", s.Intent.Alias)
			}
		}
		if got := b.aws.changes(); len(got) != 4 {
			t.Errorf("calls %q: the answer was doubted", got)
		}
		if r := b.rollback(t.Context()); !r.Complete() || *b.aws.aliases["live"].Description != "theirs" {
			t.Errorf("%+v, %+v", r, b.aws.aliases["live"])
		}
	})
}

// Tags that cannot be read may be somebody else's by now.
func TestTagsThatCannotBeReadAreNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, w := newBench(t), wanted("live")
		w.Function.Tags = map[string]string{"team": "web"}
		b.aws.after = on("UpdateAlias", 1, func() error {
			now := *b.aws.function
			now.Unreadable = []definition.Unreadable{{Field: "Tags", Reason: "AccessDeniedException"}}
			b.aws.function = &now
			return nil
		})
		if err := b.deploy(t.Context(), w); err == nil || !strings.Contains(err.Error(), "the tags of function f cannot be read: AccessDeniedException") {
			t.Errorf("the error is %v", err)
		}
		if slices.Contains(b.aws.calls, "Tag") {
			t.Error("the call went out")
		}
	})
	for name, tc := range map[string]struct {
		before, now map[string]string
		want        sight
	}{
		"set":                        {nil, map[string]string{"team": "web"}, applied},
		"not set":                    {nil, nil, unchanged},
		"as it was":                  {map[string]string{"team": "api"}, map[string]string{"team": "api"}, unchanged},
		"somebody set it":            {nil, map[string]string{"team": "theirs"}, foreign},
		"somebody set it to nothing": {nil, map[string]string{"team": ""}, foreign},
		"somebody removed it":        {map[string]string{"team": "api"}, nil, foreign},
		"it was empty, and is gone":  {map[string]string{"team": ""}, nil, foreign},
	} {
		if got := tagsSeen(tc.before, tc.now, map[string]string{"team": "web"}, nil); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

func TestALostDeletionIsLookedInto(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "1"} {
		for name, tc := range map[string]struct {
			act  func(b *bench) error
			want sight
		}{
			"gone":       {func(b *bench) error { return b.aws.DeleteFunction(context.Background(), "f", version) }, applied},
			"there":      {func(*bench) error { return nil }, unchanged},
			"unreadable": {func(b *bench) error { b.aws.before = failing("Find", 1, denial); return nil }, unreadable},
		} {
			b := newBench(t)
			if err := tc.act(b); err != nil {
				t.Fatal(err)
			}
			if got, err := b.engine().deleteFunction(version).look(t.Context()); got != tc.want || (err != nil) != (tc.want == unreadable) {
				t.Errorf("%q %s: %d, %v", version, name, got, err)
			}
		}
	}
}

func TestAnErrorNamesWhatWasChanged(t *testing.T) {
	t.Parallel()
	e := newBench(t).engine()
	for want, i := range map[string]journal.Intent{
		"function f":                                   {Content: &journal.Content{}, CodeSigning: new("arn:csc")},
		"alias live of f":                              {AliasName: "live", Alias: &journal.Alias{}},
		"one of the tags a, b, c of function f":        {Tags: map[string]string{"b": "", "a": ""}, TagKeys: []string{"c"}},
		"the code signing configuration of function f": {CodeSigning: new("")},
		"recursiveLoop of function f":                  {Setting: &definition.Setting{SettingKey: definition.SettingKey{Kind: definition.RecursiveLoopSetting}}},
	} {
		if got := e.subjectOf(i); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Another round of a rollback can do better only where something changed meanwhile.
func TestARollbackTriesAgainOnlyWhatMoved(t *testing.T) {
	t.Parallel()
	moving, staying := fmt.Errorf("x: %w", &ForeignError{}), denial
	for name, tc := range map[string]struct {
		progress bool
		left     []error
		want     bool
	}{
		"somebody wrote":             {true, []error{moving}, true},
		"a RevisionId moved":         {true, []error{stale, moving}, true},
		"no permission":              {true, []error{staying}, false},
		"one of both":                {true, []error{moving, staying}, false},
		"nothing was done":           {false, []error{moving}, false},
		"nothing is left to be done": {true, nil, true},
	} {
		r := newBench(t).engine().BeginRollback()
		for _, err := range tc.left {
			r.result.Remaining = append(r.result.Remaining, Remaining{Err: err})
		}
		if got := r.retry(tc.progress); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAFailedUpdateIsWaitedOutAsWell(t *testing.T) {
	t.Parallel()
	failed := &lambdaapi.FailedError{}
	if err := failedIsSettled(fmt.Errorf("wait: %w", failed)); err != nil {
		t.Errorf("a function in a failed state is not at rest: %v", err)
	}
	if err := failedIsSettled(denial); !errors.Is(err, denial) {
		t.Errorf("%v", err)
	}
}
