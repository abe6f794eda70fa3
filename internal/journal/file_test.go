package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// disk is every file below a folder, with its content or the place it leads to.
func disk(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			all[name], err = os.Readlink(path)
		case d.Type().IsRegular():
			var content []byte
			content, err = os.ReadFile(path)
			all[name] = string(content)
		default:
			all[name] = d.Type().String()
		}
		return err
	}))
	return all
}

func sameDisk(t testing.TB, what string, before, after map[string]string) {
	t.Helper()
	names := maps.Clone(before)
	maps.Copy(names, after)
	for name := range names {
		was, had := before[name]
		if is, has := after[name]; was != is || had != has {
			t.Errorf("%s: %s changed: was there %v, is there %v, %.80q to %.80q", what, name, had, has, was, is)
		}
	}
}

// A file that does not begin as a journal of ours is somebody else's: neither a
// deployment nor a rollback writes to it, or leaves a file beside it.
func TestAForeignFileIsNeverWrittenTo(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"a word":                    "hello",
		"a line of text":            "remember the milk\n",
		"a blank line":              "\n",
		"blanks":                    "   ",
		"a JSON array":              `[{"format":1,"run":"x"}]`,
		"a JSON object":             `{"name":"shop"}` + "\n",
		"JSON with a format":        `{"format":1}` + "\n",
		"JSON in another order":     `{"run":"r","format":1,"targets":[{}]}` + "\n",
		"JSON with blanks":          `{ "format": 1, "run": "r", "targets": [{}] }`,
		"JSON lines of a logger":    `{"level":"info","msg":"x"}` + "\n" + `{"level":"info","msg":"y"}` + "\n",
		"a half line of a logger":   `{"level":"in`,
		"a journal behind a blank":  "\n" + string(written(t)),
		"a journal behind a mark":   "\ufeff" + string(written(t)),
		"a header that is no run's": `{"format":1,"run":"r"}` + "\n",
		"another format":            `{"format":2,"run":"r","targets":[{}]}` + "\n",
		"HTML":                      "<!doctype html>\n<title>x</title>\n",
		"YAML":                      "functionName: shop\n",
		"ELF":                       "\x7fELF\x02\x01\x01\x00\x00",
		"zeros":                     strings.Repeat("\x00", 4096),
		"gzip":                      "\x1f\x8b\x08\x00",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		must(t, os.WriteFile(path, []byte(content), 0o600))
		before := disk(t, dir)
		for what, err := range attempts(path) {
			if err == nil {
				t.Errorf("%s: %s went on", name, what)
			}
			sameDisk(t, name+": "+what, before, disk(t, dir))
		}
	}
}

// A file that came with a repository may be larger than the memory: of a foreign one
// no more than its beginning is read.
func TestAHugeFileIsNotReadWhole(t *testing.T) {
	t.Parallel()
	for begin, want := range map[string]string{"": "not a journal", "remember the milk": "not a journal", beginning + "r": "larger than"} {
		path := filepath.Join(t.TempDir(), "file")
		must(t, os.WriteFile(path, []byte(begin), 0o600))
		must(t, os.Truncate(path, 1<<40))
		file, err := os.Open(path)
		must(t, err)
		content, err := readAll(&countingReader{file, maxForeign + 1024}, maxForeign)
		if err == nil {
			_, err = Parse(content)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q…: %v", begin, err)
		}
		must(t, file.Close())
	}
}

// countingReader fails a test that reads more than the limit.
type countingReader struct {
	io.ReaderAt
	limit int
}

func (r *countingReader) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, at)
	if r.limit -= n; r.limit < 0 {
		return 0, errors.New("it reads on")
	}
	return n, err
}

