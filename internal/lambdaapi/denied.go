package lambdaapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// explain adds to a refused call the name of the permission that it lacks. Every
// call passes here, so nobody else has to.
func explain(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("lambda-rollout:explain",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := next.HandleInitialize(ctx, in)
			if err != nil {
				err = named(err, stack.ID())
			}
			return out, meta, err
		}), middleware.Before)
}

// What Lambda says when it meets another service with the caller's own
// permission: code in S3, subnets and security groups in EC2.
var deniedBy = lazyregexp.New(`denied by (\w+), please make sure your request credentials have permission to (\w+)(?: for ([^\s,]+?))?[.,](?: |$)`)

func named(err error, operation string) error {
	text := ""
	var api smithy.APIError
	if errors.As(err, &api) {
		text = api.ErrorMessage()
	}
	if strings.Contains(text, awsfacts.ImageAccess) {
		return fmt.Errorf("%w (let lambda.amazonaws.com into the repository's policy, or allow the caller ecr:GetRepositoryPolicy and ecr:SetRepositoryPolicy on it; in another account ecr:BatchGetImage and ecr:GetDownloadUrlForLayer)", err)
	}
	if m := deniedBy.FindStringSubmatch(text); m != nil {
		denied := session.Denied{Action: strings.ToLower(m[1]) + ":" + m[2], Resource: "*", Err: err}
		if m[1] == "S3" && m[3] != "" {
			denied.Resource = "arn:aws:s3:::" + m[3]
		}
		return denied
	}
	return session.Explain(err, session.Call{Action: "lambda:" + permission(operation)})
}

// permission is an operation's name in IAM, where it is another one.
func permission(operation string) string {
	if operation == "Invoke" {
		return "InvokeFunction"
	}
	return operation
}

// DeniedActions lists the permissions whose lack is in an error, or in any of
// the errors that it joins, sorted and once each.
func DeniedActions(err error) []string {
	var actions []string
	var walk func(error)
	walk = func(err error) {
		if several, is := err.(interface{ Unwrap() []error }); is { //nolint:errorlint // the tree itself is walked
			for _, one := range several.Unwrap() {
				walk(one)
			}
			return
		}
		if denied := (session.Denied{}); errors.As(err, &denied) {
			actions = append(actions, denied.Action)
		}
	}
	walk(err)
	slices.Sort(actions)
	return slices.Compact(actions)
}
