package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// RunState is a journal as read: what is known of one run.
type RunState struct {
	Header  Header
	State   State
	Targets []TargetLog
	// Evidence is what was measured and decided while traffic was shared.
	Evidence []Evidence
	// Stages are those of the schedule that began, in the order of time.
	Stages []StageBegan

	// next is the number of the next step; sound is how many bytes of a file
	// were read before its torn tail; last is each Target's last content.
	next  int
	sound int
	last  []*Content
}

// TargetLog is what a run recorded of one Target.
type TargetLog struct {
	Target
	// Run is the run's id: the value of the tag that proves who created a
	// function.
	Run string
	// Scope begins the ids of all runs of the same job, as in Header.
	Scope    string
	Salt     []byte
	Snapshot *Snapshot
	Steps    []Step
	// Ready is nil before the aliases move, and where they do not move in a schedule.
	Ready *Ready
}

// Step is a change with what became of it; Outcome is nil where the process
// died, or lost the answer, in between.
type Step struct {
	Number  int
	Record  Record
	Intent  Intent
	Outcome *Outcome
	// Ended is when the outcome was recorded; zero where there is none.
	Ended time.Time
}

// Open reports whether the change may have taken effect, or may still.
func (s Step) Open() bool {
	return s.Outcome == nil || s.Outcome.Result == Unknown || s.Outcome.Doubt
}

func newRunState(h Header) RunState {
	state := RunState{
		Header: h, State: Open, Targets: make([]TargetLog, len(h.Targets)),
		next: 1, last: make([]*Content, len(h.Targets)),
	}
	for i, t := range h.Targets {
		state.Targets[i] = TargetLog{Target: t, Run: h.Run, Scope: h.Scope, Salt: h.Salt}
	}
	return state
}

func (s RunState) clone() RunState {
	s.Targets, s.last, s.Evidence, s.Stages = slices.Clone(s.Targets), slices.Clone(s.last), slices.Clone(s.Evidence), slices.Clone(s.Stages)
	for i, t := range s.Targets {
		s.Targets[i] = t.clone()
	}
	return s
}

func (t TargetLog) clone() TargetLog {
	t.Steps = slices.Clone(t.Steps)
	return t
}

// Changed reports whether a call that changes something may have gone out.
func (s *RunState) Changed() bool {
	for _, t := range s.Targets {
		if len(t.Steps) > 0 {
			return true
		}
	}
	return false
}

// back reports whether a step is a rollback's.
func (s *RunState) back(target, step int) bool {
	if target < 0 || target >= len(s.Targets) {
		return false
	}
	return slices.ContainsFunc(s.Targets[target].Steps, func(s Step) bool { return s.Number == step && s.Intent.Back })
}

// maxTargets and maxLine bound what a broken file can make a reader hold. The
// header's line grows with the Targets.
const (
	maxTargets = 10_000
	maxLine    = 1 << 20
	maxHeader  = 16 << 20
)

// beginning is how the header of every journal begins.
const beginning = `{"format":1,"run":"`

// ErrForeign reports a file that is not a journal of this program.
var ErrForeign = errors.New("the file is not a journal of lambda-rollout and is not changed; name another file")

// tornHeader reports whether content may be the beginning of a header that was
// not written to its end.
func tornHeader(content []byte) bool {
	n := min(len(content), len(beginning))
	return string(content[:n]) == beginning[:n]
}

