package s3

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// Bucket is one bucket and what was set on it.
type Bucket struct {
	Name    string
	Region  string
	Account string // the owner's
	Created time.Time
	// Versioning is "", "Enabled" or "Suspended".
	Versioning string
	// Readers are the principals that may read. Nil: everybody of the owner's
	// account, and nobody else.
	Readers []string

	objects map[string]*object
}

// object holds the versions of one key, newest first. It is never changed: a
// change makes another one.
type object struct {
	Key      string
	Versions []*Version
}

// Version is one version of an object, or a delete marker.
type Version struct {
	Key          string
	ID           string // "null" where the bucket had no versioning
	DeleteMarker bool   `json:",omitempty"`
	Modified     time.Time
	ETag         string            // without quotes
	Blob         store.Blob        // the bytes
	Checksum     Checksum          // as the upload gave it, or S3's own
	Header       map[string]string // headers kept with the object
}

const nullVersion = "null"

// New serves the buckets that st holds. Errors: a document that cannot be read.
func New(st *store.Store, now api.Clock) (*Service, error) {
	s := &Service{store: st, now: now, buckets: map[string]*Bucket{}, uploads: map[string]*upload{}}
	for _, key := range st.Keys(bucketPrefix) {
		b := &Bucket{objects: map[string]*object{}}
		if _, err := st.Get(key, b); err != nil {
			return nil, fmt.Errorf("load buckets: %w", err)
		}
		s.buckets[b.Name] = b
		for _, key := range st.Keys(objectPrefix + b.Name + "/") {
			var o object
			if _, err := st.Get(key, &o); err != nil {
				return nil, fmt.Errorf("load bucket %s: %w", b.Name, err)
			}
			b.objects[o.Key] = &o
		}
	}
	for _, key := range st.Keys(uploadPrefix) {
		var u upload
		if _, err := st.Get(key, &u); err != nil {
			return nil, fmt.Errorf("load uploads: %w", err)
		}
		s.uploads[u.ID] = &u
	}
	return s, nil
}

// Keys of the store's documents. An object's is the hash of its key: S3's keys
// may be longer than a file's name.
const (
	bucketPrefix = "s3/bucket/"
	objectPrefix = "s3/object/"
	uploadPrefix = "s3/upload/"
)

func objectKey(bucket, key string) string {
	sum := sha256.Sum256([]byte(key))
	return objectPrefix + bucket + "/" + hex.EncodeToString(sum[:])
}

// Blobs yields the hash of each blob that S3 still needs.
func (s *Service) Blobs(yield func(sha256 string) bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, b := range s.buckets {
		for _, o := range b.objects {
			for _, v := range o.Versions {
				if !v.DeleteMarker && !yield(v.Blob.SHA256) {
					return
				}
			}
		}
	}
	for _, u := range s.uploads {
		for _, p := range u.Parts {
			if !yield(p.Blob.SHA256) {
				return
			}
		}
	}
}

// SetReaders sets which principals may read a bucket: ARNs of users, roles or
// sessions, account numbers, or "*". Nil goes back to the owner's account.
// False where there is no such bucket.
func (s *Service) SetReaders(bucket string, principals []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[bucket]
	if b == nil {
		return false
	}
	next := *b
	next.Readers = slices.Clone(principals)
	return s.saveBucket(&next) == nil
}

func (s *Service) saveBucket(b *Bucket) error {
	if err := s.store.Put(bucketPrefix+b.Name, b); err != nil {
		return err
	}
	s.buckets[b.Name] = b
	return nil
}

func (s *Service) forgetBucket(b *Bucket) error {
	if err := s.store.Delete(bucketPrefix + b.Name); err != nil {
		return err
	}
	delete(s.buckets, b.Name)
	return nil
}

// saveObject makes o the state of its key, on disk first.
func (s *Service) saveObject(b *Bucket, o *object) error {
	name := objectKey(b.Name, o.Key)
	if len(o.Versions) == 0 {
		if err := s.store.Delete(name); err != nil {
			return err
		}
	} else if err := s.store.Put(name, o); err != nil {
		return err
	}
	if len(o.Versions) == 0 {
		delete(b.objects, o.Key)
		return nil
	}
	b.objects[o.Key] = o
	return nil
}

func (b *Bucket) object(key string) *object {
	if o := b.objects[key]; o != nil {
		return o
	}
	return &object{Key: key}
}

// live is the version that a read without a version id returns; nil where there
// is none or a delete marker.
func (o *object) live() *Version {
	if len(o.Versions) == 0 || o.Versions[0].DeleteMarker {
		return nil
	}
	return o.Versions[0]
}

func (o *object) version(id string) *Version {
	for _, v := range o.Versions {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// push returns o with v as its newest version, under an id as the bucket's
// versioning wants it: without versioning, or with versioning suspended, v
// replaces the null version ("How S3 Versioning works").
func (b *Bucket) push(o *object, v *Version) *object {
	v.ID = nullVersion
	if b.Versioning == versioningEnabled {
		v.ID = newID()
	}
	next := o.without(v.ID)
	next.Versions = slices.Insert(next.Versions, 0, v)
	return next
}

// without returns o less one version.
func (o *object) without(id string) *object {
	next := *o
	next.Versions = slices.DeleteFunc(slices.Clone(o.Versions), func(v *Version) bool { return v.ID == id })
	return &next
}

// sortedKeys are the keys under prefix, in the order that S3 lists them.
func (b *Bucket) sortedKeys(prefix string) []string {
	var keys []string
	for key, o := range b.objects {
		if len(o.Versions) > 0 && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// newID is an opaque id of 32 characters, as version ids are.
func newID() string { return rand.Text() + rand.Text()[:6] }

func internal(err error) *apiError {
	return newError(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again. (%v)", err)
}
