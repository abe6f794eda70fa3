package artifact

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write makes the files of a folder; a name that ends in * is executable, a
// content that starts with -> is a symlink.
func write(t *testing.T, folder string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		name, executable := strings.CutSuffix(name, "*")
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, "->"); ok {
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		mode := fs.FileMode(0o640)
		if executable {
			mode = 0o710
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// contents lists a zip: mode, time and content of each entry, in its order.
func contents(t *testing.T, data []byte) []string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range r.File {
		body, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f.Mode().String()+" "+f.Modified.UTC().Format(time.DateOnly)+" "+f.Name+" "+string(text))
	}
	return out
}

func TestZipDependsOnNamesContentsAndExecuteBitsOnly(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"bootstrap*":      "#!/bin/sh\n",
		"lib/b.txt":       strings.Repeat("b", 10000),
		"lib/a.txt":       "a",
		"lib-more/x":      "x",
		"empty":           "",
		"link":            "->lib/a.txt",
		".git/HEAD":       "ref",
		"sub/.git":        "gitdir: elsewhere",
		".lambda-rollout": "state",
		".lambdaignore":   "*.log\n!keep.log\n/dist/\n",
		"a.log":           "left out",
		"keep.log":        "kept",
		"dist/x":          "left out",
		"lib/dist/x":      "kept",
	}
	first, second := write(t, t.TempDir(), files), write(t, t.TempDir(), files)
	for _, folder := range []string{second} {
		if err := os.Chtimes(filepath.Join(folder, "lib/a.txt"), time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(folder, "lib/a.txt"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var a, b bytes.Buffer
	za, err := Zip(t.Context(), &a, first)
	if err != nil {
		t.Fatal(err)
	}
	zb, err := Zip(t.Context(), &b, second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) || za.Sha256 != zb.Sha256 {
		t.Errorf("two folders with the same content gave different zips")
	}
	want := []string{
		"-rwxr-xr-x 1980-01-01 bootstrap #!/bin/sh\n",
		"-rw-r--r-- 1980-01-01 empty ",
		"-rw-r--r-- 1980-01-01 keep.log kept",
		"-rw-r--r-- 1980-01-01 lib-more/x x",
		"-rw-r--r-- 1980-01-01 lib/a.txt a",
		"-rw-r--r-- 1980-01-01 lib/b.txt " + strings.Repeat("b", 10000),
		"-rw-r--r-- 1980-01-01 lib/dist/x kept",
		"Lrwxrwxrwx 1980-01-01 link lib/a.txt",
	}
	if diff := cmp.Diff(want, contents(t, a.Bytes())); diff != "" {
		t.Errorf("zip (-want +got):\n%s", diff)
	}
	if za.Size != int64(a.Len()) || za.Files != len(want) {
		t.Errorf("Zip said %d bytes and %d files, wrote %d and %d", za.Size, za.Files, a.Len(), len(want))
	}
}

func TestZipNeverFollowsASymlinkOut(t *testing.T) {
	t.Parallel()
	outside := write(t, t.TempDir(), map[string]string{"secret": "s3cret"})
	folder := write(t, t.TempDir(), map[string]string{
		"a":    "a",
		"up":   "->../../etc/passwd",
		"dir":  "->" + outside,
		"loop": "->loop",
	})
	var out bytes.Buffer
	if _, err := Zip(t.Context(), &out, folder); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte("s3cret")) {
		t.Errorf("the zip holds what a symlink points to")
	}
}

func TestZipRefusesAFolderWithoutFiles(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{".git/HEAD": "x", ".lambdaignore": "*\n", "a": "a"})
	if _, err := Zip(t.Context(), io.Discard, folder); err == nil || !strings.Contains(err.Error(), "holds no file") {
		t.Errorf("got %v, want an error: nothing is left", err)
	}
}

