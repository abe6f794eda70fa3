package artifact

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// Listing is what a zip holds.
type Listing struct {
	files map[string]*zip.File
	// folders are those that have an entry, without the slash at the end.
	folders map[string]*zip.File
	// Unzipped is the size of all files in bytes.
	Unzipped int64
}

// encrypted is the bit of an entry's flags for that, PKWARE's APPNOTE 4.4.4.
const encrypted = 1

// ReadListing reads a zip's table of contents and checks the sizes in it against
// Lambda's limit. The contents themselves are not read.
func ReadListing(from io.ReaderAt, size int64) (*Listing, error) {
	r, err := zip.NewReader(from, size)
	if err != nil {
		return nil, fmt.Errorf("it is not a zip that can be read: %w; name a zip, a jar or the folder with the code", err)
	}
	l := &Listing{files: map[string]*zip.File{}, folders: map[string]*zip.File{}}
	for _, f := range r.File {
		if folder, is := strings.CutSuffix(f.Name, "/"); is {
			l.folders[folder] = f
			continue
		}
		// One at a time, so that no sum of lies overflows.
		if f.UncompressedSize64 > UnzippedLimit || l.Unzipped+int64(f.UncompressedSize64) > UnzippedLimit {
			return nil, errTooLarge
		}
		l.Unzipped += int64(f.UncompressedSize64)
		if f.Flags&encrypted != 0 {
			return nil, fmt.Errorf("its entry %q is encrypted, and Lambda has no password for it", f.Name)
		}
		l.files[f.Name] = f
	}
	if len(l.files) == 0 {
		return nil, fmt.Errorf("the zip holds no file")
	}
	return l, nil
}

// Names are the files and symlinks of the zip, sorted.
func (l *Listing) Names() []string { return slices.Sorted(maps.Keys(l.files)) }

// Stat returns the mode and the unzipped size in bytes of a file, a symlink, or
// a folder that has an entry.
func (l *Listing) Stat(name string) (mode fs.FileMode, size int64, ok bool) {
	if f, ok := l.files[name]; ok {
		return unixMode(f), int64(f.UncompressedSize64), true
	}
	if f, ok := l.folders[name]; ok {
		return unixMode(f), 0, true
	}
	return 0, 0, false
}

// unixMode is an entry's mode; where a tool wrote for Unix but gave no mode at
// all, the usual one.
func unixMode(f *zip.File) fs.FileMode {
	const unix, macOS = 3, 19 // hosts of the field "version made by", PKWARE's APPNOTE 4.4.2
	if host := f.CreatorVersion >> 8; (host == unix || host == macOS) && f.ExternalAttrs>>16 == 0 {
		if strings.HasSuffix(f.Name, "/") {
			return fs.ModeDir | 0o755
		}
		return 0o644
	}
	const fat, ntfs, vfat = 0, 11, 14 // those whose attributes archive/zip knows
	if host := f.CreatorVersion >> 8; host != unix && host != macOS && host != fat && host != ntfs && host != vfat {
		// Another system's attributes say nothing of Unix modes (Windows' tools
		// write 10 for NTFS, too): as from FAT, nothing is executable.
		if strings.HasSuffix(f.Name, "/") {
			return fs.ModeDir | 0o777
		}
		return 0o666
	}
	return f.Mode()
}

// Open reads a file, or what a symlink points to.
func (l *Listing) Open(name string) (io.ReadCloser, error) {
	f, ok := l.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return f.Open()
}

// FileChange is one file that two zips differ in.
type FileChange struct {
	Name string
	// Op is added, changed or removed.
	Op string
	// Before and After are sizes unzipped, in bytes; 0 where there is no file.
	Before, After int64
}

// Compare says which files differ between two zips, sorted by name: by size,
// checksum, kind and execute bit, so that no content is read.
func Compare(before, after *Listing) []FileChange {
	var out []FileChange
	for name, a := range after.files {
		b, there := before.files[name]
		switch {
		case !there:
			out = append(out, FileChange{Name: name, Op: "added", After: int64(a.UncompressedSize64)})
		case differ(a, b):
			out = append(out, FileChange{Name: name, Op: "changed", Before: int64(b.UncompressedSize64), After: int64(a.UncompressedSize64)})
		}
	}
	for name, b := range before.files {
		if after.files[name] == nil {
			out = append(out, FileChange{Name: name, Op: "removed", Before: int64(b.UncompressedSize64)})
		}
	}
	slices.SortFunc(out, func(a, b FileChange) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func differ(a, b *zip.File) bool {
	return a.UncompressedSize64 != b.UncompressedSize64 || a.CRC32 != b.CRC32 ||
		unixMode(a).Type() != unixMode(b).Type() || normal(unixMode(a)) != normal(unixMode(b))
}

// Listing reads the table of contents of the artifact's zip, wherever it is: of
// an S3 object only the parts that are looked at are fetched. An image has none.
// The Listing is good until close.
func (r *Result) Listing(ctx context.Context) (l *Listing, close func() error, err error) {
	switch {
	case r.local != "":
		if l, close, err = OpenListing(r.local); err != nil {
			return nil, nil, fmt.Errorf("artifact %s: %w", r.Pinned, err)
		}
		return l, close, nil
	case r.object != nil:
		if l, err = ReadListing(&remote{ctx: ctx, object: r.object}, r.object.size); err != nil {
			return nil, nil, fmt.Errorf("artifact %s: %w", r.Pinned, r.object.explainRead(err))
		}
		return l, func() error { return nil }, nil
	}
	return nil, nil, fmt.Errorf("artifact %s: it is not a zip", r.Pinned)
}

// OpenListing reads the table of contents of a zip on this machine. The Listing
// is good until close.
func OpenListing(path string) (l *Listing, close func() error, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil {
		l, err = ReadListing(file, info.Size())
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return l, file.Close, nil
}
