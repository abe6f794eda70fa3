package awslocal

import (
	"context"
	"net/http"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/cloudwatch"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/runner"
)

// Handler is the code of every function of a Server that starts no processes. A
// bubble of testing/synctest needs one: its time does not pass while a process
// waits. How long a Handler takes, by the Server's clock, is the duration.
type Handler func(context.Context, Event) Answer

// Event is one invocation of a Handler.
type Event struct {
	Function, Version, Region string
	Environment               map[string]string
	Payload                   []byte
}

// Answer is what came of an Event.
type Answer struct {
	Payload       []byte // JSON
	FunctionError string // runner.Unhandled, runner.Handled or ""
	Log           string // what the function printed
}

// handlerInvoker is a Handler as Lambda calls it.
type handlerInvoker struct {
	handle Handler
	now    api.Clock
}

// Invoke implements lambda.Invoker. Nothing of it is a cold start.
func (h handlerInvoker) Invoke(ctx context.Context, f runner.Function, requestID string, payload []byte) (runner.Result, error) {
	begun := h.now()
	a := h.handle(ctx, Event{Function: f.Name, Version: f.Version, Region: f.Region, Environment: f.Environment, Payload: payload})
	r := runner.Result{RequestID: requestID, Payload: a.Payload, FunctionError: a.FunctionError, Duration: h.now().Sub(begun)}
	r.Output = []byte(runner.Start(f, requestID, begun) + a.Log + runner.Report(f, r, f.MemoryMB, h.now()))
	r.Log, r.Stream = r.Output[max(0, len(r.Output)-4096):], runner.Stream(f, begun.UTC().Truncate(24*time.Hour))
	return r, ctx.Err()
}

// SetMetricDelay changes how late the metrics of further invocations can be read.
func (s *Server) SetMetricDelay(d cloudwatch.Delay) { s.cloudwatch.SetDelay(d) }

func (s *Server) controlMetrics(r *http.Request) error {
	var in struct{ From, To duration }
	if err := decodeControl(r, &in); err != nil {
		return err
	}
	s.SetMetricDelay(cloudwatch.Delay{From: time.Duration(in.From), To: time.Duration(in.To)})
	return nil
}
