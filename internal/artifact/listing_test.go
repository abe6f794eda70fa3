package artifact

import (
	"archive/zip"
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

func TestCompareNamesTheFilesThatDiffer(t *testing.T) {
	t.Parallel()
	listing := func(files map[string]string) *Listing {
		var out bytes.Buffer
		if _, err := Zip(t.Context(), &out, write(t, t.TempDir(), files)); err != nil {
			t.Fatal(err)
		}
		l, err := ReadListing(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	before := listing(map[string]string{"same": "x", "gone": "12", "longer": "1", "other": "a", "run": "x", "link": "x"})
	after := listing(map[string]string{"same": "x", "new": "123", "longer": "12", "other": "b", "run*": "x", "link": "->x"})
	want := []FileChange{
		{Name: "gone", Op: "removed", Before: 2},
		{Name: "link", Op: "changed", Before: 1, After: 1},
		{Name: "longer", Op: "changed", Before: 1, After: 2},
		{Name: "new", Op: "added", After: 3},
		{Name: "other", Op: "changed", Before: 1, After: 1},
		{Name: "run", Op: "changed", Before: 1, After: 1},
	}
	if diff := cmp.Diff(want, Compare(before, after)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestAnObjectIsListedWithoutReadingItAll(t *testing.T) {
	t.Parallel()
	w := serve(t)
	w.bucket(t, ours, region, "code", true)
	var content bytes.Buffer
	z := zip.NewWriter(&content)
	for name, size := range map[string]int64{"large": 4 << 20, "bootstrap": 100} {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(f, zeros{}, size); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w.put(t, place{ours, region, "code", "f.zip"}, content.Bytes(), true)
	r, err := w.resolve(t, Ref{Kind: S3, Bucket: "code", Key: "f.zip"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.made("GET")
	l, done, err := r.Listing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if diff := cmp.Diff([]string{"bootstrap", "large"}, l.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if n := len(w.made("GET")); n != 1 {
		t.Errorf("the table of contents took %d requests, want 1", n)
	}
	f, err := l.Open("large")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, f); n != 4<<20 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if _, err := l.Open("none"); err == nil {
		t.Errorf("a file that is not there was opened")
	}
}

// CheckCode looks at a zip through a Listing.
var _ definition.CodeListing = (*Listing)(nil)

func TestSizesAreHeldToTheLimit(t *testing.T) {
	t.Parallel()
	liar := func(sizes ...uint64) []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for i, size := range sizes {
			f, err := z.CreateRaw(&zip.FileHeader{Name: strings.Repeat("x", i+1), Method: zip.Deflate, UncompressedSize64: size})
			if err != nil {
				t.Fatal(err)
			}
			f.Write(nil)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for name, content := range map[string][]byte{
		"one file":        liar(UnzippedLimit + 1),
		"two files":       liar(UnzippedLimit, 1),
		"a sum past 2^63": liar(1<<63, 1<<63),
	} {
		_, err := ReadListing(bytes.NewReader(content), int64(len(content)))
		if err == nil || !strings.Contains(err.Error(), "above the 262144000 bytes (250 MB)") {
			t.Errorf("%s: got %v, want the limit", name, err)
		}
	}
	content := liar(UnzippedLimit-1, 1)
	if _, err := ReadListing(bytes.NewReader(content), int64(len(content))); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestWhatIsNoZipIsRefused(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"junk.zip": "\x7fELF junk", "empty.jar": ""})
	w := serve(t)
	for name, want := range map[string]string{
		"junk.zip":  "not a zip that can be read",
		"empty.jar": "not a zip that can be read",
		"none.zip":  "there is no such file or folder",
	} {
		_, err := w.resolve(t, Ref{Kind: Path, Path: name}, func(o *Options) { o.Workspace = folder })
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "artifact "+name) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func TestAZipAndAFolderAreTakenFromTheWorkspace(t *testing.T) {
	t.Parallel()
	w := serve(t)
	content := zipOf(t, 100)
	folder, err := filepath.EvalSymlinks(write(t, t.TempDir(), map[string]string{"f.zip": string(content), "src/bootstrap*": "x"}))
	if err != nil {
		t.Fatal(err)
	}
	here := func(o *Options) { o.Workspace = folder }

	r, err := w.resolve(t, Ref{Kind: Path, Path: "f.zip"}, here)
	if err != nil {
		t.Fatal(err)
	}
	want := definition.Code{ZipPath: filepath.Join(folder, "f.zip"), Sha256: sumOf(content), Size: int64(len(content))}
	if code, err := r.Prepare(t.Context()); err != nil || code != want || r.Kind != File || r.Pinned != "f.zip" {
		t.Errorf("got %+v, %v; want %+v", code, err, want)
	}
	if r, err = w.resolve(t, Ref{Kind: Path, Path: "src"}, here); err != nil {
		t.Fatal(err)
	}
	l, done, err := r.Listing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if mode, size, ok := l.Stat("bootstrap"); !ok || mode != 0o755 || size != 1 || r.Kind != Folder {
		t.Errorf("bootstrap: %s, %d bytes, %t", mode, size, ok)
	}
}
