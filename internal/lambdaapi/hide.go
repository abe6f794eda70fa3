package lambdaapi

import (
	"context"
	"errors"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/lambda-rollout/lambda-rollout/internal/redact"
)

// hider keeps environment values, and the secrets of the run, out of what AWS
// says: Lambda quotes a request that it refuses, and its texts go into the log,
// the journal and the summary.
type hider struct {
	// values are those of the environments that were sent or read.
	values redact.Set
	// region is in every ARN, so it is no value to hide.
	region string
	// secrets returns a text without the secrets of the run.
	secrets func(string) string
}

// add is a middleware around all others, so that whoever reads an answer reads it
// without the values.
func (h *hider) add(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("lambda-rollout:hide",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			h.learnInput(in.Parameters)
			out, meta, err := next.HandleInitialize(ctx, in)
			if err != nil {
				return out, meta, h.refusal(err)
			}
			h.answer(out.Result)
			return out, meta, nil
		}), middleware.Before)
}

func (h *hider) text(text string) string { return h.secrets(h.values.Text(text)) }

func (h *hider) learnInput(in any) {
	switch in := in.(type) {
	case *lambda.CreateFunctionInput:
		if in.Environment != nil {
			h.learn(in.Environment.Variables, in.FunctionName, in.Role, in.Handler)
		}
	case *lambda.UpdateFunctionConfigurationInput:
		if in.Environment != nil {
			h.learn(in.Environment.Variables, in.FunctionName, in.Role, in.Handler)
		}
	}
}

// learn hides values from now on. What a request names in clear elsewhere stays
// readable: a message without the function's name helps nobody.
func (h *hider) learn(values map[string]string, named ...*string) {
	clear := map[string]bool{h.region: true}
	for _, n := range named {
		clear[aws.ToString(n)] = true
	}
	for _, value := range values {
		if !clear[value] {
			h.values.AddOnce(value)
		}
	}
}

// answer learns from what was read, and hides the values in the reasons that come
// with a state.
func (h *hider) answer(out any) {
	switch out := out.(type) {
	case *lambda.GetFunctionOutput:
		h.configuration(out.Configuration)
	case *lambda.CreateFunctionOutput:
		h.environment(out.Environment, out.FunctionName, out.Role, out.Handler)
		h.reasons(out.StateReason, out.LastUpdateStatusReason)
	case *lambda.UpdateFunctionConfigurationOutput:
		h.environment(out.Environment, out.FunctionName, out.Role, out.Handler)
		h.reasons(out.StateReason, out.LastUpdateStatusReason)
	case *lambda.UpdateFunctionCodeOutput:
		h.environment(out.Environment, out.FunctionName, out.Role, out.Handler)
		h.reasons(out.StateReason, out.LastUpdateStatusReason)
	case *lambda.PublishVersionOutput:
		h.environment(out.Environment, out.FunctionName, out.Role, out.Handler)
		h.reasons(out.StateReason, out.LastUpdateStatusReason)
	}
}

func (h *hider) configuration(c *types.FunctionConfiguration) {
	if c == nil {
		return
	}
	h.environment(c.Environment, c.FunctionName, c.Role, c.Handler)
	h.reasons(c.StateReason, c.LastUpdateStatusReason)
}

func (h *hider) environment(e *types.EnvironmentResponse, named ...*string) {
	if e == nil {
		return
	}
	h.learn(e.Variables, named...)
	if e.Error != nil {
		h.reasons(e.Error.Message)
	}
}

func (h *hider) reasons(texts ...*string) {
	for _, t := range texts {
		if t != nil {
			*t = h.text(*t)
		}
	}
}

// hidden is a refusal whose text was changed: what its own words meant was read
// before.
type hidden struct {
	error
	class  Class
	update bool
}

func (h *hidden) Unwrap() error { return h.error }

// refusal hides the values in the message of AWS's own error, wherever it is in
// the chain.
func (h *hider) refusal(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) || h.text(api.ErrorMessage()) == api.ErrorMessage() {
		return err
	}
	out := &hidden{error: err, class: Classify(err), update: UpdateInProgress(err)}
	setMessage(api, h.text(api.ErrorMessage()))
	return out
}

// setMessage changes the text of an error of the SDK. Each modelled error is a
// struct of its own with a field Message
// (https://pkg.go.dev/github.com/aws/aws-sdk-go-v2/service/lambda/types).
func setMessage(api smithy.APIError, text string) {
	field := reflect.Indirect(reflect.ValueOf(api)).FieldByName("Message")
	switch {
	case !field.IsValid() || !field.CanSet():
	case field.Kind() == reflect.String:
		field.SetString(text)
	case field.Type() == reflect.TypeFor[*string]():
		field.Set(reflect.ValueOf(&text))
	}
}
