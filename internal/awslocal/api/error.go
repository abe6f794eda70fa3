package api

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
)

// Error is an AWS service's refusal.
type Error struct {
	Status  int    // HTTP status
	Code    string // "ResourceNotFoundException"
	Message string
	// Fields are further members of a JSON answer, such as Reason.
	Fields map[string]string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// NewError returns an Error of the three parts that each has.
func NewError(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

// fault says whose fault an error is, in the words of the protocols.
func (e *Error) fault(client, server string) string {
	if e.Status >= 500 {
		return server
	}
	return client
}

// NewID returns a random UUID of version 4, as request ids and RevisionIds are.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// WriteRESTJSON writes e as Lambda does: the code in a header, the message in
// the body. Lambda spells the message's key with a capital for a missing
// resource and for throttling, in small letters otherwise, and leaves Type out
// of what its front end refuses (recordings of TestLambdaFunction).
func WriteRESTJSON(w http.ResponseWriter, e *Error) {
	body := map[string]string{}
	for k, v := range e.Fields {
		body[k] = v
	}
	key := "message"
	switch e.Code {
	case "ResourceNotFoundException", "CodeSigningConfigNotFoundException", "ServiceException":
		key = "Message"
	}
	body[key] = e.Message
	switch e.Code {
	case "ValidationException", "AccessDeniedException", "RequestEntityTooLargeException":
	default:
		if _, set := body["Type"]; !set {
			body["Type"] = e.fault("User", "Service")
		}
		if body["Type"] == "" {
			delete(body, "Type")
		}
	}
	w.Header().Set("X-Amzn-ErrorType", e.Code)
	writeJSON(w, e.Status, "application/json", body)
}

// WriteJSON11 writes e in the JSON 1.1 protocol (ECR).
func WriteJSON11(w http.ResponseWriter, e *Error) {
	body := map[string]string{"__type": e.Code, "message": e.Message}
	for k, v := range e.Fields {
		body[k] = v
	}
	writeJSON(w, e.Status, "application/x-amz-json-1.1", body)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body map[string]string) {
	b, _ := json.Marshal(body) // a map of strings always marshals
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone has no use for the answer
}

// WriteQueryXML writes e in the query protocol (STS, IAM, CloudWatch); xmlns is
// the service's namespace.
func WriteQueryXML(w http.ResponseWriter, xmlns string, e *Error) {
	type detail struct {
		Type    string `xml:"Type"`
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	writeXML(w, e.Status, "text/xml", struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Xmlns     string   `xml:"xmlns,attr,omitempty"`
		Error     detail   `xml:"Error"`
		RequestID string   `xml:"RequestId"`
	}{Xmlns: xmlns, Error: detail{e.fault("Sender", "Receiver"), e.Code, e.Message}, RequestID: requestID(w)})
}

// WriteRESTXML writes e as S3 does.
func WriteRESTXML(w http.ResponseWriter, resource string, e *Error) {
	writeXML(w, e.Status, "application/xml", struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string   `xml:"Code"`
		Message   string   `xml:"Message"`
		Resource  string   `xml:"Resource,omitempty"`
		RequestID string   `xml:"RequestId"`
	}{Code: e.Code, Message: e.Message, Resource: resource, RequestID: requestID(w)})
}

func writeXML(w http.ResponseWriter, status int, contentType string, v any) {
	b, _ := xml.Marshal(v) // structs of strings always marshal
	b = append([]byte(xml.Header), b...)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone has no use for the answer
}

// RequestIDHeader is the header in which the server names the request before
// the service answers.
const RequestIDHeader = "X-Amzn-Requestid"

func requestID(w http.ResponseWriter) string { return w.Header().Get(RequestIDHeader) }
