package artifact

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

const (
	// readTries is how often a broken read goes on from where it stopped.
	readTries = 5
	// stallAfter ends a read in which nothing arrives any more.
	stallAfter = 60 * time.Second
)

// open reads the object from its beginning; a line that breaks is taken up
// again where it broke, on the same content (If-Match).
func (o *object) open(ctx context.Context) io.ReadCloser {
	return &objectReader{ctx: ctx, object: o, until: o.size}
}

// objectReader reads a part of an object over as many requests as it takes.
type objectReader struct {
	ctx    context.Context
	object *object
	// at is the next byte, until the first that is not wanted.
	at, until int64
	tries     int

	body   io.ReadCloser
	cancel context.CancelFunc
	watch  *time.Timer
}

func (r *objectReader) Read(p []byte) (int, error) {
	for {
		if r.at >= r.until {
			return 0, io.EOF
		}
		if r.body == nil {
			if err := r.get(); err != nil {
				return 0, err
			}
		}
		r.watch.Reset(stallAfter)
		n, err := r.body.Read(p)
		r.at += int64(n)
		switch {
		case n > 0:
			r.tries = 0
			return n, nil
		case err == nil:
			continue
		}
		r.Close()
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if r.tries++; r.tries > readTries {
			return 0, fmt.Errorf("the connection broke at byte %d of %d: %w", r.at, r.until, err)
		}
	}
}

// get asks for what is still missing.
func (r *objectReader) get() error {
	ctx, cancel := context.WithCancel(session.WithCallTimeout(r.ctx, 0))
	r.cancel, r.watch = cancel, time.AfterFunc(stallAfter, cancel)
	in := &s3.GetObjectInput{Bucket: &r.object.bucket, Key: &r.object.key}
	if r.object.version != "" {
		in.VersionId = &r.object.version
	}
	if r.object.etag != "" {
		in.IfMatch = &r.object.etag
	}
	if r.at > 0 || r.until < r.object.size {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", r.at, r.until-1))
	}
	out, err := r.object.client.GetObject(ctx, in)
	if err != nil {
		r.Close()
		return err
	}
	r.body = out.Body
	return nil
}

// Close ends the request that is under way.
func (r *objectReader) Close() error {
	if r.body != nil {
		r.body.Close()
		r.body = nil
	}
	if r.cancel != nil {
		r.watch.Stop()
		r.cancel()
		r.cancel = nil
	}
	return nil
}
