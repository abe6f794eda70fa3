package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// Fences are the objects on which this rollback has already made a write, so
// that a late copy of the run's own call can no longer land.
type Fences struct {
	Latest  bool
	Aliases map[string]bool
	// Watched reports whether calls without a fence were waited for long enough.
	Watched bool
}

// Back plans the way from what AWS shows to what the journal's snapshot
// remembers: aliases first, so that traffic is right again, then code, then
// configuration, then tags. What cannot be proven to be this run's, or whose
// content is no state of the journal, is refused and not changed.
func Back(t journal.TargetLog, o Observation, fences Fences) Plan {
	b := back{t: t, o: o, fences: fences, plan: Plan{Function: t.Function}}
	switch {
	case t.Snapshot == nil || len(t.Steps) == 0:
	case !t.Snapshot.Exists:
		b.created()
	case o.Latest == nil:
		b.refuse("function "+t.Function, "it is gone", "somebody deleted it: nothing of it can be restored")
	case b.pointGone() && len(b.foreign()) > 0:
		b.refuse("function "+t.Function, "changed: "+strings.Join(b.foreign(), ", "),
			fmt.Sprintf("version %s, which held the state from before the deployment, is gone too: somebody seems to have created the function again", t.Snapshot.RestorePoint))
	default:
		b.existing()
	}
	return b.plan
}

type back struct {
	t      journal.TargetLog
	o      Observation
	fences Fences
	plan   Plan
	// last are the aliases that return to $LATEST once it is restored.
	last []returning
}

// returning is an alias that goes back to $LATEST, from where it then is.
type returning struct {
	alias definition.Alias
	from  string
}

func (b *back) refuse(subject, found, reason string) {
	b.plan.Refused = append(b.plan.Refused, Refusal{Subject: subject, Found: found, Reason: reason})
}

// open reports whether a step of one of these calls may still take effect.
func (b *back) open(match func(journal.Intent) bool, calls ...Step) bool {
	for _, s := range b.t.Steps {
		if s.Open() && match(s.Intent) && slices.ContainsFunc(calls, func(c Step) bool { return isCall(s, c) }) {
			return true
		}
	}
	return false
}

// isCall reports whether a recorded step made the operation of call.
func isCall(s journal.Step, call Step) bool { return s.Intent.Call == call.Operation() }

func anyIntent(journal.Intent) bool { return true }

// touched reports whether this run may have made such a change: what it never
// touched, or was refused, is not its business, whatever its state is now.
func (b *back) touched(match func(journal.Intent) bool) bool {
	return slices.ContainsFunc(b.t.Steps, func(s journal.Step) bool { return !refused(s) && match(s.Intent) })
}

// refused reports whether AWS refused the change, so that nothing came of it.
func refused(s journal.Step) bool {
	return s.Outcome != nil && s.Outcome.Result == journal.Refused
}

// pointGone reports whether the version of the restore point is not there any more,
// or is another one of the same number.
func (b *back) pointGone() bool {
	was, point := b.t.Snapshot, b.o.RestorePoint
	return was.RestorePoint != "" && (point == nil || point.CodeSha256 != was.Content.CodeSha256)
}

// created deletes a function that this run created, and nothing else.
func (b *back) created() {
	name := "function " + b.t.Function
	attempted := slices.ContainsFunc(b.t.Steps, func(s journal.Step) bool {
		return isCall(s, CreateFunction{}) && (s.Outcome == nil || s.Outcome.Result != journal.Refused)
	})
	if !attempted {
		return
	}
	if b.o.Latest == nil {
		b.plan.MayArriveLate = !b.fences.Watched && b.open(anyIntent, CreateFunction{})
		return
	}
	for _, u := range b.o.Latest.Unreadable {
		if u.Field == "Tags" {
			b.refuse(name, "its tags cannot be read: "+u.Reason, fmt.Sprintf("only the tag %s shows whether this run created it", RunTag))
			return
		}
	}
	if run := b.o.Latest.Tags[RunTag]; run != b.t.Run {
		b.refuse(name, "it exists", fmt.Sprintf("it does not carry the tag %s=%s: this run did not create it", RunTag, b.t.Run))
		return
	}
	if foreign := b.foreign(); len(foreign) > 0 {
		b.refuse(name, "changed: "+strings.Join(foreign, ", "), "somebody changed it after this run created it")
		return
	}
	if b.inUse(name, "") {
		return
	}
	b.plan.Steps = []Step{DeleteFunction{}}
	b.plan.Changes = []definition.Change{{Field: "Function", From: b.t.Function, Kind: definition.Removed}}
}

