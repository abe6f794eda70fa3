package awstest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipe returns two connected ends. Unlike net.Pipe's they buffer what is written,
// as TCP does: a server may answer and close although it has not read the
// request to its end.
func pipe() (client, server net.Conn) {
	there, back := newStream(), newStream()
	return &conn{in: back, out: there}, &conn{in: there, out: back}
}

// conn is one end of a pipe.
type conn struct{ in, out *stream }

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends both directions. What was written can still be read at the far end.
func (c *conn) Close() error {
	c.out.change(func() { c.out.ended = true })
	c.in.change(func() { c.in.refused = true })
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return pipeAddr{} }
func (c *conn) RemoteAddr() net.Addr { return pipeAddr{} }

// SetDeadline sets the deadline of reads; a write never waits.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.change(func() { c.in.deadline = t })
	return nil
}

func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// stream is one direction of a pipe.
type stream struct {
	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, at every change
	buffer  []byte
	// ended is set when the writing end is closed, refused when the reading end is.
	ended, refused bool
	deadline       time.Time // of reads
}

func newStream() *stream { return &stream{changed: make(chan struct{})} }

func (s *stream) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// write drops what comes after the reading end is closed: over TCP, too, the
// writer learns of that later.
func (s *stream) write(p []byte) (n int, err error) {
	s.change(func() {
		switch {
		case s.ended:
			err = net.ErrClosed
		case s.refused:
			n = len(p)
		default:
			n, s.buffer = len(p), append(s.buffer, p...)
		}
	})
	return n, err
}

func (s *stream) read(p []byte) (int, error) {
	for {
		n, changed, deadline, err := s.take(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		await(changed, deadline)
	}
}

func await(changed <-chan struct{}, deadline time.Time) {
	if deadline.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

// take reads what is there, or returns what a reader has to wait for.
func (s *stream) take(p []byte) (n int, changed chan struct{}, deadline time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.refused:
		err = net.ErrClosed
	case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
		err = os.ErrDeadlineExceeded
	case len(s.buffer) > 0:
		n = copy(p, s.buffer)
		s.buffer = s.buffer[n:]
	case s.ended:
		err = io.EOF
	}
	return n, s.changed, s.deadline, err
}
