package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/runner"
)

// Invoker runs code.
type Invoker interface {
	Invoke(ctx context.Context, f runner.Function, requestID string, payload []byte) (runner.Result, error)
}

// Invocation is one run of a function, as CloudWatch counts it.
type Invocation struct {
	Account, Region string
	Function        string
	Resource        string // "fn", "fn:alias" or "fn:version": as it was invoked
	// SharedVersion is the version that ran where an alias split its traffic, ""
	// otherwise.
	SharedVersion string
	Time          time.Time // when it began
	Duration      time.Duration
	Error         bool
	Throttled     bool
}

// Recorder counts invocations.
type Recorder interface{ Record(Invocation) }

// Printed is what one invocation logged.
type Printed struct {
	Account, Region, Group, Stream string
	Begun, Ended                   time.Time
	Output                         string
}

// Logger keeps what functions log.
type Logger interface{ Log(Printed) error }

// Sizes of a payload (developer guide, "Lambda quotas").
const (
	maxPayload      = 6291456
	maxEventPayload = 1048576
)

// maxEvents bounds the asynchronous invocations that wait or run.
const maxEvents = 256

// invocation is a call of Invoke that has been found possible.
type invocation struct {
	f        *function
	v        *version
	resource string
	shared   bool      // the alias splits its traffic
	begun    time.Time // when it was invoked
	run      runner.Function
	payload  []byte
}

// invoke serves Invoke, which answers with the function's own payload.
func (s *Service) invoke(r *request, w http.ResponseWriter) {
	in, err := s.prepareInvocation(r)
	if err != nil {
		writeError(w, err)
		return
	}
	header := w.Header()
	switch kind := r.http.Header.Get("X-Amz-Invocation-Type"); kind {
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	case "Event":
		if err := s.queue(r, in); err != nil {
			writeError(w, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	case "", "RequestResponse":
		result, err := s.run(r.ctx, in, header.Get(api.RequestIDHeader))
		if err != nil {
			writeError(w, err)
			return
		}
		header.Set("X-Amz-Executed-Version", in.v.Version)
		if result.FunctionError != "" {
			header.Set("X-Amz-Function-Error", result.FunctionError)
		}
		if r.http.Header.Get("X-Amz-Log-Type") == "Tail" {
			header.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(result.Log))
		}
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(result.Payload)))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(result.Payload) // a client that has gone has no use for the answer
	default:
		var broken violations
		broken.enum("invocationType", kind, "Event", "RequestResponse", "DryRun")
		writeError(w, broken.err())
	}
}

func (s *Service) prepareInvocation(r *request) (*invocation, error) {
	t, err := r.target()
	if err != nil {
		return nil, err
	}
	payload, err := r.payload()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.view(t.account, t.region, t.name)
	if err != nil {
		return nil, err
	}
	var v *version
	if f != nil {
		v = f.route(t.qualifier, s.Clock(), s.dice)
	}
	if v == nil {
		if t.qualifier == "" {
			t.qualifier = latest
		}
		return nil, functionNotFound(t.arn(t.qualifier))
	}
	in := &invocation{f: f, v: v, resource: f.Name, payload: payload, begun: s.Clock()}
	in.shared = f.splits(t.qualifier, in.begun)
	if t.qualifier != "" && t.qualifier != latest {
		in.resource += ":" + t.qualifier
	}
	if err := s.mayRun(in); err != nil {
		return nil, err
	}
	in.run = s.runnable(r, in, f.arn(t.qualifier))
	return in, nil
}

// payload reads the event, which must be JSON where there is one.
func (r *request) payload() ([]byte, error) {
	limit := maxPayload
	if r.http.Header.Get("X-Amz-Invocation-Type") == "Event" {
		limit = maxEventPayload
	}
	payload, err := io.ReadAll(io.LimitReader(r.http.Body, int64(limit)+1))
	switch {
	case err != nil:
		return nil, api.NewError(http.StatusBadRequest, "InvalidRequestContentException", "Could not read the request body: "+err.Error())
	case len(payload) > limit:
		return nil, api.NewError(http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			"Request must be smaller than "+strconv.Itoa(limit)+" bytes for the InvokeFunction operation")
	case len(payload) == 0:
		return []byte("{}"), nil
	case !json.Valid(payload):
		return nil, api.NewError(http.StatusBadRequest, "InvalidRequestContentException",
			"Could not parse request body into json: the payload is not JSON")
	}
	return payload, nil
}

// route picks the version that serves a call, as it is now: by chance where an alias has
// weights (developer guide, "Weighted aliases").
func (f *function) route(qualifier string, now time.Time, dice func() float64) *version {
	v := f.pick(qualifier, now, dice)
	if v == nil {
		return nil
	}
	settled := *v
	settled.settle(now)
	return &settled
}

func (f *function) pick(qualifier string, now time.Time, dice func() float64) *version {
	if qualifier == "" && f.Latest.Config.CapacityProviderConfig != nil {
		qualifier = latestPublished
	}
	a := f.Aliases[qualifier]
	if a == nil {
		return f.resolve(qualifier)
	}
	thrown := dice()
	weights := a.weights(now)
	for _, number := range slices.Sorted(maps.Keys(weights)) {
		if thrown -= weights[number]; thrown < 0 {
			return f.version(number)
		}
	}
	return f.version(a.FunctionVersion)
}

