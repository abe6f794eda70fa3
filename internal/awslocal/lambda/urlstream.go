package lambda

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// urlStream sends a streamed answer while the function makes it: metadata as JSON,
// eight zero bytes, then the body; or the body alone ("Response streaming").
type urlStream struct {
	w http.ResponseWriter
	// held is what may be metadata, until it is known.
	held  []byte
	begun bool
}

// separator ends the metadata.
var separator = make([]byte, 8)

// maxMetadata bounds what may be metadata.
const maxMetadata = 64 << 10

// Write implements io.Writer.
func (s *urlStream) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.begun {
		return len(p), s.send(p)
	}
	s.held = append(s.held, p...)
	meta, body, is := bytes.Cut(s.held, separator)
	switch {
	case is:
		return len(p), s.begin(meta, body)
	case s.held[0] == '{' && len(s.held) < maxMetadata:
		return len(p), nil
	}
	return len(p), s.begin(nil, s.held)
}

// end sends what no chunk of was sent before.
func (s *urlStream) end(payload []byte) {
	meta, body, is := bytes.Cut(payload, separator)
	if !is {
		meta, body = nil, payload
	}
	_ = s.begin(meta, body) // a client that has gone has no use for the answer
}

func (s *urlStream) begin(meta, body []byte) error {
	s.begun = true
	s.w.Header().Set("Content-Type", "application/octet-stream")
	var a urlAnswer
	if meta == nil || json.Unmarshal(meta, &a) != nil || a.StatusCode < 100 || a.StatusCode > 599 {
		a = urlAnswer{StatusCode: http.StatusOK}
		if meta != nil {
			body = bytes.Join([][]byte{meta, body}, separator)
		}
	}
	a.head(s.w)
	return s.send(body)
}

func (s *urlStream) send(p []byte) error {
	_, err := s.w.Write(p)
	if err == nil {
		err = http.NewResponseController(s.w).Flush()
	}
	return err
}
