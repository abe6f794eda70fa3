package artifact

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"testing"
)

func TestAListingKnowsTheModesOfFilesAndFolders(t *testing.T) {
	t.Parallel()
	const fat, unix, macOS, ntfs = 0, 3 << 8, 19 << 8, 10 << 8
	entries := []struct {
		name    string
		creator uint16
		mode    fs.FileMode
		noAttrs bool
		want    fs.FileMode
	}{
		{name: "private", creator: unix, mode: 0o600, want: 0o600},
		{name: "none", creator: unix, mode: 0, want: 0},
		{name: "mac", creator: macOS, mode: 0o700, want: 0o700},
		{name: "untold", creator: unix, noAttrs: true, want: 0o644},
		{name: "dos", creator: fat, noAttrs: true, want: 0o666},
		{name: "windows", creator: ntfs, noAttrs: true, want: 0o666},
		{name: "windows folder/", creator: ntfs, noAttrs: true, want: fs.ModeDir | 0o777},
		{name: "closed/", creator: unix, mode: fs.ModeDir | 0o700, want: fs.ModeDir | 0o700},
		{name: "shut/", creator: unix, mode: fs.ModeDir, want: fs.ModeDir},
		{name: "open/", creator: unix, noAttrs: true, want: fs.ModeDir | 0o755},
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name}
		h.SetMode(e.mode)
		h.CreatorVersion = e.creator
		if e.noAttrs {
			h.ExternalAttrs = 0
		}
		if _, err := z.CreateHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := ReadListing(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.name
		if e.want.IsDir() {
			name = name[:len(name)-1]
		}
		if mode, _, ok := l.Stat(name); !ok || mode != e.want {
			t.Errorf("%s: mode %s, %t; want %s", e.name, mode, ok, e.want)
		}
	}
	if names := l.Names(); len(names) != 6 {
		t.Errorf("names %q: folders are no files", names)
	}
}
