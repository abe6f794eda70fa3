package service

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

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
}

// OpenFiles gives the Files of a workspace folder; close ends it.
func OpenFiles(workspace string) (files Files, close func() error, err error) {
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return Files{}, nil, fmt.Errorf("failed to open the workspace: %w", err)
	}
	open := func(name string) (fs.File, error) { return os.Open(name) }
	return Files{Workspace: root.FS(), Absolute: open}, root.Close, nil
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

// Read gives the files that paths and globs name, in their order.
func (f Files) Read(patterns []string) ([]File, diag.List) {
	names, faults := f.expand(patterns)
	var out []File
	for _, name := range names {
		content, wrong := f.read(name)
		if wrong != nil {
			faults = append(faults, *wrong)
			continue
		}
		out = append(out, File{name, content})
	}
	return out, faults
}

// read gives a file's content, or a fault that says what a person can do.
func (f Files) read(name string) ([]byte, *diag.Problem) {
	wrong := func(message, hint string) *diag.Problem {
		return &diag.Problem{File: name, Message: message, Hint: hint}
	}
	file, err := f.open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrong("no such file", "paths are relative to the workspace; was it checked out?")
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
	if err != nil {
		return nil, wrong(reason(err), "")
	}
	return content, nil
}

// reason leaves out the operation and the path, which the fault names already.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

// expand turns paths and globs into names, in the order given, each once. A
// glob that finds nothing is a fault.
func (f Files) expand(patterns []string) ([]string, diag.List) {
	var names []string
	var faults diag.List
	for _, pattern := range patterns {
		if !glob.IsPattern(pattern) {
			names = append(names, pattern)
			continue
		}
		found, err := f.glob(pattern)
		switch {
		case err != nil:
			faults = append(faults, diag.Problem{File: pattern, Message: "is not a glob: " + err.Error()})
		case len(found) == 0:
			faults = append(faults, diag.Problem{File: pattern, Message: "no file matches", Hint: "paths are relative to the workspace"})
		}
		names = append(names, found...)
	}
	var out []string
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, faults
}

// glob walks the workspace, .git left out; an absolute glob walks from its
// fixed part.
func (f Files) glob(pattern string) ([]string, error) {
	root, prefix := f.Workspace, ""
	if filepath.IsAbs(pattern) {
		fixed := pattern[:strings.IndexAny(pattern, "*?[")]
		prefix = fixed[:strings.LastIndexByte(fixed, '/')+1]
		pattern = pattern[len(prefix):]
		root = os.DirFS(prefix)
	}
	want, err := glob.Parse(path.Clean(pattern))
	if err != nil {
		return nil, err
	}
	var out []string
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read matches nothing
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case !entry.IsDir() && want.Match(name):
			out = append(out, prefix+name)
		}
		return nil
	})
	return out, err
}
