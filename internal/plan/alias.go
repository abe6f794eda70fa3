package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// shift plans aliases: their traffic moves to a version that is published. Nothing
// else changes but the provisioned concurrency of the versions that it leaves.
func shift(w Wanted, o Observation) Plan {
	f := forward{w: w, o: o, plan: Plan{Function: w.Function.FunctionName, Version: w.ShiftTo}}
	f.aliases()
	if w.Follow == nil {
		f.plan.releaseShifted(w, o)
	} else {
		f.follow()
	}
	return f.plan
}

// aliases plans the moves of all aliases, stage by stage: no alias is ahead of
// another.
func (f *forward) aliases() {
	for _, a := range f.w.Aliases {
		f.alias(a)
	}
	first := slices.IndexFunc(f.plan.Steps, movesAlias)
	if first < 0 {
		return
	}
	slices.SortStableFunc(f.plan.Steps[first:], func(a, b Step) int { return StageOf(a) - StageOf(b) })
}

// movesAlias reports whether a step changes an alias once the new version is
// ready.
func movesAlias(s Step) bool {
	switch s.(type) {
	case CreateAlias, MoveAlias, UpdateAlias, CreateDeployment:
		return true
	case CreateFunction, UpdateConfiguration, UpdateCode, PublishRestorePoint, PublishVersion, PublishLatest, LeaveLatest,
		DeleteAlias, TagResource, UntagResource, PutCodeSigning, DeleteCodeSigning, DeleteFunction, DeleteVersion, PutSetting, DeleteSetting, StopDeployment:
	}
	return false
}

// StageOf returns the stage of the traffic to which a step belongs that changes
// an alias: all but moves come in the first.
func StageOf(s Step) int {
	if m, is := s.(MoveAlias); is {
		return m.Stage
	}
	return 0
}

// leaveLatest sends the aliases on $LATEST to the restore point before $LATEST
// changes: there their callers would have all of the new code at once, whatever
// part of the traffic is asked for.
func (f *forward) leaveLatest() {
	if !f.needsReturn || !f.w.Traffic.Gradual() {
		return
	}
	for _, a := range f.w.Aliases {
		if now := f.o.Aliases[a.Name]; now == nil || now.Version != Latest {
			continue
		}
		f.plan.Steps = append(f.plan.Steps, LeaveLatest{Name: a.Name})
		if f.w.Traffic.Last() == 0 {
			f.change("Aliases."+a.Name, Latest, cmp.Or(f.plan.RestorePoint, "restore point"))
		}
	}
}

// AliasesIn returns how many steps of a stage of the traffic change an alias.
func (p Plan) AliasesIn(stage int) int {
	n := 0
	for _, s := range p.Steps {
		if movesAlias(s) && StageOf(s) == stage {
			n++
		}
	}
	return n
}

// stages is how many stages the traffic of a plan goes through.
func (p Plan) stages() int {
	last := 0
	for _, s := range p.Steps {
		last = max(last, StageOf(s))
	}
	return last + 1
}

// Stages returns how many stages the traffic goes through: those of the Course, or
// one where no alias shares its traffic.
func Stages(plans ...Plan) int {
	most := 1
	for _, p := range plans {
		most = max(most, p.stages())
	}
	return most
}

// alias plans how one alias comes to point to the new version.
func (f *forward) alias(a definition.Alias) {
	now := f.o.Aliases[a.Name]
	if f.w.CodeDeploy != nil {
		f.handOver(a, now)
		return
	}
	if reason := f.unshiftable(a.Name, now); reason != "" {
		f.plan.Blockers = append(f.plan.Blockers, "alias "+a.Name+" "+reason)
		return
	}
	if now == nil {
		f.plan.Steps = append(f.plan.Steps, CreateAlias{Name: a.Name, Description: a.Description})
		f.change("Aliases."+a.Name, "", f.newVersion())
		return
	}
	described := described(a, now.Alias)
	moves := f.moves(a, now)
	switch {
	case len(moves) > 0 && !f.matches(now, moves[len(moves)-1]):
		for _, m := range moves {
			f.plan.Steps = append(f.plan.Steps, m)
		}
		f.change("Aliases."+a.Name, DescribeRouting(now.Alias), f.destination(moves))
	case !described:
		only := now.Alias
		only.Description = a.Description
		f.plan.Steps = append(f.plan.Steps, UpdateAlias{Alias: only})
	}
	if !described {
		f.plan.Changes = append(f.plan.Changes, definition.Change{Field: "Aliases." + a.Name + ".Description", From: text(now.Description), To: *a.Description, Kind: definition.Changed})
	}
}

func (f *forward) change(field, from, to string) {
	kind := definition.Changed
	if from == "" {
		kind = definition.Set
	}
	f.plan.Changes = append(f.plan.Changes, definition.Change{Field: field, From: from, To: to, Kind: kind})
}

// NewVersion is what a diff calls a version that is not published yet.
const NewVersion = "new version"

// newVersion is how a diff calls the version that the aliases move to.
func (f *forward) newVersion() string {
	if f.publish {
		return NewVersion
	}
	return f.plan.Version
}

// destination describes for a diff where an alias moves, and how.
func (f *forward) destination(moves []MoveAlias) string {
	last := moves[len(moves)-1]
	switch {
	case !last.Partial() && len(moves) == 1:
		return f.newVersion()
	case !last.Partial():
		return fmt.Sprintf("%s, by %s", f.newVersion(), f.w.Traffic)
	case last.Percent == 0:
		return last.Base
	case len(moves) == 1:
		return traffic.Percent(last.Percent) + " to " + f.newVersion()
	}
	return fmt.Sprintf("%s to %s, by %s", traffic.Percent(last.Percent), f.newVersion(), f.w.Traffic)
}

