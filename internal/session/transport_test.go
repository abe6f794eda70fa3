package session

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ask makes one read with a client and returns how often and how long it was tried.
func ask(t *testing.T, client httpFunc, asked *int) (tries int, took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := keysEnv
		s, opened := Open(t.Context(), Options{Region: "eu-west-1", LookupEnv: e.lookup, HTTPClient: client})
		if opened != nil {
			t.Fatal(opened)
		}
		start := time.Now()
		_, err = s.Identity(t.Context())
		tries, took = *asked, time.Since(start)
	})
	return tries, took, err
}

func TestAnUntrustedCertificateIsNamedAndNotRetried(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]error{
		"unknown authority": &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"another host":      x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"},
		"expired":           &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
		"not TLS":           tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
		"not TLS, but HTTP": http.ErrSchemeMismatch,
	} {
		client, asked := answers(func() (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: "https://sts.eu-west-1.amazonaws.com/", Err: cause}
		})
		tries, took, err := ask(t, client, asked)
		if !errors.As(err, new(UntrustedCertificate)) || Cause(err) == nil || !strings.Contains(err.Error(), "sts.eu-west-1.amazonaws.com") {
			t.Errorf("%s: got %v, want UntrustedCertificate with the host", name, err)
		}
		if hint := "AWS_CA_BUNDLE"; !strings.HasPrefix(name, "not TLS") && !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v\nwithout %s", name, err, hint)
		}
		if tries != 1 || took != 0 {
			t.Errorf("%s: tried %d times in %s", name, tries, took)
		}
	}
}

func TestAHostThatDoesNotExistIsNamedWithTheRegionThatWasMeant(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"sts.eu-centrl-1.amazonaws.com": "is eu-centrl-1 an AWS Region? Did you mean eu-central-1?",
		"sts.moon-north-1.api.aws":      "is moon-north-1 an AWS Region?",
		"sts.eu-west-1.amazonaws.com":   "does this machine's DNS know it?",
		"aws.internal":                  "is the endpoint right",
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			missing := httpFunc(func(*http.Request) (*http.Response, error) {
				asked++
				return nil, &url.Error{Op: "Post", URL: "https://" + host, Err: &net.OpError{Op: "dial", Err: &net.DNSError{Name: host, IsNotFound: true}}}
			})
			e := keysEnv
			s, err := Open(t.Context(), Options{Region: "eu-west-1", Endpoint: "https://" + host, LookupEnv: e.lookup, HTTPClient: missing})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Identity(t.Context())
			if !errors.As(err, new(UnknownHost)) || Cause(err) == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), host) || asked != 1 {
				t.Errorf("got %v after %d tries, want %q", err, asked, want)
			}
		})
	}
}

func TestABrokenConnectionIsRetried(t *testing.T) {
	t.Parallel()
	client, asked := answers(func() (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: "https://x", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	}, func() (*http.Response, error) {
		return answer(http.StatusOK, `<R><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/a</Arn></GetCallerIdentityResult></R>`), nil
	})
	if tries, _, err := ask(t, client, asked); err != nil || tries != 2 {
		t.Errorf("got %v after %d tries", err, tries)
	}
}

func TestAWrongClockIsReportedWithItsOffset(t *testing.T) {
	t.Parallel()
	const expired = "Signature expired: 20261128T090000Z is now earlier than 20261128T095500Z (20261128T100000Z - 5 min.)"
	for name, test := range map[string]struct {
		code, message string
		// date is the answer's, from now.
		date time.Duration
		want string
	}{
		"behind, by the text": {"SignatureDoesNotMatch", expired, 0, "it is 1h0m behind AWS's"},
		"ahead, by the text":  {"InvalidSignatureException", "Signature not yet current: 20261128T111000Z is still later than 20261128T100500Z (20261128T100000Z + 5 min.)", 0, "1h10m ahead of AWS's"},
		"S3, by the header":   {"RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 20 * time.Minute, "20m behind"},
		"S3, by nothing":      {"RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 0, "off by more than five minutes"},
		"a signature, header": {"SignatureDoesNotMatch", "The request signature we calculated does not match", -30 * time.Minute, "30m ahead"},
		"an expired token":    {"ExpiredTokenException", "The security token included in the request is expired", 30 * time.Minute, "30m behind"},
		"a wrong key":         {"SignatureDoesNotMatch", "The request signature we calculated does not match", time.Minute, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := httpFunc(func(*http.Request) (*http.Response, error) {
				a := answer(http.StatusForbidden, "<ErrorResponse><Error><Code>"+test.code+"</Code><Message>"+test.message+"</Message></Error></ErrorResponse>")
				a.Header.Set("Date", time.Now().Add(test.date).UTC().Format(http.TimeFormat))
				return a, nil
			})
			e := keysEnv
			s, err := Open(t.Context(), Options{Region: "eu-west-1", LookupEnv: e.lookup, HTTPClient: client})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Identity(t.Context())
			if skewed := errors.As(err, new(ClockSkew)); skewed != (test.want != "") || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %v, want %q", name, err, test.want)
			}
			if test.want != "" && !strings.Contains(err.Error(), "this machine's clock is off") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// Many functions that fail for one cause need one line.
func TestASharedCauseIsReportedOnce(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{LookupEnv: keysEnv.lookup, HTTPClient: &fakeAWS{}})
	if err != nil {
		t.Fatal(err)
	}
	_, one := s.Identity(t.Context())
	_, two := s.Region()
	if Cause(one) == nil || Cause(two) == nil || Cause(one).Error() != Cause(two).Error() {
		t.Errorf("%v and %v", one, two)
	}
	of := func(function string, err error) error { return fmt.Errorf("function %s: %w", function, err) }
	other := errors.New("x")
	for want, errs := range map[string][]error{
		one.Error():                     {of("a", one), of("b", two), nil, of("c", one)},
		one.Error() + "\nfunction d: x": {of("a", one), of("b", two), of("d", other)},
		"function a: " + one.Error() + "\nfunction d: x\nx":       {of("a", one), of("d", other), other},
		one.Error() + "\n" + ForeignAccount{Account: "1"}.Error(): {of("a", one), of("e", ForeignAccount{Account: "1"}), of("b", one), of("f", ForeignAccount{Account: "1"})},
	} {
		if got := Join(errs...); got == nil || got.Error() != want {
			t.Errorf("got %v\nwant %s", got, want)
		}
	}
	if Join(nil, nil) != nil || Join() != nil {
		t.Error("no error is an error")
	}
	if !errors.As(Join(of("a", one), of("b", one)), new(NoRegion)) {
		t.Error("the type of the cause is lost")
	}
	if Cause(errors.New("x")) != nil || Cause(nil) != nil {
		t.Error("every error is taken for a shared cause")
	}
}
