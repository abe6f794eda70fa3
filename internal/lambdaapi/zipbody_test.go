package lambdaapi

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

func contentOf(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// Whatever the reader's buffers and wherever it starts, the body is the JSON with the zip's
// base64 in it.
func TestABodyHoldsTheZip(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 2, 3, 4, 100, 3 * groups, 3*groups + 1, 7 * groups} {
		zip := contentOf(size)
		want := `{"before":"` + base64.StdEncoding.EncodeToString(zip) + `","after":1}`
		body := func() *zipBody {
			return &zipBody{before: []byte(`{"before":"`), after: []byte(`","after":1}`), zip: bytes.NewReader(zip), size: int64(size)}
		}
		for name, r := range map[string]io.Reader{"whole": body(), "by bytes": iotest.OneByteReader(body()), "by halves": iotest.HalfReader(body())} {
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%d bytes, %s: %d characters, %v, want %d", size, name, len(got), err, len(want))
			}
		}
		b := body()
		if end, err := b.Seek(0, io.SeekEnd); err != nil || end != int64(len(want)) {
			t.Errorf("%d bytes: it ends at %d, %v, want %d", size, end, err, len(want))
		}
		for _, at := range []int{0, 1, len(want) / 2, len(want)/2 + 1, len(want) - 1} {
			if _, err := b.Seek(int64(at), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(b); err != nil || string(got) != want[at:] {
				t.Errorf("%d bytes from %d: %d characters, %v, want %d", size, at, len(got), err, len(want)-at)
			}
		}
	}
}

func TestAZipThatShrinksWhileItIsSentIsNoBody(t *testing.T) {
	t.Parallel()
	b := &zipBody{zip: bytes.NewReader(contentOf(10)), size: 20}
	if _, err := io.ReadAll(b); !errors.Is(err, errChanged) {
		t.Errorf("got %v", err)
	}
}

// A zip that is written anew between its signature and its way to AWS is refused there; the
// user learns why.
func TestAZipThatChangesIsTheCauseOfTheRefusal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "code.zip")
	write := func(content string, at time.Time) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(content), 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, changed := range map[string]bool{"written anew": true, "unchanged": false} {
		write("old", at)
		c := server(func(*http.Request) reply {
			if changed {
				write("new", at.Add(time.Second))
			}
			return reply{status: 403, code: "InvalidSignatureException", body: `{}`}
		}).client(t)
		_, err := c.UpdateCode(t.Context(), CodeUpdate{Function: "f", Code: definition.Code{ZipPath: path, Size: 3}})
		if err == nil || errors.Is(err, errChanged) != changed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What takes the place of a zip between the check and the call refuses the call, at once.
func TestWhatIsNoLongerTheZipIsNotSent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, longer := filepath.Join(dir, "pipe"), filepath.Join(dir, "longer.zip")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(longer, []byte("longer"), 0o600)); err != nil {
		t.Fatal(err)
	}
	c := server(func(*http.Request) reply {
		t.Error("a call was sent")
		return reply{body: `{}`}
	}).client(t)
	for _, path := range []string{pipe, longer, dir, filepath.Join(dir, "gone")} {
		_, err := c.UpdateCode(t.Context(), CodeUpdate{Function: "f", Code: definition.Code{ZipPath: path, Size: 3}})
		if err == nil || Classify(err) != Refused {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// No copy of a zip is in memory.
func TestAZipGoesFromItsFileIntoTheCall(t *testing.T) {
	const size = 8 << 20
	content := contentOf(size)
	path := filepath.Join(t.TempDir(), "code.zip")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var problem error
	c := server(func(r *http.Request) reply {
		problem = holdsZip(r, content)
		return reply{body: `{"FunctionName": "f"}`}
	}).client(t)
	for name, call := range map[string]func() error{
		"create": func() error {
			_, err := c.CreateFunction(t.Context(), definition.Function{FunctionName: "f", Role: new("arn:aws:iam::123456789012:role/r")}, definition.Code{ZipPath: path, Size: size})
			return err
		},
		"update": func() error {
			_, err := c.UpdateCode(t.Context(), CodeUpdate{Function: "f", Code: definition.Code{ZipPath: path, Size: size}})
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := call(); err != nil || problem != nil {
			t.Errorf("%s: %v, %v", name, err, problem)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > size/4 {
			t.Errorf("%s: a zip of %d bytes took %d bytes of memory", name, size, took)
		}
	}
}

// holdsZip reads a call's body without keeping it, as the zip is too large for that.
func holdsZip(r *http.Request, content []byte) error {
	body := bufio.NewReader(r.Body)
	var head strings.Builder
	for !strings.HasSuffix(head.String(), `"ZipFile":"`) {
		c, err := body.ReadByte()
		if err != nil {
			return fmt.Errorf("no zip in %s: %w", head.String(), err)
		}
		head.WriteByte(c)
	}
	zip := base64.NewDecoder(base64.StdEncoding, io.LimitReader(body, int64(base64.StdEncoding.EncodedLen(len(content)))))
	hash := sha256.New()
	if _, err := io.Copy(hash, zip); err != nil {
		return err
	}
	if [sha256.Size]byte(hash.Sum(nil)) != sha256.Sum256(content) {
		return errors.New("it is another zip")
	}
	tail, err := io.ReadAll(body)
	if err == nil && !json.Valid([]byte(head.String()+string(tail))) {
		err = fmt.Errorf("around the zip is no JSON: %s%s", head.String(), tail)
	}
	return err
}
