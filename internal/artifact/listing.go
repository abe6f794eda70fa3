package artifact

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Entry is one file of a zip.
type Entry struct {
	Name string
	Mode fs.FileMode
	// Size is unzipped, in bytes.
	Size  int64
	CRC32 uint32

	file *zip.File
}

// Listing is what a zip holds.
type Listing struct {
	entries  map[string]Entry
	Unzipped int64
}

// ReadListing reads a zip's directory of entries, and holds their sizes to
// Lambda's limit. The contents are not read.
func ReadListing(from io.ReaderAt, size int64) (*Listing, error) {
	r, err := zip.NewReader(from, size)
	if err != nil {
		return nil, fmt.Errorf("it is not a zip that can be read: %w", err)
	}
	l := &Listing{entries: map[string]Entry{}}
	for _, f := range r.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if f.UncompressedSize64 > UnzippedLimit {
			return nil, errTooLarge
		}
		l.Unzipped += int64(f.UncompressedSize64)
		if l.Unzipped > UnzippedLimit {
			return nil, errTooLarge
		}
		l.entries[f.Name] = Entry{Name: f.Name, Mode: f.Mode(), Size: int64(f.UncompressedSize64), CRC32: f.CRC32, file: f}
	}
	if len(l.entries) == 0 {
		return nil, fmt.Errorf("the zip holds no file")
	}
	return l, nil
}

// Names are the files of the zip, sorted.
func (l *Listing) Names() []string { return slices.Sorted(maps.Keys(l.entries)) }

// Entry is one file by its name.
func (l *Listing) Entry(name string) (Entry, bool) {
	e, ok := l.entries[name]
	return e, ok
}

// Open reads one file's content.
func (l *Listing) Open(name string) (io.ReadCloser, error) {
	e, ok := l.entries[name]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return e.file.Open()
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
// checksum and execute bit, so that no content is read.
func Compare(before, after *Listing) []FileChange {
	var out []FileChange
	for name, a := range after.entries {
		b, there := before.entries[name]
		switch {
		case !there:
			out = append(out, FileChange{Name: name, Op: "added", After: a.Size})
		case a.Size != b.Size || a.CRC32 != b.CRC32 || a.Mode.Type() != b.Mode.Type() || normal(a.Mode) != normal(b.Mode):
			out = append(out, FileChange{Name: name, Op: "changed", Before: b.Size, After: a.Size})
		}
	}
	for name, b := range before.entries {
		if _, there := after.entries[name]; !there {
			out = append(out, FileChange{Name: name, Op: "removed", Before: b.Size})
		}
	}
	slices.SortFunc(out, func(a, b FileChange) int { return strings.Compare(a.Name, b.Name) })
	return out
}
