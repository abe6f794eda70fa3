package rehearse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
)

// restoredTo judges the end of a rollback. listed is whether it may leave something.
func (p *player) restoredTo(state string, err error, listed bool) verdict {
	if p.options.Terms.KeepNew {
		state = only(p.before, state)
	}
	var incomplete *deploy.IncompleteError
	var blocked *deploy.BlockedError
	switch {
	case errors.As(err, &incomplete) && listed:
		return verdict{kind: documented, detail: left(incomplete)}
	case errors.As(err, &blocked) && listed:
		return verdict{kind: documented, detail: blocked.Err.Error()}
	case err != nil:
		return verdict{kind: wrong, detail: "the rollback ended with: " + short(err.Error())}
	case state != p.before:
		return verdict{kind: wrong, detail: "the state is not the one before: " + differs(p.before, state)}
	}
	return verdict{kind: exact}
}

// left is what a rollback listed.
func left(incomplete *deploy.IncompleteError) string {
	var lines []string
	for _, t := range incomplete.Targets {
		for _, line := range t.Left() {
			// The statement that would help is one for the role of the play.
			line, _, _ = strings.Cut(line, "; this statement allows it")
			lines = append(lines, t.Target.Function+": "+line)
		}
	}
	return strings.Join(lines, "; ")
}

// mayEnd judges the error of a deployment by its type alone.
func (p *player) mayEnd(ended error) verdict {
	var incomplete *deploy.IncompleteError
	var failed *deploy.FailedError
	var not *deploy.NotStartedError
	if ended == nil || errors.As(ended, &incomplete) || errors.As(ended, &failed) || errors.As(ended, &not) {
		return verdict{}
	}
	return verdict{kind: wrong, detail: "the deployment ended with: " + short(ended.Error())}
}

// ended judges a deployment that lived to its end.
func (p *player) ended(w *world, ended error, listed bool) (verdict, error) {
	state, err := w.state()
	if err != nil {
		return verdict{}, err
	}
	var incomplete *deploy.IncompleteError
	var failed *deploy.FailedError
	var not *deploy.NotStartedError
	want := p.before
	switch {
	case ended == nil:
		want = p.after
	case errors.As(ended, &incomplete) && listed:
		return verdict{kind: documented, detail: left(incomplete)}, nil
	case !errors.As(ended, &failed) && !errors.As(ended, &not):
		return verdict{kind: wrong, detail: "the deployment ended with: " + short(ended.Error())}, nil
	}
	if state != want {
		return verdict{kind: wrong, detail: fmt.Sprintf("the deployment ended with %v, but %s", ended, differs(want, state))}, nil
	}
	return verdict{kind: exact}, nil
}
