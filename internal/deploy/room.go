package deploy

import (
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
)

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
