// Package prune decides which old versions of a function may be deleted.
//
// It promises to keep every version that something may still need, and to name each
// reason: see [Reason]. What it does not know of it keeps. It makes no call.
package prune

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/history"
)

// RestorePointAge is how old a version must be that keeps the state from before a
// deployment.
const RestorePointAge = 30 * 24 * time.Hour

// Facts are what a decision rests on.
type Facts struct {
	// Keep is how many of the newest versions stay in any case.
	Keep int
	Now  time.Time
	// Versions are all published ones, the oldest first.
	Versions []history.Version
	// Aliases are where the aliases point to.
	Aliases map[string]history.Pointer
	// Held are the versions to which a journal would lead back, with its run.
	Held map[string]string
	// Attached is what others attached to a version: permissions, provisioned
	// concurrency, event sources.
	Attached map[string][]string
	// Running are versions on which durable executions run.
	Running map[string]bool
}

// Decision is what becomes of a version.
type Decision struct {
	history.Version
	// Reasons are why it stays; empty where it may be deleted.
	Reasons []string
}

// Keeps reports whether the version stays.
func (d Decision) Keeps() bool { return len(d.Reasons) > 0 }

// Decide returns what becomes of each version, in their order.
func Decide(f Facts) []Decision {
	back := f.waysBack()
	var all []Decision
	for i, v := range f.Versions {
		d := Decision{Version: v}
		add := func(keep bool, format string, args ...any) {
			if keep {
				d.Reasons = append(d.Reasons, fmt.Sprintf(format, args...))
			}
		}
		add(i >= len(f.Versions)-f.Keep, "one of the newest %d", f.Keep)
		for _, name := range slices.Sorted(maps.Keys(f.Aliases)) {
			p := f.Aliases[name]
			_, weighed := p.Weights[v.Number]
			add(p.Version == v.Number, "%s points to it", name)
			add(weighed, "%s gives it traffic", name)
		}
		add(back[v.Number] != "", "%s pointed to it before its last deployment", back[v.Number])
		add(f.Held[v.Number] != "", "a rollback from the journal of run %s would restore it", f.Held[v.Number])
		add(v.RestorePoint && f.Now.Sub(v.Published) < RestorePointAge, "a restore point younger than 30 days")
		add(f.lent(i), "the restore point of a deployment younger than 30 days")
		add(v.Published.IsZero(), "when it was published is not known")
		add(f.Running[v.Number], "a durable execution runs on it")
		add(len(f.Attached[v.Number]) > 0, "it has %s", strings.Join(f.Attached[v.Number], ", "))
		all = append(all, d)
	}
	return all
}

// lent reports whether somebody else's version may be the restore point of the run
// that published the next one: PublishVersion returns the last version where $LATEST
// has not changed since
// (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
func (f Facts) lent(i int) bool {
	if i+1 == len(f.Versions) || f.Versions[i].Run != "" {
		return false
	}
	next := f.Versions[i+1]
	return next.Run != "" && !next.RestorePoint && f.Now.Sub(next.Published) < RestorePointAge
}

// waysBack are the versions to which a rollback by hand leads, with the alias: what
// the newest version that names the alias replaced, and what the version replaced
// that it points to.
func (f Facts) waysBack() map[string]string {
	back := map[string]string{}
	for name, pointer := range f.Aliases {
		newest := true
		for _, v := range slices.Backward(f.Versions) {
			was := v.Was[name]
			if was == "" {
				continue
			}
			_, weighed := pointer.Weights[v.Number]
			if newest || weighed || v.Number == pointer.Version {
				back[was] = name
			}
			newest = false
		}
	}
	return back
}

// Deletable are the versions that may be deleted.
func Deletable(all []Decision) []Decision {
	return slices.DeleteFunc(slices.Clone(all), Decision.Keeps)
}

// Size is the code storage of versions, in bytes.
func Size(all []Decision) int64 {
	var sum int64
	for _, d := range all {
		sum += d.CodeSize
	}
	return sum
}
