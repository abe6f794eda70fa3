package redact

// Stream hides secrets in a text that comes in pieces. It keeps back only what
// may be the beginning of a secret that the next piece ends. It is for one
// goroutine at a time.
type Stream struct {
	set *Set
	// text is what was kept back, behind a little of what was shown already.
	text  []byte
	shown int
}

// Stream makes a stream of the secrets, those added later too.
func (s *Set) Stream() *Stream { return &Stream{set: s} }

// Next returns what is safe to show of the stream so far. The caller may keep it.
func (s *Stream) Next(p []byte) []byte {
	s.text = append(s.text, p...)
	return s.take(false)
}

// Flush returns what was kept back: it is no whole secret.
func (s *Stream) Flush() []byte { return s.take(true) }

func (s *Stream) take(final bool) []byte {
	out, next := s.set.scan(scan{text: s.text, from: s.shown, final: final})
	keep := max(0, next-lookBehind)
	s.text = append(s.text[:0], s.text[keep:]...)
	s.shown = next - keep
	return out
}
