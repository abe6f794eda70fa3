package plan

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// The changes that a plan lists are those that its steps make.
func TestForwardSaysWhatItChanges(t *testing.T) {
	t.Parallel()
	const memory, code, live = "changed MemorySize: 128 → 256", "changed Code: one → two", "changed Aliases.live: 1 → new version"
	for name, tc := range map[string]struct {
		adjust func(*Wanted, *Observation)
		want   []string
	}{
		"both": {want: []string{memory, code, live}},
		"tags": {adjust: func(w *Wanted, o *Observation) {
			w.Function.Tags, o.Latest.Tags = map[string]string{"team": "web"}, map[string]string{"old": "1"}
		}, want: []string{memory, code, "removed Tags.old: 1 → ", "set Tags.team:  → web", live}},
		"code signing": {adjust: func(w *Wanted, _ *Observation) { w.Function.CodeSigningConfigArn = new("arn:csc") },
			want: []string{memory, "set CodeSigningConfigArn:  → arn:csc", code, live}},
		"the architecture": {adjust: func(w *Wanted, _ *Observation) { w.Function.Architectures = []string{"arm64"} },
			want: []string{memory, "changed Architectures: x86_64 → arm64", code, live}},
		"from a copy to a reference": {adjust: func(w *Wanted, _ *Observation) {
			w.Code.Sha256, w.Code.S3ObjectStorageMode = "one", "REFERENCE"
		}, want: []string{memory, "changed Code.S3ObjectStorageMode: COPY → REFERENCE", live}},
		"from a reference to a copy": {adjust: func(w *Wanted, o *Observation) {
			w.Code.Sha256, w.Code.S3ObjectStorageMode, o.Latest.ResolvedS3Object = "one", "COPY", &definition.Code{S3Bucket: "b", S3Key: "k"}
		}, want: []string{memory, "changed Code.S3ObjectStorageMode: REFERENCE → COPY", live}},
		"the key of the code": {adjust: func(w *Wanted, _ *Observation) { w.Code.Sha256, w.Code.SourceKMSKeyArn = "one", "arn:key" },
			want: []string{memory, "changed Code.SourceKMSKeyArn:  → arn:key", live}},
		"the description of an alias": {adjust: func(w *Wanted, _ *Observation) { w.Aliases[0].Description = new("ours") },
			want: []string{memory, code, live, "changed Aliases.live.Description:  → ours"}},
		"a new alias": {adjust: func(w *Wanted, _ *Observation) { w.Aliases = append(w.Aliases, definition.Alias{Name: "next"}) },
			want: []string{memory, code, live, "set Aliases.next:  → new version"}},
	} {
		w, o := asked(), existing()
		if tc.adjust != nil {
			tc.adjust(&w, &o)
		}
		if diff := cmp.Diff(tc.want, said(Forward(w, o))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestACreationSaysWhatItCreates(t *testing.T) {
	t.Parallel()
	w := asked()
	w.Function.Tags = map[string]string{"team": "web"}
	mine := maps.Clone(w.Function.Tags)
	w.Settings = definition.Settings{Kinds: []definition.SettingKind{definition.ReservedConcurrencySetting}, Named: []definition.Setting{{SettingKey: reservedKey, Value: reserved(5)}}}
	p := Forward(w, Observation{})
	for _, want := range []string{"set Function:  → f", "set MemorySize:  → 256", "set Code:  → two", "set Tags.team:  → web", "set Aliases.live:  → new version", "set Settings.reservedConcurrency:  → 5"} {
		if !slices.Contains(said(p), want) {
			t.Errorf("%q misses in %q", want, said(p))
		}
	}
	if !maps.Equal(w.Function.Tags, mine) {
		t.Errorf("the definition's own tags are now %v", w.Function.Tags)
	}
	if got := calls(p.Steps); !slices.Equal(got, []string{"PutFunctionConcurrency reservedConcurrency"}) {
		t.Errorf("settings: %q", got)
	}
	w.Function.CapacityProviderConfig, w.Settings = &definition.CapacityProviderConfig{}, definition.Settings{}
	if got := Forward(w, Observation{}).Creates(); !slices.Equal(got, []string{"", "live"}) {
		t.Errorf("on managed instances, with an alias: %q", got)
	}
	w.Aliases = nil
	if got := Forward(w, Observation{}).Creates(); !slices.Equal(got, []string{"", LatestPublished}) {
		t.Errorf("on managed instances: %q", got)
	}
}

// A code that is referred to is the same only where it is the same version of the same
// object.
func TestAReferenceIsToOneVersionOfOneObject(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		adjust  func(*definition.Code)
		changes bool
	}{
		"the same":        {func(*definition.Code) {}, false},
		"another bucket":  {func(c *definition.Code) { c.S3Bucket = "c" }, true},
		"another key":     {func(c *definition.Code) { c.S3Key = "l" }, true},
		"another version": {func(c *definition.Code) { c.S3ObjectVersion = "v2" }, true},
		"as a copy":       {func(c *definition.Code) { c.S3ObjectStorageMode = "COPY" }, true},
		"nobody says how": {func(c *definition.Code) { c.S3ObjectStorageMode = "" }, false},
	} {
		w, o := asked(), existing()
		kept := definition.Code{S3Bucket: "b", S3Key: "k", S3ObjectVersion: "v1", S3ObjectStorageMode: "REFERENCE"}
		o.Latest.ResolvedS3Object = &kept
		w.Code = kept
		w.Code.Sha256 = "one"
		tc.adjust(&w.Code)
		if got := slices.ContainsFunc(Forward(w, o).Steps, SendsCode); got != tc.changes {
			t.Errorf("%s: sent is %v", name, got)
		}
	}
	w, o := asked(), existing()
	w.Code.Sha256, w.Code.SourceKMSKeyArn, o.Latest.SourceKMSKeyArn = "one", "arn:key", "arn:key"
	if slices.ContainsFunc(Forward(w, o).Steps, SendsCode) {
		t.Error("the same key of the same code is sent again")
	}
	w.Code.SourceKMSKeyArn = ""
	if slices.ContainsFunc(Forward(w, o).Steps, SendsCode) {
		t.Error("a key that nobody names is taken away")
	}
}

// An update of the code names the architecture, or AWS would take x86_64.
func TestCodeKeepsTheArchitectureThatNobodyNames(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ wanted, now, want []string }{
		{nil, []string{"arm64"}, []string{"arm64"}},
		{[]string{"x86_64"}, []string{"arm64"}, []string{"x86_64"}},
	} {
		w, o := asked(), existing()
		w.Function.Architectures, o.Latest.Architectures = tc.wanted, tc.now
		for _, s := range Forward(w, o).Steps {
			if u, is := s.(UpdateCode); is && !slices.Equal(u.Architectures, tc.want) {
				t.Errorf("%q over %q is sent as %q", tc.wanted, tc.now, u.Architectures)
			}
		}
	}
}

func TestOnlyWhatARollbackWouldHaveToDoStopsADeployment(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		adjust       func(*Wanted, *Observation)
		irreversible bool
	}{
		"a large zip":            {func(_ *Wanted, o *Observation) { o.Latest.CodeSize = inlineLimit + 1 }, true},
		"just not too large":     {func(_ *Wanted, o *Observation) { o.Latest.CodeSize = inlineLimit }, false},
		"a large zip that stays": {func(w *Wanted, o *Observation) { w.Code.Sha256, o.Latest.CodeSize = "one", inlineLimit+1 }, false},
		"a large image":          {func(_ *Wanted, o *Observation) { o.Latest.CodeSize, o.Latest.ResolvedImageUri = inlineLimit+1, "x" }, false},
		"a large zip in a bucket": {func(_ *Wanted, o *Observation) {
			o.Latest.CodeSize, o.Latest.ResolvedS3Object = inlineLimit+1, &definition.Code{}
		}, false},
		"from a refused runtime": {func(w *Wanted, o *Observation) {
			w.Function.Runtime, o.Latest.Runtime = new("nodejs24.x"), new("nodejs8.10")
		}, true},
		"from a runtime that is taken": {func(w *Wanted, o *Observation) {
			w.Function.Runtime, o.Latest.Runtime = new("nodejs24.x"), new("nodejs22.x")
		}, false},
		"a refused runtime stays": {func(_ *Wanted, o *Observation) { o.Latest.Runtime = new("nodejs8.10") }, false},
	} {
		w, o := asked(), existing()
		tc.adjust(&w, &o)
		if p := Forward(w, o); len(p.Irreversible) > 0 != tc.irreversible {
			t.Errorf("%s: %q", name, p.Irreversible)
		}
	}
	w, o := asked(), existing()
	w.Function.Tags, o.Latest.Unreadable = map[string]string{"a": "b"}, []definition.Unreadable{{Field: "Tags", Reason: "denied"}}
	if p := Forward(w, o); !slices.Equal(p.Irreversible, []string{"the tags cannot be read: denied"}) {
		t.Errorf("%q", p.Irreversible)
	}
}

