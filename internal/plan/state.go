package plan

import (
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// ContentOf returns a state of $LATEST as a journal keeps it. A field that AWS would
// not show is not in it: nothing is known of it.
func ContentOf(o *definition.Observed, salt []byte) journal.Content {
	fields := definition.Fingerprint(o.Function, salt)
	for _, u := range o.Unreadable {
		delete(fields, u.Field)
	}
	return journal.Content{Fields: fields, CodeSha256: o.CodeSha256}
}

// SameState reports whether two contents agree in all that is known of both.
func SameState(a, b journal.Content) bool {
	if a.CodeSha256 != b.CodeSha256 {
		return false
	}
	return !slices.ContainsFunc(slices.Collect(maps.Keys(a.Fields)), func(field string) bool { return !sameField(a, b, field) })
}

func sameField(a, b journal.Content, field string) bool {
	x, known := a.Fields[field]
	y, also := b.Fields[field]
	return !known || !also || x == y
}

// SameContent reports whether two versions hold the same code and configuration:
// descriptions aside, which publishing does not carry over.
func SameContent(a, b *definition.Observed) bool {
	x, y := a.Function, b.Function
	x.Description, y.Description = nil, nil
	return a.CodeSha256 == b.CodeSha256 && definition.EqualConfiguration(x, y)
}

// without names a field no longer, so that it stays as it is.
func without(f definition.Function, field string) definition.Function {
	switch field {
	case "Environment":
		f.Environment = nil
	case "ImageConfig":
		f.ImageConfig = nil
	}
	return f
}

// Drift lists what was changed in $LATEST since the version that the first alias
// points to was published: From what that version holds, To what $LATEST holds.
// A deployment takes it live together with its own changes. Nothing has drifted
// where $LATEST is a version that shares the alias' traffic. Descriptions are
// left out: a version's own is this program's marker.
func Drift(o Observation, aliases []definition.Alias) []definition.Change {
	if o.Latest == nil || o.Served == nil || o.Served.Version == Latest {
		return nil
	}
	for _, v := range o.Canaries(aliases) {
		if SameContent(v, o.Latest) {
			return nil
		}
	}
	latest := definition.Canonical(o.Latest.Function)
	latest.Description = nil
	for _, u := range slices.Concat(o.Latest.Unreadable, o.Served.Unreadable) {
		latest = without(latest, u.Field)
	}
	d := definition.Diff(latest, o.Served.Function)
	list := slices.Concat(d.Changes, d.Architectures)
	if o.Latest.CodeSha256 != o.Served.CodeSha256 {
		list = append(list, definition.Change{Field: "Code", From: o.Served.CodeSha256, To: o.Latest.CodeSha256, Kind: definition.Changed})
	}
	return list
}
