package cli

import (
	"bytes"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// render prints the definitions as they would be deployed, without a secret.
func (a *app) render() error {
	set, err := a.load()
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
	_, err = fmt.Fprint(a.Stdout, a.host.Redact(out.String()))
	return err
}
