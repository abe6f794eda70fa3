package host

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gate is a reader that reads nothing until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	text strings.Builder
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(p)
}

// The rollback after a signal may take minutes: the second for the last words
// begins when they are said.
func TestTheLastWordsAfterALongRollbackAreWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &gate{open: make(chan struct{})}
		s := NewStream(to)
		s.Release()
		time.Sleep(time.Minute)
		if _, err := s.Write([]byte("everything is as it was\n")); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(lastWords/2, func() { close(to.open) })
		if err := s.Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
		if got := to.text.String(); got != "everything is as it was\n" {
			t.Errorf("written: %q", got)
		}
		end(s)
	})
}

func TestAReaderThatDoesNotReadIsWaitedForASecondAfterASignal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &gate{open: make(chan struct{})}
		s := NewStream(to)
		if _, err := s.Write([]byte("text\n")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.AfterFunc(time.Hour, s.Release)
		if err := s.Flush(); err != errUnread {
			t.Errorf("flush: %v, want %v", err, errUnread)
		}
		if took := time.Since(start); took != time.Hour+lastWords {
			t.Errorf("flush took %s, want a second after the signal", took)
		}
		close(to.open)
		end(s)
	})
}

// end lets the goroutine of a stream end: the next write fails.
func end(s *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = broken{}
	s.pending = append(s.pending, '.')
	s.changed.Broadcast()
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errUnread }
