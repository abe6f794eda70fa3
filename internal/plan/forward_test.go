package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// existing is a function whose version 1 the alias live points to.
func existing() Observation {
	v := latest("one", 128)
	v.Version, v.Description = "1", new("first")
	return Observation{
		Latest: latest("one", 128), Served: v, Versions: map[string]*definition.Observed{"1": v},
		Aliases: map[string]*definition.ObservedAlias{"live": alias("1", nil)},
	}
}

func asked() Wanted {
	return Wanted{
		Function: definition.Function{FunctionName: "f", MemorySize: new(int32(256))}, Code: definition.Code{Sha256: "two"},
		Aliases: []definition.Alias{{Name: "live"}}, Run: "r1", Marker: Marker{Run: "r1"},
	}
}

func TestForwardPlansConfigurationCodePublicationAliasesTags(t *testing.T) {
	t.Parallel()
	const whole = "UpdateFunctionConfiguration\nUpdateFunctionCode\nPublishVersion\n0 UpdateAlias live new"
	for _, tc := range []struct {
		name   string
		adjust func(*Wanted, *Observation)
		want   string
		// blocked, irreversible and warned are parts of what the plan says.
		blocked, irreversible, warned string
		point                         string
	}{
		{name: "both", want: whole, point: "1"},
		{name: "code", adjust: func(w *Wanted, _ *Observation) { w.Function.MemorySize = nil }, want: "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live new", point: "1"},
		{name: "configuration", adjust: func(w *Wanted, _ *Observation) { w.Code.Sha256 = "one" }, want: "UpdateFunctionConfiguration\nPublishVersion\n0 UpdateAlias live new", point: "1"},
		{name: "unchanged", adjust: func(w *Wanted, _ *Observation) { w.Function.MemorySize, w.Code.Sha256 = nil, "one" }, point: "1"},
		{name: "nothing but a publication", adjust: func(w *Wanted, o *Observation) {
			w.Function.MemorySize, w.Code.Sha256, w.Aliases, o.Served = nil, "one", nil, nil
		}, want: "PublishVersion"},
		{name: "drift first", adjust: func(_ *Wanted, o *Observation) { o.Latest.Timeout = new(int32(9)) }, want: "PublishVersion\n" + whole},
		{name: "tags", adjust: func(w *Wanted, o *Observation) {
			w.Function.Tags, o.Latest.Tags = map[string]string{"a": "b"}, map[string]string{"c": "d", "aws:x": "y", RunTag: "r0"}
		}, want: whole + "\nUntagResource\nTagResource", point: "1"},
		{name: "code signing", adjust: func(w *Wanted, _ *Observation) { w.Function.CodeSigningConfigArn = new("arn:csc") },
			want: "PutFunctionCodeSigningConfig\n" + whole, point: "1"},
		{name: "no code signing any more", adjust: func(w *Wanted, o *Observation) { w.Function.CodeSigningConfigArn, o.CodeSigning = new(""), "arn:csc" },
			want: "DeleteFunctionCodeSigningConfig\n" + whole, point: "1"},
		{name: "the architecture goes with the code", adjust: func(w *Wanted, _ *Observation) {
			w.Function.MemorySize, w.Code.Sha256, w.Function.Architectures = nil, "one", []string{"arm64"}
		}, want: "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live new", point: "1"},
		{name: "another storage of the same code", adjust: func(w *Wanted, _ *Observation) {
			w.Function.MemorySize, w.Code.Sha256, w.Code.S3ObjectStorageMode = nil, "one", "REFERENCE"
		}, want: "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live new", point: "1"},
		{name: "another key of the same code", adjust: func(w *Wanted, _ *Observation) {
			w.Function.MemorySize, w.Code.Sha256, w.Code.SourceKMSKeyArn = nil, "one", "arn:key"
		}, want: "UpdateFunctionCode\nPublishVersion\n0 UpdateAlias live new", point: "1"},
		{name: "the description of an alias", adjust: func(w *Wanted, _ *Observation) {
			w.Function.MemorySize, w.Code.Sha256, w.Aliases[0].Description = nil, "one", new("ours")
		}, want: "0 UpdateAlias live 1", point: "1"},
		{name: "an image cannot become a zip", adjust: func(_ *Wanted, o *Observation) { o.Latest.PackageType = new("Image") }, want: "PublishVersion\n" + whole, blocked: "PackageType is Image and cannot become Zip"},
		{name: "a failed function", adjust: func(_ *Wanted, o *Observation) {
			o.Latest.State = definition.Status{Value: "Failed", Reason: "no", Code: "EniLimit"}
		}, want: whole, point: "1", irreversible: "in a failed state already: no (EniLimit)"},
		{name: "a large zip without a bucket", adjust: func(_ *Wanted, o *Observation) { o.Latest.CodeSize = inlineLimit + 1 }, want: whole, point: "1", irreversible: "set staging-bucket"},
		{name: "a large zip with a bucket", adjust: func(w *Wanted, o *Observation) { o.Latest.CodeSize, w.StagingBucket = inlineLimit+1, true }, want: whole, point: "1"},
		{name: "a runtime that nobody may return to", adjust: func(w *Wanted, o *Observation) {
			w.Function.Runtime, o.Latest.Runtime, o.Served.Runtime = new("nodejs22.x"), new("nodejs8.10"), new("nodejs8.10")
		}, want: whole, point: "1", irreversible: "nodejs8.10"},
		{name: "callers of $LATEST", adjust: func(w *Wanted, o *Observation) { w.Aliases, o.Served, o.Aliases = nil, nil, nil },
			want: "PublishVersion\nUpdateFunctionConfiguration\nUpdateFunctionCode\nPublishVersion", warned: "callers of $LATEST"},
		{name: "a new alias beside the old one", adjust: func(w *Wanted, _ *Observation) {
			w.Aliases = append(w.Aliases, definition.Alias{Name: "next"})
		}, want: whole + "\n0 CreateAlias next new", point: "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w, o := asked(), existing()
			if tc.adjust != nil {
				tc.adjust(&w, &o)
			}
			p := Forward(w, o)
			if diff := cmp.Diff(tc.want, steps(p)); diff != "" {
				t.Error(diff)
			}
			for what, pair := range map[string][2]string{
				"blocked": {strings.Join(p.Blockers, "\n"), tc.blocked}, "irreversible": {strings.Join(p.Irreversible, "\n"), tc.irreversible}, "warned": {strings.Join(p.Warnings, "\n"), tc.warned},
			} {
				if got, want := pair[0], pair[1]; !strings.Contains(got, want) || want == "" && got != "" {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			if p.RestorePoint != tc.point {
				t.Errorf("the restore point is %q, want %q", p.RestorePoint, tc.point)
			}
		})
	}
}

func TestAFieldThatCannotBeReadStopsOnlyWhoWouldWriteIt(t *testing.T) {
	t.Parallel()
	code := func(w *Wanted) { w.Function.MemorySize = nil }
	for _, tc := range []struct {
		field  string
		adjust func(*Wanted)
		stops  bool
	}{
		{"Environment", code, false},
		{"Environment", func(*Wanted) {}, false},
		{"Environment", func(w *Wanted) {
			w.Function.Environment = &definition.Environment{Variables: map[string]string{"A": "b"}}
		}, true},
		{"Environment", func(w *Wanted) { w.Function.KMSKeyArn = new("arn:key") }, true},
		{"ImageConfig", code, false},
		{"ImageConfig", func(w *Wanted) { w.Function.ImageConfig = &definition.ImageConfig{Command: []string{"x"}} }, true},
		{"RuntimeVersionConfig", code, false},
		{"RuntimeVersionConfig", func(w *Wanted) { w.Function.Runtime = new("nodejs22.x") }, true},
		{"Code", code, true},
		{"Code", func(w *Wanted) { w.Code.Sha256 = "one" }, false},
		{"Tags", code, false},
		{"Tags", func(w *Wanted) { w.Function.Tags = map[string]string{"a": "b"} }, true},
		{"SomethingNew", code, true},
	} {
		w, o := asked(), existing()
		tc.adjust(&w)
		o.Latest.Unreadable = []definition.Unreadable{{Field: tc.field, Reason: "AccessDeniedException"}}
		p := Forward(w, o)
		if got := len(p.Irreversible) > 0; got != tc.stops {
			t.Errorf("%s cannot be read, steps %q: stops is %v, want %v (%q)", tc.field, operations(p.Steps), got, tc.stops, p.Irreversible)
		}
	}
}

func TestForwardCreatesAFunctionThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := asked()
	w.Function.Role, w.Function.Runtime, w.Function.Handler = new("arn:aws:iam::123456789012:role/f"), new("nodejs22.x"), new("index.handler")
	p := Forward(w, Observation{})
	if diff := cmp.Diff("CreateFunction\nPublishVersion\n0 CreateAlias live new", steps(p)); diff != "" {
		t.Error(diff)
	}
	created := p.Steps[0].(CreateFunction).Function
	if created.Tags[RunTag] != "r1" || *created.PackageType != "Zip" || len(p.Blockers) > 0 {
		t.Errorf("created as %+v, blocked %q", created, p.Blockers)
	}
	if diff := cmp.Diff([]string{"", "live"}, p.Creates()); diff != "" {
		t.Error(diff)
	}
	if got, is := p.AliasAfter("live", "1", ""); !is || got.Version != "1" {
		t.Errorf("live becomes %+v", got)
	}
	if _, is := p.AliasAfter("other", "1", ""); is {
		t.Error("an alias that nobody names is changed")
	}
	w.Function.Role = nil
	if p := Forward(w, Observation{}); len(p.Blockers) != 1 || !strings.Contains(p.Blockers[0], "role") {
		t.Errorf("blocked: %q", p.Blockers)
	}
	if p := Forward(w, existing()); len(p.Blockers) > 0 {
		t.Errorf("a function that exists keeps its role, but: %q", p.Blockers)
	}
}

