package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// Limits of "Amazon S3 objects overview" and of user-defined metadata.
const (
	maxObject   = 5 << 30
	maxMetadata = 2 << 10
)

// keptHeaders are the request headers that come back with the object.
var keptHeaders = []string{
	"Cache-Control",
	"Content-Disposition",
	"Content-Encoding",
	"Content-Language",
	"Content-Type",
	"Expires",
	"X-Amz-Storage-Class",
	"X-Amz-Website-Redirect-Location",
	"X-Amz-Server-Side-Encryption",
	"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
}

// putObject rests on "PutObject".
func (s *Service) putObject(r *request) *apiError {
	header, err := objectHeader(r)
	if err != nil {
		return err
	}
	s.mu.RLock()
	seen, err := s.prepare(r)
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	got, err := s.receive(r, maxObject)
	if err != nil {
		return err
	}
	v := &Version{Key: r.key, ETag: got.etag, Blob: got.blob, Checksum: got.checksum, Header: header}
	if err := s.commit(r, v, seen); err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusOK)
	return nil
}

// prepare checks a write before its body is read, and returns the version that
// exists there.
func (s *Service) prepare(r *request) (*Version, *apiError) {
	b, err := s.writable(r, "s3:PutObject")
	if err != nil {
		return nil, err
	}
	v := b.object(r.key).live()
	return v, writeCondition(r, v, v)
}

// commit makes v the key's newest version, if the conditions still hold, and
// writes the headers that say so.
func (s *Service) commit(r *request, v, seen *Version) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.writable(r, "s3:PutObject")
	if err != nil {
		return err
	}
	o := b.object(v.Key)
	if err := writeCondition(r, o.live(), seen); err != nil {
		return err
	}
	v.Modified = s.now().UTC().Truncate(time.Second)
	if err := s.saveObject(b, b.push(o, v)); err != nil {
		return internal(err)
	}
	api.Changed(r.Context())
	h := r.w.Header()
	h.Set("ETag", `"`+v.ETag+`"`)
	h.Set(checksumHeader(v.Checksum.Algorithm), v.Checksum.Value)
	h.Set("x-amz-checksum-type", v.Checksum.Type)
	h.Set("x-amz-server-side-encryption", v.encryption())
	if b.Versioning == versioningEnabled {
		h.Set("x-amz-version-id", v.ID)
	}
	return nil
}

// writeCondition rests on "How to prevent object overwrites with conditional
// writes": If-None-Match: * wants no object, If-Match one of that ETag; 404
// where If-Match meets none, 409 where a delete overtook the write: seen is what
// stood there when it began.
func writeCondition(r *request, v, seen *Version) *apiError {
	none, match := r.Header.Get("If-None-Match"), r.Header.Get("If-Match")
	switch {
	case none != "" && none != "*":
		return errNotImplemented("If-None-Match")
	case none != "" && v != nil:
		return errPrecondition("If-None-Match")
	case match == "":
		return nil
	case v == nil && seen != nil:
		return newError(
			http.StatusConflict,
			"ConditionalRequestConflict",
			"The conditional request cannot succeed due to a conflicting operation against this resource.",
		)
	case v == nil:
		return errNoSuchKey(r.key)
	case !etagMatches(match, v.ETag):
		return errPrecondition("If-Match")
	}
	return nil
}

func etagMatches(list, etag string) bool {
	for candidate := range strings.SplitSeq(list, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == "*" || strings.Trim(candidate, `"`) == etag {
			return true
		}
	}
	return false
}

// received is a body that was stored and checked.
type received struct {
	blob     store.Blob
	etag     string
	checksum Checksum
}

