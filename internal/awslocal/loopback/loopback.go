// Package loopback keeps a server on the loopback interface closed to web pages.
//
// A browser on the same machine connects to loopback for any page that asks for
// it. Check refuses what a page can send: a request under a host name that was
// rebound to loopback, and one whose Origin or Sec-Fetch-Site is another site's.
// It says nothing about other programs of this machine, which can send what they
// like.
package loopback

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// ErrRefused is what every refusal of Check is.
var ErrRefused = errors.New("refused")

// Check returns an ErrRefused for a request that is not addressed to a loopback
// name or that comes from a page of another site (Fetch Metadata,
// https://www.w3.org/TR/fetch-metadata/; Fetch Standard, "Origin header").
func Check(r *http.Request) error {
	if err := CheckHost(r); err != nil {
		return err
	}
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if strings.EqualFold(strings.TrimSpace(site), "cross-site") {
			return fmt.Errorf("%w: a page of another site sent this request", ErrRefused)
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		if !isLoopbackOrigin(origin) {
			return fmt.Errorf("%w: this request comes from a page of %q", ErrRefused, origin)
		}
	}
	return nil
}

// CheckHost returns an ErrRefused for a request whose Host is no loopback name.
func CheckHost(r *http.Request) error {
	if !IsName(hostname(r.Host)) {
		return fmt.Errorf("%w: the host %q is no loopback name such as localhost or 127.0.0.1", ErrRefused, r.Host)
	}
	return nil
}

// IsName reports whether a host without its port is an address of the loopback
// interface, localhost or a name under it (RFC 6761, section 6.3).
func IsName(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback() && addr.Zone() == ""
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostname is a Host header without its port and brackets; "" for one that is
// malformed.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	if name, ok := strings.CutPrefix(host, "["); ok {
		name, ok = strings.CutSuffix(name, "]")
		if !ok {
			return ""
		}
		return name
	}
	return host
}

func isLoopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && IsName(u.Hostname())
}
