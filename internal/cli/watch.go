package cli

import (
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
)

// watch is what the inputs say about watching a run while traffic is shared.
func (a *app) watch() deploy.Watch {
	g := deploy.Guard{
		Off: slices.Contains(a.in.List("guard"), "none"), Required: a.in.Given("guard"), Tolerance: -1,
		WarmUp: a.in.Duration("guard-warm-up"), MinInvocations: int64(a.in.Int("min-invocations")),
	}
	if a.in.Given("max-error-rate") {
		g.MaxErrorRate = a.in.Percent("max-error-rate") / 100
	}
	if a.in.Given("error-tolerance") {
		g.Tolerance = a.in.Percent("error-tolerance") / 100
	}
	switch a.in.String("on-inconclusive") {
	case "continue":
		g.OnInconclusive = deploy.ContinueStage
	case "rollback":
		g.OnInconclusive = deploy.RollBackStage
	default:
		g.OnInconclusive = deploy.ExtendStage
	}
	return deploy.Watch{Guard: g}
}