// inUse refuses to delete what others attached something to, or may have: it
// would be deleted with it.
func (b *back) inUse(subject, qualifier string) bool {
	a := b.o.AttachedByOthers[qualifier]
	var found []string
	if len(a.Found) > 0 {
		found = append(found, "in use: "+strings.Join(a.Found, ", "))
	}
	reason := "somebody has begun to use it"
	if a.Unseen != "" {
		found = append(found, "what others attached to it cannot be seen: "+a.Unseen)
		if len(a.Found) == 0 {
			reason = "somebody may have begun to use it"
		}
	}
	if len(found) == 0 {
		return false
	}
	b.refuse(subject, strings.Join(found, "; "), reason)
	return true
}

func (b *back) existing() {
	for _, a := range b.t.Snapshot.Aliases {
		b.alias(a)
	}
	b.restoreSettings()
	for _, name := range b.t.Snapshot.Missing {
		b.newAlias(name)
	}
	lost := !b.latest()
	b.codeSigning()
	b.tags()
	b.failedVersions()
	b.latestPublished(lost)
	for _, r := range b.last {
		if lost {
			b.refuse("alias "+r.alias.Name, "it points to "+r.from, "it pointed to $LATEST before, which could not be restored")
			continue
		}
		b.change("Aliases."+r.alias.Name, r.from, Latest)
		b.plan.Steps = append(b.plan.Steps, UpdateAlias{Alias: r.alias})
	}
}

func (b *back) alias(was journal.Alias) {
	of := func(i journal.Intent) bool { return i.AliasName == was.Name }
	if !b.touched(of) {
		return
	}
	subject := "alias " + was.Name
	now := b.o.Aliases[was.Name]
	if id := b.o.Shifting[was.Name]; id != "" {
		b.stopCodeDeploy(was, now, id)
		return
	}
	if now == nil {
		b.refuse(subject, "it is gone", "somebody deleted it")
		return
	}
	state := journal.AliasOf(now.Alias)
	if b.o.WeightsSetByAWS[was.Name] {
		state.Weights = nil
	}
	step := UpdateAlias{Alias: was.Definition()}
	switch {
	case state.Equal(was) && !b.fences.Aliases[was.Name] && b.open(of, UpdateAlias{}):
		step.Fence = true
		b.plan.Steps = append(b.plan.Steps, step)
	case state.Equal(was) || b.o.WeightsSetByAWS[was.Name] && state.Version == was.Version:
		b.plan.MayArriveLate = b.plan.MayArriveLate || !b.fences.Watched && b.open(of, CreateDeployment{})
	case !b.t.MayHaveLeft(state):
		b.refuse(subject, describeAlias(now.Alias, was), "that is neither what it was before nor what this run set")
	case was.Version == Latest:
		b.aliasOnLatest(was.Definition(), state)
	default:
		b.change("Aliases."+was.Name, DescribeRouting(now.Alias), DescribeRouting(step.Alias))
		b.plan.Steps = append(b.plan.Steps, step)
	}
}

// stopCodeDeploy stops a deployment that still moves an alias. CodeDeploy brings it
// back; what it did is seen by the next look.
func (b *back) stopCodeDeploy(was journal.Alias, now *definition.ObservedAlias, id string) {
	b.plan.Steps = append(b.plan.Steps, StopDeployment{Alias: was.Name, ID: id})
	if now != nil && !sameRouting(now.Alias, was.Definition()) {
		b.change("Aliases."+was.Name, DescribeRouting(now.Alias), DescribeRouting(was.Definition()))
	}
}

// describeAlias describes an alias that is not as it was: what it points to, and
// its description where that alone may be the difference.
func describeAlias(now definition.Alias, was journal.Alias) string {
	s := "it points to " + DescribeRouting(now)
	if description := journal.AliasOf(now).Description; description != was.Description {
		s += fmt.Sprintf(", and its description is %q", description)
	}
	return s
}

// aliasOnLatest sends traffic to the restore point at once: $LATEST itself is
// right only when code and configuration are.
func (b *back) aliasOnLatest(final definition.Alias, now journal.Alias) {
	from := now.Version
	if point := b.t.Snapshot.RestorePoint; point != "" && (now.Version != point || len(now.Weights) > 0) {
		first := final
		first.Version = point
		b.plan.Steps = append(b.plan.Steps, UpdateAlias{Alias: first})
		from = point
	}
	b.last = append(b.last, returning{alias: final, from: from})
}

