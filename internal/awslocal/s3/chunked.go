package s3

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// errChunk is a body whose aws-chunked frames do not add up.
var errChunk = errors.New("malformed aws-chunked body")

// Bounds on what a frame may claim, so that a hostile body cannot make the
// reader hold more than a few kilobytes.
const (
	maxChunkLine     = 4 << 10
	maxChunkTrailers = 16
)

// chunkedReader undoes the aws-chunked content encoding: frames of
// "size-in-hex[;chunk-signature=…]\r\n data \r\n", an empty frame, then
// trailers ("Signature calculations for the Authorization header: transferring
// payload in multiple chunks" and "… including trailing headers", Amazon S3
// API Reference). Signatures are skipped, not verified.
type chunkedReader struct {
	src      *bufio.Reader
	left     int64 // of the frame being read
	started  bool
	done     bool
	trailers http.Header
}

func newChunkedReader(r io.Reader) *chunkedReader {
	return &chunkedReader{src: bufio.NewReaderSize(r, maxChunkLine), trailers: http.Header{}}
}

func (c *chunkedReader) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	if c.left == 0 {
		if err := c.nextFrame(); err != nil {
			return 0, err
		}
		if c.done {
			return 0, io.EOF
		}
	}
	n, err := c.src.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *chunkedReader) nextFrame() error {
	if c.started {
		rest, err := c.line()
		if err != nil {
			return err
		}
		if rest != "" {
			return fmt.Errorf("%w: data runs past its frame", errChunk)
		}
	}
	c.started = true
	header, err := c.line()
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(header, ";")
	c.left, err = strconv.ParseInt(size, 16, 63)
	if err != nil || c.left < 0 {
		return fmt.Errorf("%w: frame size %q", errChunk, size)
	}
	if c.left == 0 {
		c.done = true
		return c.readTrailers()
	}
	return nil
}

func (c *chunkedReader) readTrailers() error {
	for range maxChunkTrailers {
		line, err := c.line()
		if errors.Is(err, io.ErrUnexpectedEOF) || line == "" {
			return nil // some clients end without the last empty line
		}
		if err != nil {
			return err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return fmt.Errorf("%w: trailer %q", errChunk, line)
		}
		c.trailers.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return fmt.Errorf("%w: too many trailers", errChunk)
}

func (c *chunkedReader) line() (string, error) {
	line, err := c.src.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("%w: a line above %d bytes", errChunk, maxChunkLine)
	case err == io.EOF:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}
