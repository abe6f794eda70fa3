package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// IgnoreFile, in a folder's root, names what its zip leaves out, in the syntax
// of gitignore.
const IgnoreFile = ".lambdaignore"

// alwaysIgnored never belongs to a function: the repository's history, and what
// this program keeps in a workspace.
var alwaysIgnored = []string{".git", ".lambda-rollout"}

// Zipped is what Zip wrote.
type Zipped struct {
	// Sha256 is base64, as Lambda shows it.
	Sha256 string
	// Size in bytes, zipped and unzipped.
	Size, Unzipped int64
	Files          int
}

// Zip writes a folder as a zip that depends on nothing but names, contents and
// execute bits: entries sorted by name, 1980-01-01 as their time, mode 0755
// where any execute bit is set, else 0644, symlinks as symlinks, no entries for
// folders, one compression level.
//
// What deflate makes of a content is up to the Go release that this program was
// built with (compress/flate promises valid, not equal, output between
// releases), so a new release of the program may give a folder a new hash once.
func Zip(ctx context.Context, out io.Writer, folder string) (Zipped, error) {
	return zipBy(ctx, out, folder, nil)
}

// zipBy zips by the rules that are given, else by the folder's own.
func zipBy(ctx context.Context, out io.Writer, folder string, by rules) (Zipped, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return Zipped{}, err
	}
	defer root.Close()
	if by == nil {
		if by, err = readIgnore(root); err != nil {
			return Zipped{}, err
		}
	}
	entries, err := list(root, by)
	if err != nil {
		return Zipped{}, err
	}
	if len(entries) == 0 {
		return Zipped{}, fmt.Errorf("it holds no file (or %s leaves out all of them)", IgnoreFile)
	}

	sum := sha256.New()
	counted := &counter{to: io.MultiWriter(out, sum)}
	unzipped, err := pack(ctx, counted, root, entries, UnzippedLimit)
	if err != nil {
		return Zipped{}, err
	}
	return Zipped{
		Sha256: base64.StdEncoding.EncodeToString(sum.Sum(nil)),
		Size:   counted.n, Unzipped: unzipped, Files: len(entries),
	}, nil
}

// entry is one file or symlink of a folder.
type entry struct {
	name string
	mode fs.FileMode
	size int64
}

// list walks a folder without following any symlink.
func list(root *os.Root, by rules) ([]entry, error) {
	var entries []entry
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case d.IsDir() && (slices.Contains(alwaysIgnored, d.Name()) || by.Match(name, true)):
			return fs.SkipDir
		case d.IsDir(), name == IgnoreFile, slices.Contains(alwaysIgnored, d.Name()), by.Match(name, false):
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch mode := info.Mode(); {
		case mode.IsRegular():
			entries = append(entries, entry{name, normal(mode), info.Size()})
		case mode&fs.ModeSymlink != 0:
			entries = append(entries, entry{name, fs.ModeSymlink | 0o777, 0})
		default:
			return fmt.Errorf("%s is neither a file, a folder nor a symlink: name it in %s", name, IgnoreFile)
		}
		return nil
	})
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries, err
}

// normal leaves of a mode what Lambda cares for: everybody may read, and run
// what somebody could run. A checkout under another umask gives the same zip.
func normal(mode fs.FileMode) fs.FileMode {
	if mode&0o111 != 0 {
		return 0o755
	}
	return 0o644
}

// maxIgnore is more than any list of rules has, in bytes.
const maxIgnore = 1 << 20

// readIgnore reads the folder's own rules; none is fine.
func readIgnore(root *os.Root) (*Ignore, error) {
	text, err := readIgnoreText(root)
	if errors.Is(err, fs.ErrNotExist) {
		return &Ignore{}, nil
	}
	return ParseIgnore(text), err
}

func readIgnoreText(root *os.Root) (string, error) {
	info, err := root.Stat(IgnoreFile)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular() || info.Size() > maxIgnore:
		return "", fmt.Errorf("%s is not a file of at most %d bytes", IgnoreFile, maxIgnore)
	}
	text, err := root.ReadFile(IgnoreFile)
	return string(text), err
}

// counter counts what goes through.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
