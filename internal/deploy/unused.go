package deploy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
)

// unusedFor is how long nobody invoked an alias that is warned of, and unusedLooks
// bounds how many of a run are looked at closely: each takes calls of the control
// plane.
const (
	unusedFor   = 7 * 24 * time.Hour
	unusedLooks = 3
)

// warnOfUnused warns of aliases that share their traffic although nobody calls them:
// who invokes the function itself is protected by no canary. It is said only where
// CloudWatch shows no invocation of an alias in seven days and no event source
// mapping, function URL or permission names it. A question that may not be asked is
// no reason to speak, or to stop.
func (g *sentinel) warnOfUnused(ctx context.Context, planned []Planned) {
	var quiet []*comparison
	for _, c := range g.aliases {
		if c.hour.Invocations == 0 && c.weighted == "" && len(quiet) < unusedLooks {
			quiet = append(quiet, c)
		}
	}
	var unused []string
	for _, c := range quiet {
		p := &planned[c.of]
		used, err := c.group.client.Used(ctx, metrics.Subject{Function: c.at.Function, Alias: c.alias}, g.Now().Add(-unusedFor), g.Now())
		if err != nil || used {
			continue
		}
		p.looked += callsOfCallers
		callers, err := p.API.Callers(ctx, p.Before.Latest.Arn, c.alias)
		if err == nil && len(callers) == 0 && !slices.Contains(unused, c.alias+" of "+c.at.Function) {
			unused = append(unused, c.alias+" of "+c.at.Function)
		}
	}
	if len(unused) > 0 {
		warn(g.Events, "nobody invoked alias %s in seven days, and no event source mapping, function URL or permission names it: if callers use the function itself, sharing the traffic of the alias protects nobody", strings.Join(unused, ", "))
	}
}

// callsOfCallers is how many calls of the control plane Callers makes, without
// GetPolicy, which has a quota of its own.
const callsOfCallers = 2
