package awslocal

import (
	"net/http"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// urlHost is the host of a function URL: a name that leads to loopback.
var urlHost = lazyregexp.New(`^([0-9a-z]+)\.lambda-url\.([a-z0-9-]+)\.localhost(?::\d+)?$`)

// serveFunctionURL answers a request to a function URL and reports whether it is
// one. A page of another site may call it where its CORS configuration names the
// page's origin.
func (s *Server) serveFunctionURL(w http.ResponseWriter, r *http.Request) bool {
	m := urlHost.FindStringSubmatch(r.Host)
	if m == nil {
		return false
	}
	_, caller := s.identify(r)
	w.Header().Set(api.RequestIDHeader, api.NewID())
	answered := &statusWriter{ResponseWriter: w}
	started := s.Now()
	s.lambda.ServeURL(answered, r, lambda.URLCall{ID: m[1], Region: m[2], Caller: caller, Signature: s.urlSignature(r, m[2])})
	s.logCall(Call{Time: started, Account: caller.Account, Region: m[2], Service: "lambda", Operation: "FunctionUrl",
		Resource: r.Method + " " + r.URL.Path, Status: answered.status, Took: s.Now().Sub(started)})
	return true
}

// urlSignature is what the signature of a request to a function URL is worth.
func (s *Server) urlSignature(r *http.Request, region string) lambda.Signature {
	if signatureOf(r) == unsigned {
		return lambda.Unsigned
	}
	if words := s.untimely(r); words != "" {
		return lambda.Refused(words)
	}
	if s.verifies(r, "lambda", region) {
		return lambda.Verified
	}
	return lambda.Refused("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}
