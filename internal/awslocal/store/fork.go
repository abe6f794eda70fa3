package store

import "maps"

// Fork returns a Store in memory that begins with the documents of s, and whose
// changes s never sees. It reads the blobs of s, which must be closed after it.
func (s *Store) Fork() (*Store, error) {
	dir := s.blobs.kept
	if dir == "" {
		var err error
		if dir, err = s.blobs.tempDir(); err != nil {
			return nil, err
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &Store{docs: maps.Clone(s.docs), blobs: blobs{kept: dir}}, nil
}