func TestDriftIsWhatDiffersFromTheVersionThatTheAliasPointsTo(t *testing.T) {
	t.Parallel()
	w, o := asked(), existing()
	if got := Drift(o, w.Aliases); len(got) > 0 {
		t.Errorf("drift where there is none: %+v", got)
	}
	o.Latest.Timeout, o.Latest.CodeSha256 = new(int32(9)), "by hand"
	if got := Drift(o, w.Aliases); len(got) != 2 || got[0].Field != "Timeout" || got[1].Field != "Code" {
		t.Errorf("drift: %+v", got)
	}
	// A canary of an earlier deployment is no drift.
	o.Versions["2"] = o.Latest
	o.Aliases["live"].Weights = map[string]float64{"2": 0.1}
	if got := Drift(o, w.Aliases); len(got) > 0 {
		t.Errorf("drift beside a canary: %+v", got)
	}
	o.Aliases["live"].Weights = nil
	for name, adjust := range map[string]func(*Observation){
		"an alias on $LATEST": func(o *Observation) { o.Served = &definition.Observed{Version: Latest} }, "no alias": func(o *Observation) { o.Served = nil },
		"a new function": func(o *Observation) { o.Latest = nil },
	} {
		other := o
		adjust(&other)
		if got := Drift(other, w.Aliases); len(got) > 0 {
			t.Errorf("drift of %s: %+v", name, got)
		}
	}
	// What cannot be read of one of them has not drifted, as far as anybody knows.
	o.Served.Unreadable, o.Latest.Environment = []definition.Unreadable{{Field: "Environment"}}, &definition.Environment{Variables: map[string]string{"A": "b"}}
	if got := Drift(o, w.Aliases); len(got) != 2 {
		t.Errorf("drift of what cannot be read: %+v", got)
	}
}