func (b *back) newAlias(name string) {
	now := b.o.Aliases[name]
	if now == nil {
		of := func(i journal.Intent) bool { return i.AliasName == name }
		b.plan.MayArriveLate = b.plan.MayArriveLate || !b.fences.Watched && b.open(of, CreateAlias{})
		return
	}
	states, _ := b.t.AliasStates(name)
	state := journal.AliasOf(now.Alias)
	if b.o.WeightsSetByAWS[name] {
		state.Weights = nil
	}
	if len(states) == 0 {
		return
	}
	if !slices.ContainsFunc(states, state.Equal) {
		b.refuse("alias "+name, describeAlias(now.Alias, states[len(states)-1]), "that is not what this run created")
		return
	}
	if b.inUse("alias "+name, name) {
		return
	}
	b.change("Aliases."+name, DescribeRouting(now.Alias), "")
	b.plan.Steps = append(b.plan.Steps, DeleteAlias{Name: name})
}

func (b *back) change(field, from, to string) {
	kind := definition.Changed
	if to == "" {
		kind = definition.Removed
	}
	b.plan.Changes = append(b.plan.Changes, definition.Change{Field: field, From: from, To: to, Kind: kind})
}

// foreign names the parts of $LATEST whose content is no state of the journal.
func (b *back) foreign() []string {
	now := ContentOf(b.o.Latest, b.t.Salt)
	contents := b.t.Contents()
	var names []string
	for _, field := range slices.Sorted(maps.Keys(now.Fields)) {
		if !slices.ContainsFunc(contents, func(c journal.Content) bool { return sameField(c, now, field) }) {
			names = append(names, field)
		}
	}
	if !slices.ContainsFunc(contents, func(c journal.Content) bool { return c.CodeSha256 == now.CodeSha256 }) {
		names = append(names, "Code")
	}
	return names
}

// latest plans $LATEST; it returns false where $LATEST does not become what it was.
func (b *back) latest() bool {
	touched := b.touched(func(i journal.Intent) bool { return i.Content != nil })
	if foreign := b.foreign(); len(foreign) > 0 {
		// A run whose changes AWS refused has nothing to restore, and a late
		// copy of its call dies of the RevisionId that somebody else moved.
		if touched {
			b.refuse(Latest, "changed: "+strings.Join(foreign, ", "), "that is neither what it was before nor what this run set")
		}
		return !touched
	}
	was := b.t.Snapshot
	now := ContentOf(b.o.Latest, b.t.Salt)
	if SameState(now, was.Content) {
		b.fenceLatest()
		return true
	}
	point := b.o.RestorePoint
	if point == nil || b.pointGone() {
		b.refuse(Latest, "changed by this run", fmt.Sprintf("version %s, which held the state from before the deployment, is gone", orNone(was.RestorePoint)))
		return false
	}
	for _, u := range point.Unreadable {
		if b.wrote(u.Field) {
			b.refuse(Latest, "changed by this run", fmt.Sprintf("%s of version %s cannot be read: %s", u.Field, point.Version, u.Reason))
			return false
		}
	}
	if b.codeWentFirst() {
		b.restoreConfiguration(point)
		b.restoreCode(point)
		return true
	}
	b.restoreCode(point)
	b.restoreConfiguration(point)
	return true
}

// wrote reports whether this run may have changed a field of the function, so
// that its old value is needed.
func (b *back) wrote(field string) bool {
	switch field {
	case "Tags":
		return false
	case "Code":
		return b.o.Latest.CodeSha256 != b.t.Snapshot.Content.CodeSha256
	case "RuntimeVersionConfig":
		field = "Runtime"
	}
	return b.touched(func(i journal.Intent) bool {
		return i.Content != nil && i.Content.Fields[field] != "" && i.Content.Fields[field] != b.t.Snapshot.Content.Fields[field]
	})
}

// codeWentFirst reports whether the deployment had to change the code before the
// configuration: a rollback in the other order was refused already.
func (b *back) codeWentFirst() bool {
	code, config := -1, -1
	for i, s := range b.t.Steps {
		switch {
		case s.Intent.Back || refused(s):
		case isCall(s, UpdateCode{}):
			code = i
		case isCall(s, UpdateConfiguration{}):
			config = i
		}
	}
	return code >= 0 && config > code
}

// fenceLatest makes a late copy of a lost call die of its old RevisionId.
func (b *back) fenceLatest() {
	if b.fences.Latest || !b.open(anyIntent, UpdateConfiguration{}, UpdateCode{}, PublishVersion{}) {
		return
	}
	description := b.t.Snapshot.Description
	b.plan.Steps = append(b.plan.Steps, UpdateConfiguration{Patch: definition.Function{Description: &description}, Fence: true})
}