// Parse reads a journal of JSON lines. A torn last line is left out; anything
// else that is broken is an error, ErrForeign where it does not begin as a
// journal. Empty content is an empty RunState.
func Parse(content []byte) (*RunState, error) {
	var state RunState
	for number := 1; len(content) > state.sound; number++ {
		line, _, whole := bytes.Cut(content[state.sound:], []byte{'\n'})
		if state.Header.Run == "" {
			if !tornHeader(line) {
				return nil, firstLineError(line)
			}
			if !whole {
				break
			}
			if err := state.begin(line); err != nil {
				return nil, err
			}
			state.sound = len(line) + 1
			continue
		}
		if !whole {
			break
		}
		if err := state.line(line); err != nil {
			if state.sound+len(line)+1 == len(content) && errors.Is(err, errSyntax) {
				break
			}
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		state.sound += len(line) + 1
	}
	return &state, nil
}

// firstLineError tells a journal of another format from a foreign file.
func firstLineError(line []byte) error {
	var h Header
	if json.Unmarshal(line, &h) == nil && h.Run != "" && h.Format > Format {
		return fmt.Errorf("the journal's format is %d, this program reads %d", h.Format, Format)
	}
	return ErrForeign
}

var errSyntax = errors.New("not a record")

// begin reads the header.
func (s *RunState) begin(line []byte) error {
	if len(line) > maxHeader {
		return fmt.Errorf("the header is longer than %d bytes", maxHeader)
	}
	var h Header
	if err := json.Unmarshal(line, &h); err != nil {
		return fmt.Errorf("the header: %w: %w", errSyntax, err)
	}
	if h.Format != Format {
		return fmt.Errorf("the journal's format is %d, this program reads %d", h.Format, Format)
	}
	if h.Run == "" || len(h.Targets) == 0 || len(h.Targets) > maxTargets {
		return fmt.Errorf("the header names no run, no target, or more than %d", maxTargets)
	}
	*s = newRunState(h)
	return nil
}

// line reads one record. An empty line is skipped: whoever took over a journal
// that the last release kept in S3 left one.
func (s *RunState) line(line []byte) error {
	if len(line) == 0 {
		return nil
	}
	if len(line) > maxLine {
		return fmt.Errorf("it is longer than %d bytes", maxLine)
	}
	r, err := decode(line, s.lastContent)
	if err != nil {
		return err
	}
	return s.add(r)
}

func (s *RunState) lastContent(target int) *Content {
	if target < 0 || target >= len(s.last) {
		return nil
	}
	return s.last[target]
}

func (s *RunState) add(r Record) error {
	if r.State != "" {
		s.State = r.State
		return nil
	}
	if r.Takeover != nil {
		return nil
	}
	if r.Evidence != nil {
		e := *r.Evidence
		e.At = r.At
		s.Evidence = append(s.Evidence, e)
		if r.Evidence.Stage > 0 {
			s.Stages = append(s.Stages, StageBegan{Wave: r.Evidence.Wave, Stage: r.Evidence.Stage, At: r.At})
		}
		return nil
	}
	if r.Target < 0 || r.Target >= len(s.Targets) {
		return fmt.Errorf("the header has no target %d", r.Target)
	}
	t := &s.Targets[r.Target]
	s.last[r.Target] = r.recorded(s.last[r.Target])
	switch {
	case r.Snapshot != nil:
		t.Snapshot = r.Snapshot
	case r.Ready != nil:
		t.Ready = r.Ready
	case r.Intent != nil:
		t.Steps = append(t.Steps, Step{Number: r.Step, Record: r, Intent: *r.Intent})
		s.next = max(s.next, r.Step+1)
	case r.Outcome != nil:
		return t.close(r)
	}
	return nil
}

// close sets the outcome of a step. The Snapshot is replaced, not modified:
// copies of it were handed out.
func (t *TargetLog) close(r Record) error {
	number, outcome := r.Step, r.Outcome
	for i := len(t.Steps) - 1; i >= 0; i-- {
		step := &t.Steps[i]
		if step.Number != number {
			continue
		}
		step.Outcome, step.Ended = outcome, r.At
		if step.Intent.RestorePoint && outcome.Version != "" && t.Snapshot != nil {
			snapshot := *t.Snapshot
			snapshot.RestorePoint = outcome.Version
			t.Snapshot = &snapshot
		}
		return nil
	}
	return fmt.Errorf("an outcome of step %d, which was never begun", number)
}

// Contents returns the states that $LATEST may be in if nobody else changed it: the
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

// AliasStates returns the states that an alias may be in if nobody else changed it: the
// one before, and each that a step meant to leave, unless AWS refused it; absent reports
// whether it may be missing.
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
		case s.Outcome != nil && s.Outcome.Result == Refused:
		case s.Intent.Alias != nil && s.Intent.Alias.Name == name:
			states = append(states, *s.Intent.Alias)
		case s.Intent.Alias == nil && s.Intent.AliasName == name:
			absent = true
		}
	}
	return states, absent
}

// LastStates returns the states in which the run may have left an alias: the one after its
// last change that is known to be complete, or before the run, and those of all later
// changes that may have taken effect. absent reports whether it may be missing.
func (t *TargetLog) LastStates(name string) (states []Alias, absent bool) {
	if t.Snapshot != nil {
		absent = slices.Contains(t.Snapshot.Missing, name)
		for _, a := range t.Snapshot.Aliases {
			if a.Name == name {
				states = append(states, a)
			}
		}
	}
	for _, s := range t.Steps {
		switch a := s.Intent.Alias; {
		case a == nil || a.Name != name:
		case s.Open():
			states = append(states, *a)
		case s.Outcome.Result == Done:
			states, absent = []Alias{*a}, false
		}
	}
	return states, absent
}

