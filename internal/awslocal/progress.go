package awslocal

import (
	"io"
	"net/http"
	"time"
)

// A body must bring bodyProgress bytes in each bodyPatience that the server
// waits for it. A slow line does; a connection that was left with half a body
// does not, and ends.
const (
	bodyPatience = 10 * time.Second
	bodyProgress = 1 << 10
)

// patientBody is a request's body with a bound on the time without progress.
// Only time spent in Read counts, so a slow handler costs the client nothing.
type patientBody struct {
	io.ReadCloser
	conn  *http.ResponseController
	left  time.Duration
	got   int
	ended bool
}

// withProgress bounds the wait for r's body. The caller must call finish when
// the request was answered.
func withProgress(w http.ResponseWriter, r *http.Request) (finish func()) {
	if r.Body == nil || r.Body == http.NoBody {
		return func() {}
	}
	body := &patientBody{ReadCloser: r.Body, conn: http.NewResponseController(w), left: bodyPatience}
	r.Body = body
	return body.finish
}

// Read implements io.Reader. Its error after the bound is os.ErrDeadlineExceeded.
func (b *patientBody) Read(p []byte) (int, error) {
	begun := time.Now()
	_ = b.conn.SetReadDeadline(begun.Add(b.left)) // a writer without connection has no client that could be slow
	n, err := b.ReadCloser.Read(p)
	b.left -= time.Since(begun)
	if b.got += n; b.got >= bodyProgress {
		b.left, b.got = bodyPatience, 0
	}
	if err == io.EOF {
		b.ended = true
		_ = b.conn.SetReadDeadline(time.Time{}) // as above
	}
	return n, err
}

// finish bounds what net/http reads of a body that the handler left.
func (b *patientBody) finish() {
	if !b.ended {
		_ = b.conn.SetReadDeadline(time.Now().Add(bodyPatience)) // as above
	}
}
