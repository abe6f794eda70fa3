package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Log is a journal as read.
type Log struct {
	Header  Header
	State   State
	Targets []TargetLog

	next  int
	sound int
}

// TargetLog is what a run recorded of one Target.
type TargetLog struct {
	Target
	// Run is the run's id: the value of the tag that proves who created a
	// function.
	Run      string
	Salt     []byte
	Snapshot *Snapshot
	Steps    []Step
}

// Step is a change with what became of it; Outcome is nil where the process
// died, or lost the answer, in between.
type Step struct {
	Number  int
	Record  Record
	Intent  Intent
	Outcome *Outcome
}

// Open says that nobody knows whether the change took effect, or still will.
func (s Step) Open() bool {
	return s.Outcome == nil || s.Outcome.Result == Unknown || s.Outcome.Doubt
}

func newLog(h Header) Log {
	log := Log{Header: h, State: Open, next: 1, Targets: make([]TargetLog, len(h.Targets))}
	for i, t := range h.Targets {
		log.Targets[i] = TargetLog{Target: t, Run: h.Run, Salt: h.Salt}
	}
	return log
}

// Changed says that a call that changes something may have gone out.
func (l *Log) Changed() bool {
	for _, t := range l.Targets {
		if len(t.Steps) > 0 {
			return true
		}
	}
	return false
}

// back says that a step is a rollback's.
func (l *Log) back(target, step int) bool {
	if target < 0 || target >= len(l.Targets) {
		return false
	}
	return slices.ContainsFunc(l.Targets[target].Steps, func(s Step) bool { return s.Number == step && s.Intent.Back })
}

// maxTargets and maxLine bound what a broken file can make a reader hold.
const (
	maxTargets = 10_000
	maxLine    = 1 << 20
)

// Parse reads a journal. A torn last line is left out; anything else that is
// broken is an error. Nothing gives an empty Log.
func Parse(content []byte) (*Log, error) {
	var log Log
	header := true
	for number := 1; len(content) > log.sound; number++ {
		line, _, whole := bytes.Cut(content[log.sound:], []byte{'\n'})
		if !whole {
			break
		}
		if len(line) == 0 {
			// Whoever takes a journal over in S3 leaves an empty line.
			log.sound++
			continue
		}
		if len(line) > maxLine {
			return nil, fmt.Errorf("line %d is longer than %d bytes", number, maxLine)
		}
		if err := log.parse(header, line); err != nil {
			if log.sound+len(line)+1 == len(content) && errors.Is(err, errSyntax) {
				break
			}
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		log.sound += len(line) + 1
		header = false
	}
	return &log, nil
}

var errSyntax = errors.New("not a record")

func (l *Log) parse(header bool, line []byte) error {
	if header {
		var h Header
		if err := json.Unmarshal(line, &h); err != nil {
			return fmt.Errorf("%w: %w", errSyntax, err)
		}
		if h.Format != Format {
			return fmt.Errorf("the journal's format is %d, this program reads %d", h.Format, Format)
		}
		if h.Run == "" || len(h.Targets) == 0 || len(h.Targets) > maxTargets {
			return errors.New("the header names no run or no target")
		}
		sound := l.sound
		*l = newLog(h)
		l.sound = sound
		return nil
	}
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("%w: %w", errSyntax, err)
	}
	return l.add(r)
}

func (l *Log) add(r Record) error {
	if r.State != "" {
		l.State = r.State
		return nil
	}
	if r.Target < 0 || r.Target >= len(l.Targets) {
		return fmt.Errorf("the header has no target %d", r.Target)
	}
	t := &l.Targets[r.Target]
	switch {
	case r.Snapshot != nil:
		t.Snapshot = r.Snapshot
	case r.Intent != nil:
		t.Steps = append(t.Steps, Step{Number: r.Step, Record: r, Intent: *r.Intent})
		l.next = max(l.next, r.Step+1)
	case r.Outcome != nil:
		return t.close(r.Step, r.Outcome)
	}
	return nil
}

func (t *TargetLog) close(step int, outcome *Outcome) error {
	for i := len(t.Steps) - 1; i >= 0; i-- {
		if s := &t.Steps[i]; s.Number == step {
			s.Outcome = outcome
			if s.Intent.RestorePoint && outcome.Version != "" && t.Snapshot != nil {
				t.Snapshot.RestorePoint = outcome.Version
			}
			return nil
		}
	}
	return fmt.Errorf("an outcome of step %d, which was never begun", step)
}

// Contents are the states that $LATEST may be in if nobody else was here: the
// one before, and each that a step meant to leave or was seen to leave.
func (t *TargetLog) Contents() []Content {
	var all []Content
	if t.Snapshot != nil && t.Snapshot.Exists {
		all = append(all, t.Snapshot.Content)
	}
	for _, s := range t.Steps {
		if s.Intent.Content != nil && (s.Outcome == nil || s.Outcome.Result != Refused) {
			all = append(all, *s.Intent.Content)
		}
		if s.Outcome != nil && s.Outcome.Content != nil {
			all = append(all, *s.Outcome.Content)
		}
	}
	return all
}

// AliasStates are the states that an alias may be in if nobody else was here;
// absent says whether it may be missing.
func (t *TargetLog) AliasStates(name string) (states []Alias, absent bool) {
	if t.Snapshot != nil {
		for _, a := range t.Snapshot.Aliases {
			if a.Name == name {
				states = append(states, a)
			}
		}
		for _, m := range t.Snapshot.Missing {
			absent = absent || m == name
		}
	}
	for _, s := range t.Steps {
		switch {
		case s.Intent.Alias != nil && s.Intent.Alias.Name == name:
			states = append(states, *s.Intent.Alias)
		case s.Intent.Alias == nil && s.Intent.AliasName == name:
			absent = true
		}
	}
	return states, absent
}

// Published are the versions that the run published, restore point included.
func (t *TargetLog) Published() []string {
	var all []string
	for _, s := range t.Steps {
		if s.Outcome != nil && s.Outcome.Version != "" {
			all = append(all, s.Outcome.Version)
		}
	}
	return all
}

// FailedVersions are the versions that the run published, AWS could not start,
// and no rollback has deleted yet.
func (t *TargetLog) FailedVersions() []string {
	var all []string
	for _, s := range t.Steps {
		if s.Outcome != nil && s.Outcome.FailedVersion != "" && !t.deleted(s.Outcome.FailedVersion) {
			all = append(all, s.Outcome.FailedVersion)
		}
	}
	return all
}

func (t *TargetLog) deleted(version string) bool {
	return slices.ContainsFunc(t.Steps, func(s Step) bool {
		return s.Intent.Version == version && s.Outcome != nil && s.Outcome.Result == Done
	})
}

// Equal says that two contents are the same.
func (c Content) Equal(other Content) bool {
	return c.CodeSha256 == other.CodeSha256 && maps.Equal(c.Fields, other.Fields)
}

// Equal says that two aliases are the same.
func (a Alias) Equal(b Alias) bool {
	return a.Name == b.Name && a.Description == b.Description && a.Version == b.Version && maps.Equal(a.Weights, b.Weights)
}
