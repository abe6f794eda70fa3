package artifact

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Source is where Lambda keeps a version's code: GetFunction's Code.Location, an
// address that is signed already and good for ten minutes.
type Source struct {
	URL string
	// Sha256 is base64, as GetFunction shows it beside the address.
	Sha256 string
	// Limit is the most, in bytes, that is read; 0 means UnzippedLimit.
	Limit int64
}

const (
	downloadTries = 4
	downloadPause = 500 * time.Millisecond
)

// Download fetches a version's code into a file below dir and checks its hash.
// The address is a secret for as long as it lives: no error shows it.
func Download(ctx context.Context, client aws.HTTPClient, from Source, dir string) (path string, err error) {
	from.Limit = cmp.Or(from.Limit, UnzippedLimit)
	for try := 1; ; try++ {
		path, again, err := download(ctx, client, from, dir)
		if err == nil || !again || try == downloadTries {
			return path, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Duration(try) * downloadPause):
		}
	}
}

func download(ctx context.Context, client aws.HTTPClient, from Source, dir string) (path string, again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(stallAfter, cancel)
	defer watch.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.URL, nil)
	if err != nil {
		return "", false, fmt.Errorf("fetch the code that Lambda holds: its address cannot be read")
	}
	resp, err := client.Do(req)
	if err != nil {
		// What is wrong with the network in between is wrong at the next try, too.
		var final interface{ RetryableError() bool }
		again := session.Cause(err) == nil && (!errors.As(err, &final) || final.RetryableError())
		return "", again, fmt.Errorf("fetch the code that Lambda holds: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", resp.StatusCode >= 500, fmt.Errorf("fetch the code that Lambda holds: it answered %s (the URL is valid for ten minutes)", resp.Status)
	}
	file, err := os.CreateTemp(dir, "code-*.zip")
	if err != nil {
		return "", false, err
	}
	defer func() {
		file.Close()
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(&watched{resp.Body, watch}, from.Limit+1))
	if err != nil {
		return "", true, fmt.Errorf("fetch the code that Lambda holds: %w", withoutURL(err))
	}
	if n > from.Limit {
		return "", false, fmt.Errorf("fetch the code that Lambda holds: it is above %s", limit(from.Limit))
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != from.Sha256 {
		return "", true, fmt.Errorf("fetch the code that Lambda holds: its SHA-256 is %s, not %s", got, from.Sha256)
	}
	return file.Name(), false, file.Close()
}

// withoutURL drops the address, which net/http puts into its errors.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// watched puts off the end of a read that goes on.
type watched struct {
	from  io.Reader
	watch *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	w.watch.Reset(stallAfter)
	return w.from.Read(p)
}