// Callers of $LATEST meet two updates one after the other, callers of an alias do not.
func TestCallersOfLatestAreWarnedOfTwoUpdates(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		adjust func(*Wanted, *Observation)
		warned bool
	}{
		"on a version":                    {func(*Wanted, *Observation) {}, false},
		"on $LATEST":                      {func(_ *Wanted, o *Observation) { o.Aliases["live"].Version = Latest }, true},
		"a part on $LATEST":               {func(_ *Wanted, o *Observation) { o.Aliases["live"].Weights = map[string]float64{Latest: 0.1} }, true},
		"without aliases":                 {func(w *Wanted, o *Observation) { w.Aliases, o.Aliases = nil, nil }, true},
		"a new alias":                     {func(_ *Wanted, o *Observation) { o.Aliases["live"] = nil }, false},
		"on $LATEST, code alone":          {func(w *Wanted, o *Observation) { w.Function.MemorySize, o.Aliases["live"].Version = nil, Latest }, false},
		"on $LATEST, configuration alone": {func(w *Wanted, o *Observation) { w.Code.Sha256, o.Aliases["live"].Version = "one", Latest }, false},
	} {
		w, o := asked(), existing()
		tc.adjust(&w, &o)
		if p := Forward(w, o); strings.Contains(strings.Join(p.Warnings, "\n"), "in two calls") != tc.warned {
			t.Errorf("%s: %q", name, p.Warnings)
		}
	}
}

