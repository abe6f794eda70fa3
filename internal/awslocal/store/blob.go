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

// ErrTooLarge says that a blob is longer than the caller allows.
var ErrTooLarge = errors.New("longer than allowed")

// blobs is a folder of files named by their hash; in memory mode the folder is
// made on the first use.
type blobs struct {
	mu   sync.Mutex
	dir  string
	temp bool
}

func (b *blobs) folder() (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dir != "" {
		return b.dir, nil
	}
	dir, err := os.MkdirTemp("", "lambda-rollout-local-")
	if err != nil {
		return "", err
	}
	b.dir, b.temp = dir, true
	return dir, nil
}

func (b *blobs) removeTemp() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.temp {
		return nil
	}
	dir := b.dir
	b.dir, b.temp = "", false
	return os.RemoveAll(dir)
}

// PutBlob keeps what r gives, at most limit bytes (no limit below 1). Errors:
// ErrTooLarge, what r returns, what the file system says.
func (s *Store) PutBlob(r io.Reader, limit int64) (_ Blob, err error) {
	dir, err := s.blobs.folder()
	if err != nil {
		return Blob{}, fmt.Errorf("keep a blob: %w", err)
	}
	temp, err := os.CreateTemp(s.blobTemp(dir), "blob-*")
	if err != nil {
		return Blob{}, fmt.Errorf("keep a blob: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name()) // what stays is removed at the next start
		}
	}()
	if limit > 0 {
		r = io.LimitReader(r, limit+1)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(temp, sum), r)
	blob := Blob{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: n}
	path := filepath.Join(dir, blob.SHA256)
	known := false
	switch {
	case err != nil:
	case limit > 0 && n > limit:
		err = fmt.Errorf("more than %d bytes: %w", limit, ErrTooLarge)
	default:
		_, statErr := os.Stat(path)
		if known = statErr == nil; !known && s.dir != "" {
			err = temp.Sync()
		}
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return Blob{}, fmt.Errorf("keep a blob: %w", err)
	}
	if known {
		return blob, os.Remove(temp.Name())
	}
	if err = os.Rename(temp.Name(), path); err != nil {
		return Blob{}, fmt.Errorf("keep a blob: %w", err)
	}
	return blob, nil
}

// PutBlobBytes is PutBlob for bytes that are in memory already.
func (s *Store) PutBlobBytes(b []byte) (Blob, error) { return s.PutBlob(bytes.NewReader(b), 0) }

func (s *Store) blobTemp(dir string) string {
	if s.dir == "" {
		return dir
	}
	return s.tempDir()
}

// BlobPath is the file that holds the blob of a hash. It must not be written.
func (s *Store) BlobPath(sha256 string) (string, error) {
	dir, err := s.blobs.folder()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(sha256)), nil
}

// OpenBlob opens the blob of a hash for reading; fs.ErrNotExist where there is
// none.
func (s *Store) OpenBlob(sha256 string) (*os.File, error) {
	path, err := s.BlobPath(sha256)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// Sweep removes each blob that live does not want. The server calls it once,
// before it serves.
func (s *Store) Sweep(live func(sha256 string) bool) error {
	if s.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(s.blobs.dir)
	if err != nil {
		return fmt.Errorf("sweep blobs: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if live(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(s.blobs.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
