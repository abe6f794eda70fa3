package session

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
)

// transport carries every request and names three failures that are none of
// AWS's: a host name that does not exist, a certificate that is not trusted, and
// what a proxy, a firewall or the login of a network answers in the place of AWS.
type transport struct{ next aws.HTTPClient }

// Do sends a request.
func (t *transport) Do(request *http.Request) (*http.Response, error) {
	response, err := t.next.Do(request)
	if err != nil {
		if isCertificate(err) {
			return nil, UntrustedCertificate{Host: request.URL.Host, Err: err}
		}
		if unknown, ok := errors.AsType[*net.DNSError](err); ok && unknown.IsNotFound {
			return nil, UnknownHost{Host: request.URL.Hostname(), Err: err}
		}
		return nil, err
	}
	if isForeign(request, response) {
		return nil, readForeign(request.URL.Host, response)
	}
	return response, nil
}

// isCertificate reports whether the other side's certificate is the reason. A
// plain HTTP answer on an HTTPS port is of the same kind: it comes from another
// server.
func isCertificate(err error) bool {
	return isType[*tls.CertificateVerificationError](err) || isType[x509.UnknownAuthorityError](err) ||
		isType[x509.HostnameError](err) || isType[x509.CertificateInvalidError](err) || isType[x509.SystemRootsError](err) ||
		isType[tls.RecordHeaderError](err) || errors.Is(err, http.ErrSchemeMismatch)
}

// UntrustedCertificate is a server whose certificate cannot be verified.
type UntrustedCertificate struct {
	Host string
	Err  error
}

// Error names the host and the setting that helps.
func (e UntrustedCertificate) Error() string {
	reason := e.Err
	for inner := errors.Unwrap(reason); inner != nil; inner = errors.Unwrap(inner) {
		reason = inner
	}
	if errors.Is(e.Err, http.ErrSchemeMismatch) {
		return fmt.Sprintf("%s does not speak TLS: should the endpoint begin with http://?", e.Host)
	}
	if record, plain := errors.AsType[tls.RecordHeaderError](e.Err); plain {
		return fmt.Sprintf("%s does not speak TLS (%v): is there a proxy in between, or should the endpoint begin with http://?", e.Host, record)
	}
	return fmt.Sprintf("the certificate of %s is not trusted: %v; if a proxy inspects the traffic, name its certificate authority in AWS_CA_BUNDLE (the path of a PEM file)", e.Host, reason)
}

// Unwrap is the reason.
func (e UntrustedCertificate) Unwrap() error { return e.Err }

// RetryableError keeps the SDK from trying again.
func (UntrustedCertificate) RetryableError() bool { return false }

func (UntrustedCertificate) cause() {}

// UnknownHost is a host name that does not exist, such as that of a service in a
// Region that has been mistyped.
type UnknownHost struct {
	Host string
	Err  error
}

// Error names the host and what may be wrong with it.
func (e UnknownHost) Error() string {
	for _, part := range strings.Split(e.Host, ".") {
		if awsfacts.CheckRegion(part) != nil || awsfacts.KnownRegion(part) {
			continue
		}
		text := fmt.Sprintf("the host %s does not exist: is %s an AWS Region?", e.Host, part)
		if nearest := awsfacts.NearestRegion(part); nearest != "" {
			text += " Did you mean " + nearest + "?"
		}
		return text
	}
	return fmt.Sprintf("the host %s does not exist: is the endpoint right, and does this machine's DNS know it?", e.Host)
}

// Unwrap is the resolver's error.
func (e UnknownHost) Unwrap() error { return e.Err }

// RetryableError keeps the SDK from trying again.
func (UnknownHost) RetryableError() bool { return false }

func (UnknownHost) cause() {}

// hostOf is the host in an address, for messages.
func hostOf(address string) string {
	_, rest, found := strings.Cut(address, "://")
	if !found {
		rest = address
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}
