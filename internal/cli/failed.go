package cli

import (
	"encoding/json"
	"errors"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/notify"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// failedDocument is what --output json prints of a command that failed, in the place of
// the command's own document.
type failedDocument struct {
	// Command is "" where none was recognised.
	Command string `json:"command"`
	// Run is the id of the run; "" for a command that has none.
	Run      string         `json:"run,omitempty"`
	Outcome  notify.Outcome `json:"outcome"`
	ExitCode int            `json:"exitCode"`
	Error    string         `json:"error"`
	// Problems are those of the user's input.
	Problems []problemDocument `json:"problems,omitempty"`
	Failures []report.Failure  `json:"failures,omitempty"`
	// Restored is what a rollback restored, and what it did not.
	Restored []restoredDocument `json:"restored,omitempty"`
	// Pruned is what prune deleted, and what it did not.
	Pruned []pruneDocument `json:"pruned,omitempty"`
	// Invoked are the answers before an invocation that could not be made.
	Invoked []invokeDocument `json:"invoked,omitempty"`
	Journal string           `json:"journal,omitempty"`
	// Recovery are the commands that roll back what remains.
	Recovery []string `json:"recovery,omitempty"`
}

// ended prints the document of a command that failed, where that is asked for and the
// command printed none, and returns the exit code. Where lines are asked for, it is the
// last of them.
func (a *app) ended(code int, command string, err error) int {
	lines := a.in != nil && (a.flag("follow") || a.flag("watch"))
	if !a.asksJSON || code == exitDone || code == exitChanges || a.printed.Load() && !lines {
		return code
	}
	document := a.failedDocument(code, command, err)
	var printing error
	if lines {
		printing = a.printLine(document)
	} else {
		printing = a.printJSON(document)
	}
	if printing != nil {
		a.log().Warn("%v", printing)
	}
	return code
}

func (a *app) failedDocument(code int, command string, err error) failedDocument {
	d := failedDocument{
		Command: command, Outcome: a.outcomeOf(code, err), ExitCode: code, Error: a.host.Redact(err.Error()),
		Failures: a.recorder.Failures(), Restored: a.restoredDocuments(restoredBy(err, a.restored)), Pruned: a.pruned, Invoked: a.answers, Journal: a.progress.journalName(),
	}
	var problems diag.List
	if errors.As(err, &problems) {
		d.Problems = a.problemDocuments(problems)
	}
	for i := range d.Failures {
		d.Failures[i].Error = a.host.Redact(d.Failures[i].Error)
	}
	if d.Journal != "" {
		d.Run = a.runName
	}
	var stopped *deploy.StoppedError
	if d.Recovery = a.recovery(err); len(d.Recovery) == 0 && errors.As(err, &stopped) {
		d.Recovery = []string{deploy.RollbackCommand(stopped.Journal)}
	}
	return d
}

// restoredBy is what the rollback of a deployment that failed restored; what a rollback
// of its own did is known already.
func restoredBy(err error, known []deploy.Restored) []deploy.Restored {
	var back *deploy.RolledBackError
	var incomplete *deploy.IncompleteError
	switch {
	case len(known) > 0:
		return known
	case errors.As(err, &incomplete):
		return incomplete.Targets
	case errors.As(err, &back):
		return back.Targets
	}
	return nil
}

// printLine prints a document as one line.
func (a *app) printLine(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.print(string(text) + "\n")
}
