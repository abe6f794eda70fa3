package runner

import (
	"context"
	"io"
)

type streamKey struct{}

// WithStream makes an invocation copy the function's answer to w while the function
// makes it, beside returning it. What w refuses is not sent again.
func WithStream(ctx context.Context, w io.Writer) context.Context {
	return context.WithValue(ctx, streamKey{}, w)
}

// StreamOf is the writer of WithStream; io.Discard without one.
func StreamOf(ctx context.Context) io.Writer {
	if w, is := ctx.Value(streamKey{}).(io.Writer); is {
		return w
	}
	return io.Discard
}

// deaf writes on although nobody listens any more: the function is to end as usual.
type deaf struct{ w io.Writer }

func (d deaf) Write(p []byte) (int, error) {
	_, _ = d.w.Write(p)
	return len(p), nil
}
