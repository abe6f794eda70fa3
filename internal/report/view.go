package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// View is a run as a terminal shows it: a line for each step that is complete,
// and below them what is under way, for how long, and how long it may take at
// most. It writes nothing: what it returns follows from the events and the time
// that it is given, and from nothing else.
type View struct {
	targets []event.Target
	// regions reports whether the targets are in several Regions.
	regions bool
	tally   *tally
	warned  repeats
	// under are the targets that something is done with.
	under map[event.Target]*activity
	// idle is what goes on where no target has anything under way; "" for nothing.
	idle activity
	// stage is the one that the traffic is in; nil for none.
	stage *stageView
	// gate is whose answer is waited for; nil for nobody.
	gate *activity
	// began is when the run, or its rollback, began; until is when it must be over,
	// the zero time where that is not known.
	began, until time.Time
	back         bool
	// highest is the most lines that a block has had.
	highest int
}

// activity is something that takes its time.
type activity struct {
	what, status string
	since, until time.Time
}

// stageView is a stage of the traffic.
type stageView struct {
	percent    float64
	began, end time.Time
	// evidence are the newest findings of the guard, by alias.
	evidence []string
	bad      bool
	// cut is set where the stage ended before its time.
	cut bool
}

// NewView is the view of a run before anything is known of it.
func NewView(now time.Time) *View {
	return &View{under: map[event.Target]*activity{}, tally: newTally(nil), idle: activity{what: "reading files, values and code", since: now}, began: now}
}

// Limit says when the run must be over.
func (v *View) Limit(until time.Time) { v.until = until }

// Take takes an event and returns the lines that stay, for a terminal that is so
// many columns wide.
func (v *View) Take(e event.Event, now time.Time, columns int) []terminal.Line {
	p := layout{width: min(columns-1, widest)}
	switch e := e.(type) {
	case event.OfTarget:
		v.tally.take(e.Target, e.Event)
		return v.ofTarget(p, e.Target, e.Event, now)
	case event.RunBegan:
		return v.runBegan(p, e)
	case event.SectionBegan:
		return v.section(p, e, now)
	case event.StageHeld, event.StageWatched, event.StageExtended:
		return v.stageEvent(p, e, now)
	case event.AlarmChanged:
		return v.alarm(p, e)
	case event.DurationsCompared:
		return v.durations(p, e)
	case event.GateAsked, event.GateWaiting, event.GatePassed, event.GateRefused:
		return v.gateEvent(p, e, now)
	case event.AliasesMoved:
		return p.row(ok, "", fmt.Sprintf("%s moved within %.1f s", plural(e.Aliases, "alias", "aliases"), e.Within.Seconds()), "")
	case event.WaveBegan:
		return p.text(terminal.Bold, fmt.Sprintf("Wave %d of %d: %s", e.Number, e.Of, names(e.Targets)))
	case event.RollbackLimited:
		v.until = now.Add(e.Within)
		v.tally.until = v.until
	case event.DeploymentFailed:
		line, _, _ := strings.Cut(e.Err.Error(), "\n")
		v.gate = nil
		if v.stage != nil {
			v.stage.cut = now.Before(v.stage.end)
		}
		return append(v.stageOver(p, now), p.row(wrong, "", "failed: "+line, "")...)
	case event.JournalSkipped:
		return p.row(note, "", "skipped the journal "+e.Journal+": "+e.Reason, "")
	case event.Warning:
		return p.row(warning, "", e.Message, "")
	case event.Tick, event.StepBegan, event.StepEnded, event.WaitBegan, event.Waiting, event.AliasesBegan, event.AliasesEnded,
		event.AliasUpToDate, event.CodeFirst, event.Downloading, event.WatchingForLateCall, event.Planned, event.ObserveBegan,
		event.ObserveEnded, event.DeployBegan, event.DeployEnded, event.AliasManifests, event.TargetEnded, event.RollbackBegan,
		event.RollbackSkipped, event.RollbackEnded, event.VerifyBegan, event.CaseVerified, event.CaseFailed, event.CaseCompared,
		event.ShiftFollowed:
		// Those of a target come inside OfTarget.
	}
	return nil
}

func (v *View) many() bool { return Fleet(len(v.targets)) }

// name is what a target is called where there are several; "" for the only one.
func (v *View) name(t event.Target) string {
	switch {
	case len(v.targets) <= 1:
		return ""
	case v.regions:
		return t.Function + " " + t.Region
	}
	return t.Function
}

func (v *View) runBegan(p layout, e event.RunBegan) []terminal.Line {
	v.targets, v.tally = e.Targets, newTally(e.Targets)
	regions := v.tally.regions()
	v.regions = len(regions) > 1
	switch {
	case len(e.Targets) == 1:
		return p.text(terminal.Bold, e.Targets[0].String())
	case v.regions:
		return p.text(terminal.Bold, count(len(e.Targets), "function")+" in "+count(len(regions), "Region"))
	case len(e.Targets) > 1:
		return p.text(terminal.Bold, count(len(e.Targets), "function")+" in "+e.Targets[0].Region)
	}
	return nil
}

