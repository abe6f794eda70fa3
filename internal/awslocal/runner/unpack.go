package runner

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// MaxUnzipped is the most that code may unpack to, in bytes ("Lambda quotas",
// deployment package).
const MaxUnzipped = 250 << 20

const (
	maxEntries = 100_000
	maxLink    = 4 << 10
)

// ErrUnzippedSize means that a zip unpacks to more than MaxUnzipped.
var ErrUnzippedSize = errors.New("unzipped size must be smaller than 262144000 bytes")

// ErrUnsafeZip means that a zip has an entry that would lie outside its folder.
var ErrUnsafeZip = errors.New("unsafe zip entry")

// Unpack writes the entries of a zip below dir, which it makes, as Lambda's user
// sees them: a file's owner gets the rights that the zip gives to others, folders
// can be read by all, and a link that leaves the folder leads nowhere. It refuses
// names that lead outside, and what is larger than MaxUnzipped: first by what the
// zip says, then by what it holds. Errors: ErrUnsafeZip, ErrUnzippedSize,
// zip.ErrFormat, the file system's.
func Unpack(file *os.File, dir string) error { return unpackTo(file, dir, MaxUnzipped) }

// unpackTo is Unpack with a limit in bytes.
func unpackTo(file *os.File, dir string, limit int64) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(file, info.Size())
	if err != nil {
		return err
	}
	if err := checkEntries(z, uint64(limit)); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	left := limit
	for _, entry := range z.File {
		n, err := unpackEntry(root, entry, left)
		if err != nil {
			return fmt.Errorf("%s: %w", entry.Name, err)
		}
		left -= n
	}
	return nil
}

func checkEntries(z *zip.Reader, limit uint64) error {
	if len(z.File) > maxEntries {
		return fmt.Errorf("%w: more than %d entries", ErrUnsafeZip, maxEntries)
	}
	var total uint64
	for _, entry := range z.File {
		if !filepath.IsLocal(filepath.FromSlash(strings.TrimSuffix(entry.Name, "/"))) || strings.Contains(entry.Name, `\`) {
			return fmt.Errorf("%w: %q", ErrUnsafeZip, entry.Name)
		}
		total += entry.UncompressedSize64
		if total > limit || entry.UncompressedSize64 > limit {
			return ErrUnzippedSize
		}
	}
	return nil
}

func unpackEntry(root *os.Root, entry *zip.File, left int64) (int64, error) {
	name := path.Clean(entry.Name)
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return 0, err
	}
	switch mode := entry.Mode(); {
	case mode.IsDir():
		return 0, root.MkdirAll(name, 0o755)
	case mode&fs.ModeSymlink != 0:
		return 0, unpackLink(root, entry, name)
	case !mode.IsRegular():
		return 0, fmt.Errorf("%w: neither file, folder nor link", ErrUnsafeZip)
	default:
		return unpackFile(root, entry, name, left)
	}
}

func unpackFile(root *os.Root, entry *zip.File, name string, left int64) (int64, error) {
	in, err := entry.Open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if entry.Mode()&0o111 != 0 {
		// A process that starts now would inherit the open file until its exec, and
		// a file that is open for writing cannot be executed ("text file busy").
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err // of two entries of a name the later one counts
	}
	out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, left+1))
	if err == nil && n > left {
		err = ErrUnzippedSize
	}
	return n, errors.Join(err, out.Chmod(modeForAll(entry.Mode())), out.Close())
}

// modeForAll gives everybody the rights of those who neither own the file nor
// belong to its group: Lambda's user is one of them (Lambda developer guide,
// "Troubleshoot deployment issues", permission denied).
func modeForAll(mode fs.FileMode) fs.FileMode {
	others := mode.Perm() & 0o007
	return others<<6 | others<<3 | others
}

func unpackLink(root *os.Root, entry *zip.File, name string) error {
	in, err := entry.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	target, err := io.ReadAll(io.LimitReader(in, maxLink))
	if err != nil {
		return err
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return root.Symlink(linkTarget(name, string(target)), name)
}

// nowhere is a folder that no machine has.
const nowhere = "/nonexistent"

// linkTarget is where a link leads in Lambda: below /var/task to the code, and
// elsewhere to files that this machine does not have.
func linkTarget(name, target string) string {
	inside, task := strings.CutPrefix(path.Clean(target), "/var/task/")
	switch {
	case task:
		up := strings.Repeat("../", strings.Count(name, "/"))
		return up + inside
	case path.IsAbs(target):
		return nowhere + path.Clean(target)
	case !filepath.IsLocal(path.Join(path.Dir(name), target)):
		return nowhere + path.Join("/var/task", path.Dir(name), target)
	}
	return target
}
