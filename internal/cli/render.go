package cli

import (
	"bytes"
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// render prints the definitions as they would be deployed, without a secret.
func (a *app) render(ctx context.Context) error {
	set, err := a.load(ctx)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, t := range set.Targets {
		fmt.Fprintf(&out, "%s\n", definition.Render(*t.Function, true))
		for _, alias := range t.Aliases {
			fmt.Fprintf(&out, "%s\n", definition.RenderAlias(alias))
		}
	}
	return a.print(a.host.Redact(out.String()))
}
