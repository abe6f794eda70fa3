package awslocal

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/loopback"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
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

var (
	credentialScope = lazyregexp.New(`^[^,\s]+/\d{8}/[a-z0-9-]+/[a-z0-9-]+/aws4_request$`)
	signedHeaders   = lazyregexp.New(`^[a-z0-9-]+(;[a-z0-9-]+)*$`)
	hexDigits       = lazyregexp.New(`^[0-9a-f]+$`)
)

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
	if !credentialScope.MatchString(credential) || !signedHeaders.MatchString(headers) || !hexDigits.MatchString(digest) {
		return malformed
	}
	return signed
}

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