func (b *back) restoreCode(point *definition.Observed) {
	was := b.t.Snapshot
	architectures := definition.Diff(definition.Function{Architectures: was.Architectures}, b.o.Latest.Function).Architectures
	sameCode := b.o.Latest.CodeSha256 == was.Content.CodeSha256
	if sameCode && len(architectures) == 0 {
		return
	}
	step := UpdateCode{Architectures: was.Architectures}
	switch {
	case point.ResolvedImageUri != "":
		step.Code = definition.Code{ImageUri: point.ResolvedImageUri}
	case point.ResolvedS3Object != nil:
		step.Code = *point.ResolvedS3Object
	default:
		step.Download = point.CodeLocation
	}
	step.Code.Sha256, step.Code.Size = point.CodeSha256, point.CodeSize
	step.Code.SourceKMSKeyArn = point.SourceKMSKeyArn
	b.plan.Steps = append(b.plan.Steps, step)
	if !sameCode {
		b.change("Code", b.o.Latest.CodeSha256, point.CodeSha256)
	}
	b.plan.Changes = append(b.plan.Changes, architectures...)
}

func (b *back) restoreConfiguration(point *definition.Observed) {
	wanted := definition.Canonical(point.Function)
	description := b.t.Snapshot.Description
	wanted.Description = &description
	for _, u := range slices.Concat(point.Unreadable, b.o.Latest.Unreadable) {
		if !b.wrote(u.Field) {
			// What cannot be read and was not written stays as it is.
			wanted = without(wanted, u.Field)
		}
	}
	d := definition.Diff(wanted, b.o.Latest.Function)
	if len(d.Changes) == 0 {
		return
	}
	b.plan.Steps = append(b.plan.Steps, UpdateConfiguration{Patch: d.Patch})
	b.plan.Changes = append(b.plan.Changes, d.Changes...)
}

func (b *back) codeSigning() {
	was := b.t.Snapshot.CodeSigning
	touched := b.touched(func(i journal.Intent) bool { return i.CodeSigning != nil })
	if was == nil || *was == b.o.CodeSigning || !touched {
		return
	}
	ours := slices.ContainsFunc(b.t.Steps, func(s journal.Step) bool {
		return s.Intent.CodeSigning != nil && *s.Intent.CodeSigning == b.o.CodeSigning
	})
	if !ours {
		b.refuse("code signing configuration", orNone(b.o.CodeSigning), "that is neither what it was before nor what this run set")
		return
	}
	b.change("CodeSigningConfigArn", b.o.CodeSigning, *was)
	b.plan.Steps = append(b.plan.Steps, setCodeSigning(*was))
}

// tags restores, key by key, what this run set or removed.
func (b *back) tags() {
	ours := b.ourTags()
	set, remove := map[string]string{}, []string(nil)
	for _, key := range slices.Sorted(maps.Keys(ours)) {
		was, now := tagOf(b.t.Snapshot.Tags, key), tagOf(b.o.Latest.Tags, key)
		switch {
		case now == was:
		case !slices.Contains(ours[key], now):
			b.refuse("tag "+key, now.String(), "that is neither what it was before nor what this run set")
		case was.set:
			set[key] = was.value
			b.change("Tags."+key, now.value, was.value)
		default:
			remove = append(remove, key)
			b.change("Tags."+key, now.value, "")
		}
	}
	if len(remove) > 0 {
		b.plan.Steps = append(b.plan.Steps, UntagResource{Keys: remove})
	}
	if len(set) > 0 {
		b.plan.Steps = append(b.plan.Steps, TagResource{Tags: set})
	}
	if len(set)+len(remove) == 0 && len(ours) > 0 && !b.fences.Watched {
		b.plan.MayArriveLate = b.plan.MayArriveLate || b.open(anyIntent, TagResource{}, UntagResource{})
	}
}

// tag is a tag's value, which may be empty, or its absence.
type tag struct {
	value string
	set   bool
}

func tagOf(tags map[string]string, key string) tag {
	value, set := tags[key]
	return tag{value, set}
}

func (t tag) String() string {
	if !t.set {
		return "it is gone"
	}
	return t.value
}

// ourTags are the states that this run may have left each tag in.
func (b *back) ourTags() map[string][]tag {
	ours := map[string][]tag{}
	for _, s := range b.t.Steps {
		if refused(s) {
			continue
		}
		for k, v := range s.Intent.Tags {
			ours[k] = append(ours[k], tag{v, true})
		}
		for _, k := range s.Intent.TagKeys {
			ours[k] = append(ours[k], tag{})
		}
	}
	return ours
}

// failedVersions deletes what this run published and AWS could not start.
func (b *back) failedVersions() {
	for _, version := range b.t.FailedVersions() {
		b.plan.Steps = append(b.plan.Steps, DeleteVersion{Version: version})
	}
}
