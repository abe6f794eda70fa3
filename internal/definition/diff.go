package definition

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Kind says what a Change does to its field.
type Kind string

const (
	// Set gives a value to a field that had none.
	Set Kind = "set"
	// Changed gives another value to a field that had one.
	Changed Kind = "changed"
	// Removed takes the value away.
	Removed Kind = "removed"
)

// Change is one difference. The value of an environment variable is never in
// it: From and To are empty then, and the kind says all.
type Change struct {
	// Field is the path in AWS's spelling: VpcConfig.SubnetIds,
	// Environment.Variables.DB_URL, Tags.team.
	Field    string
	From, To string
	Kind     Kind
}

// Difference is what separates a function that exists from what a definition
// names, by the call that would carry it.
type Difference struct {
	// Patch holds the fields that differ, each with the whole value that it
	// shall have, clearing values included: the body of exactly one
	// UpdateFunctionConfiguration. Changes shows the same to users.
	Patch   Function
	Changes []Change
	// Architectures changes only together with the code.
	Architectures []Change
	// Immutable changes are carried by no update.
	Immutable []Change
	// CodeSigning changes have calls of their own.
	CodeSigning []Change
}

// Diff compares what a definition names with what AWS shows. What is not named
// stays as it is; an object's members that are not named do too, but for
// ImageConfig, which AWS replaces as a whole. Tags and code are compared by
// DiffTags and by their hash.
func Diff(wanted, have Function) Difference {
	var d Difference
	before, after := Canonical(have), have.Merge(wanted)
	vw, vb, va := reflect.ValueOf(wanted), reflect.ValueOf(before), reflect.ValueOf(after)
	patch := reflect.ValueOf(&d.Patch).Elem()
	for f := range configuration() {
		b, a := f.in(vb), f.in(va)
		if f.in(vw).IsNil() || reflect.DeepEqual(b.Interface(), a.Interface()) {
			continue
		}
		changes := compare(f, f.name, b, a)
		switch {
		case f.call == byCode:
			d.Architectures = append(d.Architectures, changes...)
		case f.call == byCreation || f.presenceFixed && b.IsNil() != a.IsNil():
			d.Immutable = append(d.Immutable, changes...)
		default:
			d.Changes = append(d.Changes, changes...)
			f.in(patch).Set(deepCopy(a))
			if f.kind == object {
				prune(f, f.in(patch).Elem(), b)
			}
		}
	}
	if w := wanted.CodeSigningConfigArn; w != nil && deref(w) != deref(have.CodeSigningConfigArn) {
		d.CodeSigning = append(d.CodeSigning, change("CodeSigningConfigArn", deref(have.CodeSigningConfigArn), *w))
	}
	return d
}

// prune leaves out of a patch's object the texts that were empty and stay so:
// an empty ARN clears, and not every member takes one.
func prune(f *field, v, before reflect.Value) {
	for i := range f.members {
		m := &f.members[i]
		if m.kind == text && show(m.in(v)) == "" && show(member(m, before)) == "" {
			m.in(v).SetZero()
		}
	}
}

// Empty reports whether nothing differs.
func (d Difference) Empty() bool {
	return len(d.Changes)+len(d.Architectures)+len(d.Immutable)+len(d.CodeSigning) == 0
}

// compare lists the differences below a field, one a leaf.
func compare(f *field, path string, from, to reflect.Value) []Change {
	switch f.kind {
	case object:
		var changes []Change
		for i := range f.members {
			m := &f.members[i]
			changes = append(changes, compare(m, path+"."+m.name, member(m, from), member(m, to))...)
		}
		return changes
	case stringMap:
		a, _ := from.Interface().(map[string]string)
		b, _ := to.Interface().(map[string]string)
		return secretChanges(path, a, b)
	}
	a, b := show(from), show(to)
	if reflect.DeepEqual(from.Interface(), to.Interface()) || a == "" && b == "" {
		return nil
	}
	return []Change{change(path, a, b)}
}

// member is an object's field, or its nil where the object is nil.
func member(m *field, v reflect.Value) reflect.Value {
	if v.IsNil() {
		return m.in(reflect.Zero(v.Type().Elem()))
	}
	return m.in(v.Elem())
}

// secretChanges compares values without showing them.
func secretChanges(path string, from, to map[string]string) []Change {
	var changes []Change
	for _, key := range unionKeys(from, to) {
		a, had := from[key]
		b, has := to[key]
		switch {
		case !had:
			changes = append(changes, Change{Field: path + "." + key, Kind: Set})
		case !has:
			changes = append(changes, Change{Field: path + "." + key, Kind: Removed})
		case a != b:
			changes = append(changes, Change{Field: path + "." + key, Kind: Changed})
		}
	}
	return changes
}

func change(path, from, to string) Change {
	c := Change{Field: path, From: from, To: to, Kind: Changed}
	switch {
	case from == "":
		c.Kind = Set
	case to == "":
		c.Kind = Removed
	}
	return c
}

// show is a value on one line; "" where there is none.
func show(v reflect.Value) string {
	if v.IsNil() {
		return ""
	}
	switch x := v.Interface().(type) {
	case *string:
		return *x
	case *int32:
		return strconv.Itoa(int(*x))
	case *float64:
		return plainNumber(*x)
	case *bool:
		return strconv.FormatBool(*x)
	case []string:
		return showList(x)
	case []FileSystemConfig:
		mounts := make([]string, len(x))
		for i, fs := range x {
			mounts[i] = fs.show()
		}
		return strings.Join(mounts, ", ")
	}
	return fmt.Sprint(v.Interface())
}

// showList puts quotes only around what would not be seen as one entry.
func showList(list []string) string {
	shown := make([]string, len(list))
	for i, s := range list {
		if shown[i] = s; s == "" || strings.ContainsAny(s, ", \"\n") {
			shown[i] = strconv.Quote(s)
		}
	}
	return strings.Join(shown, ", ")
}

func (c FileSystemConfig) show() string {
	s := deref(c.Arn) + " at " + deref(c.LocalMountPath)
	if c.S3FilesConfig != nil {
		s += ", direct reads " + deref(c.S3FilesConfig.DirectS3Read)
	}
	return s
}

// DiffTags compares a definition's tags with AWS's: what to set, what to
// remove, and the changes to show. Tags of AWS (aws:*) and of this
// program (lambda-rollout:*) are not looked at. Tags that are nil are not
// named, and nothing changes then.
func DiffTags(wanted, have map[string]string) (set map[string]string, remove []string, changes []Change) {
	if wanted == nil {
		return nil, nil, nil
	}
	for _, key := range unionKeys(wanted, have) {
		if foreignTag(key) {
			continue
		}
		to, wants := wanted[key]
		from, has := have[key]
		c := Change{Field: "Tags." + key, From: from, To: to}
		switch {
		case !wants:
			remove = append(remove, key)
			c.Kind = Removed
		case !has:
			c.Kind = Set
		case from != to:
			c.Kind = Changed
		default:
			continue
		}
		if wants {
			if set == nil {
				set = map[string]string{}
			}
			set[key] = to
		}
		changes = append(changes, c)
	}
	return set, remove, changes
}

func foreignTag(key string) bool {
	return strings.HasPrefix(key, "aws:") || strings.HasPrefix(key, ownTags)
}

func unionKeys(a, b map[string]string) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
