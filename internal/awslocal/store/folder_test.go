package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files ("name": "content"), links ("name -> target": "") and folders
// ("name/": "") below a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name, target, isLink := strings.Cut(name, " -> ")
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		switch {
		case isLink:
			err = errors.Join(err, os.Symlink(target, path))
		case strings.HasSuffix(name, "/"):
			err = errors.Join(err, os.MkdirAll(path, 0o700))
		default:
			err = errors.Join(err, os.WriteFile(path, []byte(content), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// list is every path below a folder with its mode, size, time and content.
func list(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String() + info.ModTime().String()
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += string(b)
		}
		found[path] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var aHash = strings.Repeat("ab", 32)

func TestAFolderOfSomebodyElseIsNeverTaken(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"a project":                           {"main.go": "package main"},
		"names like ours":                     {"tmp/important.txt": "x", "blobs/photo.jpg": "y"},
		"all of our names":                    {"tmp/important.txt": "x", "blobs/photo.jpg": "y", "state/": "", "lock": ""},
		"a lock that is a text":               {"tmp/": "", "blobs/": "", "state/": "", "lock": "text"},
		"one file more":                       {"tmp/": "", "blobs/": "", "state/": "", "lock": "", "notes.txt": ""},
		"a state of others":                   {"tmp/": "", "blobs/": "", "state/config.json": "{}", "lock": ""},
		"no lock":                             {"tmp/": "", "blobs/": "", "state/": ""},
		"a marker that is another file":       {markerFile: "something else\n"},
		"a marker that is a link":             {"real": markerText, markerFile + " -> real": ""},
		"a marker and blobs that link":        {markerFile: markerText, "blobs -> /tmp": ""},
		"a marker and a state that is a file": {markerFile: markerText, "state": ""},
		"a hidden file":                       {".profile": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, files)
			before := list(t, dir)
			for what, open := range map[string]func(string) (*Store, error){"open": Open, "read": OpenReadOnly} {
				if s, err := open(dir); !errors.Is(err, ErrForeign) {
					t.Errorf("%s: %v, %v", what, s, err)
				}
			}
			if diff := cmp.Diff(before, list(t, dir)); diff != "" {
				t.Errorf("the folder changed:\n%s", diff)
			}
		})
	}
}

func TestAFolderIsTakenThatIsNewEmptyOrOurs(t *testing.T) {
	t.Parallel()
	ours := t.TempDir()
	if err := open(t, ours).Close(); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"new":              filepath.Join(t.TempDir(), "a", "b"),
		"empty":            t.TempDir(),
		"kept by Git":      tree(t, map[string]string{".gitkeep": ""}),
		"ours":             ours,
		"the last release": tree(t, map[string]string{"lock": "", "tmp/doc-12": "{", "tmp/blob-9": "", "blobs/" + aHash: "x", "state/_lambda/_a.json": "{}"}),
	} {
		for range 2 {
			s, err := Open(dir)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if marked, err := isMarked(s.root); !marked || err != nil {
				t.Errorf("%s carries no marker: %v", name, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOnlyOurOwnNamesAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tmp/important.txt", "tmp/doc-1.bak", "blobs/photo.jpg", "state/notes.txt", "state/config.json", "tmp/doc-1", "blobs/" + aHash} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	if err := errors.Join(s.Sweep(func(string) bool { return false }), s.Close()); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, folder := range subfolders {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			left = append(left, folder+"/"+e.Name())
		}
	}
	want := []string{"state/config.json", "state/notes.txt", "tmp/doc-1.bak", "tmp/important.txt", "blobs/photo.jpg"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Error(diff)
	}
}

// A folder that carries the marker may still come from a repository.
func TestNoWriteFollowsALinkOutOfTheFolder(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	for _, link := range []string{"state/_lambda -> " + outside, lockFile + " -> " + filepath.Join(outside, "profile"), "blobs/" + aHash + " -> " + filepath.Join(outside, "secret")} {
		if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := tree(t, map[string]string{markerFile: markerText, "state/": "", "tmp/": "", "blobs/": "", link: ""})
		s, err := Open(dir)
		if err == nil {
			if err := s.Put("lambda/0/function", doc{"x"}); err == nil && strings.HasPrefix(link, "state") {
				t.Errorf("%s: a document was kept", link)
			}
			if f, err := s.OpenBlob(aHash); err == nil {
				t.Errorf("%s: the blob %s was opened", link, f.Name())
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		entries, err := os.ReadDir(outside)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: outside lie %v, %v", link, entries, err)
		}
	}
}

func TestReadOnlyChangesNothingOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	blob, err := s.PutBlobBytes([]byte("old"))
	if err = errors.Join(err, s.Put("a", doc{"old"}), s.Put("b", doc{"b"}), s.Close()); err != nil {
		t.Fatal(err)
	}
	before := list(t, dir)
	s, err = OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("a writer beside the reader: %v", err)
	}
	f, err := s.OpenBlob(blob.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.PutBlobBytes([]byte("new"))
	if err = errors.Join(err, f.Close(), s.Put("a", doc{"new"}), s.Delete("b"), s.Sweep(func(string) bool { return false })); err != nil {
		t.Fatal(err)
	}
	var got doc
	if _, err := s.Get("a", &got); err != nil || got.Name != "new" {
		t.Errorf("after the change: %v, %v", got, err)
	}
	f, err = s.OpenBlob(other.SHA256)
	if err = errors.Join(err, f.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, list(t, dir)); diff != "" {
		t.Errorf("the folder changed:\n%s", diff)
	}
	for name, missing := range map[string]string{"missing": filepath.Join(t.TempDir(), "none"), "empty": t.TempDir()} {
		s, err := OpenReadOnly(missing)
		if err != nil {
			t.Fatalf("a folder that is %s: %v", name, err)
		}
		if err := errors.Join(s.Put("a", doc{"x"}), s.Close()); err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(missing); len(entries) != 0 {
			t.Errorf("the %s folder holds %v, %v", name, entries, err)
		}
	}
}

func TestALinkIsNoDefaultFolder(t *testing.T) {
	t.Parallel()
	for files, want := range map[string]bool{"x/": true, ".lambda-rollout/local/": true, ".lambda-rollout/local -> ../x": false, ".lambda-rollout -> x": false, ".lambda-rollout/local -> gone": false} {
		base := tree(t, map[string]string{files: ""})
		if err := CheckDefault(base, filepath.Join(base, ".lambda-rollout", "local")); want != (err == nil) {
			t.Errorf("%s: %v", files, err)
		}
	}
	// What leads to the workspace itself is the user's.
	base := tree(t, map[string]string{"work/.lambda-rollout/local/": "", "link -> work": ""})
	if err := CheckDefault(filepath.Join(base, "link"), filepath.Join(base, "link", ".lambda-rollout", "local")); err != nil {
		t.Error(err)
	}
}
