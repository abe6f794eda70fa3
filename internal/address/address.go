// Package address reads addresses of servers as users write them.
//
// It promises that a client can be sent to what Parse accepts: a scheme of HTTP, a
// host, and a port that exists. Its errors show no address, which may hold a secret,
// and what Shown returns holds no password.
package address

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// What Parse refuses.
var (
	ErrNone = errors.New("it does not begin with http:// or https:// and a host")
	ErrPort = errors.New("its port is not a number from 1 to 65535")
)

// Parse reads the address of a server of HTTP or HTTPS.
func Parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" || u.Hostname() == "" {
		return nil, ErrNone
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, ErrPort
		}
	}
	return u, nil
}

// Shown is a text that is meant to be an address without the user and password that it
// may hold.
func Shown(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	if scheme, _, is := strings.Cut(text[:at], "://"); is {
		return scheme + "://***" + text[at:]
	}
	return "***" + text[at:]
}
