package awslocal

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// Action is what a Fault does to a call.
type Action string

// The actions. "Effect" is what the call does to the state.
const (
	Error        Action = "error"         // answer with Status, Code and Message; no effect
	ErrorAfter   Action = "error-after"   // the effect, then the error
	Drop         Action = "drop"          // drop the connection; no effect
	DropAfter    Action = "drop-after"    // the effect, then drop the connection
	Late         Action = "late"          // drop the connection; the effect comes Delay later
	Silence      Action = "silence"       // never answer; no effect
	SilenceAfter Action = "silence-after" // the effect, then never answer
	Delay        Action = "delay"         // wait for Delay, then go on as usual
)

// Fault disturbs calls: Count of them, from the Nth that matches on.
type Fault struct {
	Operation string // "UpdateAlias"; "" is any
	Service   string // "lambda"; "" is any
	Path      string // a part of the request's path, such as a function's name; "" is any
	Nth       int    // 1, or 0, is the next match
	Count     int    // 0 is 1; below 0 is all from the Nth on
	Action    Action
	Status    int    // for Error; 0 is 500
	Code      string // for Error; "" is ServiceException
	Message   string
	Delay     time.Duration
	// Fired is called when the fault strikes a call, before its action.
	Fired func() `json:"-"`
}

type faultSwitch struct {
	mu    sync.Mutex
	armed []*armed
}

type armed struct {
	Fault
	seen int
}

// Inject arms faults. A call is struck by the first that is due; all that match
// count it.
func (s *Server) Inject(faults ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range faults {
		f.Nth = max(f.Nth, 1)
		if f.Count == 0 {
			f.Count = 1
		}
		s.faults.armed = append(s.faults.armed, &armed{Fault: f})
	}
}

// ClearFaults disarms all faults.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.armed = nil
}

// WaitLate returns when all late effects have happened.
func (s *Server) WaitLate() { s.late.wait() }

// lateEffects counts effects that are still to come. A WaitGroup would not do:
// the first may begin while somebody waits.
type lateEffects struct {
	mu    sync.Mutex
	count int
	ended sync.Cond
}

func (l *lateEffects) start(effect func()) {
	l.mu.Lock()
	l.count++
	l.mu.Unlock()
	go func() {
		defer func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.count--
			l.ended.Broadcast()
		}()
		effect()
	}()
}

func (l *lateEffects) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.count > 0 {
		l.ended.Wait()
	}
}

func (f *armed) matches(service, operation, path string) bool {
	return (f.Operation == "" || f.Operation == operation) && (f.Service == "" || f.Service == service) &&
		strings.Contains(path, f.Path)
}

// dueFault finds the fault that a call meets, nil where there is none.
func (s *Server) dueFault(service, operation, path string) *Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	var due *Fault
	s.faults.armed = slices.DeleteFunc(s.faults.armed, func(f *armed) bool {
		if !f.matches(service, operation, path) {
			return false
		}
		f.seen++
		if f.seen < f.Nth || due != nil {
			return false
		}
		fault := f.Fault
		due = &fault
		return f.Count > 0 && f.seen >= f.Nth+f.Count-1
	})
	return due
}

// inject serves a call, disturbed where a fault is due.
func (s *Server) inject(service api.Service, w *statusWriter, r *http.Request) {
	record := api.RecordOf(r.Context())
	f := s.dueFault(record.Service, record.Operation, r.URL.Path)
	if f == nil {
		service.ServeHTTP(w, r)
		return
	}
	if f.Fired != nil {
		f.Fired()
	}
	refusal := api.NewError(f.Status, f.Code, f.Message)
	if f.Status == 0 {
		refusal.Status = http.StatusInternalServerError
	}
	if f.Code == "" {
		refusal.Code = "ServiceException"
	}
	switch f.Action {
	case Error:
		writeErrorOf(service, w, r, refusal)
	case ErrorAfter:
		service.ServeHTTP(newDiscardedResponse(), detach(r))
		writeErrorOf(service, w, r, refusal)
	case Drop:
		drop()
	case DropAfter:
		service.ServeHTTP(newDiscardedResponse(), detach(r))
		drop()
	case Late:
		s.serveLate(service, r, f.Delay)
		drop()
	case Silence:
		s.neverAnswer(r)
	case SilenceAfter:
		service.ServeHTTP(newDiscardedResponse(), detach(r))
		s.neverAnswer(r)
	case Delay:
		s.pause(f.Delay)
		service.ServeHTTP(w, detach(r))
	}
}

// drop ends the connection without an answer; net/http knows this panic and
// stays quiet.
func drop() { panic(http.ErrAbortHandler) }

// neverAnswer keeps a connection without an answer until one side gives up.
func (s *Server) neverAnswer(r *http.Request) {
	// The server notices that the client has gone only once the body was read.
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
	drop()
}

func (s *Server) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closed:
	}
}

// maxLate bounds the body that a late effect keeps.
const maxLate = 80 << 20

// serveLate takes the request in whole and lets it happen after a delay.
func (s *Server) serveLate(service api.Service, r *http.Request, delay time.Duration) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxLate))
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	record := *api.RecordOf(r.Context())
	caller := api.From(r.Context())
	later := detach(r)
	later = later.WithContext(api.With(later.Context(), caller, &record))
	later.Body = io.NopCloser(bytes.NewReader(body))
	s.late.start(func() {
		s.pause(delay)
		select {
		case <-s.closed:
			return
		default:
		}
		out := newDiscardedResponse()
		service.ServeHTTP(out, later)
		s.logCall(Call{Time: s.Now(), Account: caller.Account, Region: caller.Region, Service: record.Service,
			Operation: record.Operation, Resource: record.Resource, Changed: record.Changed, Status: out.status, Late: true})
	})
}

// discardedResponse takes an answer that nobody will read.
type discardedResponse struct {
	header http.Header
	status int
}

func newDiscardedResponse() *discardedResponse { return &discardedResponse{header: http.Header{}} }

func (n *discardedResponse) Header() http.Header { return n.header }

func (n *discardedResponse) WriteHeader(status int) {
	if n.status == 0 {
		n.status = status
	}
}

func (n *discardedResponse) Write(b []byte) (int, error) {
	n.WriteHeader(http.StatusOK)
	return len(b), nil
}
