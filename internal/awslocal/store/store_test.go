package store

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type doc struct{ Name string }

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDocumentsSurviveAReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for _, key := range []string{"lambda/0/us-east-1/function/a", "s3/b/..", "s3/b/../../x y%2F.json"} {
		if err := s.Put(key, doc{key}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete("s3/b/.."); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	want := []string{"lambda/0/us-east-1/function/a", "s3/b/../../x y%2F.json"}
	if diff := cmp.Diff(want, s.Keys("")); diff != "" {
		t.Error(diff)
	}
	var got doc
	if ok, err := s.Get(want[1], &got); !ok || err != nil || got.Name != want[1] {
		t.Errorf("Get = %v, %v, %v", got, ok, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderHasOneOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("second Open: %v, want ErrInUse", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAKilledProcessHadBegunIsForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(dir, "tmp", "doc-1")
	if err := os.WriteFile(torn, []byte(`{"Na`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if len(s.Keys("")) != 0 {
		t.Errorf("keys = %v", s.Keys(""))
	}
	if _, err := os.Stat(torn); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the torn file is still there: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBlobsAreKeptByHashUpToTheLimit(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"", t.TempDir()} {
		s := open(t, dir)
		b, err := s.PutBlob(bytes.NewReader([]byte("abc")), 3)
		if err != nil {
			t.Fatal(err)
		}
		if b.Base64() != "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" || b.Size != 3 {
			t.Errorf("blob = %+v", b)
		}
		if _, err := s.PutBlob(bytes.NewReader([]byte("abcd")), 3); !errors.Is(err, ErrTooLarge) {
			t.Errorf("four bytes of three: %v", err)
		}
		f, err := s.OpenBlob(b.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil || string(got) != "abc" {
			t.Errorf("read %q, %v", got, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSweepKeepsOnlyLiveBlobs(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	kept, err1 := s.PutBlobBytes([]byte("a"))
	gone, err2 := s.PutBlobBytes([]byte("b"))
	if err := errors.Join(err1, err2, s.Sweep(func(h string) bool { return h == kept.SHA256 })); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenBlob(gone.SHA256); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("swept blob: %v", err)
	}
	f, err := s.OpenBlob(kept.SHA256)
	if err = errors.Join(err, f.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}
