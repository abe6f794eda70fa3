package plan

import (
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// handOver plans how CodeDeploy leads an alias to the new version. It refuses what
// CodeDeploy cannot do: its AppSpec file names one version to come from and one to go
// to, both published
// (https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html).
func (f *forward) handOver(a definition.Alias, now *definition.ObservedAlias) {
	if reason := notForCodeDeploy(a.Name, now); reason != "" {
		f.plan.Blockers = append(f.plan.Blockers, reason)
		return
	}
	if !described(a, now.Alias) {
		only := now.Alias
		only.Description = a.Description
		f.plan.Steps = append(f.plan.Steps, UpdateAlias{Alias: only})
		f.plan.Changes = append(f.plan.Changes, definition.Change{Field: "Aliases." + a.Name + ".Description", From: text(now.Description), To: *a.Description, Kind: definition.Changed})
	}
	if !f.publish && now.Version == f.plan.Version {
		return
	}
	if reason := f.unshareable(now.Version); reason != "" {
		f.plan.Blockers = append(f.plan.Blockers, fmt.Sprintf("alias %s cannot share its traffic: %s (deploy it with traffic AllAtOnce)", a.Name, reason))
	}
	group := f.w.CodeDeploy.For(f.w.Function.FunctionName, a.Name)
	f.plan.Steps = append(f.plan.Steps, CreateDeployment{Alias: a.Name, From: now.Version, Group: group})
	f.change("Aliases."+a.Name, DescribeRouting(now.Alias), fmt.Sprintf("%s, by CodeDeploy %s", f.newVersion(), group))
}

// notForCodeDeploy returns why CodeDeploy cannot move an alias; "" where it can.
func notForCodeDeploy(name string, now *definition.ObservedAlias) string {
	switch {
	case now == nil:
		return noAliasToHandOver(name)
	case now.Version == Latest:
		return fmt.Sprintf("alias %s points to $LATEST, and CodeDeploy shifts traffic only between published versions (deploy it once with traffic AllAtOnce)", name)
	case len(now.Weights) > 0:
		return fmt.Sprintf("alias %s shares its traffic already (%s), and CodeDeploy begins with one version (end that shift first: command shift, or CodeDeploy's console)", name, DescribeRouting(now.Alias))
	}
	return ""
}

func noAliasToHandOver(name string) string {
	return fmt.Sprintf("alias %s does not exist yet, and CodeDeploy shifts traffic from an old version to a new one (deploy it once with traffic AllAtOnce)", name)
}
