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

	"github.com/aws/aws-sdk-go-v2/service/sts"
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

func TestAPageThatDoesNotComeFromAWSIsNamed(t *testing.T) {
	t.Parallel()
	page := func(status int, kind, body string, header ...string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			a := answer(status, body)
			a.Header.Set("Content-Type", kind)
			for i := 0; i < len(header); i += 2 {
				a.Header.Set(header[i], header[i+1])
			}
			return a, nil
		}
	}
	const html = "<html><head><TITLE>\n Guest\n Wi-Fi </TITLE></head></html>"
	fine := page(http.StatusOK, "text/xml", `<R><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/a</Arn></GetCallerIdentityResult></R>`)
	for name, test := range map[string]struct {
		first func() (*http.Response, error)
		want  string
		tries int
	}{
		"a login page":               {page(200, "text/html; charset=utf-8", html), `the web page "Guest Wi-Fi" (status 200)`, 1},
		"a page without a title":     {page(200, "text/html", "<p>hello"), "a web page (status 200)", 1},
		"a redirection to a login":   {page(302, "text/html", html, "Location", "http://login.example"), "status 302", 1},
		"a proxy that forbids":       {page(403, "text/html", "<title>Blocked by policy</title>"), `"Blocked by policy" (status 403)`, 1},
		"a proxy that asks who":      {page(407, "text/html", html), "status 407", 1},
		"network authentication":     {page(511, "text/html", html), "status 511", 1},
		"a load balancer's 503":      {page(503, "text/html", html), "", 2},
		"a page that AWS sends":      {page(400, "text/html", html, "X-Amzn-Requestid", "1"), "", 1},
		"an answer without any type": {page(200, "", `<R><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/a</Arn></GetCallerIdentityResult></R>`), "", 1},
	} {
		client, asked := answers(test.first, fine)
		tries, took, err := ask(t, client, asked)
		if (test.want != "") != errors.As(err, new(ForeignPage)) || test.want != "" && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if tries != test.tries || test.tries == 1 && took != 0 {
			t.Errorf("%s: tried %d times in %s", name, tries, took)
		}
		if errors.As(err, new(ForeignPage)) && (Cause(err) == nil || !strings.Contains(err.Error(), "sts.eu-west-1.amazonaws.com")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A change whose answer is a web page may have been made: it is neither denied
// nor tried again.
func TestAForeignPageInAnswerToAChangeLeavesItInDoubt(t *testing.T) {
	t.Parallel()
	client, asked := answers(func() (*http.Response, error) {
		a := answer(http.StatusForbidden, "<title>x</title>")
		a.Header.Set("Content-Type", "text/html")
		return a, nil
	})
	e := keysEnv
	s, err := Open(t.Context(), Options{Region: "eu-west-1", LookupEnv: e.lookup, HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sts.NewFromConfig(s.Config(""), func(o *sts.Options) { o.Retryer = NoRetry() }).GetCallerIdentity(t.Context(), nil)
	if errorCode(err) != "" || errors.As(Explain(err, Call{Action: "a:b"}), new(Denied)) || *asked != 1 {
		t.Errorf("got %v after %d requests", err, *asked)
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