func TestNoAliasIsAheadOfAnother(t *testing.T) {
	t.Parallel()
	w, o := asked(), existing()
	w.Aliases = []definition.Alias{{Name: "live"}, {Name: "beta"}, {Name: "next"}}
	beta := *alias("1", nil)
	beta.Name = "beta"
	o.Aliases["beta"] = &beta
	w.Traffic = traffic.Schedule{{Percent: 10, Wait: 1}, {Percent: 100}}
	want := []string{
		"0 UpdateAlias live 1, 10% to new", "0 UpdateAlias beta 1, 10% to new", "0 CreateAlias next new", "1 UpdateAlias live new", "1 UpdateAlias beta new",
	}
	p := Forward(w, o)
	got := strings.Split(steps(p), "\n")[3:]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p.AliasesIn(0) != 3 || p.AliasesIn(1) != 2 || p.AliasesIn(2) != 0 {
		t.Errorf("aliases by stage: %d, %d, %d", p.AliasesIn(0), p.AliasesIn(1), p.AliasesIn(2))
	}
}

func TestADescriptionAloneIsWrittenAsItIsWanted(t *testing.T) {
	t.Parallel()
	w, o := asked(), existing()
	w.Function.MemorySize, w.Code.Sha256, w.Aliases[0].Description = nil, "one", new("ours")
	for _, group := range []*traffic.Group{nil, {Application: "a", Name: "g"}} {
		w.CodeDeploy = group
		p := Forward(w, o)
		if len(p.Steps) != 1 || *p.Steps[0].(UpdateAlias).Alias.Description != "ours" || p.Steps[0].(UpdateAlias).Alias.Version != "1" {
			t.Errorf("%+v", p.Steps)
		}
		if got := said(p); !slices.Equal(got, []string{"changed Aliases.live.Description:  → ours"}) {
			t.Errorf("%q", got)
		}
	}
}

func TestAPublicationAloneIsTold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		steps []Step
		want  bool
	}{
		"nothing":           {nil, false},
		"a publication":     {[]Step{PublishVersion{}}, true},
		"a code":            {[]Step{UpdateCode{}}, false},
		"code, publication": {[]Step{UpdateCode{}, PublishVersion{}}, false},
		"and an alias":      {[]Step{PublishVersion{}, MoveAlias{}}, false},
	} {
		if got := (Plan{Steps: tc.steps}).OnlyPublishes(); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	published := Plan{Steps: []Step{PublishLatest{New: true}}}
	if !slices.Equal(published.Creates(), []string{LatestPublished}) || len((Plan{Steps: []Step{PublishLatest{}}}).Creates()) > 0 {
		t.Error("$LATEST.PUBLISHED is created only where there is none")
	}
}
