package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
)

// invoke calls a function and prints its answer on stdout, its log beside.
func (a *app) invoke(ctx context.Context) error {
	if a.in.String("function") == "" {
		return diag.List{{Message: "no function is named", Hint: "lambda-rollout invoke --function NAME"}}
	}
	name, err := definition.ParseFunctionName(a.in.String("function"))
	if qualified, is := errors.AsType[definition.QualifiedName](err); is {
		return diag.List{{Message: "input function: " + err.Error(), Hint: fmt.Sprintf("lambda-rollout invoke --function %s --qualifier %s", qualified.Bare, qualified.Qualifier)}}
	}
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
	answer, err := deploy.Invoke(ctx, c, name, lambdaapi.Invocation{
		Function: name.Name, Qualifier: a.in.String("qualifier"), Payload: payload,
	})
	if err != nil {
		return err
	}
	return a.answered(name, answer)
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
func (a *app) answered(name definition.Name, answer deploy.Invoked) error {
	if answer.Log != "" {
		a.log().Block(answer.Log)
	}
	a.log().Line("Invoked function %s in %s", name.Name, answer.Region)
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