// attempts are the errors of every way to begin with a journal's file.
func attempts(path string) map[string]error {
	ctx := context.Background()
	_, create := Create(ctx, NewFile(path), header, clock)
	_, resume := Resume(ctx, NewFile(path), clock)
	_, read := Read(ctx, NewFile(path))
	return map[string]error{"Create": create, "Resume": resume, "Read": read, "Mark": Mark(ctx, NewFile(path), header, clock)}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	must(t, os.Symlink("pipe", filepath.Join(dir, "to-pipe")))
	must(t, os.Symlink("nothing", filepath.Join(dir, "dangling")))
	must(t, os.Symlink("/dev/null", filepath.Join(dir, "device")))
	before := disk(t, dir)
	for name, says := range map[string]string{
		"folder": "folder is a folder, not a regular file", "pipe": "is a named pipe", "to-pipe": "is a named pipe",
		"dangling": "is a symbolic link that leads nowhere", "device": "is a device",
	} {
		path := filepath.Join(dir, name)
		all := attempts(path)
		all["Stop"] = NewFile(path).Stop(t.Context())
		for what, err := range all {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %s: %v, want %q", name, what, err, says)
			}
		}
	}
	sameDisk(t, "all", before, disk(t, dir))
}

// A header that a crash cut off at any byte is ours: nothing happened yet.
func TestATornHeaderIsOurs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	head, _, _ := bytes.Cut(written(t), []byte{'\n'})
	path := filepath.Join(t.TempDir(), "j.jsonl")
	for n := 0; n <= len(head); n += 1 + n/len(beginning)*9 {
		must(t, os.WriteFile(path, head[:n], 0o600))
		if j, err := Resume(ctx, NewFile(path), clock); j != nil || err != nil {
			t.Fatalf("resume after %d bytes: %v, %v", n, j, err)
		}
		j, err := Create(ctx, NewFile(path), header, clock)
		if err != nil {
			t.Fatalf("begin after %d bytes: %v", n, err)
		}
		must(t, errors.Join(j.Settle(ctx, Kept), j.Close()))
	}
}

// A path that the user names may lead through links.
func TestANamedPathMayBeALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "far", "away"), 0o755))
	must(t, os.Symlink("far/away", filepath.Join(dir, "folder")))
	must(t, os.WriteFile(filepath.Join(dir, "far", "real"), nil, 0o600))
	must(t, os.Symlink("far/real", filepath.Join(dir, "file")))
	record(t, NewFile(filepath.Join(dir, "folder", "new", "j.jsonl")))
	record(t, NewFile(filepath.Join(dir, "file")))
	for _, path := range []string{"far/away/new/j.jsonl", "far/real"} {
		state, err := Read(context.Background(), NewFile(filepath.Join(dir, path)))
		if err != nil || state.State != Deployed {
			t.Errorf("%s: %+v, %v", path, state, err)
		}
	}
}

// Whoever wrote the repository cannot lead a default path out of its folder, or
// onto another file in it.
func TestNoDefaultPathFollowsALink(t *testing.T) {
	t.Parallel()
	const name = ".lambda-rollout/j.jsonl"
	for what, plant := range map[string]func(workspace string) error{
		"the folder, out of the workspace": func(w string) error { return os.Symlink("../out", filepath.Join(w, ".lambda-rollout")) },
		"the folder, absolute":             func(w string) error { return os.Symlink(w+"/../out", filepath.Join(w, ".lambda-rollout")) },
		"the folder, inside":               func(w string) error { return os.Symlink("src", filepath.Join(w, ".lambda-rollout")) },
		"the folder, to nothing":           func(w string) error { return os.Symlink("../new", filepath.Join(w, ".lambda-rollout")) },
		"the folder is a file":             func(w string) error { return os.WriteFile(filepath.Join(w, ".lambda-rollout"), nil, 0o600) },
		"the file":                         func(w string) error { return link(w, "../../out/profile", name) },
		"the file, to nothing":             func(w string) error { return link(w, "../../out/new", name) },
		"the file, inside":                 func(w string) error { return link(w, "../src/empty", name) },
		"the lock":                         func(w string) error { return link(w, "../../out/profile", name+".lock") },
		"the lock, to nothing":             func(w string) error { return link(w, "../../out/new", name+".lock") },
	} {
		root := t.TempDir()
		workspace := filepath.Join(root, "w")
		must(t, os.MkdirAll(filepath.Join(workspace, "src"), 0o755))
		must(t, os.Mkdir(filepath.Join(root, "out"), 0o755))
		must(t, os.WriteFile(filepath.Join(root, "out", "profile"), []byte("export A=1\n"), 0o600))
		must(t, os.WriteFile(filepath.Join(workspace, "src", "empty"), nil, 0o600))
		must(t, plant(workspace))
		before := disk(t, root)
		ctx := context.Background()
		store := func() *File { return NewFileBelow(workspace, filepath.Join(workspace, name)) }
		if _, err := Create(ctx, store(), header, clock); err == nil || what != "the folder is a file" && !strings.Contains(err.Error(), "is a symbolic link") {
			t.Errorf("%s: %v", what, err)
		}
		after := disk(t, root)
		// The journal's own empty file may be there where only the lock is a link.
		delete(after, "w/"+name)
		delete(before, "w/"+name)
		sameDisk(t, what, before, after)
	}
	if _, err := Create(context.Background(), NewFileBelow("/a/b", "/a/c/j"), header, clock); err == nil {
		t.Error("a path outside of its root")
	}
}

