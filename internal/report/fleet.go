package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// fleetSize is the number of targets above which a log has at most two lines for
// each: one when it is deployed, and one when it is rolled back.
const fleetSize = 10

// Fleet reports whether so many targets are told about together.
func Fleet(targets int) bool { return targets > fleetSize }

// callsPerSecond is the rate at which the steps of an account and Region go out.
const callsPerSecond = awsfacts.ControlPlaneRate - 1

// fleet is the log of a run with many targets: it counts instead of telling. What
// it leaves out is in the journal, and in the log with verbose.
type fleet struct {
	log *Log

	mu      sync.Mutex
	members map[event.Target]*member
	// warned are the warnings, by their text without the function's name.
	warned map[string]*repeated
	order  []string
	// until is when a rollback must end; zero before one begins.
	until time.Time
}

// member is what the log knows of one target.
type member struct {
	state state
	// steps are still to be carried out.
	steps   int
	version string
	took    time.Duration
}

type state int

const (
	waiting state = iota
	running
	// ready is a target whose new version is ready: its aliases are still to move.
	ready
	done
	failed
	restoring
	restored
)

// repeated is a warning and the further targets that have it.
type repeated struct {
	text   string
	others []string
}

func newFleet(l *Log, targets []event.Target) *fleet {
	f := &fleet{log: l, members: map[event.Target]*member{}, warned: map[string]*repeated{}}
	regions := map[string]bool{}
	for _, t := range targets {
		f.members[t] = &member{}
		regions[t.Region] = true
	}
	l.write("%s in %s; verbose shows each step", count(len(targets), "function"), count(len(regions), "Region"))
	return f
}

// emit takes an event of a target.
func (f *fleet) emit(t event.Target, e event.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.members[t]
	if m == nil {
		m = &member{}
		f.members[t] = m
	}
	switch e := e.(type) {
	case event.ObserveBegan:
		m.state = running
	case event.ObserveEnded:
		m.state = waiting
	case event.Planned:
		m.steps = e.Steps
	case event.DeployBegan:
		m.state = running
	case event.DeployEnded:
		m.state = ready
	case event.StepBegan:
		if !e.Back {
			m.state = running
		}
	case event.StepEnded:
		f.stepEnded(m, e)
	case event.TargetEnded:
		m.state, m.took = done, e.Took
		f.log.write("[%s] done%s in %s", t, versioned(m.version), e.Took.Round(100*time.Millisecond))
	case event.RollbackBegan:
		m.state = restoring
	case event.RollbackSkipped:
		m.state = restored
	case event.RollbackEnded:
		f.rollbackEnded(t, m, e)
	case event.Warning:
		f.warn(t, e.Message)
	case event.CodeFirst:
		f.warn(t, fmt.Sprintf("AWS refuses the new configuration with the old code; the new code is sent first: %v", e.Err))
	case event.CaseFailed:
		f.log.of(t).caseFailed(e)
	case event.WaitBegan, event.Waiting, event.AliasesBegan, event.AliasesEnded, event.AliasUpToDate, event.Downloading,
		event.WatchingForLateCall, event.StageHeld, event.StageWatched, event.StageExtended, event.AlarmChanged, event.DurationsCompared, event.GateAsked, event.GateWaiting, event.GatePassed, event.SectionBegan,
		event.RunBegan, event.OfTarget, event.AliasManifests,
		event.DeploymentFailed, event.JournalSkipped, event.VerifyBegan, event.CaseVerified, event.CaseCompared, event.AliasesMoved,
		event.WaveBegan, event.RollbackLimited, event.Tick:
	}
}

func (f *fleet) stepEnded(m *member, e event.StepEnded) {
	if e.Back {
		return
	}
	if e.Err != nil {
		m.state = failed
		return
	}
	m.steps--
	if _, published := e.Step.(plan.PublishVersion); published {
		m.version = e.Published
	}
}

