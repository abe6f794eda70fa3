package awslocal

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// A body must bring bodyProgress bytes in each bodyPatience that the server
// waits for it. A slow line does; a connection that was left with half a body
// does not, and ends.
const (
	bodyPatience = 10 * time.Second
	bodyProgress = 1 << 10
)

// maxDrained bounds what is read of a body that its handler has left unread.
const maxDrained = 1 << 30

// patientBody is a request's body with a bound on the time without progress.
// Only time spent in Read counts, so a slow handler costs the client nothing.
type patientBody struct {
	io.ReadCloser
	conn  *http.ResponseController
	left  time.Duration
	got   int
	begun bool // somebody read from it
	ended bool // nothing more can be read
	// waits is set where the client sends the body only once it is asked for.
	waits bool
}

// withProgress bounds the wait for r's body, whoever reads it: net/http reads what a
// handler has left, before it answers.
func withProgress(w http.ResponseWriter, r *http.Request) *patientBody {
	body := &patientBody{ReadCloser: r.Body, conn: http.NewResponseController(w), left: bodyPatience,
		waits: strings.EqualFold(r.Header.Get("Expect"), "100-continue")}
	if r.Body == nil || r.Body == http.NoBody {
		body.ended = true
		return body
	}
	r.Body = body
	_ = body.conn.SetReadDeadline(time.Now().Add(bodyPatience)) // a writer without connection has no client that could be slow
	return body
}

// drain reads the rest of the body, so that a client that sends all of it before
// it reads gets its answer: closing a connection with unread bytes resets it, and
// the answer is lost with it.
func (b *patientBody) drain() {
	if !b.ended && (b.begun || !b.waits) {
		_, _ = io.CopyN(io.Discard, b, maxDrained) // the answer is the same where this fails
	}
}

// Read implements io.Reader. Its error after the bound is os.ErrDeadlineExceeded.
func (b *patientBody) Read(p []byte) (int, error) {
	begun := time.Now()
	b.begun = true
	_ = b.conn.SetReadDeadline(begun.Add(b.left)) // as above
	n, err := b.ReadCloser.Read(p)
	b.left -= time.Since(begun)
	if b.got += n; b.got >= bodyProgress {
		b.left, b.got = bodyPatience, 0
	}
	if err != nil {
		b.ended = true
	}
	if err == io.EOF {
		_ = b.conn.SetReadDeadline(time.Time{}) // as above
	}
	return n, err
}
