package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

var salt = []byte("0123456789abcdef")

// latest is $LATEST with a code, a memory size and tags.
func latest(code string, memory int32) *definition.Observed {
	o := observed(Latest, code)
	o.MemorySize, o.Description, o.Tags = new(memory), new("mine"), map[string]string{}
	return o
}

// recorded is a run that changed a function from one state to another: snapshot,
// then steps.
func recorded(steps ...journal.Step) journal.TargetLog {
	before := latest("one", 128)
	live := journal.Alias{Name: "live", Version: "1"}
	return journal.TargetLog{
		Target: journal.Target{Function: "f"}, Run: "r1", Salt: salt, Steps: steps,
		Snapshot: &journal.Snapshot{
			Exists: true, Content: ContentOf(before, salt), Description: "mine", RestorePoint: "1",
			Aliases: []journal.Alias{live}, Missing: []string{"next"}, Tags: map[string]string{}, Architectures: []string{"x86_64"},
		},
	}
}

func made(s Step, intent journal.Intent, outcome *journal.Outcome) journal.Step {
	intent.Call = s.Operation()
	return journal.Step{Intent: intent, Outcome: outcome}
}

func content(code string, memory int32) *journal.Content {
	c := ContentOf(latest(code, memory), salt)
	return &c
}

var (
	answered   = &journal.Outcome{Result: journal.Done}
	unanswered *journal.Outcome
	wasRefused = &journal.Outcome{Result: journal.Refused}
	late       = &journal.Outcome{Result: journal.Done, Doubt: true}
)

// whole is a deployment that went through.
func whole() []journal.Step {
	return []journal.Step{
		made(UpdateConfiguration{}, journal.Intent{Content: content("one", 256)}, answered),
		made(UpdateCode{}, journal.Intent{Content: content("two", 256)}, answered),
		made(MoveAlias{}, journal.Intent{AliasName: "live", Alias: &journal.Alias{Name: "live", Version: "2"}}, answered),
		made(CreateAlias{}, journal.Intent{AliasName: "next", Alias: &journal.Alias{Name: "next", Version: "2"}}, answered),
		made(TagResource{}, journal.Intent{Tags: map[string]string{"team": "web"}}, answered),
	}
}

// after is what AWS shows when the deployment went through.
func after() Observation {
	point := latest("one", 128)
	point.Version, point.CodeLocation, point.Description = "1", "https://code/1", new("first")
	now := latest("two", 256)
	now.Tags = map[string]string{"team": "web"}
	return Observation{
		Latest: now, RestorePoint: point, WeightsSetByAWS: map[string]bool{}, AttachedByOthers: map[string]Attached{},
		Aliases: map[string]*definition.ObservedAlias{
			"live": {Alias: definition.Alias{Name: "live", Version: "2"}},
			"next": {Alias: definition.Alias{Name: "next", Version: "2"}},
		},
	}
}

