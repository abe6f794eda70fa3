// Package lambda is the control plane of the embedded AWS Lambda.
//
// It answers as the real service was recorded to answer: states that last for
// settable times, a RevisionId that moves with each change and again when an
// update ends, conflicts while an update is under way, versions that never
// change. The source of a rule is named beside it: TestX::test_y is a recording
// (LocalStack's snapshots of AWS, 2025-11), a title is a page of the Lambda
// developer guide. All state is in the store, so it outlives the process; a change
// is durable before it is answered.
//
// It never runs code: Invoke calls an Invoker.
package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// Options are what a Service needs of the rest of the embedded AWS.
type Options struct {
	Store *store.Store
	Clock api.Clock
	// Pending and InProgress are how long a new function stays Pending and an
	// update InProgress. With 0 the next call finds the change done.
	Pending, InProgress time.Duration
	Objects             Objects  // nil: code cannot come from S3
	Images              Images   // nil: there are no images
	Invoker             Invoker  // nil: nothing can be invoked
	Recorder            Recorder // nil: nobody counts
	Access              Access   // nil: everybody may
	Logger              Logger   // nil: what functions log is lost
	Trail               Trail    // nil: nobody keeps the calls
	// Seed makes the choice between the versions of an alias repeatable; 0 makes
	// it another one each time.
	Seed uint64
}

// Objects reads S3 objects; version "" is the newest one. Errors of S3's own
// are *api.Error.
type Objects interface {
	Object(ctx context.Context, bucket, key, version string) (body io.ReadCloser, versionID string, err error)
}

// Images resolves an image URI to the digest ("sha256:…") and media type of
// its manifest. Errors of ECR's own are *api.Error.
type Images interface {
	Image(ctx context.Context, uri string) (digest, mediaType string, err error)
}

// Service is the Lambda of every account and Region.
type Service struct {
	Options

	mu       sync.Mutex
	cache    map[string]*function // by store key; never changed once in here
	failures orderedFailures
	hidden   map[string][]string // fields by function
	dice     func() float64      // from 0 to 1, for weighted aliases; s.mu is held
	running  map[string]int      // invocations under way, by store key
	events   chan struct{}       // a place for each asynchronous invocation
	// executions are the durable ones, oldest first.
	executions []execution
	// totalCode is how much code GetAccountSettings allows; 0 is AWS' own number.
	totalCode atomic.Int64
}

// New returns a Service on what the store holds.
func New(o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	dice := rand.Float64
	if o.Seed != 0 {
		dice = rand.New(rand.NewPCG(o.Seed, 0)).Float64
	}
	return &Service{Options: o, cache: map[string]*function{}, dice: dice, events: make(chan struct{}, maxEvents)}
}

// answer is what an operation returns: a status and a JSON document, none
// where body is nil.
type answer struct {
	status int
	body   any
}

// request is one call with its path variables.
type request struct {
	ctx    context.Context
	caller api.Caller
	http   *http.Request
	vars   map[string]string

	requestID  string
	parameters map[string]any // the body's members, for Trail
}

func (r *request) query(name string) string { return r.http.URL.Query().Get(name) }

// Bodies of requests: with code as large as AWS takes them
// (TestLambdaSizeLimits::test_oversized_request_create_lambda), others far above
// what any of them needs.
const (
	maxBody      = 70167211
	maxSmallBody = 1 << 20
)

// tooLarge answers to a body above its limit.
func (r *request) tooLarge(limit int64) error {
	return api.NewError(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException",
		"Request must be smaller than "+strconv.FormatInt(limit, 10)+" bytes for the "+api.RecordOf(r.ctx).Operation+" operation")
}

func (r *request) limit() int64 {
	switch api.RecordOf(r.ctx).Operation {
	case "CreateFunction", "UpdateFunctionCode", "PublishLayerVersion":
		return maxBody
	case "UpdateFunctionConfiguration":
		return maxConfiguration
	}
	return maxSmallBody
}

// decode reads the JSON body into v. An empty body is an empty document.
func (r *request) decode(v any) error {
	limit := r.limit()
	if r.http.ContentLength > limit {
		return r.tooLarge(limit)
	}
	var body bytes.Buffer
	body.Grow(int(max(r.http.ContentLength, 0)) + bytes.MinRead)
	_, err := body.ReadFrom(io.LimitReader(r.http.Body, limit+1))
	if int64(body.Len()) > limit {
		return r.tooLarge(limit)
	}
	if err == nil {
		err = unmarshal(body.Bytes(), v)
	}
	switch {
	case err == nil, errors.Is(err, io.EOF):
		r.parameters, _ = recorded(reflect.ValueOf(v)).(map[string]any)
		return nil
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return api.NewError(http.StatusBadRequest, "SerializationException",
			mismatch.Value+" value can not be converted to "+mismatch.Type.String()+" at '"+mismatch.Field+"'")
	}
	return api.NewError(http.StatusBadRequest, "InvalidRequestContentException",
		"Could not parse request body into json: "+err.Error())
}

// unmarshal reads a document and does not look at what follows it.
func unmarshal(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return json.NewDecoder(bytes.NewReader(body)).Decode(v)
	}
	return err
}

// Operation implements api.Service.
func (s *Service) Operation(r *http.Request) string {
	if route, _ := match(r); route != nil {
		return route.operation
	}
	return ""
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, vars := match(r)
	if route == nil {
		api.WriteRESTJSON(w, api.NewError(http.StatusNotFound, "UnknownOperationException",
			"No operation of Lambda answers to "+r.Method+" "+r.URL.Path))
		return
	}
	record := api.RecordOf(r.Context())
	record.Operation = route.operation
	record.Resource = vars["FunctionName"]
	q := &request{ctx: r.Context(), caller: api.From(r.Context()), http: r, vars: vars, requestID: w.Header().Get(api.RequestIDHeader)}
	if route.raw != nil {
		route.raw(s, q, w)
		return
	}
	a, err := route.handle(s, q)
	if err = errors.Join(err, s.trail(q, route.operation, a, err)); err != nil {
		writeError(w, err)
		return
	}
	writeAnswer(w, a)
}

func writeError(w http.ResponseWriter, err error) {
	var e *api.Error
	if !errors.As(err, &e) {
		e = api.NewError(http.StatusInternalServerError, "ServiceException", err.Error())
	}
	api.WriteRESTJSON(w, e)
}

func writeAnswer(w http.ResponseWriter, a answer) {
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	b, err := json.Marshal(a.body)
	if err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(a.status)
	_, _ = w.Write(b) // a client that has gone has no use for the answer
}