// receive stores a request's body while it computes what S3 computes, and
// compares that with what the client said.
func (s *Service) receive(r *request, limit int64) (received, *apiError) {
	algorithm, err := algorithmOf(r.Request)
	if err != nil {
		return received{}, err
	}
	if algorithm == "" {
		algorithm = defaultAlgorithm
	}
	var body io.Reader = r.Body
	length := r.ContentLength
	var chunked *chunkedReader
	if strings.HasPrefix(r.Header.Get("x-amz-content-sha256"), "STREAMING-") || hasToken(r.Header.Get("Content-Encoding"), "aws-chunked") {
		n, err := strconv.ParseInt(r.Header.Get("x-amz-decoded-content-length"), 10, 64)
		if err != nil {
			return received{}, newError(
				http.StatusLengthRequired,
				"MissingContentLength",
				"You must provide the Content-Length HTTP header.",
			)
		}
		length, chunked = n, newChunkedReader(r.Body)
		body = chunked
	}
	if length < 0 {
		return received{}, newError(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	sum, digest := checksumAlgorithms[algorithm](), md5.New()
	blob, failure := s.store.PutBlob(io.TeeReader(body, io.MultiWriter(sum, digest)), limit)
	switch {
	case errors.Is(failure, store.ErrTooLarge):
		return received{}, newError(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	case errors.Is(failure, errChunk):
		return received{}, errInvalidRequest("%v", failure)
	case errors.Is(failure, io.ErrUnexpectedEOF), failure == nil && blob.Size != length:
		return received{}, newError(
			http.StatusBadRequest,
			"IncompleteBody",
			"You did not provide the number of bytes specified by the Content-Length HTTP header",
		)
	case failure != nil:
		return received{}, internal(failure)
	}
	got := received{
		blob:     blob,
		etag:     hex.EncodeToString(digest.Sum(nil)),
		checksum: Checksum{Algorithm: algorithm, Type: fullObject, Value: encodeSum(sum.Sum(nil))},
	}
	return got, checkSums(r, chunked, got, digest)
}

// checkSums compares a body with the digests that the client gave.
func checkSums(r *request, chunked *chunkedReader, got received, digest hash.Hash) *apiError {
	header := checksumHeader(got.checksum.Algorithm)
	want := r.Header.Get(header)
	if chunked != nil && want == "" {
		want = chunked.trailers.Get(header)
	}
	if want != "" && want != got.checksum.Value {
		return errBadDigest(got.checksum.Algorithm)
	}
	if want := r.Header.Get("Content-MD5"); want != "" && want != base64.StdEncoding.EncodeToString(digest.Sum(nil)) {
		return errBadDigest("Content-MD5")
	}
	if want := r.Header.Get("x-amz-content-sha256"); len(want) == 64 && chunked == nil && want != got.blob.SHA256 {
		return newError(
			http.StatusBadRequest,
			"XAmzContentSHA256Mismatch",
			"The provided 'x-amz-content-sha256' header does not match what was computed.",
		)
	}
	return nil
}

func hasToken(list, token string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(t), token) {
			return true
		}
	}
	return false
}

// objectHeader collects the headers that S3 keeps with an object.
func objectHeader(r *request) (map[string]string, *apiError) {
	header, size := map[string]string{}, 0
	for _, name := range keptHeaders {
		if v := r.Header.Get(name); v != "" {
			header[name] = v
		}
	}
	if header["Content-Type"] == "" {
		header["Content-Type"] = "binary/octet-stream"
	}
	var encodings []string
	for e := range strings.SplitSeq(header["Content-Encoding"], ",") {
		if e = strings.TrimSpace(e); e != "" && e != "aws-chunked" {
			encodings = append(encodings, e)
		}
	}
	delete(header, "Content-Encoding")
	if len(encodings) > 0 {
		header["Content-Encoding"] = strings.Join(encodings, ",")
	}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			header[name] = strings.Join(values, ",")
			size += len(name) - len("X-Amz-Meta-") + len(header[name])
		}
	}
	if size > maxMetadata {
		return nil, newError(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	return header, nil
}

func (v *Version) encryption() string {
	if e := v.Header["X-Amz-Server-Side-Encryption"]; e != "" {
		return e
	}
	return "AES256" // "Setting default server-side encryption behavior": since 2023-01 always on
}

// copyObject rests on "CopyObject": the bytes stay where they are, the
// checksum and, unless replaced, the headers go along.
func (s *Service) copyObject(r *request) *apiError {
	source, err := copySource(r)
	if err != nil {
		return err
	}
	s.mu.RLock()
	_, from, err := s.find(source)
	var seen *Version
	if err == nil {
		seen, err = s.prepare(r)
	}
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	v := &Version{Key: r.key, ETag: from.ETag, Blob: from.Blob, Checksum: from.Checksum, Header: maps.Clone(from.Header)}
	if r.Header.Get("x-amz-metadata-directive") == "REPLACE" {
		if v.Header, err = objectHeader(r); err != nil {
			return err
		}
	}
	if err := s.commit(r, v, seen); err != nil {
		return err
	}
	writeXML(r.w, http.StatusOK, struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		Xmlns        string   `xml:"xmlns,attr"`
		LastModified string
		ETag         string
	}{Xmlns: xmlns, LastModified: timestamp(v.Modified), ETag: `"` + v.ETag + `"`})
	return nil
}

func copySource(r *request) (*request, *apiError) {
	source := strings.TrimPrefix(r.Header.Get("x-amz-copy-source"), "/")
	path, version, _ := strings.Cut(source, "?versionId=")
	path, err := url.PathUnescape(path)
	bucket, key, ok := strings.Cut(path, "/")
	if err != nil || !ok || key == "" {
		return nil, errInvalidArgument(
			"x-amz-copy-source",
			source,
			"Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
		)
	}
	query := url.Values{}
	if version != "" {
		query.Set("versionId", version)
	}
	return &request{Request: r.Request, w: discard{http.Header{}}, query: query, bucket: bucket, key: key, caller: r.caller}, nil
}

// discard takes the headers that finding a copy's source would write.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