func TestBackPlansFromTheCurrentStateToTheSnapshot(t *testing.T) {
	t.Parallel()
	type world struct {
		log    journal.TargetLog
		now    Observation
		fences Fences
	}
	all := []string{"UpdateAlias live", "DeleteAlias next", "UpdateFunctionCode", "UpdateFunctionConfiguration", "UntagResource"}
	without := func(gone ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(gone, s) })
	}
	for _, tc := range []struct {
		name   string
		adjust func(*world)
		want   []string
		// refused are the subjects that stay as they are.
		refused []string
		watch   bool
	}{
		{name: "a whole deployment", want: all},
		{name: "nothing was begun", adjust: func(w *world) { w.log.Steps = nil }},
		{name: "the function is gone", adjust: func(w *world) { w.now.Latest = nil }, refused: []string{"function f"}},
		{name: "somebody moved the alias", adjust: func(w *world) { w.now.Aliases["live"].Version = "9" }, want: without("UpdateAlias live"), refused: []string{"alias live"}},
		{name: "somebody described the alias", adjust: func(w *world) { w.now.Aliases["live"].Description = new("theirs") }, want: without("UpdateAlias live"), refused: []string{"alias live"}},
		{name: "somebody deleted the alias", adjust: func(w *world) { w.now.Aliases["live"] = nil }, want: without("UpdateAlias live"), refused: []string{"alias live"}},
		{name: "somebody deleted the new alias", adjust: func(w *world) { w.now.Aliases["next"] = nil }, want: without("DeleteAlias next")},
		{name: "somebody moved the new alias", adjust: func(w *world) { w.now.Aliases["next"].Version = "9" }, want: without("DeleteAlias next"), refused: []string{"alias next"}},
		{name: "AWS refused the new alias, and somebody made the same", adjust: func(w *world) { w.log.Steps[3].Outcome = wasRefused }, want: without("DeleteAlias next")},
		{name: "somebody uses the new alias", adjust: func(w *world) { w.now.AttachedByOthers["next"] = Attached{Found: []string{"function URL"}} }, want: without("DeleteAlias next"), refused: []string{"alias next"}},
		{name: "nobody can see who uses the new alias", adjust: func(w *world) { w.now.AttachedByOthers["next"] = Attached{Unseen: "no permission"} }, want: without("DeleteAlias next"), refused: []string{"alias next"}},
		{name: "somebody changed the code", adjust: func(w *world) { w.now.Latest.CodeSha256 = "theirs" }, want: without("UpdateFunctionCode", "UpdateFunctionConfiguration"), refused: []string{Latest}},
		{name: "somebody changed the configuration", adjust: func(w *world) { w.now.Latest.MemorySize = new(int32(999)) }, want: without("UpdateFunctionCode", "UpdateFunctionConfiguration"), refused: []string{Latest}},
		{name: "somebody changed the tag", adjust: func(w *world) { w.now.Latest.Tags["team"] = "theirs" }, want: without("UntagResource"), refused: []string{"tag team"}},
		{name: "the restore point is gone", adjust: func(w *world) { w.now.RestorePoint = nil }, want: without("UpdateFunctionCode", "UpdateFunctionConfiguration"), refused: []string{Latest}},
		{name: "the function was made again", adjust: func(w *world) { w.now.RestorePoint, w.now.Latest = nil, latest("theirs", 128) }, refused: []string{"function f"}},
		{name: "weights of AWS", adjust: func(w *world) {
			w.now.Aliases["live"].Weights, w.now.WeightsSetByAWS["live"] = map[string]float64{"1": 0.4}, true
		}, want: all},
		{name: "AWS moves the alias back already", adjust: func(w *world) {
			w.now.Aliases["live"].Version, w.now.Aliases["live"].Weights, w.now.WeightsSetByAWS["live"] = "1", map[string]float64{"2": 0.4}, true
		}, want: without("UpdateAlias live")},
		{name: "the code went first", adjust: func(w *world) { w.log.Steps[0], w.log.Steps[1] = w.log.Steps[1], w.log.Steps[0] },
			want: []string{"UpdateAlias live", "DeleteAlias next", "UpdateFunctionConfiguration", "UpdateFunctionCode", "UntagResource"}},
		{name: "the code alone was changed, and the environment cannot be read", adjust: func(w *world) {
			w.log.Steps = w.log.Steps[1:2]
			w.log.Steps[0].Intent.Content = content("two", 128)
			w.now.Latest.MemorySize, w.now.Latest.Tags = new(int32(128)), nil
			hole := []definition.Unreadable{{Field: "Environment", Reason: "kms"}}
			w.now.Latest.Unreadable, w.now.RestorePoint.Unreadable = hole, hole
		}, want: []string{"UpdateFunctionCode"}},
		{name: "the environment was changed, and the old one cannot be read", adjust: func(w *world) {
			next := latest("one", 256)
			next.Environment = &definition.Environment{Variables: map[string]string{"A": "b"}}
			c := ContentOf(next, salt)
			w.log.Steps[0].Intent.Content = &c
			w.now.RestorePoint.Unreadable = []definition.Unreadable{{Field: "Environment", Reason: "kms"}}
		}, want: without("UpdateFunctionCode", "UpdateFunctionConfiguration"), refused: []string{Latest}},
		{name: "an update without an answer did nothing", adjust: func(w *world) {
			w.log.Steps = []journal.Step{made(UpdateConfiguration{}, journal.Intent{Content: content("one", 256)}, unanswered)}
			w.now.Latest, w.now.Aliases["next"] = latest("one", 128), nil
		}, want: []string{"UpdateFunctionConfiguration fence"}},
		{name: "the fence was set", adjust: func(w *world) {
			w.log.Steps = []journal.Step{made(UpdateConfiguration{}, journal.Intent{Content: content("one", 256)}, unanswered)}
			w.now.Latest, w.now.Aliases["next"], w.fences.Latest = latest("one", 128), nil, true
		}},
		{name: "a move without an answer did nothing", adjust: func(w *world) {
			w.log.Steps = []journal.Step{made(MoveAlias{}, journal.Intent{AliasName: "live", Alias: &journal.Alias{Name: "live", Version: "2"}}, unanswered)}
			w.now.Latest, w.now.Aliases["live"].Version, w.now.Aliases["next"] = latest("one", 128), "1", nil
		}, want: []string{"UpdateAlias live fence"}},
		{name: "a new alias without an answer may arrive", adjust: func(w *world) {
			w.log.Steps = []journal.Step{made(CreateAlias{}, journal.Intent{AliasName: "next", Alias: &journal.Alias{Name: "next", Version: "2"}}, unanswered)}
			w.now.Latest, w.now.Aliases["live"].Version, w.now.Aliases["next"] = latest("one", 128), "1", nil
		}, watch: true},
		{name: "a tag whose first copy got no answer may arrive again", adjust: func(w *world) {
			w.log.Steps = []journal.Step{made(TagResource{}, journal.Intent{Tags: map[string]string{"team": "web"}}, late)}
			w.now.Latest, w.now.Aliases["live"].Version, w.now.Aliases["next"] = latest("one", 128), "1", nil
		}, watch: true},
		{name: "it was watched for", adjust: func(w *world) {
			w.log.Steps = []journal.Step{made(TagResource{}, journal.Intent{Tags: map[string]string{"team": "web"}}, late)}
			w.now.Latest, w.now.Aliases["live"].Version, w.now.Aliases["next"], w.fences.Watched = latest("one", 128), "1", nil, true
		}},
		{name: "a refused change is nobody's business", adjust: func(w *world) {
			w.log.Steps = []journal.Step{made(UpdateConfiguration{}, journal.Intent{Content: content("one", 256)}, wasRefused)}
			w.now.Latest, w.now.Aliases["live"].Version, w.now.Aliases["next"] = latest("theirs", 999), "9", nil
		}},
		{name: "a version that could not start", adjust: func(w *world) {
			w.log.Steps = append(w.log.Steps, made(PublishVersion{}, journal.Intent{}, &journal.Outcome{Result: journal.Done, FailedVersion: "2"}))
		}, want: append(slices.Clone(all), "DeleteFunction 2")},
		{name: "an alias that was on $LATEST", adjust: func(w *world) { w.log.Snapshot.Aliases[0].Version = Latest },
			want: append(slices.Clone(all), "UpdateAlias live")},
		{name: "an alias that was on $LATEST, which is lost", adjust: func(w *world) { w.log.Snapshot.Aliases[0].Version, w.now.RestorePoint.CodeSha256 = Latest, "theirs" },
			want: without("UpdateFunctionCode", "UpdateFunctionConfiguration"), refused: []string{Latest, "alias live"}},
		{name: "code signing", adjust: func(w *world) {
			w.log.Snapshot.CodeSigning = new("")
			w.log.Steps = append(w.log.Steps, made(PutCodeSigning{}, journal.Intent{CodeSigning: new("arn:ours")}, answered))
			w.now.CodeSigning = "arn:ours"
		}, want: slices.Insert(slices.Clone(all), 4, "DeleteFunctionCodeSigningConfig")},
		{name: "code signing of somebody else", adjust: func(w *world) {
			w.log.Snapshot.CodeSigning = new("")
			w.log.Steps = append(w.log.Steps, made(PutCodeSigning{}, journal.Intent{CodeSigning: new("arn:ours")}, answered))
			w.now.CodeSigning = "arn:theirs"
		}, want: all, refused: []string{"code signing configuration"}},
		{name: "a tag that was there", adjust: func(w *world) { w.log.Snapshot.Tags = map[string]string{"team": "api"} },
			want: append(without("UntagResource"), "TagResource")},
		{name: "the old code is an image", adjust: func(w *world) { w.now.RestorePoint.ResolvedImageUri = "repo@sha256:1" }, want: all},
		{name: "the old code is a reference", adjust: func(w *world) {
			w.now.RestorePoint.ResolvedS3Object = &definition.Code{S3Bucket: "b", S3Key: "k", S3ObjectStorageMode: "REFERENCE"}
		}, want: all},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := world{log: recorded(whole()...), now: after(), fences: Fences{Aliases: map[string]bool{}}}
			if tc.adjust != nil {
				tc.adjust(&w)
			}
			p := Back(w.log, w.now, w.fences)
			if diff := cmp.Diff(tc.want, backSteps(p)); diff != "" {
				t.Error(diff)
			}
			var refused []string
			for _, r := range p.Refused {
				refused = append(refused, r.Subject)
				if r.Found == "" || r.Reason == "" {
					t.Errorf("%s is refused without a reason", r.Subject)
				}
			}
			if diff := cmp.Diff(tc.refused, refused); diff != "" {
				t.Errorf("refused: %s\n%+v", diff, p.Refused)
			}
			if p.MayArriveLate != tc.watch {
				t.Errorf("watch is %v", p.MayArriveLate)
			}
		})
	}
}

