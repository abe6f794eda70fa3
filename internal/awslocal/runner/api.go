package runner

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/loopback"
)

// maxAnswer is the most that a function may answer ("Lambda quotas": 6 MB, and
// what the message of Function.ResponseSizeTooLarge says).
const maxAnswer = 6_291_556

// maxReport bounds an error report, which Lambda cuts as well.
const maxReport = 256 << 10

const apiVersion = "/2018-06-01/runtime"

// ServeHTTP serves the runtime API to one process, and to no web page. Four paths
// need no http.ServeMux, which would bring 30 KB of pattern matching.
func (s *sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := loopback.Check(r); err != nil {
		refuse(w, http.StatusForbidden, "Forbidden", err.Error())
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, apiVersion)
	id, what, inside := strings.Cut(strings.TrimPrefix(path, "/invocation/"), "/")
	switch {
	case ok && r.Method == http.MethodGet && path == "/invocation/next":
		s.serveNext(w, r)
	case ok && r.Method == http.MethodPost && path == "/init/error":
		s.serveInitError(w, r)
	case ok && r.Method == http.MethodPost && inside && what == "response":
		s.serveResponse(w, r, id)
	case ok && r.Method == http.MethodPost && inside && what == "error":
		s.serveError(w, r, id)
	default:
		refuse(w, http.StatusNotFound, "NotFound", "the runtime API has no "+r.Method+" "+r.URL.Path)
	}
}

// serveNext holds the process until there is an event. To ask again without
// having answered is not allowed.
func (s *sandbox) serveNext(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	busy := s.current != nil
	if !s.initialized {
		s.initialized = true
		close(s.ready)
	}
	s.mu.Unlock()
	if busy {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the last invocation was not answered")
		return
	}
	var inv *invocation
	select {
	case inv = <-s.next:
	case <-r.Context().Done():
		return
	case <-s.exited:
		return
	}
	s.mu.Lock()
	s.current = inv
	s.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(inv.payload)))
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0")
	_, _ = w.Write(inv.payload) // a process that has gone is seen by its exit
}

// serveResponse takes an answer; one above the limit becomes an error, as
// Lambda makes it.
func (s *sandbox) serveResponse(w http.ResponseWriter, r *http.Request, id string) {
	inv := s.take(w, id)
	if inv == nil {
		return
	}
	from := io.Reader(http.MaxBytesReader(w, r.Body, maxAnswer))
	if r.Header.Get("Lambda-Runtime-Function-Response-Mode") == "streaming" {
		from = io.TeeReader(from, deaf{inv.stream})
	}
	body, err := io.ReadAll(from)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		const text = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
		inv.done <- outcome{errorPayload("Function.ResponseSizeTooLarge", text), Unhandled}
		refuse(w, http.StatusRequestEntityTooLarge, "Function.ResponseSizeTooLarge", text)
	case err != nil:
		inv.done <- outcome{errorPayload("Runtime.TruncatedResponse", "the answer ended early: "+err.Error()), Unhandled}
		refuse(w, http.StatusBadRequest, "Runtime.TruncatedResponse", err.Error())
	default:
		inv.done <- outcome{payload: body}
		accept(w)
	}
}

// serveError takes the report of a failed invocation. Managed runtimes report
// everything as Unhandled; a custom one may say Handled.
func (s *sandbox) serveError(w http.ResponseWriter, r *http.Request, id string) {
	inv := s.take(w, id)
	if inv == nil {
		return
	}
	out := outcome{payload: readReport(w, r), fault: Unhandled}
	if r.Header.Get("Lambda-Runtime-Function-Error-Type") == Handled {
		out.fault = Handled
	}
	inv.done <- out
	accept(w)
}

func (s *sandbox) serveInitError(w http.ResponseWriter, r *http.Request) {
	report := readReport(w, r)
	s.mu.Lock()
	s.failure = &outcome{payload: report, fault: Unhandled}
	s.mu.Unlock()
	accept(w)
}

// take returns the invocation of an id, if the process works on it; else it
// refuses.
func (s *sandbox) take(w http.ResponseWriter, id string) *invocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	inv := s.current
	if inv == nil || inv.id != id {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil
	}
	s.current = nil
	return inv
}

func readReport(w http.ResponseWriter, r *http.Request) []byte {
	b, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport)) // what there is of it
	if len(b) == 0 {
		b = errorPayload(r.Header.Get("Lambda-Runtime-Function-Error-Type"), "")
	}
	return b
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`) // a process that has gone is seen by its exit
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(errorPayload(kind, message)) // as above
}
