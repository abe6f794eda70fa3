package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// Limits of "Amazon S3 multipart upload limits".
const (
	maxParts    = 10000
	minPartSize = 5 << 20
)

// upload is a multipart upload that has begun.
type upload struct {
	ID, Bucket, Key string
	Started         time.Time
	Header          map[string]string
	Algorithm       string // of the parts' checksums
	Type            string // of the object's checksum
	Parts           map[int]part
}

type part struct {
	ETag     string
	Blob     store.Blob
	Checksum Checksum
	Modified time.Time
}

// createMultipartUpload rests on "CreateMultipartUpload"; a checksum is
// composite unless the client asks otherwise, CRC-64/NVME always of the whole
// object ("Checking object integrity", multipart uploads).
func (s *Service) createMultipartUpload(r *request) *apiError {
	header, err := objectHeader(r)
	if err != nil {
		return err
	}
	algorithm, err := algorithmOf(r.Request)
	if err != nil {
		return err
	}
	u := &upload{
		ID:        newID(),
		Bucket:    r.bucket,
		Key:       r.key,
		Started:   s.now().UTC(),
		Header:    header,
		Algorithm: algorithm,
		Type:      r.Header.Get("x-amz-checksum-type"),
		Parts:     map[int]part{},
	}
	switch {
	case u.Algorithm == "" || u.Algorithm == defaultAlgorithm:
		u.Algorithm, u.Type = defaultAlgorithm, fullObject
	case u.Type == "":
		u.Type = composite
	case u.Type == fullObject && strings.HasPrefix(u.Algorithm, "SHA"):
		return errInvalidRequest(
			"The FULL_OBJECT checksum type cannot be used with the %s checksum algorithm.",
			strings.ToLower(u.Algorithm),
		)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.writable(r, "s3:PutObject"); err != nil {
		return err
	}
	if err := s.saveUpload(u); err != nil {
		return internal(err)
	}
	r.w.Header().Set("x-amz-checksum-algorithm", u.Algorithm)
	r.w.Header().Set("x-amz-checksum-type", u.Type)
	writeXML(r.w, http.StatusOK, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Xmlns    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{Xmlns: xmlns, Bucket: r.bucket, Key: r.key, UploadID: u.ID})
	return nil
}

func (s *Service) saveUpload(u *upload) error {
	if err := s.store.Put(uploadPrefix+u.ID, u); err != nil {
		return err
	}
	s.uploads[u.ID] = u
	return nil
}

// findUpload returns the upload that a request names.
func (s *Service) findUpload(r *request) (*upload, *apiError) {
	if _, err := s.writable(r, "s3:PutObject"); err != nil {
		return nil, err
	}
	u := s.uploads[r.query.Get("uploadId")]
	if u == nil || u.Bucket != r.bucket || u.Key != r.key {
		return nil, newError(
			http.StatusNotFound,
			"NoSuchUpload",
			"The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
		)
	}
	return u, nil
}

// uploadPart rests on "UploadPart": a part that comes again replaces the
// former.
func (s *Service) uploadPart(r *request) *apiError {
	number, failure := strconv.Atoi(r.query.Get("partNumber"))
	if failure != nil || number < 1 || number > maxParts {
		return errInvalidArgument("partNumber", r.query.Get("partNumber"), "Part number must be an integer between 1 and 10000, inclusive")
	}
	s.mu.RLock()
	u, err := s.findUpload(r)
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	if r.Header.Get("x-amz-sdk-checksum-algorithm") == "" && r.Header.Get("x-amz-trailer") == "" &&
		r.Header.Get(checksumHeader(u.Algorithm)) == "" {
		r.Header.Set("x-amz-sdk-checksum-algorithm", u.Algorithm)
	}
	got, err := s.receive(r, maxObject)
	if err != nil {
		return err
	}
	if got.checksum.Algorithm != u.Algorithm {
		return errInvalidRequest(
			"Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
			strings.ToLower(u.Algorithm),
			strings.ToLower(got.checksum.Algorithm),
		)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u, err = s.findUpload(r); err != nil {
		return err
	}
	next := *u
	next.Parts = maps.Clone(u.Parts)
	next.Parts[number] = part{ETag: got.etag, Blob: got.blob, Checksum: got.checksum, Modified: s.now().UTC()}
	if err := s.saveUpload(&next); err != nil {
		return internal(err)
	}
	r.w.Header().Set("ETag", `"`+got.etag+`"`)
	r.w.Header().Set(checksumHeader(got.checksum.Algorithm), got.checksum.Value)
	r.w.WriteHeader(http.StatusOK)
	return nil
}

// abortMultipartUpload rests on "AbortMultipartUpload".
func (s *Service) abortMultipartUpload(r *request) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.findUpload(r)
	if err != nil {
		return err
	}
	if err := s.forgetUpload(u); err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) forgetUpload(u *upload) *apiError {
	if err := s.store.Delete(uploadPrefix + u.ID); err != nil {
		return internal(err)
	}
	delete(s.uploads, u.ID)
	return nil
}

// listParts rests on "ListParts".
func (s *Service) listParts(r *request) *apiError {
	type entry struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
	}
	limit, err := pageSize(r, "max-parts", maxKeys, maxKeys)
	if err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	u, err := s.findUpload(r)
	if err != nil {
		return err
	}
	out := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		Xmlns                string   `xml:"xmlns,attr"`
		Bucket, Key          string
		UploadID             string `xml:"UploadId"`
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		Parts                []entry `xml:"Part"`
	}{Xmlns: xmlns, Bucket: u.Bucket, Key: u.Key, UploadID: u.ID, MaxParts: limit}
	after, _ := strconv.Atoi(r.query.Get("part-number-marker")) // absent: from the first
	for _, n := range slices.Sorted(maps.Keys(u.Parts)) {
		if n <= after {
			continue
		}
		if len(out.Parts) == limit {
			out.IsTruncated = true
			break
		}
		p := u.Parts[n]
		out.Parts = append(out.Parts, entry{n, timestamp(p.Modified), `"` + p.ETag + `"`, p.Blob.Size})
		out.NextPartNumberMarker = n
	}
	writeXML(r.w, http.StatusOK, out)
	return nil
}

