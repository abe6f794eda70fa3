// Package plan says which calls take a function from what AWS shows to what is
// wanted, and back again. It is pure: it makes no call and reads no file, so
// that a dry run and a deployment cannot disagree.
//
// Forward takes the wanted Function, Aliases and Code; Back takes a journal.
// Both return a Plan, an ordered list of Steps that one engine carries out.
package plan

import (
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// Latest is the qualifier of the unpublished function.
const Latest = "$LATEST"

// RunTag is the tag that proves which run created a function. It and every tag
// of AWS' own are left out of diffs.
const RunTag = "lambda-rollout:run"

// Refusal is something that a rollback does not touch, and why.
type Refusal struct {
	// Subject names it: "alias live", "$LATEST".
	Subject string
	// Found describes its current state.
	Found string
	// Reason says why it is not ours to change.
	Reason string
}

// Plan is what to do about one Target.
type Plan struct {
	Function string
	Steps    []Step
	// Changes is the diff of configuration, code, aliases and tags, for a
	// person: never a value of the environment.
	Changes []definition.Change
	// Version is the published version of an unchanged function.
	Version string
	// RestorePoint is the version that holds the current state; "" where a step
	// publishes it, or where nothing changes.
	RestorePoint string
	// Irreversible lists what a rollback could not restore.
	Irreversible []string
	// Blockers lists what AWS would refuse for good.
	Blockers []string
	// Warnings are worth a look, and stop nothing.
	Warnings []string
	// Refused is what a rollback leaves alone, with the reason.
	Refused []Refusal
	// MayArriveLate reports whether a call without a fence may still arrive.
	MayArriveLate bool
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// OnlyPublishes reports whether a publication is all there is to do. AWS returns
// the current version then, unless $LATEST moved since.
func (p Plan) OnlyPublishes() bool {
	if len(p.Steps) != 1 {
		return false
	}
	_, is := p.Steps[0].(PublishVersion)
	return is
}

// Creates lists what the plan creates and a rollback deletes: aliases by their
// names, "" for the function, LatestPublished.
func (p Plan) Creates() []string {
	var created []string
	for _, s := range p.Steps {
		switch s := s.(type) {
		case CreateFunction:
			created = append(created, "")
		case CreateAlias:
			created = append(created, s.Name)
		case PublishLatest:
			if s.New {
				created = append(created, LatestPublished)
			}
		case UpdateConfiguration, UpdateCode, PublishRestorePoint, PublishVersion, MoveAlias, LeaveLatest, UpdateAlias,
			DeleteAlias, TagResource, UntagResource, PutCodeSigning, DeleteCodeSigning, DeleteFunction, DeleteVersion, PutSetting, DeleteSetting, CreateDeployment, StopDeployment:
		}
	}
	return created
}

// AliasAfter returns an alias as the plan leaves it, and whether the plan
// changes it at all.
func (p Plan) AliasAfter(name, version, restorePoint string) (definition.Alias, bool) {
	for _, s := range slices.Backward(p.Steps) {
		if a, changes := aliasAfter(s, version, restorePoint); changes && a.Name == name {
			return a, true
		}
	}
	return definition.Alias{}, false
}

// Observation is what AWS shows of one Target.
type Observation struct {
	// Latest is $LATEST; nil where there is no function.
	Latest *definition.Observed
	// Served is what the first existing alias points to; nil without one.
	Served *definition.Observed
	// Versions are the published versions that were looked at, by number: Served,
	// the one that shares its traffic, and in a gradual shift those of the other
	// aliases.
	Versions map[string]*definition.Observed
	// RestorePoint is the version that a rollback restores from.
	RestorePoint *definition.Observed
	// Aliases holds the named aliases; a missing one is nil.
	Aliases map[string]*definition.ObservedAlias
	// Provisioned tells of the aliases that were asked about whether they have
	// provisioned concurrency: where traffic is shared or to be shared, and of all
	// that move once the deployment was checked.
	Provisioned map[string]bool
	// WeightsSetByAWS holds the aliases whose weights AWS itself shifts just now,
	// because of their provisioned concurrency.
	WeightsSetByAWS map[string]bool
	// AttachedByOthers is what somebody attached to what a rollback would delete:
	// by version or alias, "" for a function that this run created.
	AttachedByOthers map[string]Attached
	// Shifting holds the deployments of CodeDeploy's that this run began and that still
	// move an alias, by the alias.
	Shifting map[string]string
	// CodeSigning is the code signing configuration's ARN, read where the
	// deploy names one.
	CodeSigning string
	// Settings are those of the settings document, or of the journal.
	Settings Settings
	// LatestPublished is what callers without a qualifier reach of a function on
	// managed instances; nil where there is none.
	LatestPublished *definition.Observed
	// InUse says of the old versions with provisioned concurrency of their own who
	// else uses them; one that is not in it is used by no other alias.
	InUse map[string]string
}

// Attached is what others attached to something that this run created.
type Attached struct {
	// Found names each thing.
	Found []string
	// Unseen says what could not be looked at, and why; "" where all was seen.
	Unseen string
}

// First returns the first alias that exists; nil where none does.
func (o Observation) First(aliases []definition.Alias) *definition.ObservedAlias {
	for _, a := range aliases {
		if now := o.Aliases[a.Name]; now != nil {
			return now
		}
	}
	return nil
}

// Canaries returns the versions that share the traffic of the first alias.
func (o Observation) Canaries(aliases []definition.Alias) []*definition.Observed {
	var all []*definition.Observed
	if first := o.First(aliases); first != nil {
		for _, number := range slices.Sorted(maps.Keys(first.Weights)) {
			if v := o.Versions[number]; v != nil {
				all = append(all, v)
			}
		}
	}
	return all
}

// Serving lists what each alias points to now, "none" for a missing one.
func (o Observation) Serving(aliases []definition.Alias) []AliasWas {
	var was []AliasWas
	for _, a := range aliases {
		version := "none"
		if now := o.Aliases[a.Name]; now != nil {
			version = now.Version
		}
		was = append(was, AliasWas{Alias: a.Name, Version: version})
	}
	return was
}
