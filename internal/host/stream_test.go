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
	gone bool
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone {
		return 0, errUnread
	}
	return g.text.Write(p)
}

// end lets the goroutine of the stream end: its next write fails.
func (g *gate) end(t *testing.T, s *Stream) {
	t.Helper()
	g.mu.Lock()
	g.gone = true
	g.mu.Unlock()
	if _, err := s.Write([]byte(".")); err != nil {
		t.Fatal(err)
	}
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
		to.mu.Lock()
		got := to.text.String()
		to.mu.Unlock()
		if got != "everything is as it was\n" {
			t.Errorf("written: %q", got)
		}
		to.end(t, s)
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
		to.end(t, s)
	})
}