func link(workspace, to, name string) error {
	path := filepath.Join(workspace, name)
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path))
}

// A stop is written through no link, wherever the journal lies, and removes and
// overwrites no file that is not ours.
func TestSideFilesOfOthersStay(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, name := range []string{"j.jsonl.stop", "j.jsonl.lock"} {
		for what, plant := range map[string]func(path string) error{
			"a link":    func(path string) error { return os.Symlink("precious", path) },
			"a file":    func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
			"JSON":      func(path string) error { return os.WriteFile(path, []byte(`{"pid":1}`), 0o600) },
			"a folder":  func(path string) error { return os.Mkdir(path, 0o755) },
			"a pipe":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"long text": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("mine\n"), 1000), 0o600) },
		} {
			dir := t.TempDir()
			path := filepath.Join(dir, "j.jsonl")
			must(t, os.WriteFile(filepath.Join(dir, "precious"), []byte("mine"), 0o600))
			must(t, os.WriteFile(path, written(t), 0o600))
			must(t, plant(filepath.Join(dir, name)))
			before := disk(t, dir)
			if err := NewFile(path).Stop(ctx); (err == nil) != (name == "j.jsonl.lock") {
				t.Errorf("%s as %s: stop: %v", what, name, err)
			}
			if name == "j.jsonl.lock" {
				must(t, os.Remove(path+".stop"))
			}
			if _, err := Create(ctx, NewFile(path), header, clock); err == nil {
				t.Errorf("%s as %s: begun", what, name)
			}
			sameDisk(t, what+" as "+name, before, disk(t, dir))
			// A rollback goes on without a lock file of its own.
			j, err := Resume(ctx, NewFile(path), clock)
			if (err == nil) != (name == "j.jsonl.lock") {
				t.Errorf("%s as %s: resume: %v", what, name, err)
			}
			if j != nil {
				must(t, j.Close())
			}
			sameDisk(t, what+" as "+name, before, disk(t, dir))
		}
	}
}

func TestResumeRepairsATornTailAndWithdrawsAStop(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	must(t, os.WriteFile(path, append(written(t), `{"target":0,"st`...), 0o600))
	ctx := context.Background()
	store := NewFile(path)
	must(t, store.Stop(ctx))
	j, err := Resume(ctx, store, clock)
	must(t, err)
	if store.Stopped() {
		t.Error("the stop is still there")
	}
	must(t, j.Settle(ctx, RolledBack))
	must(t, j.Close())
	state, err := Read(ctx, NewFile(path))
	must(t, err)
	if state.State != RolledBack {
		t.Errorf("state %s", state.State)
	}
	// The mark of the last release was empty.
	must(t, os.WriteFile(path+".stop", nil, 0o600))
	again, err := Resume(ctx, NewFile(path), clock)
	must(t, err)
	must(t, again.Close())
	if _, err := os.Stat(path + ".stop"); err == nil {
		t.Error("the last release's stop is still there")
	}
}

// Looking for a journal that is not there leaves nothing behind.
func TestNoJournalStaysNoJournal(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "j"), filepath.Join(dir, "folder", "j")} {
		for _, store := range []*File{NewFile(path), NewFileBelow(dir, path)} {
			if j, err := Resume(ctx, store, clock); j != nil || err != nil {
				t.Errorf("resume: %v, %v", j, err)
			}
			if state, err := Read(ctx, store); err != nil || state.Header.Run != "" {
				t.Errorf("read: %+v, %v", state, err)
			}
			if _, held, err := store.Held(); held || err != nil {
				t.Errorf("held: %v, %v", held, err)
			}
			must(t, store.Stop(ctx))
			if store.Stopped() {
				t.Error("stopped")
			}
		}
	}
	if after := disk(t, dir); len(after) != 1 {
		t.Errorf("left behind: %q", after)
	}
}

