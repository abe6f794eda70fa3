package adopt

import (
	"bytes"
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

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
)

// Inside refuses a folder that is none, or on whose way a symbolic link leads out of
// root or to nothing. One that does not exist yet is right.
func Inside(root *os.Root, folder string) error {
	parts := strings.Split(folder, "/")
	for i := range parts {
		name := path.Join(parts[:i+1]...)
		info, err := root.Stat(name)
		if err != nil {
			link, missing := root.Lstat(name)
			if missing == nil && link.Mode().Type() == fs.ModeSymlink {
				return fmt.Errorf("%s is a symbolic link that leads out of %s or to nothing, and is not followed: remove it, or name the folder that it is to lead to by an absolute path", name, root.Name())
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is a file, not a folder: name another one", name)
		}
	}
	return nil
}

// Existing are the files and folders below root that Write would replace, as users
// name them.
func (f *Files) Existing(root *os.Root) ([]string, error) {
	names := []string{}
	for _, file := range f.files {
		names = append(names, file.name)
	}
	if f.zip != "" {
		names = append(names, path.Join(f.folder, codeFolder), path.Join(f.folder, codeZip))
	}
	var found []string
	for _, name := range names {
		if err := Inside(root, path.Dir(name)); err != nil {
			return nil, err
		}
		switch _, err := root.Lstat(name); {
		case err == nil:
			found = append(found, path.Join(f.prefix, name))
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return found, nil
}

// Write writes the files below root. What is in the way is replaced: Existing says
// what that is. No symbolic link is followed.
func (f *Files) Write(ctx context.Context, root *os.Root) error {
	if err := root.MkdirAll(f.folder, 0o755); err != nil {
		return err
	}
	if f.zip != "" {
		if err := f.writeCode(ctx, root); err != nil {
			return err
		}
	}
	// Values come last, behind the file that keeps them out of a repository.
	slices.SortStableFunc(f.files, func(a, b file) int {
		switch {
		case a.secret == b.secret:
			return 0
		case a.secret:
			return 1
		}
		return -1
	})
	for _, file := range f.files {
		mode := fs.FileMode(0o644)
		if file.secret {
			mode = 0o600
		}
		if err := Create(root, file.name, bytes.NewReader(file.content), mode); err != nil {
			return err
		}
		f.Written = append(f.Written, path.Join(f.prefix, file.name))
	}
	slices.Sort(f.Written)
	return nil
}

// Create makes a file anew, so that neither a link nor the mode of a former one
// matters.
func Create(root *os.Root, name string, content io.Reader, mode fs.FileMode) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// writeCode unpacks the zip. Where the folder would be packed to the same bytes
// again, it is the artifact; else the zip is, and is kept beside it.
func (f *Files) writeCode(ctx context.Context, root *os.Root) error {
	folder, archive := path.Join(f.folder, codeFolder), path.Join(f.folder, codeZip)
	for _, old := range []string{folder, archive} {
		if err := root.RemoveAll(old); err != nil {
			return err
		}
	}
	if err := root.Mkdir(folder, 0o755); err != nil {
		return err
	}
	in, err := root.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer in.Close()
	skipped, err := unpack(f.zip, in)
	if err != nil {
		return fmt.Errorf("unpack the code of %s: %w", f.Function, err)
	}
	f.Written = append(f.Written, f.name(codeFolder))
	if skipped == nil && f.samePacked(ctx, filepath.Join(root.Name(), folder)) {
		f.useFolder()
		return nil
	}
	f.Notes = append(f.Notes, skipped...)
	f.note("%s is the code as Lambda has it, byte for byte; %s holds its files, whose zip has another hash: name the folder as the artifact once you change them", f.name(codeZip), f.name(codeFolder))
	zip, err := os.Open(f.zip)
	if err != nil {
		return err
	}
	defer zip.Close()
	f.Written = append(f.Written, f.name(codeZip))
	return Create(root, archive, zip, 0o644)
}

// samePacked reports whether the folder is packed to the zip that was downloaded.
func (f *Files) samePacked(ctx context.Context, folder string) bool {
	var packed bytes.Buffer
	if _, err := artifact.Zip(ctx, &packed, folder); err != nil {
		return false // a zip that holds nothing that a folder keeps
	}
	original, err := os.ReadFile(f.zip)
	return err == nil && bytes.Equal(original, packed.Bytes())
}

// maxSkipped is how many entries are named one by one.
const maxSkipped = 10

// unpack writes what a zip holds below a folder and returns what it left out. Sizes
// are those of the table of contents, which ReadListing has bounded; an entry that
// holds more is an error.
func unpack(zip string, in *os.Root) (skipped []string, err error) {
	listing, done, err := artifact.OpenListing(zip)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	var links, left []string
	for _, name := range listing.Names() {
		mode, size, _ := listing.Stat(name)
		switch {
		case !safe(name):
			left = append(left, name)
		case mode&fs.ModeSymlink != 0:
			links = append(links, name)
		case mode.IsRegular():
			if err := extract(listing, in, name, size); err != nil {
				return nil, err
			}
		default:
			left = append(left, name)
		}
	}
	// Links come last: no file is written through one.
	for _, name := range links {
		written, err := link(listing, in, name)
		if err != nil {
			return nil, err
		}
		if !written {
			left = append(left, name)
		}
	}
	for i, name := range left {
		if i == maxSkipped {
			return append(skipped, fmt.Sprintf("%d more entries of the zip are not unpacked", len(left)-maxSkipped)), nil
		}
		skipped = append(skipped, fmt.Sprintf("the zip's entry %q is not unpacked: it leads outside of the folder, or belongs to git or to this program", name))
	}
	return skipped, nil
}

// safe reports whether an entry stays in its folder and is nothing that a tool
// would obey there: git runs programs that a folder .git names.
func safe(name string) bool {
	if !filepath.IsLocal(name) || path.Clean(name) != name || strings.ContainsAny(name, "\\\x00") {
		return false
	}
	return !slices.ContainsFunc(strings.Split(strings.ToLower(name), "/"), func(part string) bool {
		return part == ".git" || part == ".lambda-rollout"
	})
}

func extract(listing *artifact.Listing, in *os.Root, name string, size int64) (err error) {
	if err := in.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	from, err := listing.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer from.Close()
	mode, _, _ := listing.Stat(name)
	if mode&0o111 != 0 {
		mode = 0o755
	} else {
		mode = 0o644
	}
	to, err := in.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	n, err := io.Copy(to, io.LimitReader(from, size+1))
	if err == nil && n > size {
		err = errors.New("it holds more than the zip says")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// maxLink is more than a path on Linux has.
const maxLink = 4096

// link makes a symbolic link, unless it leads outside.
func link(listing *artifact.Listing, in *os.Root, name string) (bool, error) {
	from, err := listing.Open(name)
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	defer from.Close()
	target, err := io.ReadAll(io.LimitReader(from, maxLink))
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	to := string(target)
	if to == "" || path.IsAbs(to) || !safe(path.Join(path.Dir(name), to)) {
		return false, nil
	}
	if err := in.MkdirAll(path.Dir(name), 0o755); err != nil {
		return false, err
	}
	return true, in.Symlink(to, name)
}
