package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// versions plans provisioned concurrency on versions: the version that the aliases
// move to has its own before it gets any traffic, and that of the old ones is
// released once all of the traffic has moved. A rollback moves the traffic first.
func (p *Plan) versions(w Wanted, o Observation, moves *settingMoves) {
	if !w.Settings.Names(definition.ProvisionedConcurrencySetting) {
		return
	}
	target := p.newVersion()
	asked := w.Settings.OnVersions()
	var executions int32
	for _, a := range w.Aliases {
		n, onVersion := asked[a.Name]
		switch delete(asked, a.Name); {
		case !onVersion:
		case executions != 0 && executions != n:
			p.Blockers = append(p.Blockers, fmt.Sprintf("provisionedConcurrency of alias %s is %d and of another one %d, both on the version that all of them move to: ask for the same", a.Name, n, executions))
		default:
			executions = n
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		p.Blockers = append(p.Blockers, fmt.Sprintf("provisionedConcurrency of alias %s is to be on its version, and this deployment does not deploy the alias: name it in alias, or leave out onVersion", name))
	}
	if executions > 0 {
		moves.to(definition.Setting{SettingKey: onVersion(target), Value: definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: executions}})
	}
	if w.Traffic.Last() == 100 {
		p.release(w, o, moves)
	}
}

// release takes the provisioned concurrency of the versions away that no alias
// points to any more.
func (p *Plan) release(w Wanted, o Observation, moves *settingMoves) {
	for _, version := range ServedVersions(w, o) {
		key := onVersion(version)
		if _, planned := moves.wanted[key]; planned || o.Settings[key] == nil {
			continue
		}
		if why := o.InUse[version]; why != "" {
			p.Warnings = append(p.Warnings, fmt.Sprintf("version %s keeps its provisioned concurrency: %s", version, why))
			continue
		}
		moves.to(definition.Setting{SettingKey: key})
	}
}

// onVersion is the setting of a version's own provisioned concurrency.
func onVersion(version string) definition.SettingKey {
	return definition.SettingKey{Kind: definition.ProvisionedConcurrencySetting, Qualifier: version}
}

// newVersion is the version that the aliases move to, NewVersion where it is not
// published yet.
func (p *Plan) newVersion() string {
	if p.Version != "" && !slices.ContainsFunc(p.Steps, func(s Step) bool { _, is := s.(PublishVersion); return is }) {
		return p.Version
	}
	return NewVersion
}

// releaseShifted releases the provisioned concurrency of the versions from which a
// shift takes all the traffic, where the version that gets it has its own: a
// deployment that gave it that left this to the shift.
func (p *Plan) releaseShifted(w Wanted, o Observation) {
	next := onVersion(w.ShiftTo)
	if w.Traffic.Last() < 100 || o.Settings[next] == nil {
		return
	}
	moves := settingMoves{now: o.Settings}
	moves.to(definition.Setting{SettingKey: next, Value: o.Settings[next]})
	p.release(w, o, &moves)
	p.Steps = append(p.Steps, moves.steps()...)
	p.Changes = append(p.Changes, moves.changes...)
}

// ProvisionedVersions returns the versions whose own provisioned concurrency a deployment
// or a shift has to know.
func ProvisionedVersions(w Wanted, o Observation) []string {
	switch {
	case w.Settings.Names(definition.ProvisionedConcurrencySetting):
		return ServedVersions(w, o)
	case w.ShiftTo != "" && w.Traffic.Last() == 100:
		all := append(ServedVersions(w, o), w.ShiftTo)
		slices.Sort(all)
		return slices.Compact(all)
	}
	return nil
}

// ServedVersions returns the published versions that the deployed aliases send traffic
// to now.
func ServedVersions(w Wanted, o Observation) []string {
	var all []string
	for _, a := range w.Aliases {
		now := o.Aliases[a.Name]
		if now == nil {
			continue
		}
		for _, version := range append([]string{now.Version}, slices.Sorted(maps.Keys(now.Weights))...) {
			if version != Latest && !slices.Contains(all, version) {
				all = append(all, version)
			}
		}
	}
	return all
}

