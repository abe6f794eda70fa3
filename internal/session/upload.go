package session

import (
	"context"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
)

// uploadBytes is how much code is under way at once, in bytes: more would share the
// bandwidth until their calls time out. One that is larger goes alone.
const uploadBytes = 8 << 20

type turnKey struct{}

// Upload waits until a call may go out that carries so many bytes of code: first for its
// turn and then for its share of the bandwidth. The call is made with the context that is
// returned, with one attempt, and release ends it.
func (s *Session) Upload(ctx context.Context, region, operation string, size int64) (_ context.Context, release func(), _ error) {
	turns, err := s.takeTurn(awsmiddleware.SetOperationName(ctx, operation), region)
	if err != nil {
		return nil, nil, err
	}
	weight, uploads := min(size, uploadBytes), s.opts.Limits.uploads
	if err := mayGoOut(ctx, func(ctx context.Context) error { return uploads.Acquire(ctx, weight) }); err != nil {
		return nil, nil, err
	}
	return context.WithValue(ctx, turnKey{}, turns), func() { uploads.Release(weight) }, nil
}
