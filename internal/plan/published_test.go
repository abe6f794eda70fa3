package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// ofCode is a state with one code, described so.
func ofCode(version, sha256, description string) *definition.Observed {
	return &definition.Observed{Version: version, CodeSha256: sha256, Function: definition.Function{
		Description: &description, CapacityProviderConfig: &definition.CapacityProviderConfig{}}}
}

func TestADeploymentPublishesToWhatCallersOfManagedInstancesReach(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		published    *definition.Observed
		alias, code  string
		publishes    bool
		irreversible bool
	}{
		"new code":                       {ofCode(definition.LatestPublished, "one", "mine"), "", "two", true, false},
		"nothing new":                    {ofCode(definition.LatestPublished, "one", "mine"), "", "one", false, false},
		"nobody published":               {nil, "", "two", true, false},
		"nobody published, nothing new":  {nil, "", "one", false, false},
		"nobody published, but an alias": {nil, "live", "two", false, false},
		"published, and an alias":        {ofCode(definition.LatestPublished, "one", "mine"), "live", "two", true, false},
		"nothing new, changed since":     {ofCode(definition.LatestPublished, "zero", "mine"), "", "one", true, true},
		"$LATEST was changed since":      {ofCode(definition.LatestPublished, "zero", "mine"), "", "two", true, true},
	} {
		w := Wanted{Code: definition.Code{Sha256: c.code}}
		if c.alias != "" {
			w.Aliases = []definition.Alias{{Name: c.alias}}
		}
		p := Forward(w, Observation{Latest: ofCode(Latest, "one", ""), LatestPublished: c.published})
		publishes := slices.ContainsFunc(p.Steps, func(s Step) bool { _, is := s.(PublishLatest); return is })
		if publishes != c.publishes || len(p.Irreversible) > 0 != c.irreversible {
			t.Errorf("%s: publishes %t, irreversible %q", name, publishes, p.Irreversible)
		}
		change := ""
		switch {
		case c.publishes && c.published != nil:
			change = "changed " + LatestPublished + ": " + c.published.CodeSha256 + " → " + c.code
		case c.publishes:
			change = "set " + LatestPublished + ":  → " + c.code
		}
		if got := said(p); (change != "") != slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, LatestPublished) }) || change != "" && !slices.Contains(got, change) {
			t.Errorf("%s: says %q, want %q", name, got, change)
		}
	}
	unmanaged := ofCode(Latest, "one", "")
	unmanaged.CapacityProviderConfig = nil
	p := Forward(Wanted{Code: definition.Code{Sha256: "two"}}, Observation{Latest: unmanaged})
	if slices.ContainsFunc(p.Steps, func(s Step) bool { _, is := s.(PublishLatest); return is }) {
		t.Error("a function that is not on managed instances is published so, too")
	}
}

func TestARollbackPublishesWhatCallersReachedBefore(t *testing.T) {
	t.Parallel()
	before, ours := ofCode(definition.LatestPublished, "one", "mine"), ofCode(definition.LatestPublished, "two", "marker")
	latest := ofCode(Latest, "one", "")
	for name, c := range map[string]struct {
		was, now *definition.Observed
		want     []Step
		refused  string
	}{
		"published by this run":     {before, ours, []Step{PublishLatest{Description: "mine"}}, ""},
		"others use what was there": {before, ours, []Step{PublishLatest{Description: "mine"}}, "-"},
		"not yet":                   {before, before, nil, ""},
		"new by this run":           {nil, ours, []Step{DeleteVersion{Version: definition.LatestPublished}}, ""},
		"new by this run, and not":  {nil, nil, nil, ""},
		"new by this run, in use":   {nil, ours, nil, "in use: permission api"},
		"somebody published":        {before, ofCode(definition.LatestPublished, "three", "theirs"), nil, "it was published again"},
		"somebody deleted it":       {before, nil, nil, "it is gone"},
	} {
		snapshot := &journal.Snapshot{Exists: true, Content: ContentOf(latest, nil)}
		if c.was != nil {
			snapshot.LatestPublished = &journal.Published{Content: ContentOf(c.was, nil), Description: *c.was.Description}
		}
		log := journal.TargetLog{Target: journal.Target{Function: "f"}, Snapshot: snapshot, Steps: []journal.Step{{
			Number: 1, Outcome: &journal.Outcome{Result: journal.Done},
			Intent: journal.Intent{Call: "PublishVersion", LatestPublished: &journal.Published{Content: ContentOf(ours, nil), Description: "marker"}},
		}}}
		o := Observation{Latest: latest, LatestPublished: c.now}
		if c.refused == "-" {
			c.refused = "" // it stays, whoever uses it
			o.AttachedByOthers = map[string]Attached{LatestPublished: {Found: []string{"permission api"}}}
		}
		if strings.HasPrefix(c.refused, "in use") {
			o.AttachedByOthers = map[string]Attached{LatestPublished: {Found: []string{"permission api"}}}
		}
		p := Back(log, o, Fences{Latest: true})
		if !slices.Equal(p.Steps, c.want) {
			t.Errorf("%s: %v, want %v", name, p.Steps, c.want)
		}
		for _, s := range p.Steps {
			if len(p.Changes) != 1 || !Makes(s, p.Changes[0].Field) || p.Changes[0].From != "two" {
				t.Errorf("%s: says %q", name, said(p))
			}
		}
		if refused := len(p.Refused) > 0 && strings.Contains(p.Refused[0].Found, c.refused); refused != (c.refused != "") {
			t.Errorf("%s: refused %v", name, p.Refused)
		}
	}
}

func TestWhatIsPublishedOfALostLatestIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	was, ours := ofCode(definition.LatestPublished, "one", "mine"), ofCode(definition.LatestPublished, "two", "marker")
	log := journal.TargetLog{Target: journal.Target{Function: "f"}, Snapshot: &journal.Snapshot{
		Exists: true, Content: ContentOf(ofCode(Latest, "one", ""), nil), LatestPublished: &journal.Published{Content: ContentOf(was, nil), Description: "mine"},
	}, Steps: []journal.Step{
		{Outcome: answered, Intent: journal.Intent{Call: "UpdateFunctionCode", Content: &journal.Content{CodeSha256: "two"}}},
		{Outcome: answered, Intent: journal.Intent{Call: "PublishVersion", LatestPublished: &journal.Published{Content: ContentOf(ours, nil)}}},
	}}
	p := Back(log, Observation{Latest: ofCode(Latest, "theirs", ""), LatestPublished: ours}, Fences{})
	if len(p.Steps) > 0 || len(p.Refused) != 2 || p.Refused[1].Subject != LatestPublished || p.Refused[1].Found != "published by this run" {
		t.Errorf("%v, refused %+v", p.Steps, p.Refused)
	}
}
