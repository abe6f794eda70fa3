package s3

import (
	"encoding/xml"
	"fmt"
	"net/http"
)

// apiError is one of S3's answers that are no success ("Error responses",
// Amazon S3 API Reference).
type apiError struct {
	Status  int
	Code    string
	Message string
	Fields  []xmlField        // further elements of the body
	Header  map[string]string // further headers
}

// xmlField is one text element of an error body.
type xmlField struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

func field(name, value string) xmlField {
	return xmlField{XMLName: xml.Name{Local: name}, Value: value}
}

func newError(status int, code, format string, args ...any) *apiError {
	return &apiError{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func errInvalidRequest(format string, args ...any) *apiError {
	return newError(http.StatusBadRequest, "InvalidRequest", format, args...)
}

func errInvalidArgument(name, value, format string, args ...any) *apiError {
	e := newError(http.StatusBadRequest, "InvalidArgument", format, args...)
	e.Fields = []xmlField{field("ArgumentName", name), field("ArgumentValue", value)}
	return e
}

func errNoSuchBucket(bucket string) *apiError {
	e := newError(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	e.Fields = []xmlField{field("BucketName", bucket)}
	return e
}

// missing is the answer to a caller about a key that is not there: who may not list
// the bucket must not learn that ("GetObject", Permissions).
func (s *Service) missing(r *request) *apiError {
	if s.Access != nil {
		if refusal := s.Access(r.caller, "s3:ListBucket", "arn:aws:s3:::"+r.bucket); refusal != "" {
			return newError(http.StatusForbidden, "AccessDenied", "%s", refusal)
		}
	}
	return errNoSuchKey(r.key)
}

func errNoSuchKey(key string) *apiError {
	e := newError(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	e.Fields = []xmlField{field("Key", key)}
	return e
}

func errNoSuchVersion(key, version string) *apiError {
	e := newError(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.")
	e.Fields = []xmlField{field("Key", key), field("VersionId", version)}
	return e
}

func errAccessDenied(message string) *apiError {
	return newError(http.StatusForbidden, "AccessDenied", "%s", message)
}

func errPrecondition(condition string) *apiError {
	e := newError(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	e.Fields = []xmlField{field("Condition", condition)}
	return e
}

func errBadDigest(what string) *apiError {
	return newError(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", what)
}

func errNotImplemented(what string) *apiError {
	e := newError(
		http.StatusNotImplemented,
		"NotImplemented",
		"A header or query you provided implies functionality that is not implemented: %s",
		what,
	)
	return e
}

// errMoved sends a request for a bucket of another Region on its way
// ("Redirecting requests and request routing", Amazon S3 User Guide).
func errMoved(b *Bucket) *apiError {
	e := newError(
		http.StatusMovedPermanently,
		"PermanentRedirect",
		"The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
	)
	e.Fields = []xmlField{field("Endpoint", b.Name+".s3."+b.Region+".amazonaws.com"), field("Bucket", b.Name)}
	return e
}

// fail answers with err; bodies of HEAD answers stay empty, as S3's do.
func (e *apiError) write(w http.ResponseWriter, r *http.Request) {
	for name, value := range e.Header {
		w.Header().Set(name, value)
	}
	if r.Method == http.MethodHead || e.Status == http.StatusNotModified {
		w.WriteHeader(e.Status)
		return
	}
	body := struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		Fields    []xmlField
		Resource  string
		RequestID string `xml:"RequestId"`
		HostID    string `xml:"HostId"`
	}{Code: e.Code, Message: e.Message, Fields: e.Fields, Resource: r.URL.Path, RequestID: w.Header().Get("x-amz-request-id"), HostID: w.Header().Get("x-amz-id-2")}
	writeXML(w, e.Status, body)
}

func writeXML(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if _, err := w.Write([]byte(xml.Header)); err != nil {
		return
	}
	_ = xml.NewEncoder(w).Encode(v) // the client has gone; there is nobody to tell
}
