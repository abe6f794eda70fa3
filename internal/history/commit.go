package history

import (
	"slices"
	"strings"
)

// shortestCommit is how many digits of a commit must be given.
const shortestCommit = 7

// OfCommit returns the version that was published from a commit over what the alias
// pointed to. Its error is an *UnprovenError: where no version, or more than one, is
// of the commit, or its marker does not name the alias.
func (f *Function) OfCommit(alias, commit string) (Proven, error) {
	a := f.Alias(alias)
	fail := UnprovenError{Function: f.Name, Alias: alias, Asked: "after the deployment of commit " + commit}
	var of []Version
	for _, v := range f.Versions {
		if !v.RestorePoint && sameCommit(v.Commit, commit) {
			of = append(of, v)
		}
	}
	moved := slices.DeleteFunc(slices.Clone(of), func(v Version) bool { return v.Was[alias] == "" })
	for _, v := range of {
		fail.Candidates = append(fail.Candidates, Candidate{Pointer{Version: v.Number}, "version marker: published from " + v.Commit})
	}
	switch {
	case a == nil:
		fail.Why, fail.Candidates = "the function has no such alias now", nil
	case len(commit) < shortestCommit:
		fail.Why = "the commit is too short to tell it from others: give at least seven digits"
	case len(of) == 0:
		fail.Why = "no version that still exists carries the marker of that commit"
	case len(moved) == 0:
		fail.Why = "the version of that commit does not say that the alias was moved to it"
	case len(moved) > 1:
		fail.Why = "several versions were published from that commit"
	default:
		return Proven{Pointer{Version: moved[0].Number}, "version marker: published from " + moved[0].Commit + " by run " + moved[0].Run}, nil
	}
	return Proven{}, &fail
}

// sameCommit compares commits of which either may be shortened.
func sameCommit(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return len(a) >= shortestCommit && len(b) >= 1 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}