// place puts the changes of settings after everything else, but for those that
// have to be made before the traffic moves: what is provisioned on the new version,
// the room for it, and what an alias must not have beside it.
func (p *Plan) place(steps []Step, w Wanted, o Observation) {
	target := onVersion(p.newVersion())
	provisions := slices.ContainsFunc(steps, func(s Step) bool { after, _ := SettingOf(s); return after.SettingKey == target && after.Value != nil })
	asked := w.Settings.OnVersions()
	var early []Step
	for _, s := range steps {
		put, puts := s.(PutSetting)
		remove, removes := s.(DeleteSetting)
		_, moves := asked[remove.Key.Qualifier]
		put.Early = provisions && (put.Setting.SettingKey == target || grows(put.Setting, o))
		remove.Early = provisions && moves && isProvisioned(remove.Key)
		switch {
		case puts && put.Early:
			early = append(early, put)
		case removes && remove.Early:
			early = append(early, remove)
		default:
			p.Steps = append(p.Steps, s)
		}
	}
	if len(early) == 0 {
		return
	}
	p.checkRoom(target, early, o)
	slices.SortStableFunc(early, func(a, b Step) int { return earlyRank(a, target) - earlyRank(b, target) })
	at := slices.IndexFunc(p.Steps, func(s Step) bool { return movesAlias(s) })
	if at < 0 {
		at = 1 + lastIndex(p.Steps, func(s Step) bool { _, is := s.(PublishVersion); return is })
	}
	p.Steps = slices.Insert(p.Steps, at, early...)
}

// earlyRank is the place of a step among the early ones: first the room. An alias
// lets go of its own before the version that it points to gets some, as AWS
// refuses both, and only after another version has some.
func earlyRank(s Step, target definition.SettingKey) int {
	switch after, _ := SettingOf(s); {
	case after.Kind == definition.ReservedConcurrencySetting:
		return 0
	case after.Value == nil && target.Qualifier != NewVersion:
		return 1
	case after.Value != nil:
		return 2
	}
	return 3
}

// grows reports whether a setting reserves more than there is.
func grows(s definition.Setting, o Observation) bool {
	wanted, is := s.Value.(definition.ReservedConcurrency)
	now, reserved := o.Settings[s.SettingKey].(definition.ReservedConcurrency)
	return is && reserved && wanted.Executions > now.Executions
}

// checkRoom refuses what the function has no room for while both versions have
// provisioned concurrency: within what is reserved for it, where that is known.
// What the account has is asked before the first change.
func (p *Plan) checkRoom(target definition.SettingKey, early []Step, o Observation) {
	during := settingsAfter(o.Settings, early)
	total := Provisioned(during)
	reserved, is := during[definition.SettingKey{Kind: definition.ReservedConcurrencySetting}].(definition.ReservedConcurrency)
	if !is && o.Latest != nil && o.Latest.Reserved != nil {
		reserved, is = definition.ReservedConcurrency{Executions: *o.Latest.Reserved}, true
	}
	if is && total > reserved.Executions {
		p.Blockers = append(p.Blockers, fmt.Sprintf("the new version needs a provisioned concurrency of %d beside that of the old one until all of the traffic has moved, %d together, and %d are reserved for the function: reserve more",
			executions(during[target]), total, reserved.Executions))
	}
}

// Reserves returns what a plan reserves for its function, and whether it changes that.
func (p Plan) Reserves() (executions int32, changes bool) {
	for _, s := range p.Steps {
		after, _ := SettingOf(s)
		if v, is := after.Value.(definition.ReservedConcurrency); is {
			return v.Executions, true
		}
	}
	return 0, false
}

// ProvisionedAfter returns the provisioned concurrency that a plan leaves, of what is
// asked for now by alias and version.
func (p Plan) ProvisionedAfter(now map[string]int32) int32 {
	all := Settings{}
	for qualifier, n := range now {
		all[onVersion(qualifier)] = definition.ProvisionedConcurrency{ProvisionedConcurrentExecutions: n}
	}
	return Provisioned(settingsAfter(all, p.Steps))
}

// Provisioned returns the provisioned concurrency of all that is known of a function.
func Provisioned(s Settings) int32 {
	var total int32
	for _, v := range s {
		total += executions(v)
	}
	return total
}

// PeakProvisioned returns the most provisioned concurrency that a plan has at one time,
// and whether it takes more than there is now on versions of their own.
func (p Plan) PeakProvisioned(now Settings) (peak int32, more bool) {
	var early []Step
	for _, s := range p.Steps {
		if put, is := s.(PutSetting); is && put.Early && isProvisioned(put.Setting.SettingKey) {
			early = append(early, s)
		}
	}
	return Provisioned(settingsAfter(now, early)), len(early) > 0
}

func lastIndex(steps []Step, match func(Step) bool) int {
	for i, s := range slices.Backward(steps) {
		if match(s) {
			return i
		}
	}
	return -1
}
