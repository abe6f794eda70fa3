package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Blob names bytes that the store keeps.
type Blob struct {
	SHA256 string // hex
	Size   int64
}

// Base64 is the hash as Lambda writes a CodeSha256.
func (b Blob) Base64() string {
	raw, err := hex.DecodeString(b.SHA256)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// ErrTooLarge means that a blob is longer than the caller allows.
var ErrTooLarge = errors.New("longer than allowed")

// blobs are files named by their hash, in the store's folder and in a temporary
// one. The latter is made on the first use, where blobs may not or need not last.
type blobs struct {
	kept string // the store's folder, "" without one; never written where Store.root is nil

	mu   sync.Mutex
	temp string
}

// tempDir makes the temporary folder.
func (b *blobs) tempDir() (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.temp != "" {
		return b.temp, nil
	}
	dir, err := os.MkdirTemp("", "lambda-rollout-local-")
	if err != nil {
		return "", err
	}
	b.temp = dir
	return dir, nil
}

func (b *blobs) removeTemp() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.temp == "" {
		return nil
	}
	dir := b.temp
	b.temp = ""
	return os.RemoveAll(dir)
}

// newBlob creates the file of a blob whose hash is not known yet. keep makes it
// the blob of a hash, discard forgets it.
func (s *Store) newBlob() (f *os.File, keep func(sha256 string) error, discard func() error, err error) {
	if s.root == nil {
		dir, err := s.blobs.tempDir()
		if err != nil {
			return nil, nil, nil, err
		}
		f, err := os.CreateTemp(dir, "blob-*")
		if err != nil {
			return nil, nil, nil, err
		}
		return f, func(sha256 string) error { return os.Rename(f.Name(), filepath.Join(dir, sha256)) },
			func() error { return os.Remove(f.Name()) }, nil
	}
	f, name, err := s.createTemp("blob")
	if err != nil {
		return nil, nil, nil, err
	}
	return f, func(sha256 string) error { return s.root.Rename(name, filepath.Join(blobFolder, sha256)) },
		func() error { return s.root.Remove(name) }, nil
}

// PutBlob keeps what r returns, at most limit bytes (no limit below 1). Errors:
// ErrTooLarge, what r returns, what the file system says.
func (s *Store) PutBlob(r io.Reader, limit int64) (_ Blob, err error) {
	file, keep, discard, err := s.newBlob()
	if err != nil {
		return Blob{}, fmt.Errorf("keep a blob: %w", err)
	}
	kept := false
	defer func() {
		if !kept {
			_ = discard() // what stays is removed at the next start
		}
	}()
	blob, err := fill(file, r, limit)
	if err == nil {
		kept, err = s.finish(file, blob)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return Blob{}, fmt.Errorf("keep a blob: %w", err)
	}
	if kept {
		if err = keep(blob.SHA256); err != nil {
			kept = false
			return Blob{}, fmt.Errorf("keep a blob: %w", err)
		}
	}
	return blob, nil
}

// fill copies r into a file and names the result.
func fill(file *os.File, r io.Reader, limit int64) (Blob, error) {
	if limit > 0 {
		r = io.LimitReader(r, limit+1)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, sum), r)
	if err == nil && limit > 0 && n > limit {
		err = fmt.Errorf("more than %d bytes: %w", limit, ErrTooLarge)
	}
	return Blob{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: n}, err
}

// finish reports whether a blob is new; one that must last is then on disk.
func (s *Store) finish(file *os.File, blob Blob) (isNew bool, err error) {
	known, err := s.OpenBlob(blob.SHA256)
	switch {
	case err == nil:
		return false, known.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	case s.root != nil:
		return true, file.Sync()
	}
	return true, nil
}

// PutBlobBytes is PutBlob for bytes that are in memory already.
func (s *Store) PutBlobBytes(b []byte) (Blob, error) { return s.PutBlob(bytes.NewReader(b), 0) }

// OpenBlob opens the blob of a hash for reading; fs.ErrNotExist where there is
// none.
func (s *Store) OpenBlob(sha256 string) (*os.File, error) {
	if !blobName.MatchString(sha256) {
		return nil, fs.ErrNotExist
	}
	if s.blobs.kept != "" {
		f, err := openRegular(filepath.Join(s.blobs.kept, sha256))
		if err == nil || s.root != nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	dir, err := s.blobs.tempDir()
	if err != nil {
		return nil, err
	}
	return os.Open(filepath.Join(dir, sha256))
}

// openRegular opens a file that is no link.
func openRegular(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
}

// Sweep removes each blob of the folder that live does not want, and no file that
// is none. The server calls it once, before it serves.
func (s *Store) Sweep(live func(sha256 string) bool) error {
	if s.root == nil {
		return nil
	}
	entries, err := fs.ReadDir(s.root.FS(), blobFolder)
	if err != nil {
		return fmt.Errorf("sweep blobs: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !blobName.MatchString(e.Name()) || live(e.Name()) {
			continue
		}
		if err := s.root.Remove(filepath.Join(blobFolder, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
