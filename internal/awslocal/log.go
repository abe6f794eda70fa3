package awslocal

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Call is one call that the Server answered, or dropped.
type Call struct {
	Time      time.Time
	Account   string
	Region    string
	Service   string
	Operation string
	Resource  string        `json:",omitempty"`
	Status    int           // 0 where nothing was answered
	Changed   bool          // something that lasts changed
	Late      bool          `json:",omitempty"` // the effect came after the connection had gone
	Took      time.Duration `json:"-"`
}

// logSize bounds the log: the oldest calls are forgotten.
const logSize = 10000

type callLog struct {
	mu    sync.Mutex
	calls []Call
}

// logCall logs a call and, with Options.Verbose, prints it on one line.
func (s *Server) logCall(c Call) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if len(s.log.calls) == logSize {
		s.log.calls = slices.Delete(s.log.calls, 0, logSize/2)
	}
	s.log.calls = append(s.log.calls, c)
	if s.options.Verbose == nil {
		return
	}
	status := "dropped"
	if c.Status != 0 {
		status = fmt.Sprint(c.Status)
	}
	// The log is for a user to watch: one that cannot be written stops nothing.
	_, _ = fmt.Fprintf(s.options.Verbose, "%s %s/%s %s.%s %s %s %s\n", c.Time.UTC().Format("15:04:05.000"),
		c.Account, c.Region, c.Service, c.Operation, c.Resource, status, c.Took.Round(time.Microsecond))
}

// Calls returns the calls since the start or the last ResetCalls, oldest first.
func (s *Server) Calls() []Call {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.calls)
}

// ResetCalls empties the log.
func (s *Server) ResetCalls() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.calls = nil
}