// HandedOver is an alias that CodeDeploy was asked to move.
type HandedOver struct {
	HandOver
	// To is the alias as CodeDeploy was to leave it.
	To Alias
	// Deployment is its id; "" where the answer was lost.
	Deployment string
	// At is when CodeDeploy was about to be asked.
	At time.Time
}

// HandedOver returns the aliases that CodeDeploy may have been asked to move.
func (t *TargetLog) HandedOver() []HandedOver {
	var all []HandedOver
	for _, s := range t.Steps {
		if s.Intent.HandOver == nil || s.Intent.Alias == nil || s.Outcome != nil && s.Outcome.Result == Refused {
			continue
		}
		h := HandedOver{HandOver: *s.Intent.HandOver, To: *s.Intent.Alias, At: s.Record.At}
		if s.Outcome != nil {
			h.Deployment = s.Outcome.Deployment
		}
		all = append(all, h)
	}
	return all
}

// leaves reports whether CodeDeploy may have left an alias so: at the version before
// or at the new one, with any weight for the other.
func (h HandedOver) leaves(a Alias) bool {
	if a.Name != h.To.Name || a.Description != h.To.Description {
		return false
	}
	for version := range a.Weights {
		if version != h.From && version != h.To.Version {
			return false
		}
	}
	return a.Version == h.From || a.Version == h.To.Version
}

// MayHaveLeft reports whether an alias is in a state in which this run, or what it
// asked CodeDeploy for, may have left it.
func (t *TargetLog) MayHaveLeft(a Alias) bool {
	states, _ := t.AliasStates(a.Name)
	return slices.ContainsFunc(states, a.Equal) || slices.ContainsFunc(t.HandedOver(), func(h HandedOver) bool { return h.leaves(a) })
}

// SettingKeys returns the settings that the run may have changed.
func (t *TargetLog) SettingKeys() []definition.SettingKey {
	var all []definition.SettingKey
	for _, s := range t.Steps {
		changed := s.Intent.Setting != nil && (s.Outcome == nil || s.Outcome.Result != Refused)
		if changed && !slices.Contains(all, s.Intent.Setting.SettingKey) {
			all = append(all, s.Intent.Setting.SettingKey)
		}
	}
	return all
}

// KnowsSetting reports whether what a setting was before the run is recorded, or was
// nothing because the run changed it already.
func (t *TargetLog) KnowsSetting(key definition.SettingKey) bool {
	return t.settingBefore(key).SettingKey == key || slices.ContainsFunc(t.Steps, func(s Step) bool {
		return s.Intent.Setting != nil && s.Intent.Setting.SettingKey == key
	})
}

// settingBefore is what a setting was before the run; the zero value where it was
// not recorded.
func (t *TargetLog) settingBefore(key definition.SettingKey) definition.Setting {
	if t.Snapshot != nil {
		for _, s := range t.Snapshot.Settings {
			if s.SettingKey == key {
				return s
			}
		}
	}
	for _, s := range t.Steps {
		if s.Intent.Before != nil && s.Intent.Before.SettingKey == key {
			return *s.Intent.Before
		}
	}
	return definition.Setting{}
}

// SettingStates returns the values that a setting may have if nobody else changed it:
// the one before the run, the one that the last change left that is known to be
// complete, and those of all later changes and of all that may still take effect.
// was is the one before the run. nil stands for one that is not set.
func (t *TargetLog) SettingStates(key definition.SettingKey) (was definition.SettingValue, states []definition.SettingValue) {
	was = t.settingBefore(key).Value
	var open []definition.SettingValue
	for _, s := range t.Steps {
		switch {
		case s.Intent.Setting == nil || s.Intent.Setting.SettingKey != key:
		case s.Open():
			open = append(open, s.Intent.Setting.Value)
		case s.Outcome.Result == Done:
			states = []definition.SettingValue{s.Intent.Setting.Value}
		}
	}
	return was, slices.Concat([]definition.SettingValue{was}, states, open)
}

// PublishesLatest reports whether the run may have changed $LATEST.PUBLISHED.
func (t *TargetLog) PublishesLatest() bool {
	return slices.ContainsFunc(t.Steps, func(s Step) bool {
		return s.Intent.LatestPublished != nil && (s.Outcome == nil || s.Outcome.Result != Refused)
	})
}

// FailedVersions returns the versions that the run published, AWS could not start,
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

// Published returns the versions that the run published, restore point included.
func (t *TargetLog) Published() []string {
	var all []string
	for _, s := range t.Steps {
		if s.Outcome != nil && s.Outcome.Version != "" {
			all = append(all, s.Outcome.Version)
		}
	}
	return all
}
