package artifact

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// remoteBlock is how much is fetched at once. The table of contents, which is
// at the end and read in small pieces, is mostly smaller.
const remoteBlock = 512 << 10

// remote reads an object here and there, keeping the block that it read last.
type remote struct {
	ctx    context.Context
	object *object

	mu    sync.Mutex
	start int64
	block []byte
}

// ReadAt fetches the block around off unless it is cached.
func (r *remote) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	read := 0
	for read < len(p) {
		at := off + int64(read)
		if at >= r.object.size {
			return read, io.EOF
		}
		if at < r.start || at >= r.start+int64(len(r.block)) {
			if err := r.fetch(at); err != nil {
				return read, err
			}
		}
		read += copy(p[read:], r.block[at-r.start:])
	}
	return read, nil
}

// fetch gets the block that begins at off, or that ends with the object.
func (r *remote) fetch(off int64) error {
	start := max(min(off, r.object.size-remoteBlock), 0)
	end := min(start+remoteBlock, r.object.size)
	body := objectReader{ctx: r.ctx, object: r.object, at: start, until: end}
	defer body.Close()
	block := make([]byte, end-start)
	if _, err := io.ReadFull(&body, block); err != nil {
		return fmt.Errorf("read bytes %d to %d: %w", start, end, err)
	}
	r.start, r.block = start, block
	return nil
}
