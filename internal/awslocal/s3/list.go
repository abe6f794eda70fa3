package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
)

const maxKeys = 1000

type listEntry struct {
	Key               string
	VersionID         string `xml:"VersionId,omitempty"`
	IsLatest          *bool  `xml:",omitempty"`
	LastModified      string
	ETag              string `xml:",omitempty"`
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              *int64 `xml:",omitempty"`
	StorageClass      string `xml:",omitempty"`
}

type commonPrefix struct{ Prefix string }

// listing is one page being built: keys in order, those with the delimiter
// after the prefix rolled up ("Organizing objects using prefixes").
type listing struct {
	prefix, delimiter, after string
	limit                    int
	encode                   func(string) string

	prefixes  []commonPrefix
	count     int
	last      string // where the next page goes on
	truncated bool
}

func newListing(r *request, after string) (*listing, *apiError) {
	limit, err := pageSize(r, "max-keys", maxKeys, maxKeys)
	if err != nil {
		return nil, err
	}
	l := &listing{
		prefix:    r.query.Get("prefix"),
		delimiter: r.query.Get("delimiter"),
		after:     after,
		limit:     limit,
		encode:    func(s string) string { return s },
	}
	if r.query.Get("encoding-type") == "url" {
		l.encode = func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/") }
	}
	return l, nil
}

// take reports whether key itself belongs on this page; it notes common prefixes
// and where the page ends.
func (l *listing) take(key string) bool {
	if l.truncated || key <= l.after {
		return false
	}
	rolled := ""
	if l.delimiter != "" {
		if head, _, ok := strings.Cut(key[len(l.prefix):], l.delimiter); ok {
			rolled = l.prefix + head + l.delimiter
		}
	}
	if rolled != "" && (rolled == l.last || l.after != "" && strings.HasPrefix(l.after, rolled)) {
		return false
	}
	if l.count == l.limit {
		l.truncated = l.limit > 0
		return false
	}
	l.count++
	if rolled != "" {
		l.prefixes = append(l.prefixes, commonPrefix{l.encode(rolled)})
		l.last = rolled
		return false
	}
	l.last = key
	return true
}

func (l *listing) entry(v *Version) listEntry {
	e := listEntry{Key: l.encode(v.Key), LastModified: timestamp(v.Modified)}
	if !v.DeleteMarker {
		size := v.Blob.Size
		e.ETag, e.Size, e.StorageClass = `"`+v.ETag+`"`, &size, "STANDARD"
		e.ChecksumAlgorithm, e.ChecksumType = v.Checksum.Algorithm, v.Checksum.Type
	}
	return e
}

// startAfter is the key behind which a page begins; "" for the first page.
func startAfter(r *request, v2 bool) (string, *apiError) {
	if !v2 {
		return r.query.Get("marker"), nil
	}
	token := r.query.Get("continuation-token")
	if token == "" {
		return r.query.Get("start-after"), nil
	}
	after, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", errInvalidArgument("continuation-token", token, "The continuation token provided is incorrect")
	}
	return string(after), nil
}

// listObjects rests on "ListObjectsV2", and on "ListObjects" without
// list-type=2.
func (s *Service) listObjects(r *request) *apiError {
	v2 := r.query.Get("list-type") == "2"
	after, err := startAfter(r, v2)
	if err != nil {
		return err
	}
	l, err := newListing(r, after)
	if err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.bucketFor(r)
	if err != nil {
		return err
	}
	if err := b.mayRead(r, "s3:ListBucket"); err != nil {
		return err
	}
	var contents []listEntry
	for _, key := range b.sortedKeys(l.prefix) {
		if v := b.object(key).live(); v != nil && l.take(key) {
			contents = append(contents, l.entry(v))
		}
	}
	out := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Name, Prefix          string
		Delimiter             string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
		KeyCount              *int   `xml:",omitempty"`
		MaxKeys               int
		IsTruncated           bool
		StartAfter            string         `xml:",omitempty"`
		ContinuationToken     string         `xml:",omitempty"`
		NextContinuationToken string         `xml:",omitempty"`
		NextMarker            string         `xml:",omitempty"`
		Contents              []listEntry    `xml:"Contents"`
		CommonPrefixes        []commonPrefix `xml:"CommonPrefixes"`
	}{Xmlns: xmlns, Name: b.Name, Prefix: l.encode(l.prefix), Delimiter: l.encode(l.delimiter), EncodingType: r.query.Get("encoding-type"), MaxKeys: l.limit, IsTruncated: l.truncated, Contents: contents, CommonPrefixes: l.prefixes}
	if v2 {
		out.KeyCount = &l.count
		out.StartAfter, out.ContinuationToken = l.encode(r.query.Get("start-after")), r.query.Get("continuation-token")
		if l.truncated {
			out.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte(l.last))
		}
	} else if l.truncated {
		out.NextMarker = l.encode(l.last)
	}
	writeXML(r.w, http.StatusOK, out)
	return nil
}

// listObjectVersions rests on "ListObjectVersions". A page ends between keys,
// never inside one, which S3 does not promise but clients cannot tell.
func (s *Service) listObjectVersions(r *request) *apiError {
	l, err := newListing(r, r.query.Get("key-marker"))
	if err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.bucketFor(r)
	if err != nil {
		return err
	}
	if err := b.mayRead(r, "s3:ListBucketVersions"); err != nil {
		return err
	}
	out := struct {
		XMLName        xml.Name `xml:"ListVersionsResult"`
		Xmlns          string   `xml:"xmlns,attr"`
		Name, Prefix   string
		KeyMarker      string
		NextKeyMarker  string `xml:",omitempty"`
		Delimiter      string `xml:",omitempty"`
		EncodingType   string `xml:",omitempty"`
		MaxKeys        int
		IsTruncated    bool
		Versions       []listEntry    `xml:"Version"`
		DeleteMarkers  []listEntry    `xml:"DeleteMarker"`
		CommonPrefixes []commonPrefix `xml:"CommonPrefixes"`
	}{Xmlns: xmlns, Name: b.Name, Prefix: l.encode(l.prefix), KeyMarker: l.encode(l.after), Delimiter: l.encode(l.delimiter), EncodingType: r.query.Get("encoding-type"), MaxKeys: l.limit}
	for _, key := range b.sortedKeys(l.prefix) {
		if !l.take(key) {
			continue
		}
		for i, v := range b.object(key).Versions {
			latest := i == 0
			e := l.entry(v)
			e.VersionID, e.IsLatest = v.ID, &latest
			if v.DeleteMarker {
				out.DeleteMarkers = append(out.DeleteMarkers, e)
			} else {
				out.Versions = append(out.Versions, e)
			}
		}
	}
	out.IsTruncated, out.CommonPrefixes = l.truncated, l.prefixes
	if l.truncated {
		out.NextKeyMarker = l.encode(l.last)
	}
	writeXML(r.w, http.StatusOK, out)
	return nil
}