// moves are the steps of one alias that exists: one for each stage.
func (f *forward) moves(a definition.Alias, now *definition.ObservedAlias) []MoveAlias {
	base, shares := f.base(now)
	if !shares {
		return []MoveAlias{{Name: a.Name, Description: a.Description, Percent: 100}}
	}
	var moves []MoveAlias
	for i, s := range f.w.Traffic.Stages() {
		if s.Percent == 0 && f.w.ShiftTo == "" {
			// A deployment that moves no traffic does not change the alias; a shift
			// to nothing takes the new version out.
			continue
		}
		moves = append(moves, MoveAlias{Name: a.Name, Description: a.Description, Stage: i, Percent: s.Percent, Base: base})
	}
	f.mayShare(a.Name, base, moves)
	return moves
}

// mayShare refuses what AWS would refuse, and warns where that is left to a
// later shift.
func (f *forward) mayShare(alias, base string, moves []MoveAlias) {
	if _, own := f.w.Settings.OnVersions()[alias]; f.o.Provisioned[alias] && !own && slices.ContainsFunc(moves, func(m MoveAlias) bool { return m.Partial() && m.Percent > 0 }) {
		// The developer guide gives advice for provisioned concurrency while an alias
		// routes to two versions
		// (https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html);
		// users report refusals (https://github.com/hashicorp/terraform/issues/24957).
		// AWS itself decides: a refusal is rolled back.
		f.plan.Warnings = append(f.plan.Warnings, fmt.Sprintf("alias %s has provisioned concurrency: AWS may refuse to let it share its traffic, and the deployment would be rolled back", alias))
	}
	reason := f.unshareable(base)
	if reason == "" {
		return
	}
	reason = fmt.Sprintf("alias %s cannot share its traffic: %s", alias, reason)
	switch shared := slices.ContainsFunc(moves, func(m MoveAlias) bool { return m.Partial() && m.Percent > 0 }); {
	case shared && f.w.ShiftTo != "":
		f.plan.Blockers = append(f.plan.Blockers, reason+" (percentage 100 gives the new version all of it)")
	case shared:
		f.plan.Blockers = append(f.plan.Blockers, reason+" (deploy it with traffic AllAtOnce)")
	case f.w.ShiftTo == "":
		f.plan.Warnings = append(f.plan.Warnings, reason+": a shift to a part of it will be refused, one to 100 will not")
	}
}

// unshiftable returns why a shift has nothing to move; "" where it has, and in a
// deployment.
func (f *forward) unshiftable(name string, now *definition.ObservedAlias) string {
	switch {
	case f.w.ShiftTo == "":
		return ""
	case now == nil && f.w.Follow != nil && slices.Contains(f.w.Follow.Missing, name):
		return ""
	case now == nil:
		return "is gone: somebody deleted it"
	case now.Version == Latest && f.w.Traffic.Gradual():
		return "cannot share its traffic: it points to $LATEST (percentage 100 gives the new version all of it)"
	case now.Version == f.w.ShiftTo && len(now.Weights) == 0 && f.w.Traffic.Last() == 0:
		return "points to version " + now.Version + " alone: no other version could take its traffic (roll back, or shift to another version)"
	}
	return ""
}

// base is the version that keeps the rest of an alias' traffic while it shifts
// in stages, "" for the restore point to be published. No base is needed
// where the alias moves at once, or where it points to the new version
// already.
func (f *forward) base(now *definition.ObservedAlias) (version string, shares bool) {
	switch {
	case !f.w.Traffic.Gradual():
		return "", false
	case f.w.ShiftTo != "" && now.Version == f.w.ShiftTo && len(now.Weights) > 0:
		// It points to the version and has weights: the other one becomes the base.
		return slices.Sorted(maps.Keys(now.Weights))[0], true
	case !f.publish && now.Version == f.plan.Version:
		return "", false
	case now.Version != Latest:
		return now.Version, true
	case f.w.ShiftTo == "" && !f.needsReturn:
		// What is published is what the alias points to.
		return "", false
	}
	// $LATEST shares no traffic; the restore point holds the same.
	return f.plan.RestorePoint, true
}

// matches reports whether an alias is already as a step leaves it.
func (f *forward) matches(now *definition.ObservedAlias, m MoveAlias) bool {
	if f.publish {
		return false
	}
	return sameRouting(m.Resolve(f.plan.Version, f.plan.RestorePoint), now.Alias)
}

// unshareable returns why AWS would refuse that a version shares traffic with the
// new one: both must be published, with one role and one dead-letter queue
// (https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html).
func (f *forward) unshareable(base string) string {
	old, next := f.o.Versions[base], f.o.Versions[f.w.ShiftTo]
	if f.w.ShiftTo == "" {
		next = &definition.Observed{Function: f.o.Latest.Function.Merge(f.w.Function)}
		if base == "" || base == f.plan.RestorePoint {
			old = f.o.Latest
		}
	}
	if old == nil || next == nil {
		return ""
	}
	subject := "version " + base
	if base == "" {
		subject = "the restore point"
	}
	if a, b := text(old.Role), text(next.Role); a != b {
		return fmt.Sprintf("%s has the role %s and the new one %s", subject, orNone(a), orNone(b))
	}
	if a, b := deadLetters(old.Function), deadLetters(next.Function); a != b {
		return fmt.Sprintf("%s has the dead-letter queue %s and the new one %s", subject, orNone(a), orNone(b))
	}
	return ""
}

func deadLetters(f definition.Function) string {
	if f.DeadLetterConfig == nil {
		return ""
	}
	return text(f.DeadLetterConfig.TargetArn)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
