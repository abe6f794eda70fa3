package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// said are a plan's changes, one a line.
func said(p Plan) []string {
	var lines []string
	for _, c := range p.Changes {
		lines = append(lines, fmt.Sprintf("%s %s: %s → %s", c.Kind, c.Field, c.From, c.To))
	}
	return lines
}

// The changes that a rollback reports are those that it makes.
func TestBackSaysWhatItRestores(t *testing.T) {
	t.Parallel()
	const live, code, memory, tag = "changed Aliases.live: 2 → 1", "changed Code: two → one", "changed MemorySize: 256 → 128", "removed Tags.team: web → "
	for name, tc := range map[string]struct {
		adjust func(*journal.TargetLog, *Observation)
		want   []string
	}{
		"a whole deployment": {want: []string{live, "removed Aliases.next: 2 → ", code, memory, tag}},
		"another architecture": {adjust: func(log *journal.TargetLog, o *Observation) {
			o.Latest.CodeSha256, o.Latest.Architectures = "one", []string{"arm64"}
			left := ContentOf(o.Latest, salt)
			log.Steps[1].Intent.Content = &left
		}, want: []string{live, "removed Aliases.next: 2 → ", "changed Architectures: arm64 → x86_64", memory, tag}},
		"an alias that was on $LATEST": {adjust: func(log *journal.TargetLog, _ *Observation) { log.Snapshot.Aliases[0].Version = Latest },
			want: []string{"removed Aliases.next: 2 → ", code, memory, tag, "changed Aliases.live: 1 → $LATEST"}},
		"a tag that was there": {adjust: func(log *journal.TargetLog, _ *Observation) { log.Snapshot.Tags = map[string]string{"team": "api"} },
			want: []string{live, "removed Aliases.next: 2 → ", code, memory, "changed Tags.team: web → api"}},
		"code signing": {adjust: func(log *journal.TargetLog, o *Observation) {
			log.Snapshot.CodeSigning, o.CodeSigning = new("arn:was"), "arn:ours"
			log.Steps = append(log.Steps, made(PutCodeSigning{}, journal.Intent{CodeSigning: new("arn:ours")}, answered))
		}, want: []string{live, "removed Aliases.next: 2 → ", code, memory, "changed CodeSigningConfigArn: arn:ours → arn:was", tag}},
		"CodeDeploy is stopped": {adjust: func(_ *journal.TargetLog, o *Observation) { o.Shifting = map[string]string{"live": "d-1"} },
			want: []string{live, "removed Aliases.next: 2 → ", code, memory, tag}},
		"CodeDeploy is stopped before it began": {adjust: func(_ *journal.TargetLog, o *Observation) {
			o.Shifting, o.Aliases["live"].Version = map[string]string{"live": "d-1"}, "1"
		}, want: []string{"removed Aliases.next: 2 → ", code, memory, tag}},
		"a setting": {adjust: func(log *journal.TargetLog, o *Observation) {
			set := definition.Setting{SettingKey: reservedKey, Value: reserved(7)}
			log.Snapshot.Settings = []definition.Setting{{SettingKey: reservedKey, Value: reserved(5)}}
			log.Steps = append(log.Steps, made(PutSetting{Setting: set}, journal.Intent{Setting: &set}, answered))
			o.Settings = Settings{reservedKey: reserved(7)}
		}, want: []string{live, "changed Settings.reservedConcurrency: 7 → 5", "removed Aliases.next: 2 → ", code, memory, tag}},
	} {
		log, o := recorded(whole()...), after()
		if tc.adjust != nil {
			tc.adjust(&log, &o)
		}
		p := Back(log, o, Fences{})
		if diff := cmp.Diff(tc.want, said(p)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, c := range p.Changes {
			if !slices.ContainsFunc(p.Steps, func(s Step) bool { return Makes(s, c.Field) }) {
				t.Errorf("%s: no step makes the change of %s", name, c.Field)
			}
		}
	}
	log := journal.TargetLog{Target: journal.Target{Function: "f"}, Run: "r1", Snapshot: &journal.Snapshot{},
		Steps: []journal.Step{made(CreateFunction{}, journal.Intent{Content: content("two", 256)}, answered)}}
	o := Observation{Latest: latest("two", 256)}
	log.Salt, o.Latest.Tags = salt, map[string]string{RunTag: "r1"}
	if diff := cmp.Diff([]string{"removed Function: f → "}, said(Back(log, o, Fences{}))); diff != "" {
		t.Error(diff)
	}
}

// $LATEST is right only when code and configuration are: until then the callers of an
// alias that was on it reach the restore point.
func TestAnAliasGoesBackToLatestByWayOfTheRestorePoint(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		point string
		now   definition.Alias
		want  []string
	}{
		"on the new version":          {"1", definition.Alias{Name: "live", Version: "2"}, []string{"1", Latest}},
		"shared with the new version": {"1", definition.Alias{Name: "live", Version: "1", Weights: map[string]float64{"2": 0.1}}, []string{"1", Latest}},
		"on the restore point":        {"1", definition.Alias{Name: "live", Version: "1"}, []string{Latest}},
		"without a restore point":     {"", definition.Alias{Name: "live", Version: "2"}, []string{Latest}},
	} {
		log, o := recorded(whole()...), after()
		log.Snapshot.Aliases[0].Version, log.Snapshot.RestorePoint = Latest, tc.point
		log.Steps[2].Intent.Alias = new(journal.AliasOf(tc.now))
		o.Aliases["live"].Alias = tc.now
		if tc.point == "" {
			o.Latest = latest("one", 128) // as it was: nothing needs the restore point
		}
		var got []string
		for _, s := range Back(log, o, Fences{}).Steps {
			if u, is := s.(UpdateAlias); is {
				got = append(got, u.Alias.Version)
				if len(u.Alias.Weights) > 0 {
					t.Errorf("%s: weights %v", name, u.Alias.Weights)
				}
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: by way of %q, want %q", name, got, tc.want)
		}
	}
}

func TestBackSaysWhatItFoundOfAnAlias(t *testing.T) {
	t.Parallel()
	for want, now := range map[string]definition.Alias{
		"it points to 9": {Name: "live", Version: "9"},
		`it points to 9, 10% to 2, and its description is "theirs"`: {Name: "live", Version: "9", Description: new("theirs"), Weights: map[string]float64{"2": 0.1}},
	} {
		o := after()
		o.Aliases["live"].Alias = now
		if refused := Back(recorded(whole()...), o, Fences{}).Refused; len(refused) != 1 || refused[0].Found != want {
			t.Errorf("%+v, want %s", refused, want)
		}
	}
	for want, attached := range map[string]Attached{
		"somebody has begun to use it":      {Found: []string{"permission p"}},
		"somebody may have begun to use it": {Unseen: "no permission"},
	} {
		o := after()
		o.AttachedByOthers["next"] = attached
		if refused := Back(recorded(whole()...), o, Fences{}).Refused; len(refused) != 1 || refused[0].Reason != want {
			t.Errorf("%+v, want %s", refused, want)
		}
	}
	o := after()
	o.Latest.Tags = nil
	log := recorded(whole()...)
	log.Snapshot.Tags = map[string]string{"team": "api"}
	if refused := Back(log, o, Fences{}).Refused; len(refused) != 1 || refused[0].Found != "it is gone" {
		t.Errorf("a tag that somebody removed: %+v", refused)
	}
}

// A rollback continues an interrupted one, and ignores steps that AWS refused.
func TestBackJudgesOnlyByStepsThatMayHaveTakenEffect(t *testing.T) {
	t.Parallel()
	const codeFirst, configurationFirst = "UpdateFunctionCode UpdateFunctionConfiguration", "UpdateFunctionConfiguration UpdateFunctionCode"
	update := func(s Step, outcome *journal.Outcome, back bool) journal.Step {
		c := content("two", 256)
		return made(s, journal.Intent{Content: c, Back: back}, outcome)
	}
	configuration, code := UpdateConfiguration{}, UpdateCode{}
	for name, tc := range map[string]struct {
		steps []journal.Step
		want  string
	}{
		"configuration first":                {[]journal.Step{update(configuration, answered, false), update(code, answered, false)}, codeFirst},
		"code first":                         {[]journal.Step{update(code, answered, false), update(configuration, answered, false)}, configurationFirst},
		"code first, after a refusal":        {[]journal.Step{update(configuration, wasRefused, false), update(code, answered, false), update(configuration, answered, false)}, configurationFirst},
		"the second configuration refused":   {[]journal.Step{update(configuration, answered, false), update(code, answered, false), update(configuration, wasRefused, false)}, codeFirst},
		"a rollback restored the code first": {[]journal.Step{update(configuration, answered, false), update(code, answered, false), update(code, unanswered, true), update(configuration, unanswered, true)}, codeFirst},
		"configuration alone":                {[]journal.Step{update(configuration, answered, false)}, codeFirst},
	} {
		var got []string
		for _, s := range Back(recorded(tc.steps...), after(), Fences{}).Steps {
			if operation := s.Operation(); strings.HasPrefix(operation, "UpdateFunction") {
				got = append(got, operation)
			}
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	refusedTag := recorded(append(whole()[:4:4], made(TagResource{}, journal.Intent{Tags: map[string]string{"team": "web"}}, wasRefused))...)
	if p := Back(refusedTag, after(), Fences{}); slices.Contains(backSteps(p), "UntagResource") || len(p.Refused) > 0 {
		t.Errorf("a tag that AWS refused: %q, refused %+v", backSteps(p), p.Refused)
	}
	removed := recorded(made(UntagResource{}, journal.Intent{TagKeys: []string{"team"}}, answered))
	removed.Snapshot.Tags = map[string]string{"team": "api"}
	o := after()
	o.Latest = latest("one", 128)
	if p := Back(removed, o, Fences{}); len(p.Steps) != 1 || !maps.Equal(p.Steps[0].(TagResource).Tags, removed.Snapshot.Tags) {
		t.Errorf("a tag that the run removed: %q", backSteps(p))
	}
}

func TestBackNeedsOnlyTheFieldsThatTheRunWrote(t *testing.T) {
	t.Parallel()
	wrote := func(adjust func(*definition.Observed)) *journal.Content {
		next := latest("one", 256)
		adjust(next)
		c := ContentOf(next, salt)
		return &c
	}
	memory := wrote(func(*definition.Observed) {})
	for name, tc := range map[string]struct {
		field   string
		content *journal.Content
		refused bool
	}{
		"environment": {"Environment", memory, false},
		"environment, written": {"Environment", wrote(func(o *definition.Observed) {
			o.Environment = &definition.Environment{Variables: map[string]string{"A": "b"}}
		}), true},
		"image":                    {"ImageConfig", memory, false},
		"image, written":           {"ImageConfig", wrote(func(o *definition.Observed) { o.ImageConfig = &definition.ImageConfig{Command: []string{"x"}} }), true},
		"runtime version":          {"RuntimeVersionConfig", memory, false},
		"runtime version, written": {"RuntimeVersionConfig", wrote(func(o *definition.Observed) { o.Runtime = new("nodejs24.x") }), true},
		"tags":                     {"Tags", memory, false},
		"code":                     {"Code", memory, false},
	} {
		log, o := recorded(made(UpdateConfiguration{}, journal.Intent{Content: tc.content}, answered)), after()
		o.Latest = latest("one", 256)
		o.RestorePoint.Unreadable = []definition.Unreadable{{Field: tc.field, Reason: "denied"}}
		// What the point does not show it has not, as far as a diff tells.
		o.Latest.Environment = &definition.Environment{Variables: map[string]string{"OLD": "1"}}
		o.Latest.ImageConfig = &definition.ImageConfig{Command: []string{"old"}}
		o.Latest.Unreadable = []definition.Unreadable{{Field: "Environment"}, {Field: "ImageConfig"}}
		p := Back(log, o, Fences{})
		if refused := len(p.Refused) > 0; refused != tc.refused {
			t.Errorf("%s: refused %+v", name, p.Refused)
		}
		for _, s := range p.Steps {
			if c, is := s.(UpdateConfiguration); is && (c.Patch.Environment != nil || c.Patch.ImageConfig != nil || c.Patch.MemorySize == nil) {
				t.Errorf("%s: %+v", name, c.Patch)
			}
		}
	}
	log, o := recorded(whole()...), after()
	o.RestorePoint.Unreadable = []definition.Unreadable{{Field: "Code", Reason: "denied"}}
	if p := Back(log, o, Fences{}); len(p.Refused) != 1 {
		t.Errorf("the code, written: %+v", p.Refused)
	}
}

// A call without an answer is fenced, or waited for, once.
func TestBackFencesEachAliasOnce(t *testing.T) {
	t.Parallel()
	log := recorded(made(MoveAlias{}, journal.Intent{AliasName: "live", Alias: &journal.Alias{Name: "live", Version: "2"}}, unanswered))
	o := after()
	o.Latest, o.Aliases["live"].Version, o.Aliases["next"] = latest("one", 128), "1", nil
	if p := Back(log, o, Fences{Aliases: map[string]bool{"next": true}}); len(p.Steps) != 1 {
		t.Errorf("a fence of another alias: %q", backSteps(p))
	}
	if p := Back(log, o, Fences{Aliases: map[string]bool{"live": true}}); !p.Empty() || p.MayArriveLate {
		t.Errorf("after its fence: %q, late %v", backSteps(p), p.MayArriveLate)
	}
	for name, s := range map[string]journal.Step{
		"CodeDeploy":  made(CreateDeployment{}, journal.Intent{AliasName: "live", Alias: &journal.Alias{Name: "live", Version: "2"}, HandOver: &journal.HandOver{From: "1"}}, unanswered),
		"a new alias": made(CreateAlias{}, journal.Intent{AliasName: "next", Alias: &journal.Alias{Name: "next", Version: "2"}}, unanswered),
	} {
		if p := Back(recorded(s), o, Fences{}); !p.Empty() || !p.MayArriveLate {
			t.Errorf("%s: %q, late %v", name, backSteps(p), p.MayArriveLate)
		}
		if p := Back(recorded(s), o, Fences{Watched: true}); !p.Empty() || p.MayArriveLate {
			t.Errorf("%s, after the watch: %q, late %v", name, backSteps(p), p.MayArriveLate)
		}
	}
	// What one alias waits for, the settled tag of the same run does not cancel.
	log = recorded(
		made(CreateAlias{}, journal.Intent{AliasName: "next", Alias: &journal.Alias{Name: "next", Version: "2"}}, unanswered),
		made(TagResource{}, journal.Intent{Tags: map[string]string{"team": "web"}}, answered))
	if p := Back(log, o, Fences{}); !p.MayArriveLate {
		t.Error("a new alias is not waited for once the tags are settled")
	}
	created := journal.TargetLog{Target: journal.Target{Function: "f"}, Run: "r1", Salt: salt, Snapshot: &journal.Snapshot{},
		Steps: []journal.Step{made(CreateFunction{}, journal.Intent{Content: content("two", 256)}, unanswered)}}
	if p := Back(created, Observation{}, Fences{Watched: true}); p.MayArriveLate {
		t.Error("a function that was waited for is waited for again")
	}
}

// A new alias with provisioned concurrency gets weights from AWS: it is this run's
// all the same.
func TestANewAliasWithWeightsOfAWSIsDeleted(t *testing.T) {
	t.Parallel()
	o := after()
	o.Aliases["next"].Weights = map[string]float64{"3": 0.5}
	if p := Back(recorded(whole()...), o, Fences{}); len(p.Refused) != 1 || p.Refused[0].Subject != "alias next" {
		t.Errorf("weights of somebody: refused %+v", p.Refused)
	}
	o.WeightsSetByAWS["next"] = true
	if p := Back(recorded(whole()...), o, Fences{}); len(p.Refused) > 0 || !slices.Contains(backSteps(p), "DeleteAlias next") {
		t.Errorf("weights of AWS: %q, refused %+v", backSteps(p), p.Refused)
	}
}