func versioned(version string) string {
	if version == "" {
		return ""
	}
	return ": version " + version
}

func (f *fleet) rollbackEnded(t event.Target, m *member, e event.RollbackEnded) {
	m.state = restored
	if len(e.Left) > 0 {
		m.state = failed
		f.log.Warn("[%s] %s", t, strings.Join(e.Left, "; "))
		return
	}
	f.log.write("[%s] is as it was before", t)
}

// warn writes the first warning of a kind; its repetitions are counted.
func (f *fleet) warn(t event.Target, message string) {
	key := strings.ReplaceAll(message, t.Function, "…")
	if r := f.warned[key]; r != nil {
		r.others = append(r.others, t.String())
		return
	}
	f.warned[key] = &repeated{text: message}
	f.order = append(f.order, key)
	f.log.Warn("[%s] %s", t, message)
}

// repetitions says of whom else the warnings were, once.
func (f *fleet) repetitions() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range f.order {
		r := f.warned[key]
		if len(r.others) == 0 {
			continue
		}
		const named = 3
		names := strings.Join(r.others[:min(named, len(r.others))], ", ")
		if more := len(r.others) - named; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		f.log.Warn("the same is true of %s: %s", names, r.text)
		r.others = nil
	}
}

// limit begins the count-down of a rollback.
func (f *fleet) limit(within time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until = f.log.out.now().Add(within)
}

// tick writes how far the run is.
func (f *fleet) tick() {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := map[state]int{}
	for _, m := range f.members {
		n[m.state]++
	}
	if !f.until.IsZero() {
		left := max(f.until.Sub(f.log.out.now()), 0)
		f.log.write("%d of %d rolled back, %d failed; %s left until the rollback must end", n[restored], len(f.members), n[failed], left.Round(time.Second))
		return
	}
	line := fmt.Sprintf("%d of %d done, %d running, %d ready for traffic, %d waiting, %d failed", n[done], len(f.members), n[running], n[ready], n[waiting], n[failed])
	if left := f.left(); left > 0 {
		line += fmt.Sprintf("; about %s left by the quota", left.Round(time.Second))
	}
	f.log.write("%s", line)
}

// left is the time that the remaining steps take at the rate of their Region: the
// quotas of Regions are apart.
func (f *fleet) left() time.Duration {
	steps := map[string]int{}
	for t, m := range f.members {
		steps[t.Region] += max(m.steps, 0)
	}
	if len(steps) == 0 {
		return 0
	}
	return time.Duration(slices.Max(slices.Collect(maps.Values(steps)))) * time.Second / callsPerSecond
}

// emitFleet writes the lines about all targets of a run.
func (l *Log) emitFleet(e event.Event) {
	switch e := e.(type) {
	case event.AliasesMoved:
		l.Line("%s moved within %.1f s: so long callers could meet the old version of one and the new version of another", plural(e.Aliases, "alias", "aliases"), e.Within.Seconds())
	case event.WaveBegan:
		l.Line("Wave %d of %d: %s", e.Number, e.Of, names(e.Targets))
	case event.RollbackLimited:
		if f := l.ofFleet(); f != nil {
			f.limit(e.Within)
		}
	case event.Tick:
		if f := l.ofFleet(); f != nil {
			f.tick()
		}
	case event.SectionBegan:
		if f := l.ofFleet(); f != nil {
			f.repetitions()
		}
		l.Section(e.Title)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// names lists targets: few by name, many by number.
func names(targets []event.Target) string {
	if Fleet(len(targets)) {
		return count(len(targets), "function")
	}
	var all []string
	for _, t := range slices.SortedFunc(slices.Values(targets), func(a, b event.Target) int {
		return cmp.Or(cmp.Compare(a.Function, b.Function), cmp.Compare(a.Region, b.Region))
	}) {
		all = append(all, t.String())
	}
	return strings.Join(all, ", ")
}
