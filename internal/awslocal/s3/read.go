package s3

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// getObject rests on "GetObject" and "HeadObject".
func (s *Service) getObject(r *request) *apiError {
	s.mu.RLock()
	b, v, err := s.find(r)
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	h := r.w.Header()
	for name, value := range v.Header {
		h.Set(name, value)
	}
	h.Set("ETag", `"`+v.ETag+`"`)
	h.Set("Last-Modified", v.Modified.Format(http.TimeFormat))
	h.Set("Accept-Ranges", "bytes")
	h.Set("x-amz-server-side-encryption", v.encryption())
	if b.Versioning != "" {
		h.Set("x-amz-version-id", v.ID)
	}
	for name := range r.query {
		if header, ok := strings.CutPrefix(name, "response-"); ok {
			h.Set(header, r.query.Get(name))
		}
	}
	if err := readCondition(r, v); err != nil {
		return err
	}
	start, end, err := byteRange(r.Header.Get("Range"), v.Blob.Size)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if end-start < v.Blob.Size {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, end-1, v.Blob.Size))
	} else if strings.EqualFold(r.Header.Get("x-amz-checksum-mode"), "ENABLED") {
		h.Set(checksumHeader(v.Checksum.Algorithm), v.Checksum.Value)
		h.Set("x-amz-checksum-type", v.Checksum.Type)
	}
	h.Set("Content-Length", strconv.FormatInt(end-start, 10))
	return s.send(r, v, status, start, end)
}

func (s *Service) send(r *request, v *Version, status int, start, end int64) *apiError {
	if r.Method == http.MethodHead {
		r.w.WriteHeader(status)
		return nil
	}
	f, err := s.store.OpenBlob(v.Blob.SHA256)
	if err != nil {
		return internal(err)
	}
	defer f.Close()
	r.w.WriteHeader(status)
	_, _ = io.Copy(r.w, io.NewSectionReader(f, start, end-start)) // a client that has gone has no use for the rest
	return nil
}

// find returns the version that a read asks for. Rules of delete markers:
// "Working with delete markers" (404 without a version id, 405 with one).
func (s *Service) find(r *request) (*Bucket, *Version, *apiError) {
	b, err := s.bucketFor(r)
	if err != nil {
		return nil, nil, err
	}
	id := r.query.Get("versionId")
	action := "s3:GetObject"
	if id != "" {
		action = "s3:GetObjectVersion"
	}
	if err := b.mayRead(r, action); err != nil {
		return nil, nil, err
	}
	o := b.object(r.key)
	v := o.live()
	switch {
	case id == "" && v == nil && len(o.Versions) > 0:
		e := errNoSuchKey(r.key)
		e.Header = map[string]string{"x-amz-delete-marker": "true", "x-amz-version-id": o.Versions[0].ID}
		return nil, nil, e
	case id == "" && v == nil:
		return nil, nil, s.missing(r)
	case id == "":
		return b, v, nil
	case id != nullVersion && len(id) != 32:
		return nil, nil, errInvalidArgument("versionId", id, "Invalid version id specified")
	}
	v = o.version(id)
	switch {
	case v == nil:
		return nil, nil, errNoSuchVersion(r.key, id)
	case v.DeleteMarker:
		e := newError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		e.Header = map[string]string{"x-amz-delete-marker": "true", "x-amz-version-id": id, "Allow": "DELETE"}
		return nil, nil, e
	}
	return b, v, nil
}

// readCondition rests on the conditional headers of "GetObject": If-Match wins
// over If-Unmodified-Since, If-None-Match over If-Modified-Since.
func readCondition(r *request, v *Version) *apiError {
	if match := r.Header.Get("If-Match"); match != "" {
		if !etagMatches(match, v.ETag) {
			return errPrecondition("If-Match")
		}
	} else if t, err := http.ParseTime(r.Header.Get("If-Unmodified-Since")); err == nil && v.Modified.After(t) {
		return errPrecondition("If-Unmodified-Since")
	}
	if none := r.Header.Get("If-None-Match"); none != "" {
		if etagMatches(none, v.ETag) {
			return newError(http.StatusNotModified, "NotModified", "Not Modified")
		}
	} else if t, err := http.ParseTime(r.Header.Get("If-Modified-Since")); err == nil && !v.Modified.After(t) {
		return newError(http.StatusNotModified, "NotModified", "Not Modified")
	}
	return nil
}

// byteRange reads a Range header. S3 serves one range; of a form that it does
// not know it takes no notice ("GetObject", Range).
func byteRange(header string, size int64) (start, end int64, _ *apiError) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, ok2 := strings.Cut(spec, "-")
	if !ok || !ok2 || strings.Contains(spec, ",") {
		return 0, size, nil
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	switch {
	case first == "" && err2 == nil && to >= 0: // the last so many bytes
		from, to = max(0, size-to), size-1
	case err1 == nil && last == "":
		to = size - 1
	case err1 != nil || err2 != nil || to < from || from < 0:
		return 0, size, nil
	}
	if from >= size {
		e := newError(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
		e.Fields = []xmlField{field("RangeRequested", header), field("ActualObjectSize", strconv.FormatInt(size, 10))}
		return 0, 0, e
	}
	return from, min(to, size-1) + 1, nil
}
