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
//
// A folder is only taken when it is new, empty or the store's own (folder.go). No
// file is written, replaced or removed outside of it, whatever links lie in it,
// and none is removed whose name is not of the store's own form.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Store is safe for use by many goroutines.
type Store struct {
	root *os.Root // nil: changes stay in memory
	lock *os.File // nil without a folder

	mu   sync.RWMutex
	docs map[string]json.RawMessage

	blobs blobs
}

// Open reads the state of dir, which is made where it is missing. An empty dir
// keeps the state in memory. Errors: ErrInUse, ErrForeign, or what the file
// system says.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return &Store{docs: map[string]json.RawMessage{}}, nil
	}
	s, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("open local state %s: %w", dir, err)
	}
	return s, nil
}

func openFolder(dir string) (_ *Store, err error) {
	root, err := claim(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{root: root, docs: map[string]json.RawMessage{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.lock, err = lockFolder(root); err != nil {
		return nil, err
	}
	for _, name := range subfolders {
		if err := root.MkdirAll(name, 0o700); err != nil {
			return nil, err
		}
	}
	s.blobs.kept = filepath.Join(dir, blobFolder)
	return s, errors.Join(s.clearTemp(), s.load(root))
}

// OpenReadOnly reads the state of dir and opens nothing there for writing: what
// changes afterwards stays in memory and is lost with Close. A folder that is
// missing or empty is an empty state. Errors: ErrForeign for one that is not the
// store's, ErrInUse, or what the file system says.
func OpenReadOnly(dir string) (*Store, error) {
	s, err := openReadOnly(dir)
	if err != nil {
		return nil, fmt.Errorf("read local state %s: %w", dir, err)
	}
	return s, nil
}

func openReadOnly(dir string) (_ *Store, err error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Open("")
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	ours, err := isOurs(root)
	if err != nil {
		return nil, err
	}
	if !ours {
		empty, err := isEmpty(root)
		if err == nil && !empty {
			err = ErrForeign
		}
		if err != nil {
			return nil, err
		}
		return Open("")
	}
	s := &Store{docs: map[string]json.RawMessage{}, blobs: blobs{kept: filepath.Join(dir, blobFolder)}}
	if s.lock, err = shareFolder(root); err != nil {
		return nil, err
	}
	if err := s.load(root); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close unlocks the folder, and removes the blobs that have no folder.
func (s *Store) Close() error {
	err := s.blobs.removeTemp()
	if s.lock != nil {
		err = errors.Join(err, unlock(s.lock))
	}
	if s.root != nil {
		err = errors.Join(err, s.root.Close())
	}
	return err
}

// unfinished are the names of files that were being written.
var unfinished = lazyregexp.New(`^(doc|blob)-\d+$`)

// clearTemp removes what a killed process had begun to write.
func (s *Store) clearTemp() error {
	entries, err := fs.ReadDir(s.root.FS(), tempFolder)
	for _, e := range entries {
		if unfinished.MatchString(e.Name()) {
			err = errors.Join(err, s.root.Remove(filepath.Join(tempFolder, e.Name())))
		}
	}
	return err
}

func (s *Store) load(root *os.Root) error {
	return fs.WalkDir(root.FS(), stateFolder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		key, ok := keyOf(strings.TrimPrefix(path, stateFolder+"/"))
		if !ok {
			return nil // not the store's
		}
		b, err := root.ReadFile(path)
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
func pathOf(key string) string {
	segments := strings.Split(key, "/")
	for i, seg := range segments {
		segments[i] = "_" + url.PathEscape(seg)
	}
	return filepath.Join(stateFolder, filepath.Join(segments...)+".json")
}

// keyOf is false for a file that the store has not written.
func keyOf(rel string) (string, bool) {
	rel, ok := strings.CutSuffix(filepath.ToSlash(rel), ".json")
	if !ok {
		return "", false
	}
	segments := strings.Split(rel, "/")
	for i, seg := range segments {
		escaped, ok := strings.CutPrefix(seg, "_")
		plain, err := url.PathUnescape(escaped)
		if !ok || err != nil {
			return "", false
		}
		segments[i] = plain
	}
	return strings.Join(segments, "/"), true
}

// Put keeps v as the document of key. It is on disk when Put returns.
func (s *Store) Put(key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root != nil {
		if err := s.writeFile(pathOf(key), b); err != nil {
			return fmt.Errorf("keep %s: %w", key, err)
		}
	}
	s.docs[key] = b
	return nil
}

// Get reads the document of key into v and reports whether there is one.
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
	if s.root != nil {
		if err := s.root.Remove(pathOf(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
	temp, name, err := s.createTemp("doc")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.root.Remove(name))
		}
	}()
	_, err = temp.Write(b)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err = s.root.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return s.root.Rename(name, path)
}

// createTemp creates a file of its own whose name tells that it is unfinished.
func (s *Store) createTemp(kind string) (*os.File, string, error) {
	for {
		name := filepath.Join(tempFolder, kind+"-"+strconv.FormatUint(rand.Uint64(), 10))
		f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, name, err
		}
	}
}
