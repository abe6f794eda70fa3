package report

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// Recorder keeps what the summary and the page of a run say of its course, and
// hands every event on.
type Recorder struct {
	to  event.Sink
	now func() time.Time

	mu       sync.Mutex
	began    time.Time // of the first stage
	stages   []Stage
	gates    []Question
	cases    []Case
	warnings []string
	undoing  undoing
	failures []Failure
}

// Failure is a call that failed, for programs. Call is Lambda's operation; an answer
// that is not as expected is one of Invoke.
type Failure struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	Call     string `json:"call"`
	// Rollback is set for a call of the rollback.
	Rollback bool   `json:"rollback,omitempty"`
	Error    string `json:"error"`
}

// Case is one invocation by which a new version was verified.
type Case struct {
	Name, Version string
	Failed        bool
	// Text is what the user should know of it.
	Text string
}

// NewRecorder hands the events on to another sink.
func NewRecorder(to event.Sink, now func() time.Time) *Recorder {
	return &Recorder{to: to, now: now}
}

// Emit implements event.Sink.
func (r *Recorder) Emit(e event.Event) {
	r.keep(e)
	r.to.Emit(e)
}

func (r *Recorder) keep(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of, is := e.(event.OfTarget); is {
		r.undoing.take(of.Target, of.Event, r.now())
		r.failed(of.Target, of.Event)
		e = of.Event
	}
	//nolint:gochecksumtype // the others leave nothing behind
	switch e := e.(type) {
	case event.StageHeld:
		r.held(e)
	case event.StageWatched:
		if n := len(r.stages); n > 0 {
			r.stages[n-1].Looks = append(r.stages[n-1].Looks, lookOf(r.now().Sub(r.began), e))
		}
	case event.GateAsked, event.GatePassed, event.GateRefused, event.DeploymentFailed:
		r.gates = asked(r.gates, e, r.now())
	case event.StepBegan:
		r.stageOver(e)
	case event.CaseVerified:
		r.cases = append(r.cases, Case{Name: e.Case, Version: e.Version, Text: "as expected in " + e.Usage})
	case event.CaseCompared:
		r.cases = append(r.cases, Case{Name: e.Case, Version: e.Version, Text: "as version " + e.Old + ": " + e.Usage + ", and " + e.OldUsage + " before"})
	case event.CaseFailed:
		r.cases = append(r.cases, Case{Name: e.Case, Version: e.Version, Failed: true, Text: strings.Join(e.Problems, "; ")})
	case event.Warning:
		r.warnings = append(r.warnings, e.Message)
	}
}

// failed keeps what went wrong.
func (r *Recorder) failed(t event.Target, e event.Event) {
	//nolint:gochecksumtype // the others do not fail
	switch e := e.(type) {
	case event.StepEnded:
		if e.Err != nil {
			r.failures = append(r.failures, Failure{Function: t.Function, Region: t.Region, Call: e.Step.Operation(), Rollback: e.Back, Error: e.Err.Error()})
		}
	case event.CaseFailed:
		r.failures = append(r.failures, Failure{Function: t.Function, Region: t.Region, Call: "Invoke", Error: e.Case + ": " + strings.Join(e.Problems, "; ")})
	}
}

// Failures are the calls of the run so far that failed.
func (r *Recorder) Failures() []Failure {
	if r == nil {
		return nil // nothing happened yet
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.failures)
}

// held begins a stage, or notes how long it has lasted.
func (r *Recorder) held(e event.StageHeld) {
	now := r.now()
	if e.Left == e.Wait {
		if len(r.stages) == 0 {
			r.began = now
		}
		r.stages = append(r.stages, Stage{Percent: e.Percent, Began: now.Sub(r.began)})
		return
	}
	if n := len(r.stages); n > 0 {
		r.stages[n-1].Held = e.Wait - e.Left
	}
}

// stageOver ends the stage: the next step after it changes the weights.
func (r *Recorder) stageOver(event.StepBegan) {
	n := len(r.stages)
	if n == 0 {
		return
	}
	if s := &r.stages[n-1]; !s.over {
		s.over = true
		s.Held = r.now().Sub(r.began) - s.Began
	}
}

// Course is that of the run so far.
func (r *Recorder) Course() Course {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Course{Stages: append([]Stage(nil), r.stages...), Gates: append([]Question(nil), r.gates...)}
}

// Cases are the invocations that verified the new version.
func (r *Recorder) Cases() []Case {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Case(nil), r.cases...)
}

// Undoing says what a rollback of the run has to restore, "" for nothing, and about
// how long that takes: as long as the changes took.
func (r *Recorder) Undoing() (what string, about time.Duration) {
	if r == nil {
		return "", 0 // nothing happened yet
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.undoing.String(), r.undoing.took(r.now())
}

// Warnings are those of the run so far.
func (r *Recorder) Warnings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.warnings...)
}
