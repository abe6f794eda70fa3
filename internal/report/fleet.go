package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// fleetSize is the number of targets above which a log has at most two lines for
// each: one when it is deployed, and one when it is rolled back.
const fleetSize = 10

// Fleet reports whether so many targets are told about together.
func Fleet(targets int) bool { return targets > fleetSize }

// fleet is the log of a run with many targets: it counts instead of telling. What
// it leaves out is in the journal, and in the log with verbose.
type fleet struct {
	log *Log

	mu     sync.Mutex
	tally  *tally
	warned repeats
}

func newFleet(l *Log, targets []event.Target) *fleet {
	f := &fleet{log: l, tally: newTally(targets)}
	l.write("%s in %s; verbose shows each step", count(len(targets), "function"), count(len(f.tally.regions()), "Region"))
	return f
}

// emit takes an event of a target.
func (f *fleet) emit(t event.Target, e event.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.tally.take(t, e)
	//nolint:gochecksumtype // the others are counted, and no more
	switch e := e.(type) {
	case event.TargetEnded:
		f.log.write("[%s] done%s in %s", t, versioned(m.version), e.Took.Round(100*time.Millisecond))
	case event.RollbackEnded:
		f.rollbackEnded(t, e)
	case event.Warning:
		f.warn(t, e.Message)
	case event.CodeFirst:
		f.warn(t, codeFirst(e))
	case event.CaseFailed:
		f.log.of(t).caseFailed(e)
	}
}

func codeFirst(e event.CodeFirst) string {
	return fmt.Sprintf("AWS refuses the new configuration with the old code; the new code is sent first: %v", e.Err)
}

func versioned(version string) string {
	if version == "" {
		return ""
	}
	return ": version " + version
}

func (f *fleet) rollbackEnded(t event.Target, e event.RollbackEnded) {
	if len(e.Left) > 0 {
		f.log.Warn("[%s] %s", t, strings.Join(e.Left, "; "))
		return
	}
	f.log.write("[%s] is as it was before", t)
}

// warn writes the first warning of a kind; its repetitions are counted.
func (f *fleet) warn(t event.Target, message string) {
	if f.warned.first(t, message) {
		f.log.Warn("[%s] %s", t, message)
	}
}

// repetitions says of whom else the warnings were, once.
func (f *fleet) repetitions() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.warned.others() {
		f.log.Warn("%s", line)
	}
}

// limit begins the count-down of a rollback.
func (f *fleet) limit(within time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.until = f.log.out.now().Add(within)
}

// tick writes how far the run is.
func (f *fleet) tick() {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, all := f.tally.states(), len(f.tally.members)
	if until := f.tally.until; !until.IsZero() {
		left := max(until.Sub(f.log.out.now()), 0)
		f.log.write("%d of %d rolled back, %d failed; %s left until the rollback must end", n[restored], all, n[failed], left.Round(time.Second))
		return
	}
	line := fmt.Sprintf("%d of %d done, %d running, %d ready for traffic, %d waiting, %d failed", n[done], all, n[running], n[ready], n[waiting], n[failed])
	if left := f.tally.left(); left > 0 {
		line += fmt.Sprintf("; about %s left by the quota", left.Round(time.Second))
	}
	f.log.write("%s", line)
}

// emitFleet writes the lines about all targets of a run.
func (l *Log) emitFleet(e event.Event) {
	switch e := e.(type) {
	case event.AliasesMoved:
		l.Line("%s moved within %.1f s: meanwhile callers could get the old version of one and the new version of another", plural(e.Aliases, "alias", "aliases"), e.Within.Seconds())
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
