package runner

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnpackKeepsToItsFolder(t *testing.T) {
	t.Parallel()
	link := fs.ModeSymlink | 0o777
	const smallLimit = 1 << 20
	tests := map[string]struct {
		files []file
		want  error
	}{
		"plain":               {[]file{{"a/b", "x", 0o600}, {"a/link", "b", link}, {"up", "a/../a/b", link}}, nil},
		"parent":              {[]file{{"../x", "", 0o600}}, ErrUnsafeZip},
		"inner parent":        {[]file{{"a/../../x", "", 0o600}}, ErrUnsafeZip},
		"absolute":            {[]file{{"/x", "", 0o600}}, ErrUnsafeZip},
		"backslash":           {[]file{{`..\x`, "", 0o600}}, ErrUnsafeZip},
		"link out":            {[]file{{"a/link", "../../etc", link}}, nil},
		"absolute link":       {[]file{{"link", "/etc", link}}, nil},
		"a name twice":        {[]file{{"a", "x", 0o444}, {"a", "y", 0o444}}, nil},
		"device":              {[]file{{"null", "", fs.ModeDevice | 0o600}}, ErrUnsafeZip},
		"bomb":                {[]file{{"a", strings.Repeat("\x00", smallLimit/2+1), 0o600}, {"b", strings.Repeat("\x00", smallLimit/2+1), 0o600}}, ErrUnzippedSize},
		"link then its inner": {[]file{{"d/x", "", 0o600}, {"l", "d", link}, {"l/y", "via", 0o600}}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, err := os.Open(zipOf(t, test.files...))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			if err := unpackTo(in, filepath.Join(t.TempDir(), "task"), smallLimit); !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// No file is written through a link that leaves the folder, and none is read.
func TestALinkOutOfTheCodeLeadsNowhere(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := fs.ModeSymlink | 0o777
	for _, target := range []string{secret, outside, "../" + filepath.Base(outside), "/etc"} {
		dir := filepath.Join(t.TempDir(), "task")
		for _, files := range [][]file{{{"link", target, link}}, {{"link", target, link}, {"link/evil", "x", 0o644}}} {
			in, err := os.Open(zipOf(t, files...))
			if err != nil {
				t.Fatal(err)
			}
			_ = Unpack(in, dir) // the second cannot be unpacked
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "link")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a link to %s leads somewhere: %v", target, err)
			}
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside lie %v, %v", entries, err)
	}
}

func FuzzUnpack(f *testing.F) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("a/../b")
	if err == nil {
		_, err = io.WriteString(w, "x")
	}
	if err := errors.Join(err, z.Close()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		outer := t.TempDir()
		path := filepath.Join(outer, "zip")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		_ = Unpack(in, filepath.Join(outer, "task")) // most inputs are no zips
		entries, err := os.ReadDir(outer)
		if err != nil || len(entries) > 2 {
			t.Errorf("%v, %v", entries, err)
		}
	})
}
