package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// resolvePath finds a zip, a jar or a folder of this machine.
func (r *Result) resolvePath(ctx context.Context, ref Ref) error {
	path, err := inWorkspace(r.opts.Workspace, ref.Path)
	if err != nil {
		return fmt.Errorf("artifact %s: %w", ref.Path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("artifact %s: %w", ref.Path, err)
	}
	r.Pinned = ref.Path
	switch {
	case info.IsDir():
		r.Kind = Folder
		err = r.zipFolder(ctx, path, ref.Lambroll)
	case info.Mode().IsRegular():
		r.Kind = File
		err = r.useZip(ctx, path)
	default:
		err = fmt.Errorf("it is neither a file nor a folder")
	}
	if err != nil {
		return fmt.Errorf("artifact %s: %w", ref.Path, err)
	}
	return r.requireStaging(ctx, ref.Path)
}

// inWorkspace keeps a relative path inside the workspace, through symlinks too. What
// lies elsewhere must be named by its absolute path, so that nothing but the
// author of the job decides to read it.
func inWorkspace(workspace, path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	base, err := filepath.EvalSymlinks(workspace)
	if err != nil {
		return "", fmt.Errorf("find the workspace: %w", err)
	}
	real, err := filepath.EvalSymlinks(filepath.Join(base, path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", &MissingError{Workspace: base}
	}
	if err != nil {
		return "", err
	}
	if inside, err := filepath.Rel(base, real); err != nil || !filepath.IsLocal(inside) {
		return "", fmt.Errorf("it is outside the workspace %s: name it by its absolute path, %s, if that is intended", base, real)
	}
	return real, nil
}

// zipFolder builds the zip at once: only its bytes have a hash to compare.
func (r *Result) zipFolder(ctx context.Context, folder, lambroll string) error {
	build := func() (zipped zippedFile, err error) {
		var by rules
		var noticed diag.List
		if lambroll != "" {
			if by, noticed, err = besideLambroll(folder, lambroll, r.opts.Workspace); err != nil {
				return zipped, err
			}
		}
		zipped, err = zipTo(ctx, r.opts.TempDir, folder, by)
		zipped.noticed = noticed
		return zipped, err
	}
	if r.opts.Folders != nil {
		build = r.opts.Folders.once(folder+"\x00"+lambroll, build)
	}
	zipped, err := build()
	if err != nil {
		return err
	}
	r.local, r.Warnings = zipped.path, zipped.noticed
	r.Code = definition.Code{ZipPath: r.local, Sha256: zipped.Sha256, Size: zipped.Size}
	return nil
}

// useZip takes a zip or jar as it is.
func (r *Result) useZip(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	sum, size, err := hash(ctx, file)
	if err != nil {
		return err
	}
	if _, err := ReadListing(file, size); err != nil {
		return err
	}
	r.local = path
	r.Code = definition.Code{ZipPath: path, Sha256: sum, Size: size}
	return nil
}

// zippedFile is a folder's zip.
type zippedFile struct {
	Zipped
	path    string
	noticed diag.List
}

func zipTo(ctx context.Context, dir, folder string, by rules) (zippedFile, error) {
	out, err := os.CreateTemp(dir, "folder-*.zip")
	if err != nil {
		return zippedFile{}, err
	}
	zipped, err := zipBy(ctx, out, folder, by)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return zippedFile{Zipped: zipped, path: out.Name()}, err
}

// Folders zips each folder once, for all Targets that deploy it. Its zips live
// as long as the TempDir that they were made in.
type Folders struct {
	mu    sync.Mutex
	built map[string]func() (zippedFile, error)
}

func (f *Folders) once(folder string, build func() (zippedFile, error)) func() (zippedFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.built == nil {
		f.built = map[string]func() (zippedFile, error){}
	}
	if f.built[folder] == nil {
		f.built[folder] = sync.OnceValues(build)
	}
	return f.built[folder]
}

// MissingError is an artifact that is not on this machine.
type MissingError struct{ Workspace string }

func (e *MissingError) Error() string {
	return "there is no such file or folder in " + e.Workspace
}
