package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
)

// renderDocument is one function of render's JSON document.
type renderDocument struct {
	Function json.RawMessage   `json:"function"`
	Aliases  []json.RawMessage `json:"aliases"`
}

// render prints the definitions as they would be deployed, without a secret.
func (a *app) render(ctx context.Context) error {
	set, err := a.load(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printJSON(a.rendered(set.Set))
	}
	var out bytes.Buffer
	for _, d := range a.rendered(set.Set) {
		for _, text := range append([]json.RawMessage{d.Function}, d.Aliases...) {
			fmt.Fprintf(&out, "%s\n", text)
		}
	}
	return a.print(out.String())
}

func (a *app) rendered(set *service.Set) []renderDocument {
	redacted := func(text []byte) json.RawMessage { return json.RawMessage(a.host.Redact(string(text))) }
	all := []renderDocument{}
	for _, t := range set.Targets {
		d := renderDocument{Function: redacted(definition.Render(*t.Function, true)), Aliases: []json.RawMessage{}}
		for _, alias := range t.Aliases {
			d.Aliases = append(d.Aliases, redacted(definition.RenderAlias(alias)))
		}
		all = append(all, d)
	}
	return all
}