func TestStatesAgreeInWhatIsKnownOfBoth(t *testing.T) {
	t.Parallel()
	env := latest("one", 128)
	env.Environment = &definition.Environment{Variables: map[string]string{"A": "b"}}
	hidden := latest("one", 128)
	hidden.Unreadable = []definition.Unreadable{{Field: "Environment"}}
	if !SameState(ContentOf(env, salt), ContentOf(hidden, salt)) || !SameState(ContentOf(hidden, salt), ContentOf(env, salt)) {
		t.Error("what cannot be read counts as different")
	}
	if SameState(ContentOf(env, salt), ContentOf(latest("one", 128), salt)) || SameState(ContentOf(env, salt), ContentOf(latest("two", 128), salt)) {
		t.Error("a difference is not seen")
	}
}

func TestCodeIsPutOnlyIntoStepsThatSendIt(t *testing.T) {
	t.Parallel()
	code := definition.Code{ZipPath: "app.zip"}
	for _, s := range []Step{CreateFunction{}, UpdateCode{}} {
		if !SendsCode(s) || cmp.Diff(s, WithCode(s, code)) == "" {
			t.Errorf("%s carries no code", s.Operation())
		}
	}
	if s := (PublishVersion{Description: "x"}); SendsCode(s) || WithCode(s, code) != Step(s) {
		t.Error("a publication carries code")
	}
}

