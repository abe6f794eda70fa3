package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

// hash reads to the end and returns the SHA-256 as Lambda shows it, and the size.
func hash(ctx context.Context, from io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, &cancelable{ctx, from})
	if err != nil {
		return "", 0, err
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), size, nil
}

// cancelable ends a long read when its context does.
type cancelable struct {
	ctx  context.Context
	from io.Reader
}

func (c *cancelable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.from.Read(p)
}

// hexSum turns the base64 of a SHA-256 into hex, which suits names.
func hexSum(sum string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(sum)
	if err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("%q is not the base64 of a SHA-256", sum)
	}
	return hex.EncodeToString(raw), nil
}
