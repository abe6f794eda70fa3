package lambdaapi

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Invocation is one synchronous call of a function.
type Invocation struct {
	// Qualifier is an alias or version, "" for $LATEST.
	Function, Qualifier string
	Payload             []byte
}

// Answer is what a function said.
type Answer struct {
	Payload []byte
	// FunctionError is Unhandled or Handled; "" where the function succeeded.
	FunctionError string
	// Version is the one that ran.
	Version string
	// Log is the last 4 KB of the invocation's log.
	Log string
}

// Invoke calls a function once and waits for its answer, as long as a function
// may run.
func (c *Client) Invoke(ctx context.Context, i Invocation) (Answer, error) {
	in := &lambda.InvokeInput{
		FunctionName: &i.Function, Qualifier: nonEmpty(i.Qualifier), LogType: types.LogTypeTail,
	}
	if len(i.Payload) > 0 {
		in.Payload = i.Payload
	}
	out, err := c.api.Invoke(session.WithCallTimeout(ctx, invokeLimit), in, once)
	if err != nil {
		return Answer{}, fmt.Errorf("invoke %s: %w", i.Function, err)
	}
	log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return Answer{}, fmt.Errorf("invoke %s: read its log: %w", i.Function, err)
	}
	return Answer{
		Payload: out.Payload, FunctionError: aws.ToString(out.FunctionError),
		Version: aws.ToString(out.ExecutedVersion), Log: string(log),
	}, nil
}
