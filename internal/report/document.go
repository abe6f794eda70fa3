package report

import (
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// RunDocument is a run as its journal tells it, for programs.
type RunDocument struct {
	Run     string    `json:"run"`
	Command string    `json:"command,omitempty"`
	Started time.Time `json:"started"`
	// State is open, deployed, rolled-back or kept.
	State      string        `json:"state"`
	Repository string        `json:"repository,omitempty"`
	Commit     string        `json:"commit,omitempty"`
	RunURL     string        `json:"runUrl,omitempty"`
	Actor      string        `json:"actor,omitempty"`
	Functions  []RunFunction `json:"functions"`
}

// RunFunction is one function of a run.
type RunFunction struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	// Exists reports whether the function existed before the run; Aliases are what they
	// pointed to then.
	Exists       bool       `json:"exists"`
	Aliases      []RunAlias `json:"aliases"`
	RestorePoint string     `json:"restorePoint,omitempty"`
	Calls        []RunCall  `json:"calls"`
}

// RunAlias is where an alias pointed to before the run. Weights are the shares of other
// versions, from 0 to 1.
type RunAlias struct {
	Alias   string             `json:"alias"`
	Version string             `json:"version"`
	Weights map[string]float64 `json:"weights,omitempty"`
}

// RunCall is one call of a run that changes something.
type RunCall struct {
	Number int    `json:"number"`
	Call   string `json:"call"`
	// Rollback is set for a call of the rollback.
	Rollback bool       `json:"rollback,omitempty"`
	Alias    string     `json:"alias,omitempty"`
	Version  string     `json:"version,omitempty"`
	Began    time.Time  `json:"began"`
	Ended    *time.Time `json:"ended,omitempty"`
	// Result is done, refused or unknown; open where nothing was recorded.
	Result string `json:"result"`
	Error  string `json:"error,omitempty"`
}

// DocumentOf is the document of a run. hide redacts messages.
func DocumentOf(state *journal.RunState, hide func(string) string) RunDocument {
	h := state.Header
	d := RunDocument{
		Run: h.Run, Command: h.Command, Started: h.Started, State: string(state.State), Repository: h.Repository, Commit: h.Commit, RunURL: h.RunURL, Actor: h.Actor,
		Functions: []RunFunction{},
	}
	for _, t := range state.Targets {
		f := RunFunction{Function: t.Function, Region: t.Region, Aliases: []RunAlias{}, Calls: []RunCall{}}
		if before := t.Snapshot; before != nil {
			f.Exists, f.RestorePoint = before.Exists, before.RestorePoint
			for _, a := range before.Aliases {
				f.Aliases = append(f.Aliases, RunAlias{a.Name, a.Version, a.Weights})
			}
		}
		for _, s := range t.Steps {
			f.Calls = append(f.Calls, callOf(s, hide))
		}
		d.Functions = append(d.Functions, f)
	}
	return d
}

func callOf(s journal.Step, hide func(string) string) RunCall {
	c := RunCall{
		Number: s.Number, Call: s.Intent.Call, Rollback: s.Intent.Back, Alias: s.Intent.AliasName, Version: s.Intent.Version,
		Began: s.Record.At, Result: "open",
	}
	if a := s.Intent.Alias; a != nil {
		c.Alias, c.Version = a.Name, a.Version
	}
	if o := s.Outcome; o != nil {
		c.Result, c.Error, c.Ended = string(o.Result), hide(o.Error), &s.Ended
		if o.Version != "" {
			c.Version = o.Version
		}
	}
	return c
}
