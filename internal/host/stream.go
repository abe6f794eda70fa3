package host

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// streamLimit is how much a reader may fall behind before a write waits for
	// it.
	streamLimit = 16 << 20
	// lastWords is how long the end of a run waits for a reader after a signal.
	lastWords = time.Second
)

// errUnread is the error of text that nobody took in time.
var errUnread = errors.New("nobody reads it")

// Stream is stdout or stderr, written by a goroutine of its own: a reader that is
// slow, or reads nothing at all, does not hold up a deployment between two calls.
// It is safe for use by several goroutines.
type Stream struct {
	to io.Writer

	mu sync.Mutex
	// changed wakes up everybody who waits for one of the fields below.
	changed *sync.Cond
	pending []byte
	writing bool
	err     error
	// released means that nobody waits for the reader any longer, but for the last
	// words.
	released bool
}

// NewStream begins to write to a file as soon as there is something to write.
func NewStream(to io.Writer) *Stream {
	s := &Stream{to: to}
	s.changed = sync.NewCond(&s.mu)
	go s.pump()
	return s
}

// Write takes the text and returns before it is written. It fails where an
// earlier text could not be written, or where nobody reads any of it.
func (s *Stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) > streamLimit && s.err == nil && !s.released {
		s.changed.Wait()
	}
	switch {
	case s.err != nil:
		return 0, s.err
	case len(s.pending) > streamLimit:
		return 0, errUnread
	}
	s.pending = append(s.pending, p...)
	s.changed.Broadcast()
	return len(p), nil
}

func (s *Stream) pump() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil {
		for len(s.pending) == 0 {
			s.changed.Wait()
		}
		p := s.pending
		s.pending, s.writing = nil, true
		s.mu.Unlock()
		n, err := s.to.Write(p)
		s.mu.Lock()
		s.writing, s.err = false, err
		if err != nil {
			s.pending = append(p[n:len(p):len(p)], s.pending...)
		}
		s.changed.Broadcast()
	}
}

// Flush waits until everything is written. After Release it waits a second at
// most.
func (s *Stream) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	overdue := false
	var limit *time.Timer
	for (len(s.pending) > 0 || s.writing) && s.err == nil && !overdue {
		if s.released && limit == nil {
			limit = time.AfterFunc(lastWords, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				overdue = true
				s.changed.Broadcast()
			})
			defer limit.Stop()
		}
		s.changed.Wait()
	}
	if s.err == nil && (len(s.pending) > 0 || s.writing) {
		return errUnread
	}
	return s.err
}

// Release ends the patience with a reader: writes wait no longer, and Flush for a
// second at most. A signal calls it.
func (s *Stream) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released = true
	s.changed.Broadcast()
}

// Unsent is the text that could not be written.
func (s *Stream) Unsent() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	unsent := s.pending
	s.pending = nil
	return unsent
}
