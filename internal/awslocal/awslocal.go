// Package awslocal is an AWS in one process: Lambda with its states, revisions
// and conflicts, and as much of S3, ECR, STS, IAM, CloudWatch and its logs,
// CloudTrail, CodeDeploy, Parameter Store and Secrets Manager as deploying needs, on real HTTP for unmodified SDKs and the AWS CLI.
//
// It promises to answer as the real services were recorded or documented to
// answer; each package names its sources. Any credentials are accepted, and any
// well-formed role ARN unless PolicyEvaluation or KnownRolesOnly is on. It answers
// programs on this machine: never a web page, never under a host name that is not
// loopback, and without a signature only where AWS needs none. It takes no folder
// that is not its own. It never leaves the loopback interface, never calls the real
// AWS, and knows nothing of the program around it: the two meet over HTTP alone.
//
// Tests control it by Server's methods, or over HTTP where Options.Control is on
// (see control.go): faults, delays, a clock, failures to order, a dump of the
// state and the log of calls.
package awslocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/cloudtrail"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/cloudwatch"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/ecr"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/iam"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/logs"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/s3"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/sts"
)

// Options are how a Server behaves. The zero value keeps its state in memory,
// changes states at once and accepts everybody.
type Options struct {
	// Dir keeps the state across processes; "" keeps it in memory. It must be
	// new, empty, or a folder that a Server has kept its state in.
	Dir string
	// ReadOnly opens nothing in Dir for writing: what changes is lost with Close.
	ReadOnly bool
	// Listen is where ListenAndServe listens; "" is 127.0.0.1:4566.
	Listen string
	// Pending and InProgress are how long a new function stays Pending and an
	// update InProgress. With 0 the next call finds it settled.
	Pending, InProgress time.Duration
	// Quotas turns on the rate limits of the control plane: 15 calls a second,
	// GetFunction 100, both an account and Region.
	Quotas bool
	// Control serves the switches under /_local/.
	Control bool
	// PolicyEvaluation refuses calls that the caller's identity policies do not
	// allow.
	PolicyEvaluation bool
	// KnownRolesOnly refuses to assume a role that was never created, as AWS does.
	// Without it every well-formed role can be assumed.
	KnownRolesOnly bool
	// MetricDelay is how late the metrics of an invocation can be read: at once, or
	// for example cloudwatch.AWSDelay. SetMetricDelay changes it later.
	MetricDelay cloudwatch.Delay
	// TrailDelay is how late CloudTrail's events can be looked up; in AWS that is
	// typically 5 minutes.
	TrailDelay time.Duration
	// Seed makes the choice between the two versions of a weighted alias
	// repeatable; 0 makes it another one each time.
	Seed uint64
	// Handler runs the functions in place of processes, nil where they really run.
	Handler Handler
	// Verbose takes one line for each call.
	Verbose io.Writer
	// Clock is time.Now where it is nil.
	Clock func() time.Time
	// Account is that of credentials that name none; "" is 000000000000.
	Account string
}

// Server is an http.Handler. Close ends what it runs.
type Server struct {
	options    Options
	store      *store.Store
	lambda     *lambda.Service
	s3         *s3.Service
	ecr        *ecr.Service
	cloudwatch *cloudwatch.Service
	trail      *cloudtrail.Service
	logs       *logs.Service
	codedeploy *codedeploy.Service
	host       atomic.Value // string: by which clients reach the server
	sts        *sts.Service
	iam        *iam.Service
	services   map[string]api.Service // by name in a credential scope

	clock  clock
	faults faultSwitch
	log    callLog
	quota  quota

	http    http.Server
	late    lateEffects
	closed  chan struct{}
	closing atomic.Bool
	closers []io.Closer
}

// New makes a Server on what Options.Dir holds. Errors: an Options.Listen that
// is not loopback, store.ErrInUse where another process has the folder,
// store.ErrForeign where it holds somebody else's files, or what the file system
// says.
func New(o Options) (*Server, error) {
	if o.Account == "" {
		o.Account = api.DefaultAccount
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:4566"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if err := checkListen(o.Listen); err != nil {
		return nil, err
	}
	kept, err := openStore(o)
	if err != nil {
		return nil, err
	}
	return newServer(o, kept)
}

