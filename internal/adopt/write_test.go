package adopt

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a zip holds, nothing is written outside of the folder of the code, and
// nothing that git would obey inside of it.
func TestNothingInAZipLeavesItsFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content string
		mode          fs.FileMode
		written       bool
	}{
		{"index.js", "1", 0o644, true},
		{"deep/er/index.js", "1", 0o644, true},
		{"run", "1", 0o755, true},
		{"link", "deep/x", fs.ModeSymlink | 0o777, true},
		{"deep/link", "../run", fs.ModeSymlink | 0o777, true},
		{"../out", "1", 0o644, false},
		{"a/../../out", "1", 0o644, false},
		{"/tmp/out", "1", 0o644, false},
		{`..\out`, "1", 0o644, false},
		{"link", "/etc/passwd", fs.ModeSymlink | 0o777, false},
		{"link", "../../out", fs.ModeSymlink | 0o777, false},
		{"a/link", "../.git", fs.ModeSymlink | 0o777, false},
		{".git/config", "1", 0o644, false},
		{"a/.GIT/config", "1", 0o644, false},
		{"pipe", "", fs.ModeNamedPipe | 0o644, false},
	} {
		t.Run(c.name+" "+c.content, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			archive := filepath.Join(dir, "code.zip")
			write(t, archive, c.name, c.content, c.mode)
			if err := os.Mkdir(filepath.Join(dir, "code"), 0o755); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(filepath.Join(dir, "code"))
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			skipped, err := unpack(archive, root)
			if err != nil {
				t.Fatal(err)
			}
			info, err := root.Lstat(strings.TrimPrefix(c.name, "/"))
			if c.written != (err == nil) || c.written != (len(skipped) == 0) {
				t.Fatalf("written: %v, skipped: %q", err == nil, skipped)
			}
			if c.written && info.Mode().Type() != c.mode.Type() {
				t.Errorf("mode %v", info.Mode())
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
				t.Errorf("beside the folder: %v %v", left, err)
			}
		})
	}
}

// A file below a link of the same zip is refused, not written through it.
func TestNoFileIsWrittenThroughALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	code := filepath.Join(dir, "code")
	for _, d := range []string{outside, code} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(code, "a")); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "code.zip")
	write(t, archive, "a/file", "1", 0o644)
	root, err := os.OpenRoot(code)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := unpack(archive, root); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
		t.Errorf("outside: %v %v", left, err)
	}
}

func write(t *testing.T, path, name, content string, mode fs.FileMode) {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name}
	h.SetMode(mode)
	out, err := w.CreateHeader(h)
	if err == nil {
		_, err = out.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.WriteFile(path, b.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
