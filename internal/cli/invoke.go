package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

// invoke calls a function and prints its answer on stdout, its log beside.
func (a *app) invoke(ctx context.Context) error {
	if a.in.String("function") == "" {
		return diag.List{{Message: "no function is named", Hint: "lambda-rollout invoke --function NAME"}}
	}
	name, err := definition.ParseFunctionName(a.in.String("function"))
	if err != nil {
		return notStarted(err)
	}
	payload, err := a.payload(ctx, a.in.String("payload"))
	if err != nil {
		return notStarted(err)
	}
	c, err := a.connect(ctx, name.Region)
	if err != nil {
		return err
	}
	api, err := c.Lambda(name)
	if err != nil {
		return err
	}
	answer, err := api.Invoke(ctx, lambdaapi.Invocation{
		Function: name.Name, Qualifier: a.in.String("qualifier"), Payload: payload,
	})
	if err != nil {
		return a.elsewhere(name, err)
	}
	return a.answered(name, answer)
}

// elsewhere adds to the error of a function that the embedded AWS does not have in
// this Region the Regions in which it has it.
func (a *app) elsewhere(name definition.Name, err error) error {
	if !a.in.Bool("local") || lambdaapi.Classify(err) != lambdaapi.NotFound {
		return err
	}
	regions := a.embedded.FunctionRegions(a.localDir(), name.Name)
	if len(regions) == 0 {
		return err
	}
	return notStarted(fmt.Errorf("%w; the embedded AWS has it in %s: add --aws-region %s", err, strings.Join(regions, ", "), regions[0]))
}

// payload is the event to send: the text itself, @FILE, or - for stdin.
func (a *app) payload(ctx context.Context, text string) ([]byte, error) {
	file, named := strings.CutPrefix(text, "@")
	switch {
	case text == "-":
		return a.host.ReadStdin(ctx)
	case named:
		return a.host.ReadFile(ctx, file)
	}
	return []byte(text), nil
}

// answered prints what a function answered.
func (a *app) answered(name definition.Name, answer lambdaapi.Answer) error {
	if answer.Log != "" {
		a.log().Block(answer.Log)
	}
	if answer.Version != "" {
		a.log().Line("Executed version: %s", answer.Version)
	}
	if err := a.print(string(answer.Payload) + "\n"); err != nil {
		return err
	}
	if answer.FunctionError != "" {
		return fmt.Errorf("function %s failed: %s", name.Name, answer.FunctionError)
	}
	return nil
}
