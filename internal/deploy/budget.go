package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Budget is what a deployment may cost of the quota that AWS shares among all calls
// of the control plane but GetFunction and GetPolicy: 15 a second for an account in
// a Region (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
type Budget struct {
	// Calls are those of the functions.
	Calls int
	// DryRuns are the trials of new code, one for each artifact.
	DryRuns int
}

// BudgetOf returns the budget of a plan that was checked: a question about each alias
// that is named, a second one about each that moves, and a call for each step. One
// function with one alias takes 4 calls where it is created, 5 where its code or its
// configuration changes, 6 where both do, 1 where nothing changes. Whether a rollback
// could read what others attach to what is created is asked once for each set of
// credentials: 12 calls about a function with an alias.
func BudgetOf(planned []Planned) Budget {
	b := Budget{DryRuns: len(dryRuns(planned))}
	for _, p := range planned {
		b.Calls += len(p.Want.Aliases) + p.asked + p.looked + len(p.Plan.Steps)
		if p.asksAccess {
			b.Calls += engine.MayDeleteCalls(p.Plan)
		}
		if p.Want.Function.CodeSigningConfigArn != nil {
			b.Calls++
		}
		b.Calls += p.settingCalls()
	}
	return b
}

// settingCalls is what settings take beside their steps: one question for each that
// is named, apart from statements, whose GetPolicy has a quota of its own; one more
// before each changes, because no RevisionId guards it; and one at least until
// provisioned concurrency is ready.
func (p Planned) settingCalls() int {
	calls := 0
	for _, s := range p.Want.Settings.Wanted(p.Want.Aliases) {
		if s.Kind != definition.PermissionSetting {
			calls++
		}
	}
	calls += len(plan.ProvisionedVersions(p.Want, p.Before))
	if _, changes := p.Plan.Reserves(); changes && p.Before.Latest != nil {
		calls++ // ListProvisionedConcurrencyConfigs
	}
	for _, qualifier := range p.Plan.OtherQualifiers(p.Want, p.Before.Settings) {
		if p.Before.Latest != nil && !isVersion(qualifier) {
			calls++ // GetAlias
		}
	}
	if len(p.Before.InUse) > 0 {
		calls++ // ListAliases
	}
	for _, s := range p.Plan.Steps {
		if p.Before.Provisioned[plan.MovedAlias(s)] {
			calls += 3 // Is there some, has it followed, have AWS' own weights gone?
		}
		after, is := plan.SettingOf(s)
		if !is || after.Kind == definition.PermissionSetting {
			continue
		}
		calls++
		if after.Qualifier == plan.NewVersion {
			calls++
		}
		if after.Kind == definition.ProvisionedConcurrencySetting && after.Value != nil {
			calls++
		}
	}
	return calls
}

// Compared says what was made beside the budget. calls are counts by operation.
func (b Budget) Compared(calls map[string]int) string {
	made, apart := 0, ""
	for _, operation := range slices.Sorted(maps.Keys(calls)) {
		switch operation {
		case "Invoke":
		case "GetFunction", "GetPolicy":
			apart += fmt.Sprintf(", %d %s", calls[operation], operation)
		default:
			made += calls[operation]
		}
	}
	text := fmt.Sprintf("Calls to Lambda within the quota of %d a second: %d of a budget of %d", awsfacts.ControlPlaneRate, made, b.Calls+b.DryRuns)
	if b.DryRuns > 0 {
		text += fmt.Sprintf(", %d of them dry runs", b.DryRuns)
	}
	if apart == "" {
		return text
	}
	return text + "; apart from it:" + strings.TrimPrefix(apart, ",")
}
