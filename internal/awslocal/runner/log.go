package runner

import "sync"

// logSize is how much of its log an invocation gives back ("Invoke",
// LogResult: the last 4 KB).
const logSize = 4 << 10

// outputSize is how much of it is kept for the log group.
const outputSize = 256 << 10

// tail keeps the last outputSize bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > outputSize {
		p = p[n-outputSize:]
	}
	if over := len(t.buf) + len(p) - 2*outputSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[max(0, len(t.buf)-outputSize):]...)
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// take returns the tail and forgets it.
func (t *tail) take() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.buf[max(0, len(t.buf)-outputSize):]
	t.buf = nil
	return last
}

// lastOf is the part of an invocation's output that its answer holds.
func lastOf(output []byte) []byte { return output[max(0, len(output)-logSize):] }
