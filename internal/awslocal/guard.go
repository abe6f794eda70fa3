package awslocal

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/loopback"
)

// admit answers a request that a web page may have sent and reports whether the
// request may go on. It is asked before anything else about every request, that
// for code and those of the switches included.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	err := loopback.Check(r)
	if err == nil {
		return true
	}
	s.logCall(Call{Time: s.Now(), Service: "local", Operation: "Refused", Resource: r.Method + " " + r.URL.Path, Status: http.StatusForbidden})
	w.Header().Set("Connection", "close")
	http.Error(w, "The embedded AWS answers programs on this machine, no web pages: "+err.Error()+".", http.StatusForbidden)
	return false
}

// signature is what a request's signature says about itself, verified by nobody
// (IAM User Guide, "Create a signed AWS API request").
type signature int

const (
	unsigned signature = iota
	signed
	malformed
)

const algorithm = "AWS4-HMAC-SHA256"

// signatureOf reads the signature of a request's header or of a presigned URL.
func signatureOf(r *http.Request) signature {
	query := r.URL.Query()
	header := r.Header.Get("Authorization")
	switch {
	case header != "":
		return headerSignature(header)
	case query.Has("X-Amz-Algorithm"), query.Has("X-Amz-Credential"), query.Has("X-Amz-Signature"):
		return querySignature(query)
	}
	return unsigned
}

func headerSignature(header string) signature {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return malformed
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	return wellFormed(parts["Credential"], parts["SignedHeaders"], parts["Signature"])
}

func querySignature(query url.Values) signature {
	if query.Get("X-Amz-Algorithm") != algorithm || query.Get("X-Amz-Date") == "" {
		return malformed
	}
	return wellFormed(query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Signature"))
}

func wellFormed(credential, headers, digest string) signature {
	for name := range strings.SplitSeq(headers, ";") {
		if !only(lowerCase+digits+"-", name) {
			return malformed
		}
	}
	if !scoped(credential) || !only(digits+"abcdef", digest) {
		return malformed
	}
	return signed
}

// scoped reports whether a credential is ID/20260102/us-east-1/lambda/aws4_request.
func scoped(credential string) bool {
	parts := strings.Split(credential, "/")
	if len(parts) < 5 || strings.ContainsAny(credential, ", \t\n\f\r") {
		return false
	}
	id, scope := strings.Join(parts[:len(parts)-4], "/"), parts[len(parts)-4:]
	return id != "" && len(scope[0]) == len("20260102") && only(digits, scope[0]) &&
		only(lowerCase+digits+"-", scope[1]) && only(lowerCase+digits+"-", scope[2]) && scope[3] == "aws4_request"
}

const (
	digits    = "0123456789"
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
)

// only reports whether a text is not empty, and of these characters alone.
func only(characters, text string) bool { return text != "" && strings.Trim(text, characters) == "" }

// needsNoSignature are the operations that AWS takes from anybody. A public
// object is S3's to judge: who does not sign is anonymous there.
var needsNoSignature = map[string]bool{
	"sts AssumeRoleWithWebIdentity": true,
	"s3 GetObject":                  true,
	"s3 HeadObject":                 true,
}

// unauthenticated refuses a call without a well-formed signature in the words of
// "Common errors", nil where the call may go on.
func unauthenticated(r *http.Request, service, operation string) *api.Error {
	switch signatureOf(r) {
	case signed:
		return nil
	case malformed:
		return api.NewError(http.StatusForbidden, "IncompleteSignatureException",
			"Authorization header or query requires a well-formed AWS Signature Version 4: Credential, SignedHeaders and Signature")
	}
	if needsNoSignature[service+" "+operation] {
		return nil
	}
	return api.NewError(http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
}
