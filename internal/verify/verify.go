// Package verify decides whether a new version answers as the user expects,
// before it gets any traffic.
//
// A [Case] is one payload and what must come of it: an answer that contains a
// piece of JSON, an error, a maximum duration, the same answer as the old
// version. The package reads cases from files and inputs, and compares answers
// with them. It is pure: it invokes nothing. A difference names every place that
// differs, as in "$.body.ok: want true, got false"; hiding secrets in it is the
// caller's task.
package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/glob"
)

// Case is one payload and what must come of it.
type Case struct {
	Name string
	// Functions are those that the case is for.
	Functions glob.Glob
	// Payload is JSON; nil sends none.
	Payload []byte
	Want    Expectation
	// MaxDuration is how long the function may take; 0 means any time. It does not
	// include the initialization.
	MaxDuration time.Duration
	// Old compares the answer with the old version's; nil does not.
	Old *Comparison
}

// Comparison is how an answer is compared with the old version's.
type Comparison struct {
	// Ignore are the parts of the answer that may differ.
	Ignore []Path
}

// Expectation is what an invocation must end with: [Succeeds], [Fails] or
// [FailsWith].
//
//sumtype:decl
type Expectation interface {
	// differences is empty where the answer is as expected.
	differences(Answer) []string
}

// Succeeds expects an answer that contains all of these values.
type Succeeds struct{ Contains []any }

// Fails expects an error whose payload contains all of these values.
type Fails struct{ Contains []any }

// FailsWith expects an error whose type or message contains a text.
type FailsWith struct{ Text string }

// Answer is what came of an invocation.
type Answer struct {
	Payload []byte
	// Error is Lambda's FunctionError: Unhandled or Handled; "" where the function
	// succeeded.
	Error string
	// Log is the end of the invocation's log.
	Log string
	// Took is the duration of the call, as the caller measured it.
	Took time.Duration
}

// For returns the cases of one function.
func For(cases []Case, function string) []Case {
	var own []Case
	for _, c := range cases {
		if c.Functions.Match(function) {
			own = append(own, c)
		}
	}
	return own
}

// Check returns what is wrong with the new version's answer, one line each.
func (c Case) Check(a Answer) []string {
	wrong := c.Want.differences(a)
	if took := a.Duration(); c.MaxDuration > 0 && took > c.MaxDuration {
		wrong = append(wrong, fmt.Sprintf("it took %s: max-duration is %s", round(took), c.MaxDuration))
	}
	return wrong
}

// Compare returns where the new version's answer differs from the old one's, one
// line each.
func (c Comparison) Compare(answer, old Answer) []string {
	if answer.Error != old.Error {
		return []string{fmt.Sprintf("the old version %s, the new one %s", outcome(old), outcome(answer))}
	}
	return differences(decode(old.Payload), decode(answer.Payload), comparing{same: true, ignore: c.Ignore, want: "old", got: "new"})
}

func outcome(a Answer) string {
	if a.Error == "" {
		return "succeeded"
	}
	return "failed: " + a.Error + ": " + show(decode(a.Payload))
}

func (s Succeeds) differences(a Answer) []string {
	if a.Error != "" {
		return []string{"it failed: " + a.Error + ": " + show(decode(a.Payload))}
	}
	return contains(s.Contains, a)
}

func (f Fails) differences(a Answer) []string {
	if a.Error == "" {
		return []string{"it succeeded and was expected to fail; it answered " + show(decode(a.Payload))}
	}
	return contains(f.Contains, a)
}

func (f FailsWith) differences(a Answer) []string {
	if a.Error == "" {
		return Fails{}.differences(a)
	}
	if fields, ok := decode(a.Payload).(map[string]any); ok {
		for _, key := range []string{"errorType", "errorMessage"} {
			if text, ok := fields[key].(string); ok && strings.Contains(text, f.Text) {
				return nil
			}
		}
	}
	return []string{fmt.Sprintf("neither the error's type nor its message contains %q: %s", f.Text, show(decode(a.Payload)))}
}

func contains(all []any, a Answer) []string {
	var wrong []string
	got := decode(a.Payload)
	for _, want := range all {
		wrong = append(wrong, differences(want, got, comparing{want: "want", got: "got"})...)
	}
	return wrong
}
