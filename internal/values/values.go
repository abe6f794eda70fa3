// Package values reads the values that a deployment's files refer to from where
// they are kept: the environment, files, Systems Manager's Parameter Store, Secrets
// Manager, and Terraform's state in a file or in S3.
//
// It promises to read each place once in a run, parameters ten at a time and
// everything else side by side; to name, for each value that it cannot read, the
// place and the permission that is missing; and to tell which values are secret. It
// writes no value anywhere and changes nothing.
package values

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/tfstate"
)

// Result is a value, or why there is none.
type Result struct {
	Text string
	// Secret reports whether the place keeps the value as a secret: SecureString,
	// Secrets Manager, and what Terraform marks as sensitive.
	Secret bool
	// JSON reports whether the place has the value as something else than a string:
	// Text is JSON then.
	JSON bool
	Err  error
}

// Options are how a Reader reaches what it reads.
type Options struct {
	// Local reads an environment variable or file with a value.
	Local func(ctx context.Context, source string) (string, error)
	// File reads a file that the user named.
	File func(ctx context.Context, name string) ([]byte, error)
	// Session is called once a Reader at most, and only where AWS has to be asked.
	Session func(ctx context.Context) (*session.Session, error)
}

// Reader reads values and remembers them. It is not safe for use by several
// goroutines.
type Reader struct {
	opts   Options
	known  map[Source]Result
	states map[string]loadedState
	opened *session.Session
}

type loadedState struct {
	state *tfstate.State
	err   error
}

// New returns a Reader that has read nothing yet.
func New(opts Options) *Reader {
	return &Reader{opts: opts, known: map[Source]Result{}, states: map[string]loadedState{}}
}

// Read returns the values of the sources, in their order.
func (r *Reader) Read(ctx context.Context, sources []Source) []Result {
	var parameters []Parameter
	var secrets []Secret
	var states []State
	seen := map[Source]bool{}
	for _, s := range sources {
		if _, known := r.known[s]; known || seen[s] {
			continue
		}
		seen[s] = true
		switch s := s.(type) {
		case Local:
			text, err := r.opts.Local(ctx, string(s))
			r.known[s] = Result{Text: text, Err: err}
		case Parameter:
			parameters = append(parameters, s)
		case Secret:
			secrets = append(secrets, s)
		case State:
			states = append(states, s)
		}
	}
	r.readParameters(ctx, parameters)
	r.readSecrets(ctx, secrets)
	r.readStates(ctx, states)
	out := make([]Result, len(sources))
	for i, s := range sources {
		out[i] = r.known[s]
	}
	return out
}

// session opens the session where there is none yet.
func (r *Reader) session(ctx context.Context) (*session.Session, error) {
	if r.opened == nil {
		var err error
		if r.opened, err = r.opts.Session(ctx); err != nil {
			return nil, err
		}
	}
	return r.opened, nil
}

// region is the Region to ask about a name or an ARN.
func region(s *session.Session, name string) (string, error) {
	if parts := strings.Split(name, ":"); len(parts) > 5 && parts[0] == "arn" {
		return parts[3], nil
	}
	return s.Region()
}

// atOnce is how many calls to one service are under way at a time.
const atOnce = 8

// sideBySide calls do for 0 to n-1.
func sideBySide(n int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, atOnce) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// ErrEmpty is the error of a value without a character, which nobody means.
var ErrEmpty = errors.New("the value is empty")

func textOf(text string, secret bool) Result {
	if text == "" {
		return Result{Err: ErrEmpty}
	}
	return Result{Text: text, Secret: secret}
}
