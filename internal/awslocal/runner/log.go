package runner

import "sync"

// logSize is how much of its log an invocation gives back ("Invoke",
// LogResult: the last 4 KB).
const logSize = 4 << 10

// tail keeps the last logSize bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > logSize {
		p = p[n-logSize:]
	}
	if len(t.buf)+len(p) > 4*logSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-logSize:]...)
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// take returns the tail and forgets it.
func (t *tail) take() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.buf[max(0, len(t.buf)-logSize):]
	t.buf = nil
	return last
}
