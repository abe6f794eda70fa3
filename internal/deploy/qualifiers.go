package deploy

import (
	"context"
	"fmt"
	"strings"
)

// qualifiersExist says which settings are of an alias or version that does not exist: AWS
// would refuse them once the traffic has moved. A question that is not answered stops
// nothing.
func qualifiersExist(ctx context.Context, p Planned) []string {
	var missing []string
	for _, qualifier := range p.Plan.OtherQualifiers(p.Want, p.Before.Settings) {
		exists, err := false, error(nil)
		switch {
		case p.Before.Latest == nil:
		case isVersion(qualifier):
			found, failed := p.API.Find(ctx, p.At.Function, qualifier)
			exists, err = found != nil, failed
		default:
			found, failed := p.API.FindAlias(ctx, p.At.Function, qualifier)
			exists, err = found != nil, failed
		}
		if err == nil && !exists {
			missing = append(missing, fmt.Sprintf("the settings name the qualifier %s, and there is no such alias or version: name an alias that exists, or deploy it with alias", qualifier))
		}
	}
	return missing
}

// isVersion reports whether a qualifier is the number of a version: aliases have a
// letter in their name.
func isVersion(qualifier string) bool { return strings.Trim(qualifier, "0123456789") == "" }
