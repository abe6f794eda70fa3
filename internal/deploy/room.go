package deploy

import (
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// reservedRoom says where less is to be reserved than the function has provisioned, also
// where the settings do not name that: AWS would refuse it once the traffic has moved.
// A question that is not answered stops nothing.
func reservedRoom(ctx context.Context, p Planned) []string {
	reserved, changes := p.Plan.Reserves()
	if !changes || p.Before.Latest == nil {
		return nil
	}
	now, err := p.API.AllProvisioned(ctx, p.At.Function)
	if err != nil {
		return nil
	}
	named := map[string]int32{}
	for key, v := range p.Before.Settings {
		if c, is := v.(definition.ProvisionedConcurrency); is {
			named[key.Qualifier] = c.ProvisionedConcurrentExecutions
		}
	}
	total := p.Plan.ProvisionedAfter(now)
	if reserved < total && reserved >= p.Plan.ProvisionedAfter(named) { // else the plan says it
		return []string{fmt.Sprintf("reservedConcurrency is %d, less than its provisioned concurrency of %d that must fit into it: reserve more, or provision less first", reserved, total)}
	}
	return nil
}

// room refuses to provision a new version beside the old one where the account has
// no room for both. What others have provisioned nobody can see: AWS then refuses,
// before any traffic moved. A question that is not answered stops nothing.
func room(ctx context.Context, p Planned) error {
	peak, more := p.Plan.PeakProvisioned(p.Before.Settings)
	if !more || p.Before.Latest != nil && p.Before.Latest.Reserved != nil {
		return nil // It has to fit into what is reserved, which the plan compared.
	}
	unreserved, err := p.API.Unreserved(ctx)
	if err != nil {
		return nil
	}
	if most := unreserved - awsfacts.MinUnreserved; peak > most {
		return fmt.Errorf("function %s: provisioned concurrency of %d is needed until all of the traffic has moved, for the new version and the old one, and the account has %d unreserved, of which AWS keeps %d: ask for less, or for a higher quota",
			p.At.Function, peak, unreserved, awsfacts.MinUnreserved)
	}
	return nil
}