func TestMovedAliasesAreNamed(t *testing.T) {
	t.Parallel()
	for _, s := range []Step{MoveAlias{Name: "live"}, LeaveLatest{Name: "live"}, UpdateAlias{Alias: definition.Alias{Name: "live"}}} {
		if got := MovedAlias(s); got != "live" {
			t.Errorf("%T moves %q", s, got)
		}
	}
	if got := MovedAlias(CreateAlias{Name: "live"}); got != "" {
		t.Errorf("a creation moves %q", got)
	}
}

func TestAnAliasIsUpToDateWhereRoutingAndDescriptionAreAsWanted(t *testing.T) {
	t.Parallel()
	now := definition.Alias{Name: "live", Version: "1", Description: new("ours")}
	if !UpToDate(definition.Alias{Version: "1"}, now) || UpToDate(definition.Alias{Version: "2"}, now) || UpToDate(definition.Alias{Version: "1", Description: new("theirs")}, now) {
		t.Error("wrong")
	}
}

func TestServingNamesWhatEachAliasPointedTo(t *testing.T) {
	t.Parallel()
	got := existing().Serving([]definition.Alias{{Name: "live"}, {Name: "next"}})
	if diff := cmp.Diff([]AliasWas{{"live", "1"}, {"next", "none"}}, got); diff != "" {
		t.Error(diff)
	}
	if !PublishedBy("lambda-rollout r1 o/r@abc; live was 1", "r1") || PublishedBy("lambda-rollout r12; live was 1", "r1") || PublishedBy("by hand", "r1") {
		t.Error("a marker is taken for another run's, or another's for this one's")
	}
	if !PublishedIn("lambda-rollout o_r-7-ci-one-abc; live was 1", "o_r-7-ci") || PublishedIn("lambda-rollout o_r-77-ci-one", "o_r-7") || PublishedIn("lambda-rollout x", "") {
		t.Error("a marker is taken for another job's, or another's for this one's")
	}
}

func TestStagesOfSeveralPlansAreThoseOfTheLongest(t *testing.T) {
	t.Parallel()
	w := asked()
	w.Traffic = traffic.Schedule{{Percent: 10, Wait: 1}, {Percent: 50, Wait: 1}, {Percent: 100}}
	if got := Stages(Plan{}, Forward(w, existing())); got != 3 {
		t.Errorf("%d stages", got)
	}
}

func TestDeletionsAreNamed(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Step{"": DeleteFunction{}, "alias live": DeleteAlias{Name: "live"}, "version 7": DeleteVersion{Version: "7"}} {
		if got, deletes := Deletes(s); got != want || !deletes {
			t.Errorf("%T deletes %q, %v", s, got, deletes)
		}
	}
	if _, deletes := Deletes(UpdateCode{}); deletes {
		t.Error("an update deletes something")
	}
}