// splits reports whether a qualifier is an alias with a routing configuration.
func (f *function) splits(qualifier string, now time.Time) bool {
	a := f.Aliases[qualifier]
	return a != nil && len(a.weights(now)) > 0
}

// mayRun refuses a version that is not Active and a function whose reserved
// concurrency is 0.
func (s *Service) mayRun(in *invocation) error {
	if state := in.v.Life.State; state != stateActive {
		return conflict("The operation cannot be performed at this time. The function is currently in the following state: " + state)
	}
	if in.f.Reserved != nil && *in.f.Reserved == 0 {
		s.record(in, runner.Result{}, true)
		return throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
	}
	return nil
}

// throttled is the refusal of an invocation that finds no room ("Lambda quotas",
// throttling).
func throttled(reason string) *api.Error {
	e := api.NewError(http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
	e.Fields = map[string]string{"Reason": reason}
	return e
}

// enter counts an invocation that begins; false where the function's reserved
// concurrency is used up.
func (s *Service) enter(in *invocation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := functionKey(in.f.Account, in.f.Region, in.f.Name)
	if in.f.Reserved != nil && s.running[key] >= *in.f.Reserved {
		return false
	}
	if s.running == nil {
		s.running = map[string]int{}
	}
	s.running[key]++
	return true
}

func (s *Service) leave(in *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[functionKey(in.f.Account, in.f.Region, in.f.Name)]--
}

// runnable is the version as the runner takes it: while an update is under way
// or has failed, what served before.
func (s *Service) runnable(r *request, in *invocation, arn string) runner.Function {
	c, code := in.v.Config, in.v.Code
	if in.v.Serving != nil {
		c, code = in.v.Serving.Config, in.v.Serving.Code
	}
	f := runner.Function{
		Name: in.f.Name, ARN: arn, Version: in.v.Version, Region: in.f.Region, Runtime: c.Runtime, Handler: c.Handler,
		MemoryMB: c.MemorySize, Timeout: time.Duration(c.Timeout) * time.Second, CodeSHA256: code.Sha256,
		LogGroup: c.LoggingConfig.LogGroup, LogFormat: c.LoggingConfig.LogFormat, LogLevel: c.LoggingConfig.SystemLogLevel,
		Code: func() (*os.File, error) { return s.Store.OpenBlob(code.Blob) },
		// The account's number is a key that this server knows as the account.
		System: map[string]string{"AWS_ACCESS_KEY_ID": in.f.Account, "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local"},
	}
	if c.Environment != nil {
		f.Environment = c.Environment.Variables
	}
	if f.Environment["AWS_ENDPOINT_URL"] == "" {
		f.System["AWS_ENDPOINT_URL"] = "http://" + r.http.Host
	}
	for _, l := range c.Layers {
		f.Layers = append(f.Layers, l.Arn)
	}
	if c.imagePackage() {
		f.Runtime = "container image"
	}
	return f
}

// run waits for the function's answer and counts it.
func (s *Service) run(ctx context.Context, in *invocation, requestID string) (runner.Result, error) {
	if s.Invoker == nil {
		return runner.Result{}, notHere("this server runs no functions")
	}
	if !s.enter(in) {
		s.record(in, runner.Result{}, true)
		return runner.Result{}, throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
	}
	defer s.leave(in)
	result, err := s.Invoker.Invoke(ctx, in.run, requestID, in.payload)
	var unsupported *runner.UnsupportedError
	switch {
	case err == nil:
		s.record(in, result, false)
		return result, s.print(in, result)
	case errors.As(err, &unsupported):
		return result, notHere(err.Error())
	case errors.Is(err, runner.ErrBusy):
		s.record(in, result, true)
		return result, throttled("ConcurrentInvocationLimitExceeded")
	}
	return result, err
}

// print keeps what an invocation logged.
func (s *Service) print(in *invocation, result runner.Result) error {
	if s.Logger == nil || len(result.Output) == 0 {
		return nil
	}
	return s.Logger.Log(Printed{
		Account: in.f.Account, Region: in.f.Region, Group: in.run.LogGroup, Stream: result.Stream,
		Begun: in.begun, Ended: s.Clock(), Output: string(result.Output),
	})
}

// notHere is the error of code that cannot run on this machine. It is a 4xx, so that
// no client tries again.
func notHere(reason string) *api.Error {
	return api.NewError(http.StatusBadRequest, "InvalidRuntimeException", reason)
}

// queue runs an asynchronous invocation behind the caller's back.
func (s *Service) queue(r *request, in *invocation) error {
	select {
	case s.events <- struct{}{}:
	default:
		return throttled("ConcurrentInvocationLimitExceeded")
	}
	ctx := context.WithoutCancel(r.ctx)
	go func() {
		defer func() { <-s.events }()
		// What becomes of an event is for metrics to say: nobody waits for it.
		_, _ = s.run(ctx, in, api.NewID())
	}()
	return nil
}

func (s *Service) record(in *invocation, result runner.Result, throttled bool) {
	if s.Recorder == nil {
		return
	}
	i := Invocation{
		Account: in.f.Account, Region: in.f.Region, Function: in.f.Name, Resource: in.resource,
		Time: in.begun, Duration: result.Duration, Error: result.FunctionError != "", Throttled: throttled,
	}
	if in.shared {
		i.SharedVersion = in.v.Version
	}
	s.Recorder.Record(i)
}
