// Package history knows where the aliases of a function pointed to, and when: from
// CloudTrail's events, from the journals of runs, and from the markers in the
// descriptions of published versions.
//
// It promises never to guess. [Alias.At] returns where an alias pointed to at an
// instant only where its sources prove it, and says what proves it; otherwise it
// returns an [UnprovenError] with everything that the alias may have pointed to. It
// makes no call.
package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Pointer is where an alias points to.
type Pointer struct {
	Version string
	// Weights are the shares of other versions, from 0 to 1.
	Weights map[string]float64
}

// Equal reports whether two pointers are the same.
func (p Pointer) Equal(q Pointer) bool {
	return p.Version == q.Version && maps.Equal(p.Weights, q.Weights)
}

// String names the version, and the shares of others in per cent.
func (p Pointer) String() string {
	text := cmp.Or(p.Version, "none")
	for _, version := range slices.Sorted(maps.Keys(p.Weights)) {
		text += fmt.Sprintf(" with %s on %s", traffic.Percent(traffic.PercentOf(p.Weights[version])), version)
	}
	return text
}

// Versions are the versions that get traffic, or would.
func (p Pointer) Versions() []string {
	return append([]string{p.Version}, slices.Sorted(maps.Keys(p.Weights))...)
}

// Source is where a move is known from.
type Source string

// The sources.
const (
	CloudTrail Source = "CloudTrail"
	Journals   Source = "journals"
	Markers    Source = "version markers"
)

// Move is a change of an alias.
type Move struct {
	// Second is when it happened, in whole seconds.
	Second time.Time
	// To is where the alias pointed to then; its Version is "" where the alias was
	// deleted.
	To Pointer
	// Unknown reports that the alias changed, without what it changed to.
	Unknown bool
	// By is who made it, Run the run of this program, where the source says so.
	By, Run string
	Source  Source
	// RevisionID is the alias's after the move, Expected the one that the call
	// demanded before it; "" where the source says neither.
	RevisionID, Expected string
}

// Alias is what is known of one alias.
type Alias struct {
	Name string
	// Now is where it points to, and RevisionID its own.
	Now        Pointer
	RevisionID string
	// Moves are CloudTrail's, in the order of their seconds.
	Moves []Move
	// Told are moves that journals and markers tell of: they prove nothing, since
	// others may have moved the alias in between.
	Told []Move
}

// Function is what is known of a function.
type Function struct {
	Name, Region string
	// Versions are the published ones, the oldest first.
	Versions []Version
	Aliases  []Alias
	// Trail is what CloudTrail's history covers; nil where it could not be read.
	Trail *Coverage
	// Reborn are the seconds in which the function was created or deleted, as far
	// as CloudTrail says.
	Reborn []time.Time
}

// Coverage is the time of which CloudTrail's history is complete, but for events
// that are still on their way.
type Coverage struct{ From, Read time.Time }

// Version is a published version.
type Version struct {
	Number string
	// Published is when it was published.
	Published   time.Time
	CodeSha256  string
	CodeSize    int64
	Description string
	// Run, Repository, Commit and URL are those of the run that published it, from
	// its marker; Was is what aliases pointed to before.
	Run, Repository, Commit, URL string
	Was                          map[string]string
	// RestorePoint is set where it keeps the state from before a deployment.
	RestorePoint bool
}

// Alias returns what is known of an alias; nil where the function has none of that
// name.
func (f *Function) Alias(name string) *Alias {
	for i := range f.Aliases {
		if f.Aliases[i].Name == name {
			return &f.Aliases[i]
		}
	}
	return nil
}

// Has reports whether a version exists.
func (f *Function) Has(number string) bool {
	return slices.ContainsFunc(f.Versions, func(v Version) bool { return v.Number == number })
}

// Candidate is where an alias may have pointed to.
type Candidate struct {
	Pointer
	// Why says what speaks for it.
	Why string
}

// UnprovenError reports that nothing proves where an alias pointed to.
type UnprovenError struct {
	Function, Alias string
	// Asked is the instant or the commit.
	Asked      string
	Why        string
	Candidates []Candidate
}

// Error names the candidates and how to choose one of them.
func (e *UnprovenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "it cannot be proven where alias %s of %s pointed to %s: %s", e.Alias, e.Function, e.Asked, e.Why)
	if len(e.Candidates) == 0 {
		b.WriteString("; no source names a candidate: lambda-rollout history --function " + e.Function + " lists the versions")
		return b.String()
	}
	b.WriteString("; choose one of these with to-version:")
	for _, c := range e.Candidates {
		fmt.Fprintf(&b, "\n  %s  %s", c.Pointer, c.Why)
	}
	return b.String()
}
