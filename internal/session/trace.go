package session

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Attempt is one request to AWS and its answer, for a user who wants to see every
// call.
type Attempt struct {
	// Service is the SDK's ID for the service, such as Lambda, and Operation the
	// operation in its API.
	Service, Operation string
	// Subject is what the call is about: a function and its qualifier, a bucket
	// and key, a role; empty where the call names nothing.
	Subject string
	// Status is that of the answer; 0 where there was none.
	Status int
	// Err is why the attempt failed, nil where it did not.
	Err error
	// Took is the time from the request to its answer; the wait for a turn in the
	// limiter is not in it.
	Took time.Duration
}

// String is one line: operation, subject, status and time.
func (a Attempt) String() string {
	line := a.Service + " " + a.Operation
	if a.Subject != "" {
		line += " " + a.Subject
	}
	foreign, isForeign := errors.AsType[ForeignAnswer](a.Err)
	switch {
	case isForeign:
		line += fmt.Sprintf(": %d, not by AWS", foreign.Status)
	case a.Status != 0 && a.Err != nil:
		line += fmt.Sprintf(": %d %s", a.Status, errorCode(a.Err))
	case a.Status != 0:
		line += fmt.Sprintf(": %d", a.Status)
	default:
		line += ": no answer"
	}
	return strings.TrimSpace(line) + " in " + a.Took.Round(time.Millisecond).String()
}

type subjectKey struct{}

// addTrace reports each attempt to the hook.
func addTrace(hook func(Attempt)) func(*middleware.Stack) error {
	if hook == nil {
		return func(*middleware.Stack) error { return nil }
	}
	return func(stack *middleware.Stack) error {
		note := middleware.InitializeMiddlewareFunc("lambda-rollout:subject",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(middleware.WithStackValue(ctx, subjectKey{}, subjectOf(in.Parameters)), in)
			})
		report := middleware.FinalizeMiddlewareFunc("lambda-rollout:trace",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				start := time.Now()
				out, meta, err := next.HandleFinalize(ctx, in)
				subject, _ := middleware.GetStackValue(ctx, subjectKey{}).(string)
				a := Attempt{
					Service: awsmiddleware.GetServiceID(ctx), Operation: awsmiddleware.GetOperationName(ctx), Subject: subject,
					Err: err, Took: time.Since(start),
				}
				if failed, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
					a.Status = failed.HTTPStatusCode()
				} else if response, ok := awsmiddleware.GetRawResponse(meta).(*smithyhttp.Response); ok {
					a.Status = response.StatusCode
				}
				hook(a)
				return out, meta, err
			})
		if err := stack.Initialize.Add(note, middleware.Before); err != nil {
			return err
		}
		return stack.Finalize.Insert(report, "Retry", middleware.After)
	}
}

// subjects are the fields of an input that name what a call is about; the second
// one follows the first behind its separator.
var subjects = []struct{ field, separator, second string }{
	{"FunctionName", ":", "Qualifier"}, {"FunctionName", ":", "Name"}, {"FunctionName", "", ""},
	{"Bucket", "/", "Key"}, {"Bucket", "", ""}, {"Resource", "", ""}, {"RoleArn", "", ""}, {"RoleName", "", ""},
	{"Application", "/", "Group"}, {"Deployment", "", ""},
	{"RepositoryName", "", ""}, {"LayerName", "", ""}, {"Arn", "", ""}, {"Name", "", ""}, {"SecretId", "", ""},
}

// subjectOf reads an input of any operation.
func subjectOf(input any) string {
	value := reflect.Indirect(reflect.ValueOf(input))
	if value.Kind() != reflect.Struct {
		return ""
	}
	text := func(name string) string {
		field := value.FieldByName(name)
		if !field.IsValid() {
			return ""
		}
		if field = reflect.Indirect(field); field.Kind() != reflect.String {
			return ""
		}
		return field.String()
	}
	for _, s := range subjects {
		first := text(s.field)
		if first == "" {
			continue
		}
		if s.second == "" {
			return first
		}
		if second := text(s.second); second != "" {
			return first + s.separator + second
		}
	}
	return ""
}
