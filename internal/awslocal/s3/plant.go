package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"time"
)

// Planted is an object as another S3 has it.
type Planted struct {
	Account, Region, Bucket, Key string
	// Version is its version; "" and "null" are those of a bucket without versioning.
	Version string
	Body    []byte
}

// Plant makes an object that exists elsewhere exist here, with the ID of its version, and
// its bucket.
func (s *Service) Plant(p Planted) error {
	blob, err := s.store.PutBlob(bytes.NewReader(p.Body), 0)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[p.Bucket]
	if b == nil {
		b = &Bucket{Name: p.Bucket, Region: p.Region, Account: p.Account, Created: s.now().UTC().Truncate(time.Second), objects: map[string]*object{}}
		if p.Version != "" && p.Version != nullVersion {
			b.Versioning = versioningEnabled
		}
		if err := s.saveBucket(b); err != nil {
			return err
		}
	}
	sum := md5.Sum(p.Body)
	v := &Version{Key: p.Key, Modified: s.now().UTC().Truncate(time.Second), ETag: hex.EncodeToString(sum[:]), Blob: blob, Header: map[string]string{}}
	o := b.push(b.object(p.Key), v)
	if p.Version != "" {
		v.ID = p.Version
	}
	return s.saveObject(b, o)
}
