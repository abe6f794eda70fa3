package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/glob"
)

// maxFile is more than any definition or document is; a larger file is some
// other file.
const maxFile = 10 << 20

// Files is how files are read: relative names from the workspace, which
// symlinks cannot leave, absolute names from anywhere.
type Files struct {
	Workspace fs.FS
	// Absolute opens a file by an absolute name; nil refuses such names.
	Absolute func(name string) (fs.File, error)
	// Done, where it is not nil, ends every read once it is closed.
	Done <-chan struct{}
}

// OpenFiles returns the Files of a workspace folder, whose reads end with the
// context; close releases the folder.
func OpenFiles(ctx context.Context, workspace string) (files Files, close func() error, err error) {
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return Files{}, nil, fmt.Errorf("failed to open the workspace: %w", err)
	}
	open := func(name string) (fs.File, error) { return os.Open(name) }
	return Files{Workspace: root.FS(), Absolute: open, Done: ctx.Done()}, root.Close, nil
}

// ended reports whether Done is closed.
func (f Files) ended() bool {
	select {
	case <-f.Done:
		return true
	default:
		return false
	}
}

func (f Files) open(name string) (fs.File, error) {
	if filepath.IsAbs(name) {
		if f.Absolute == nil {
			return nil, errors.New("absolute names are not read here")
		}
		return f.Absolute(name)
	}
	clean := path.Clean(filepath.ToSlash(name))
	if !fs.ValidPath(clean) {
		return nil, errors.New("is outside of the workspace")
	}
	return f.Workspace.Open(clean)
}

// File is a file that was read.
type File struct {
	Name    string
	Content []byte
}

// Read returns the files that paths and globs name, in their order.
func (f Files) Read(patterns []string) ([]File, diag.List) {
	names, problems := f.expand(patterns)
	var out []File
	for _, name := range names {
		content, wrong := f.read(name)
		if wrong != nil {
			problems = append(problems, *wrong)
			continue
		}
		out = append(out, File{name, content})
	}
	return out, problems
}

// read returns the content of a file that the user named, which may be a pipe,
// or a problem that says what to do.
func (f Files) read(name string) ([]byte, *diag.Problem) { return f.untilDone(name, f.readAny) }

// readRegular returns the content of a file that another file names.
func (f Files) readRegular(name string) ([]byte, *diag.Problem) {
	return f.untilDone(name, func(name string) ([]byte, *diag.Problem) {
		info, err := fs.Stat(f.Workspace, path.Clean(filepath.ToSlash(name)))
		if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			return nil, &diag.Problem{File: name, Message: notRegular}
		}
		return f.readAny(name)
	})
}

const notRegular = "is neither a file nor a folder: only a file that an input names by its own path may be a pipe"

// untilDone abandons a read when Done is closed: opening a pipe that nobody
// writes to, or a file of a server that is gone, never returns.
func (f Files) untilDone(name string, read func(string) ([]byte, *diag.Problem)) ([]byte, *diag.Problem) {
	if f.Done == nil {
		return read(name)
	}
	type result struct {
		content []byte
		wrong   *diag.Problem
	}
	done := make(chan result, 1)
	go func() {
		content, wrong := read(name)
		done <- result{content, wrong}
	}()
	select {
	case r := <-done:
		return r.content, r.wrong
	case <-f.Done:
		return nil, &diag.Problem{File: name, Message: "was not read to its end: the run was stopped"}
	}
}

func (f Files) readAny(name string) ([]byte, *diag.Problem) {
	wrong := func(message, hint string) *diag.Problem {
		return &diag.Problem{File: name, Message: message, Hint: hint}
	}
	file, err := f.open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrong("no such file", "paths are relative to the workspace; was it checked out?")
	case leadsOut(err):
		return nil, wrong("leads out of the workspace through a symbolic link", "name the file by its absolute path")
	case err != nil:
		return nil, wrong(reason(err), "paths are relative to the workspace")
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, wrong(reason(err), "")
	case info.IsDir():
		return nil, wrong("is a folder, not a file", "")
	case info.Size() > maxFile:
		return nil, wrong(fmt.Sprintf("has %d bytes, more than the limit of %d", info.Size(), maxFile), "is it the right file?")
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, wrong(reason(err), "")
	case len(content) > maxFile:
		return nil, wrong(fmt.Sprintf("has more than the limit of %d bytes", maxFile), "is it the right file?")
	}
	return content, nil
}

// leadsOut reports whether os.Root refused to open a file: its own errors have no number of
// the operating system.
func leadsOut(err error) bool {
	var pathError *fs.PathError
	return errors.As(err, &pathError) && !errors.As(err, new(syscall.Errno)) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrClosed)
}

// reason leaves out the operation and the path, which the problem names already.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

// expand turns paths and globs into names, in the order given, each once. A
// glob that finds nothing is a problem.
func (f Files) expand(patterns []string) ([]string, diag.List) {
	var names []string
	var problems diag.List
	for _, pattern := range patterns {
		if !glob.IsPattern(pattern) {
			names = append(names, pattern)
			continue
		}
		found, irregular, err := f.glob(pattern)
		for _, name := range irregular {
			problems = append(problems, diag.Problem{File: name, Message: notRegular})
		}
		switch {
		case err != nil:
			problems = append(problems, diag.Problem{File: pattern, Message: "is not a glob: " + err.Error()})
		case len(found)+len(irregular) == 0:
			problems = append(problems, diag.Problem{File: pattern, Message: "no file matches", Hint: "paths are relative to the workspace"})
		}
		names = append(names, found...)
	}
	var out []string
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, problems
}

// glob walks the workspace, .git left out; an absolute glob walks from its
// fixed part. Pipes and the like are returned apart.
func (f Files) glob(pattern string) (found, irregular []string, err error) {
	root, prefix := f.Workspace, ""
	if filepath.IsAbs(pattern) {
		fixed := pattern[:strings.IndexAny(pattern, "*?[")]
		prefix = fixed[:strings.LastIndexByte(fixed, '/')+1]
		pattern = pattern[len(prefix):]
		root = os.DirFS(prefix)
	}
	want, err := glob.Parse(path.Clean(pattern))
	if err != nil {
		return nil, nil, err
	}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read matches nothing
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case entry.IsDir() || !want.Match(name):
			return nil
		}
		// A symlink that leads nowhere, or to a folder, is reported when it is read.
		if info, err := fs.Stat(root, name); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			irregular = append(irregular, prefix+name)
			return nil
		}
		found = append(found, prefix+name)
		return nil
	})
	return found, irregular, err
}
