package artifact

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestARelativePathStaysInTheWorkspace(t *testing.T) {
	t.Parallel()
	w := serve(t)
	content := string(zipOf(t, 10))
	outside := write(t, t.TempDir(), map[string]string{"f.zip": content})
	folder := write(t, t.TempDir(), map[string]string{
		"in.zip": content, "same": "->in.zip", "link.zip": "->" + outside + "/f.zip", "dir": "->" + outside,
	})
	here := func(o *Options) { o.Workspace = folder }
	for _, path := range []string{"in.zip", "./in.zip", "same", outside + "/f.zip", filepath.Join(folder, "link.zip")} {
		if _, err := w.resolve(t, Ref{Kind: Path, Path: path}, here); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"../" + filepath.Base(outside) + "/f.zip", "link.zip", "dir", "dir/f.zip", ".."} {
		_, err := w.resolve(t, Ref{Kind: Path, Path: path}, here)
		if err == nil || !strings.Contains(err.Error(), "name it by its absolute path") && !strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: got %v, want a refusal", path, err)
		}
	}
}

func TestAFolderIsZippedOnceForAllTargets(t *testing.T) {
	t.Parallel()
	w := serve(t)
	folder := write(t, t.TempDir(), map[string]string{"a/bootstrap*": "a", "b/bootstrap*": "b"})
	temp, folders := t.TempDir(), new(Folders)
	var wait sync.WaitGroup
	for i := range 6 {
		ref := Ref{Kind: Path, Path: []string{"a", "b"}[i%2]}
		wait.Go(func() {
			_, err := w.resolve(t, ref, func(o *Options) { o.Workspace, o.TempDir, o.Folders = folder, temp, folders })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if made, err := os.ReadDir(temp); err != nil || len(made) != 2 {
		t.Errorf("%d zips were made of two folders: %v", len(made), err)
	}
}
