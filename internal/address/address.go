// Package address reads addresses of servers as users write them.
//
// It promises that a client can be sent to what Parse accepts: a scheme of HTTP, a
// host, and a port that exists. Its errors show no address, which may hold a secret.
package address

import (
	"errors"
	"net/url"
	"strconv"
)

// What Parse refuses.
var (
	ErrNone = errors.New("it is not an address of http or https")
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