// newServer makes a Server of options whose defaults are filled in.
func newServer(o Options, kept *store.Store) (*Server, error) {
	s := &Server{options: o, store: kept, closed: make(chan struct{})}
	s.clock.base = o.Clock
	s.late.ended.L = &s.late.mu
	s.http = http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	if err := s.connectServices(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the embedded AWS: %w", err), s.Close())
	}
	return s, nil
}

func openStore(o Options) (*store.Store, error) {
	if o.ReadOnly {
		return store.OpenReadOnly(o.Dir)
	}
	return store.Open(o.Dir)
}

// CheckDefaultDir refuses a default folder below base, such as a workspace, that
// a symbolic link leads to: a repository may hold such a link. A folder that the
// user names needs no check.
func CheckDefaultDir(base, dir string) error { return store.CheckDefault(base, dir) }

// Now is the Server's time.
func (s *Server) Now() time.Time { return s.clock.now() }

func onlyLoopback(a net.Addr) error {
	if addr, ok := a.(*net.TCPAddr); !ok || !addr.IP.IsLoopback() {
		return fmt.Errorf("serve the embedded AWS on %s: only loopback addresses are served", a)
	}
	return nil
}

// Serve answers on l, which must be of the loopback interface, until Close. It
// returns nil after Close.
func (s *Server) Serve(l net.Listener) error {
	if err := onlyLoopback(l.Addr()); err != nil {
		return err
	}
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends all connections, processes and late effects, and unlocks the
// folder. A second call does nothing.
func (s *Server) Close() error {
	if s.closing.Swap(true) {
		return nil
	}
	close(s.closed)
	err := s.http.Close()
	s.late.wait()
	for _, c := range s.closers {
		err = errors.Join(err, c.Close())
	}
	return errors.Join(err, s.store.Close())
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := withProgress(w, r)
	if s.serveFunctionURL(w, r) || !s.admit(w, r) || s.serveLocal(w, r) {
		return
	}
	s.serveCall(w, r)
	body.drain()
}

// serveCall answers a call of an AWS service.
func (s *Server) serveCall(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	w.Header().Set(api.RequestIDHeader, api.NewID())
	s.host.Store(r.Host)
	s.codedeploy.Tick()
	name, caller := s.identify(r)
	record := &api.Record{Service: name}
	r = r.WithContext(api.With(r.Context(), caller, record))
	answered := &statusWriter{ResponseWriter: w}
	defer func() {
		s.logCall(Call{Time: s.Now(), Account: caller.Account, Region: caller.Region, Service: record.Service,
			Operation: record.Operation, Resource: record.Resource, Changed: record.Changed,
			Status: answered.status, Took: time.Since(started)})
	}()
	service := s.services[name]
	if service == nil {
		api.WriteRESTJSON(answered, api.NewError(http.StatusBadRequest, "UnknownService",
			"the embedded AWS has no service "+name+" for "+r.Method+" "+r.URL.Path))
		return
	}
	record.Operation = service.Operation(r)
	refusal := unauthenticated(r, name, record.Operation)
	if refusal == nil {
		refusal = s.refuse(r, caller, record)
	}
	if refusal != nil {
		writeErrorOf(service, answered, r, refusal)
		return
	}
	s.inject(service, answered, r)
}

// refuse applies quotas and policies.
func (s *Server) refuse(r *http.Request, caller api.Caller, record *api.Record) *api.Error {
	if s.options.Quotas && record.Service == "lambda" {
		if e := s.quota.take(s.Now(), caller, record.Operation); e != nil {
			return e
		}
	}
	if s.sts.Expired(caller.AccessKeyID) {
		return errExpired
	}
	return s.iam.Authorize(r, caller, record.Service, record.Operation)
}

// errorWriter is a service that writes errors in a protocol of its own.
type errorWriter interface {
	WriteError(http.ResponseWriter, *http.Request, *api.Error)
}

func writeErrorOf(service api.Service, w http.ResponseWriter, r *http.Request, e *api.Error) {
	if own, ok := service.(errorWriter); ok {
		own.WriteError(w, r, e)
		return
	}
	api.WriteRESTJSON(w, e)
}

// statusWriter remembers the status that was written.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// clock is the time of Options, moved by Advance.
type clock struct {
	mu     sync.Mutex
	base   func() time.Time
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base().Add(c.offset)
}

// Advance moves the Server's time: states, expiries and quotas follow.
func (s *Server) Advance(d time.Duration) {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.offset += d
}

// detach lets a request outlive its connection.
func detach(r *http.Request) *http.Request { return r.WithContext(context.WithoutCancel(r.Context())) }