func TestZipIsTheSameWithManyProcessorsAsWithOne(t *testing.T) {
	files := map[string]string{"large": strings.Repeat("0123456789", packSize/4)}
	for i := range 200 {
		files[fmt.Sprintf("d%d/f%d", i%7, i)] = strings.Repeat(fmt.Sprint(i), i*50)
	}
	folder := write(t, t.TempDir(), files)
	zipped := func(processors int) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		var out bytes.Buffer
		if _, err := Zip(t.Context(), &out, folder); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	one, many := zipped(1), zipped(8)
	if !bytes.Equal(one, many) {
		t.Errorf("the zip depends on the number of processors")
	}
	for _, entry := range contents(t, one) {
		if name, content, _ := strings.Cut(entry[len("-rw-r--r-- 1980-01-01 "):], " "); content != files[name] {
			t.Errorf("%s has another content", name)
		}
	}
}

// The hash is that of one Go release: compress/flate may give other bytes in the
// next one, which deploys each folder once more and deserves a release note.
func TestZipGivesTheSameBytesOnEveryMachine(t *testing.T) {
	t.Parallel()
	if !strings.HasPrefix(runtime.Version(), "go1.26") {
		t.Skipf("the hash below is not that of %s", runtime.Version())
	}
	folder := write(t, t.TempDir(), map[string]string{
		"bootstrap*": "#!/bin/sh\necho hello\n", "lib/a.txt": strings.Repeat("hello, world. ", 5000), "link": "->lib/a.txt",
	})
	zipped, err := Zip(t.Context(), io.Discard, folder)
	if err != nil {
		t.Fatal(err)
	}
	if want := "nNxHmdYJ07ca/G4PcCC/ZOA1Iljk1LRIIVFJstMUabU="; zipped.Sha256 != want {
		t.Errorf("SHA-256 %s, want %s", zipped.Sha256, want)
	}
}

func TestZipStopsAboveTheLimit(t *testing.T) {
	t.Parallel()
	root, err := os.OpenRoot(write(t, t.TempDir(), map[string]string{
		"a": strings.Repeat("a", 100), "b": "b", "large": strings.Repeat("c", packSize+1),
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	entries, err := list(root, &Ignore{})
	if err != nil {
		t.Fatal(err)
	}
	for limit, fits := range map[int64]bool{packSize + 102: true, packSize + 101: false, 101: false, 99: false} {
		n, err := pack(t.Context(), io.Discard, root, entries, limit)
		if fits && (err != nil || n != limit) {
			t.Errorf("limit %d: %d bytes, %v; want them to fit", limit, n, err)
		}
		if !fits && !errors.Is(err, errTooLarge) {
			t.Errorf("limit %d: got %v, want errTooLarge", limit, err)
		}
	}
}

func TestZipRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"a": "a"})
	l, err := net.Listen("unix", filepath.Join(folder, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Zip(t.Context(), io.Discard, folder); err == nil || !strings.Contains(err.Error(), "socket is neither a file") {
		t.Errorf("got %v, want the socket's name", err)
	}
	if err := os.WriteFile(filepath.Join(folder, IgnoreFile), []byte("socket\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Zip(t.Context(), io.Discard, folder); err != nil {
		t.Errorf("left out by %s: %v", IgnoreFile, err)
	}
}

func TestZipEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Zip(ctx, io.Discard, write(t, t.TempDir(), map[string]string{"a": "a"})); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestZipPassesOnWhatTheDiskSays(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"a": "a", "b": "b"})
	full := errors.New("disk full")
	if _, err := Zip(t.Context(), writerFunc(func([]byte) (int, error) { return 0, full }), folder); !errors.Is(err, full) {
		t.Errorf("got %v, want the disk's error", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func BenchmarkZipManySmallFiles(b *testing.B) {
	folder := b.TempDir()
	text := strings.Repeat("module.exports = function (a, b) { return a + b };\n", 100)
	for i := range 4000 {
		dir := filepath.Join(folder, fmt.Sprint("package", i%100))
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(text[i%1000:]), 0o644)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := Zip(b.Context(), io.Discard, folder); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAFolderWhoseRulesAreNoFileIsRefused(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"a": "a", ".lambdaignore/x": "x"})
	if _, err := Zip(t.Context(), io.Discard, folder); err == nil || !strings.Contains(err.Error(), ".lambdaignore is not a file") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestZippingALargeFileEndsWithItsContext(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"large": strings.Repeat("x", packSize+1)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Zip(ctx, io.Discard, folder); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
}