// A new run gives up after a second, a rollback after a minute or with its
// context; both say who holds the journal.
func TestTheLockKeepsOthersOutForABoundedTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j.jsonl")
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		j, err := Create(ctx, NewFile(path), header, clock)
		must(t, err)
		host, err := os.Hostname()
		must(t, err)
		who := fmt.Sprintf("process %d (lambda-rollout deploy) on %s, since 2026-08-01T12:00:00Z", os.Getpid(), host)
		reason := errors.New("the job is over")
		bounded := func() error {
			ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, reason)
			defer cancel()
			_, err := Resume(ctx, NewFile(path), clock)
			return err
		}
		for _, tt := range []struct {
			what string
			do   func() error
			wait time.Duration
			why  error
		}{
			{"a new run", func() error { _, err := Create(ctx, NewFile(path), header, clock); return err }, createWait, nil},
			{"a rollback with a bound of its own", bounded, 5 * time.Second, reason},
			{"a rollback", func() error { _, err := Resume(ctx, NewFile(path), clock); return err }, takeWait, nil},
		} {
			start := time.Now()
			err := tt.do()
			var held *HeldError
			if !errors.As(err, &held) || !strings.Contains(err.Error(), who) || tt.why != nil && !errors.Is(err, tt.why) {
				t.Errorf("%s: %v", tt.what, err)
			}
			if waited := time.Since(start); waited != tt.wait {
				t.Errorf("%s waited %s, want %s", tt.what, waited, tt.wait)
			}
		}
		if by, held, err := NewFile(path).Held(); !held || err != nil || by.Command != "deploy" {
			t.Errorf("held by %v: %v, %v", by, held, err)
		}
		must(t, j.Close())
		if by, held, err := NewFile(path).Held(); held || err != nil {
			t.Errorf("after its end held by %v: %v", by, err)
		}
		again, err := Resume(ctx, NewFile(path), clock)
		must(t, err)
		must(t, os.Remove(path+".lock"))
		if by, held, _ := NewFile(path).Held(); !held || by.String() != "an unknown process" {
			t.Errorf("without a lock file: %v, %v", by, held)
		}
		must(t, again.Close())
	})
}

func TestAnOddOwnerOrModeIsWarnedOf(t *testing.T) {
	t.Parallel()
	for want, odd := range map[string]string{
		"":                                      ownershipWarning(0o600, 7, 7),
		"belongs to user 1, and this is user 0": ownershipWarning(0o644, 1, 0),
		"may be written by others (mode 0666)":  ownershipWarning(0o666, 7, 7),
		"belongs to user 1, and this is user 0, and may be written by others (mode 0620)": ownershipWarning(0o620, 1, 0),
	} {
		if odd != want {
			t.Errorf("%q, want %q", odd, want)
		}
	}
	path := filepath.Join(t.TempDir(), "j")
	if odd := OwnershipWarning(path); odd != "" {
		t.Errorf("of no file: %q", odd)
	}
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Chmod(path, 0o602))
	if odd := OwnershipWarning(path); odd != "may be written by others (mode 0602)" {
		t.Errorf("%q", odd)
	}
}

func TestAFolderThatMayNotBeWrittenIsNamed(t *testing.T) {
	t.Parallel()
	p := place{path: "/workspace/.lambda-rollout/j.jsonl"}
	err := p.explain(&fs.PathError{Op: "mkdirat", Path: ".lambda-rollout", Err: syscall.EACCES})
	for _, part := range []string{fmt.Sprintf("user %d ", os.Getuid()), "/workspace/.lambda-rollout:", "set journal to a file", "s3://bucket/prefix", "owner of the workspace"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: no %q", err, part)
		}
	}
	if other := p.explain(fs.ErrNotExist); other != fs.ErrNotExist {
		t.Errorf("%v", other)
	}
	if os.Getuid() == 0 {
		return // root may write everywhere
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	if _, err := Create(context.Background(), NewFileBelow(dir, filepath.Join(dir, ".lambda-rollout", "j")), header, clock); err == nil || !strings.Contains(err.Error(), "may not write to the folder") {
		t.Errorf("%v", err)
	}
}