func backSteps(p Plan) []string {
	var lines []string
	for _, s := range p.Steps {
		line := s.Operation()
		switch s := s.(type) {
		case UpdateAlias:
			line += " " + s.Alias.Name
			if s.Fence {
				line += " fence"
			}
		case UpdateConfiguration:
			if s.Fence {
				line += " fence"
			}
		case DeleteAlias:
			line += " " + s.Name
		case DeleteVersion:
			line += " " + s.Version
		}
		lines = append(lines, line)
	}
	return lines
}

func TestBackSendsTheOldCodeInTheFormThatItHad(t *testing.T) {
	t.Parallel()
	code := func(adjust func(*definition.Observed)) UpdateCode {
		o := after()
		adjust(o.RestorePoint)
		for _, s := range Back(recorded(whole()...), o, Fences{}).Steps {
			if c, is := s.(UpdateCode); is {
				return c
			}
		}
		return UpdateCode{}
	}
	if c := code(func(*definition.Observed) {}); c.Download != "https://code/1" || c.Code.Sha256 != "one" || c.Architectures[0] != "x86_64" {
		t.Errorf("a zip: %+v", c)
	}
	if c := code(func(o *definition.Observed) { o.ResolvedImageUri = "repo@sha256:1" }); c.Download != "" || c.Code.ImageUri != "repo@sha256:1" {
		t.Errorf("an image: %+v", c)
	}
	if c := code(func(o *definition.Observed) {
		o.ResolvedS3Object, o.SourceKMSKeyArn = &definition.Code{S3Key: "k", S3ObjectStorageMode: "REFERENCE"}, "arn:key"
	}); c.Code.S3Key != "k" || c.Code.S3ObjectStorageMode != "REFERENCE" || c.Code.SourceKMSKeyArn != "arn:key" {
		t.Errorf("a reference: %+v", c)
	}
}

