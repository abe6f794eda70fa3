package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxSource is how much of a file with a value, or of stdin, is read: Lambda takes
// 6 MB in a request (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxSource = 6 << 20

// Value looks up a value that is not written in clear: env:VARIABLE or file:PATH,
// relative to the workspace. One line break at the end of a file is dropped.
// An empty value is an error: nobody means one here.
func (h *Host) Value(ctx context.Context, source string) (string, error) {
	kind, name, _ := strings.Cut(source, ":")
	switch kind {
	case "env":
		value, set := h.env[name]
		switch {
		case !set:
			return "", fmt.Errorf("the environment variable %s is not set", name)
		case value == "":
			return "", fmt.Errorf("the environment variable %s is empty", name)
		}
		return value, nil
	case "file":
		content, err := h.ReadFile(ctx, name)
		if at := strings.LastIndexByte(name, '#'); errors.Is(err, fs.ErrNotExist) && at > 0 {
			return h.valueOfKey(ctx, name[:at], name[at+1:])
		}
		if err != nil {
			return "", err
		}
		value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		if value == "" {
			return "", fmt.Errorf("the file %s is empty", name)
		}
		return value, nil
	}
	return "", fmt.Errorf("%s is neither env: nor file:", kind)
}

// valueOfKey is a field of a file that is one JSON object of texts: file:PATH#KEY.
func (h *Host) valueOfKey(ctx context.Context, name, key string) (string, error) {
	content, err := h.ReadFile(ctx, name)
	if err != nil {
		return "", err
	}
	var fields map[string]string
	if json.Unmarshal(content, &fields) != nil {
		return "", fmt.Errorf("the file %s is not a JSON object of strings, so it has no %s", name, key)
	}
	if fields[key] == "" {
		return "", fmt.Errorf("the file %s has no value for %s", name, key)
	}
	return fields[key], nil
}

// ReadFile reads a file that the user named, relative to the workspace or absolute.
// A relative name leads through no symbolic link out of the workspace: the repository
// may hold such a link. It may be a pipe. It reads 6 MB at most, and ends with the context: a read that
// waits for somebody then is left behind.
func (h *Host) ReadFile(ctx context.Context, name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("%s leads out of the workspace: name it by an absolute path", name)
		}
		below := name
		name = filepath.Join(h.Workspace(), name)
		return readAll(ctx, name, func() (io.ReadCloser, error) { return openBelow(h.Workspace(), below) })
	}
	return readAll(ctx, name, func() (io.ReadCloser, error) { return os.Open(name) })
}

// openBelow opens a file of a folder.
func openBelow(folder, name string) (io.ReadCloser, error) {
	file, err := os.OpenInRoot(folder, name)
	if err == nil {
		return file, nil
	}
	top, wrong := filepath.EvalSymlinks(folder)
	if wrong != nil {
		return nil, err
	}
	real, wrong := filepath.EvalSymlinks(filepath.Join(folder, name))
	if wrong != nil {
		return nil, err
	}
	if below, wrong := filepath.Rel(top, real); wrong == nil && !filepath.IsLocal(below) {
		return nil, errors.New("a symbolic link leads out of the workspace; name the file by its absolute path")
	}
	return nil, err
}

// ReadStdin reads all of stdin, as ReadFile reads a file.
func (h *Host) ReadStdin(ctx context.Context) ([]byte, error) {
	return readAll(ctx, "stdin", func() (io.ReadCloser, error) {
		if h.options.Stdin == nil {
			return nil, errors.New("stdin is closed")
		}
		return io.NopCloser(h.options.Stdin), nil
	})
}

func readAll(ctx context.Context, name string, open func() (io.ReadCloser, error)) ([]byte, error) {
	type result struct {
		content []byte
		err     error
	}
	done := make(chan result, 1)
	go func() {
		file, err := open()
		if err != nil {
			done <- result{nil, err}
			return
		}
		content, err := io.ReadAll(io.LimitReader(file, maxSource+1))
		done <- result{content, errors.Join(err, file.Close())}
	}()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", name, context.Cause(ctx))
	case r := <-done:
		switch {
		case r.err != nil:
			return nil, fmt.Errorf("read %s: %w", name, r.err)
		case len(r.content) > maxSource:
			return nil, fmt.Errorf("read %s: it has more than %d MB", name, maxSource>>20)
		}
		return r.content, nil
	}
}