type completeRequest struct {
	Parts []struct {
		PartNumber int
		ETag       string
	} `xml:"Part"`
}

// completeMultipartUpload rests on "CompleteMultipartUpload".
func (s *Service) completeMultipartUpload(r *request) *apiError {
	var doc completeRequest
	if err := readXML(r, &doc); err != nil {
		return err
	}
	s.mu.RLock()
	u, err := s.findUpload(r)
	var seen *Version
	if err == nil {
		seen, err = s.prepare(r)
	}
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	parts, err := chosenParts(u, doc)
	if err != nil {
		return err
	}
	v, err := s.assemble(u, parts)
	if err != nil {
		return err
	}
	if err := s.commit(r, v, seen); err != nil {
		return err
	}
	s.mu.Lock()
	err = s.forgetUpload(u)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	writeXML(r.w, http.StatusOK, struct {
		XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
		Xmlns    string   `xml:"xmlns,attr"`
		Location string
		Bucket   string
		Key      string
		ETag     string
		Checksum xmlField
		Type     string `xml:"ChecksumType"`
	}{Xmlns: xmlns, Location: "http://" + r.Host + "/" + r.bucket + "/" + r.key, Bucket: r.bucket, Key: r.key, ETag: `"` + v.ETag + `"`, Checksum: field("Checksum"+v.Checksum.Algorithm, v.Checksum.Value), Type: v.Checksum.Type})
	return nil
}

// chosenParts checks the list that the client sends against what was uploaded.
func chosenParts(u *upload, doc completeRequest) ([]part, *apiError) {
	if len(doc.Parts) == 0 || len(doc.Parts) > maxParts {
		return nil, newError(
			http.StatusBadRequest,
			"MalformedXML",
			"The XML you provided was not well-formed or did not validate against our published schema",
		)
	}
	var parts []part
	last := 0
	for _, want := range doc.Parts {
		p, ok := u.Parts[want.PartNumber]
		switch {
		case want.PartNumber <= last:
			return nil, newError(
				http.StatusBadRequest,
				"InvalidPartOrder",
				"The list of parts was not in ascending order. The parts list must be specified in order by part number.",
			)
		case !ok || !etagMatches(want.ETag, p.ETag):
			return nil, newError(
				http.StatusBadRequest,
				"InvalidPart",
				"One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
			)
		}
		last = want.PartNumber
		parts = append(parts, p)
	}
	for _, p := range parts[:len(parts)-1] {
		if p.Blob.Size < minPartSize {
			return nil, newError(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
		}
	}
	return parts, nil
}

// assemble writes the parts as one blob; ETag and composite checksum are the
// digests of the parts' digests.
func (s *Service) assemble(u *upload, parts []part) (*Version, *apiError) {
	whole, sums, etags := checksumAlgorithms[u.Algorithm](), checksumAlgorithms[u.Algorithm](), md5.New()
	for _, p := range parts {
		if err := addDigests(p, etags, sums); err != nil {
			return nil, internal(err)
		}
	}
	joined := &joinedBlobs{store: s.store, parts: parts}
	defer joined.close()
	blob, err := s.store.PutBlob(io.TeeReader(joined, whole), 0)
	if err != nil {
		return nil, internal(err)
	}
	v := &Version{Key: u.Key, Blob: blob, Header: u.Header, ETag: fmt.Sprintf("%s-%d", hex.EncodeToString(etags.Sum(nil)), len(parts))}
	v.Checksum = Checksum{Algorithm: u.Algorithm, Type: u.Type, Value: encodeSum(whole.Sum(nil))}
	if u.Type == composite {
		v.Checksum.Value = fmt.Sprintf("%s-%d", encodeSum(sums.Sum(nil)), len(parts))
	}
	return v, nil
}

func addDigests(p part, etags, sums hash.Hash) error {
	etag, err := hex.DecodeString(p.ETag)
	if err != nil {
		return err
	}
	sum, err := base64.StdEncoding.DecodeString(p.Checksum.Value)
	if err != nil {
		return err
	}
	etags.Write(etag)
	sums.Write(sum)
	return nil
}

// joinedBlobs reads the blobs of parts one after the other, one open at a time.
type joinedBlobs struct {
	store *store.Store
	parts []part
	open  io.ReadCloser
}

func (j *joinedBlobs) Read(p []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.parts) == 0 {
				return 0, io.EOF
			}
			f, err := j.store.OpenBlob(j.parts[0].Blob.SHA256)
			if err != nil {
				return 0, err
			}
			j.open, j.parts = f, j.parts[1:]
		}
		n, err := j.open.Read(p)
		if n > 0 || err != io.EOF {
			return n, err
		}
		j.close()
	}
}

func (j *joinedBlobs) close() {
	if j.open != nil {
		_ = j.open.Close() // only read from
		j.open = nil
	}
}