func TestBackDeletesAFunctionOnlyWhereTheRunIsProvenToHaveCreatedIt(t *testing.T) {
	t.Parallel()
	created := func(outcome *journal.Outcome) journal.TargetLog {
		return journal.TargetLog{
			Target: journal.Target{Function: "f"}, Run: "r1", Salt: salt, Snapshot: &journal.Snapshot{Missing: []string{"live"}},
			Steps: []journal.Step{made(CreateFunction{}, journal.Intent{Content: content("two", 256)}, outcome)},
		}
	}
	ours := func() *definition.Observed {
		o := latest("two", 256)
		o.Tags = map[string]string{RunTag: "r1"}
		return o
	}
	for _, tc := range []struct {
		name    string
		outcome *journal.Outcome
		now     func() Observation
		want    []string
		refused string
		watch   bool
	}{
		{name: "ours", outcome: answered, now: func() Observation { return Observation{Latest: ours()} }, want: []string{"DeleteFunction"}},
		{name: "gone", outcome: answered, now: func() Observation { return Observation{} }},
		{name: "not there yet", now: func() Observation { return Observation{} }, watch: true},
		{name: "refused", outcome: wasRefused, now: func() Observation { return Observation{Latest: ours()} }},
		{name: "another run's", outcome: answered, now: func() Observation { o := ours(); o.Tags[RunTag] = "r2"; return Observation{Latest: o} }, refused: "it exists"},
		{name: "without a tag", outcome: answered, now: func() Observation { o := ours(); o.Tags = nil; return Observation{Latest: o} }, refused: "it exists"},
		{name: "tags that cannot be read", outcome: answered, now: func() Observation {
			o := ours()
			o.Unreadable = []definition.Unreadable{{Field: "Tags", Reason: "denied"}}
			return Observation{Latest: o}
		}, refused: "its tags cannot be read"},
		{name: "changed", outcome: answered, now: func() Observation { o := ours(); o.MemorySize = new(int32(999)); return Observation{Latest: o} }, refused: "changed: MemorySize"},
		{name: "in use", outcome: answered, now: func() Observation {
			return Observation{Latest: ours(), AttachedByOthers: map[string]Attached{"": {Found: []string{"permission p", "function URL of live"}}}}
		}, refused: "in use: permission p, function URL of live"},
		{name: "in use, and more cannot be seen", outcome: answered, now: func() Observation {
			return Observation{Latest: ours(), AttachedByOthers: map[string]Attached{"": {Found: []string{"permission p"}, Unseen: "no permission for lambda:ListAliases"}}}
		}, refused: "in use: permission p; what others attached to it cannot be seen: no permission for lambda:ListAliases"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := Back(created(tc.outcome), tc.now(), Fences{})
			if diff := cmp.Diff(tc.want, backSteps(p)); diff != "" {
				t.Error(diff)
			}
			if tc.refused == "" && len(p.Refused) > 0 || tc.refused != "" && (len(p.Refused) != 1 || !strings.HasPrefix(p.Refused[0].Found, tc.refused)) {
				t.Errorf("refused: %+v, want %q", p.Refused, tc.refused)
			}
			if p.MayArriveLate != tc.watch {
				t.Errorf("watch is %v", p.MayArriveLate)
			}
		})
	}
}
