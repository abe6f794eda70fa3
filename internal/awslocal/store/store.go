// Package store keeps the embedded AWS's state: small JSON documents by key,
// and blobs (code, objects) by their hash.
//
// In a folder each change is written before the call that made it is answered:
// temporary file, fsync, rename. A process that is killed leaves the state with
// every change that was answered, and no half of one; a machine that loses its
// power may lose the last ones, but tears none (the folder itself is not synced:
// that would double the cost of a change for a laptop's sake). A second process
// on the same folder is refused. Without a folder the documents live in memory and
// the blobs in a temporary folder that Close removes: a blob is never held in
// memory as a whole.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// ErrInUse says that another process has the folder.
var ErrInUse = errors.New("another process uses this folder")

// Store is safe for use by many goroutines.
type Store struct {
	dir  string // "" in memory
	lock *os.File

	mu   sync.RWMutex
	docs map[string]json.RawMessage

	blobs blobs
}

// Open reads the state of dir, which is made where it is missing. An empty dir
// keeps the state in memory. Errors: ErrInUse, or what the file system says.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir, docs: map[string]json.RawMessage{}}
	if dir == "" {
		return s, nil
	}
	for _, d := range []string{s.docDir(), s.tempDir(), filepath.Join(dir, "blobs")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("open local state: %w", err)
		}
	}
	lock, err := lockFolder(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("open local state %s: %w", dir, err)
	}
	s.lock = lock
	s.blobs.dir = filepath.Join(dir, "blobs")
	if err := errors.Join(s.clearTemp(), s.load()); err != nil {
		return nil, errors.Join(fmt.Errorf("open local state %s: %w", dir, err), s.Close())
	}
	return s, nil
}

func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		closeErr := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(err, closeErr)
	}
	return f, nil
}

// Close gives the folder free, or removes the blobs of a store in memory.
func (s *Store) Close() error {
	if s.dir == "" {
		return s.blobs.removeTemp()
	}
	return s.lock.Close()
}

func (s *Store) docDir() string  { return filepath.Join(s.dir, "state") }
func (s *Store) tempDir() string { return filepath.Join(s.dir, "tmp") }

// clearTemp removes what a killed process had begun to write.
func (s *Store) clearTemp() error {
	entries, err := os.ReadDir(s.tempDir())
	for _, e := range entries {
		err = errors.Join(err, os.Remove(filepath.Join(s.tempDir(), e.Name())))
	}
	return err
}

func (s *Store) load() error {
	return filepath.WalkDir(s.docDir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.docDir(), path)
		if err != nil {
			return err
		}
		key, err := keyOf(rel)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !json.Valid(b) {
			return fmt.Errorf("%s is not JSON", path)
		}
		s.docs[key] = b
		return nil
	})
}

// pathOf and keyOf turn a key ("lambda/000000000000/us-east-1/function/a") into
// a file below the folder and back; no segment can leave it.
func (s *Store) pathOf(key string) string {
	segments := strings.Split(key, "/")
	for i, seg := range segments {
		segments[i] = "_" + url.PathEscape(seg)
	}
	return filepath.Join(s.docDir(), filepath.Join(segments...)+".json")
}

func keyOf(rel string) (string, error) {
	segments := strings.Split(strings.TrimSuffix(filepath.ToSlash(rel), ".json"), "/")
	for i, seg := range segments {
		plain, err := url.PathUnescape(strings.TrimPrefix(seg, "_"))
		if err != nil {
			return "", err
		}
		segments[i] = plain
	}
	return strings.Join(segments, "/"), nil
}

// Put keeps v as the document of key. It is on disk when Put returns.
func (s *Store) Put(key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir != "" {
		if err := s.writeFile(s.pathOf(key), b); err != nil {
			return fmt.Errorf("keep %s: %w", key, err)
		}
	}
	s.docs[key] = b
	return nil
}

// Get reads the document of key into v and says whether there is one.
func (s *Store) Get(key string, v any) (bool, error) {
	s.mu.RLock()
	b, ok := s.docs[key]
	s.mu.RUnlock()
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	return true, nil
}

// Delete removes the document of key; a missing one is no error.
func (s *Store) Delete(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.docs[key]; !ok {
		return nil
	}
	if s.dir != "" {
		if err := os.Remove(s.pathOf(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete %s: %w", key, err)
		}
	}
	delete(s.docs, key)
	return nil
}

// Keys returns the keys that start with prefix, sorted.
func (s *Store) Keys(prefix string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var keys []string
	for k := range s.docs {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func (s *Store) writeFile(path string, b []byte) (err error) {
	temp, err := os.CreateTemp(s.tempDir(), "doc-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	_, err = temp.Write(b)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
