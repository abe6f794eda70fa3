package lambdaapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// inlineZip is the zip of one call. The SDK writes a mark into the call's body, which zipBody
// replaces by the zip.
type inlineZip struct {
	file *os.File
	// info is what the file was when it was opened.
	info os.FileInfo
	// mark is 24 random characters of base64: the SDK writes them into the JSON unchanged.
	mark string
}

// errChanged is a zip that somebody wrote to while it was in use. AWS would refuse its
// signature, as if the credentials were wrong.
var errChanged = errors.New("the artifact changed while it was sent: start again once nothing writes to it")

// unsentError is why a call was never sent: its zip cannot be read.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return "read the artifact: " + e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

// openZip opens the zip of a file, which the caller closes. Its size is that of the zip that
// was looked at before, 0 where that is not known. Errors: *unsentError.
func openZip(path string, size int64) (*inlineZip, error) {
	// A pipe that took the zip's place would be waited for.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, &unsentError{err}
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || size > 0 && info.Size() != size) {
		err = fmt.Errorf("%s is no longer the file that was looked at before: start again once nothing writes to it", path)
	}
	if err != nil {
		return nil, &unsentError{errors.Join(err, file.Close())}
	}
	return &inlineZip{file: file, info: info, mark: rand.Text()[:24]}, nil
}

// explain names the cause of a call's error where it is a change of the zip.
func (z *inlineZip) explain(err error) error {
	if err == nil {
		return nil
	}
	now, statErr := z.file.Stat()
	if statErr == nil && now.Size() == z.info.Size() && now.ModTime().Equal(z.info.ModTime()) {
		return err
	}
	return errors.Join(errChanged, err)
}

// marked is what the SDK is given for the zip.
func (z *inlineZip) marked() []byte {
	b, err := base64.StdEncoding.DecodeString(z.mark)
	if err != nil {
		panic(err) // 24 letters and digits are base64
	}
	return b
}

// options are those of the one call that carries the zip.
func (z *inlineZip) options(o *lambda.Options) {
	once(o)
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Serialize.Add(middleware.SerializeMiddlewareFunc("InlineZip", z.serialize), middleware.After)
	})
}

func (z *inlineZip) serialize(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (out middleware.SerializeOutput, metadata middleware.Metadata, err error) {
	req, is := in.Request.(*smithyhttp.Request)
	if !is {
		return out, metadata, fmt.Errorf("a request of type %T carries no zip", in.Request)
	}
	body, err := io.ReadAll(req.GetStream())
	if err != nil {
		return out, metadata, err
	}
	before, after, found := bytes.Cut(body, []byte(z.mark))
	if !found {
		return out, metadata, errors.New("the SDK's request has no place for the zip")
	}
	if in.Request, err = req.SetStream(&zipBody{before: before, after: after, zip: z.file, size: z.info.Size()}); err != nil {
		return out, metadata, err
	}
	return next.HandleSerialize(ctx, in)
}

// zipBody is the body of a call with a zip in it, made while it is read: once to be signed and
// once to be sent. The SDK alone would hold the zip and two copies of its base64 in memory.
type zipBody struct {
	// before and after are the JSON around the base64 of the zip.
	before, after []byte
	zip           io.ReaderAt
	size          int64 // of the zip, in bytes
	at            int64 // the next byte of the body
	raw           []byte
	text          []byte
}

// groups is how many groups of four characters are encoded at once.
const groups = 8 << 10

func (b *zipBody) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	encoded := b.encoded()
	switch at := b.at - int64(len(b.before)); {
	case at < 0:
		n = copy(p, b.before[b.at:])
	case at < encoded:
		n, err = b.readZip(p, at)
	case at < encoded+int64(len(b.after)):
		n = copy(p, b.after[at-encoded:])
	default:
		return 0, io.EOF
	}
	b.at += int64(n)
	return n, err
}

// readZip encodes the zip from one of the characters of its base64 on, as far as p has room
// for whole groups.
func (b *zipBody) readZip(p []byte, at int64) (int, error) {
	if b.raw == nil {
		b.raw, b.text = make([]byte, 3*groups), make([]byte, 4*groups)
	}
	group := at / 4
	raw := b.raw[:min(3*int64(max(1, min(groups, len(p)/4))), b.size-3*group)]
	if n, err := b.zip.ReadAt(raw, 3*group); n < len(raw) {
		if errors.Is(err, io.EOF) {
			err = errChanged
		}
		return 0, fmt.Errorf("read the artifact: %w", err)
	}
	base64.StdEncoding.Encode(b.text, raw)
	return copy(p, b.text[at%4:base64.StdEncoding.EncodedLen(len(raw))]), nil
}

// Seek is that of io.Seeker. The SDK asks for the length by it, and goes back to the start.
func (b *zipBody) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += int64(len(b.before)) + b.encoded() + int64(len(b.after))
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of a body")
	}
	b.at = offset
	return offset, nil
}

// encoded is how many characters the base64 of the zip has.
func (b *zipBody) encoded() int64 { return (b.size + 2) / 3 * 4 }