// section notes which part of the run begins.
func (v *View) section(p layout, e event.SectionBegan, now time.Time) []terminal.Line {
	var lines []terminal.Line
	for _, said := range v.warned.others() {
		lines = append(lines, p.row(warning, "", said, "")...)
	}
	v.idle = activity{since: now}
	switch e.Title {
	case "Prepare rollback":
		v.idle.what = "checking what is there and what is allowed"
	case "Rollback":
		v.back, v.began, v.stage = true, now, nil
		clear(v.under)
		v.idle.what = "rolling back"
		lines = append(lines, p.text(terminal.Bold, "Rolling back")...)
	case "":
		clear(v.under)
		v.stage, v.gate, v.highest = nil, nil, 0
	default:
		v.idle.what = strings.ToLower(e.Title)
	}
	return lines
}

// begin notes what is under way with a target.
func (v *View) begin(t event.Target, what string, now time.Time) *activity {
	v.under[t] = &activity{what: what, since: now}
	return v.under[t]
}

// stageEvent takes what happens to the stage of the traffic.
func (v *View) stageEvent(p layout, e event.Event, now time.Time) (lines []terminal.Line) {
	//nolint:gochecksumtype // the stage has these three
	switch e := e.(type) {
	case event.StageHeld:
		if e.Left == e.Wait {
			lines = v.stageOver(p, now)
			v.stage = &stageView{percent: e.Percent, began: now}
		}
		if v.stage != nil {
			v.stage.end = now.Add(e.Left)
		}
	case event.StageWatched:
		v.watched(e, now)
	case event.StageExtended:
		if v.stage != nil {
			v.stage.end = v.stage.began.Add(e.Wait)
		}
		return p.row(warning, "", fmt.Sprintf("the stage of %s lasts %s longer: %s", traffic.Percent(e.Percent), traffic.FormatDuration(e.By), e.Reason), "")
	}
	return lines
}

// watched keeps what the guard says last; of many aliases the worst are shown.
func (v *View) watched(e event.StageWatched, now time.Time) {
	if v.stage == nil {
		v.stage = &stageView{percent: e.Percent, began: now}
	}
	s := v.stage
	s.end, s.evidence, s.bad = now.Add(e.Left), nil, false
	for _, a := range worstFirst(e.Aliases) {
		said := Evidence(a)
		if len(e.Aliases) > 1 {
			said = terminal.Shorten(v.name(a.Target), 30) + " " + a.Alias + ": " + said
		}
		s.evidence, s.bad = append(s.evidence, strings.TrimSpace(said)), s.bad || a.Verdict == "bad"
	}
	const shown = 3
	if more := len(s.evidence) - shown; more > 0 {
		s.evidence = append(s.evidence[:shown], plural(more, "more alias", "more aliases"))
	}
}

// stageOver is the line of a stage that is complete, or was cut off.
func (v *View) stageOver(p layout, now time.Time) []terminal.Line {
	s := v.stage
	if s == nil {
		return nil
	}
	v.stage = nil
	m := ok
	switch {
	case s.bad:
		m = wrong
	case s.cut:
		m = note
	}
	lines := p.row(m, "", traffic.Percent(s.percent)+" of the traffic on the new version", Took(now.Sub(s.began)))
	for _, said := range s.evidence {
		lines = append(lines, p.below(said)...)
	}
	return lines
}

func (v *View) durations(p layout, e event.DurationsCompared) (lines []terminal.Line) {
	for _, said := range durationLines(e) {
		lines = append(lines, p.row(note, "", said, "")...)
	}
	return lines
}

// gateEvent takes what becomes of a question.
func (v *View) gateEvent(p layout, e event.Event, now time.Time) []terminal.Line {
	//nolint:gochecksumtype // a gate has these
	switch e := e.(type) {
	case event.GateAsked:
		v.gate = &activity{what: "gate " + e.Moment + ": asking " + e.To, since: now, until: now.Add(e.Timeout)}
	case event.GateWaiting:
		if v.gate != nil {
			v.gate.status, v.gate.until = e.Reason, now.Add(e.Left)
		}
	case event.GatePassed:
		v.gate = nil
		said := "gate " + e.Moment + ": " + e.To + " says yes"
		if e.Reason != "" {
			said += ": " + e.Reason
		}
		return p.row(ok, "", said, Took(e.Took))
	case event.GateRefused:
		v.gate = nil // the failure that follows says why
	}
	return nil
}

func (v *View) alarm(p layout, e event.AlarmChanged) []terminal.Line {
	said := fmt.Sprintf("alarm %s in %s: %s", e.Name, e.Region, e.To)
	if e.From != "" {
		said = fmt.Sprintf("alarm %s in %s: %s → %s: %s", e.Name, e.Region, e.From, e.To, e.Reason)
	}
	if e.To == "ALARM" {
		return p.row(warning, "", said, "")
	}
	return p.row(note, "", said, "")
}
