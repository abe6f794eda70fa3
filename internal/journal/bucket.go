package journal

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Bucket is a place for objects where a write can be made to depend on what
// was read.
type Bucket interface {
	// Get returns an object and its ETag; nil and no error where there is none.
	Get(ctx context.Context, key string) (content []byte, etag string, err error)
	// Put writes over the object with the ETag, or a new one where that is
	// empty, and returns the new ETag; ErrTaken where that is not what exists.
	Put(ctx context.Context, key string, content []byte, etag string) (string, error)
	// List returns the objects whose keys begin with prefix, in the order of
	// their keys. With the delimiter "/" those that have one after the prefix
	// are one Entry, whose Key ends with it.
	List(ctx context.Context, prefix, delimiter string) ([]Entry, error)
}

// Entry is an object, or a folder of objects.
type Entry struct {
	Key string
	// Modified is zero for a folder.
	Modified time.Time
}

// The ends of the names of journals in S3: a folder of numbered objects, and the
// one object of JSON lines that earlier releases wrote.
const (
	folderSuffix = ".journal"
	objectSuffix = ".jsonl"
)

// IsObjectURL reports whether a URL names one journal in S3, not the place of
// many.
func IsObjectURL(url string) bool {
	_, key, err := ParseObject(url)
	return err == nil && (strings.HasSuffix(key, folderSuffix) || strings.HasSuffix(key, objectSuffix))
}

// ObjectURL names the journal of a run below a place, s3://bucket/prefix. Run is
// the last part of its name.
func ObjectURL(place, run string) string {
	return strings.TrimSuffix(place, "/") + "/lambda-rollout-" + run + folderSuffix
}

// ParseObject splits s3://bucket/key.
func ParseObject(url string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(url, "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", fmt.Errorf("journal %s is not of the form s3://bucket/prefix", url)
	}
	return bucket, strings.Trim(key, "/"), nil
}

// NewObject returns the journal with a URL of the form s3://bucket/key; nothing
// is read yet. A key that ends in .jsonl is a journal of an earlier release.
func NewObject(bucket Bucket, url string) (Store, error) {
	_, key, err := ParseObject(url)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(key, objectSuffix) {
		return &singleObject{bucket: bucket, name: url, key: key}, nil
	}
	return newObjects(bucket, url, key), nil
}
