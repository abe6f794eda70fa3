package awslocal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/loopback"
)

// Listen opens the loopback address of Options.Listen.
func (s *Server) Listen() (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", numeric(s.options.Listen))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", s.options.Listen, cannotListen(err))
	}
	if err := onlyLoopback(l.Addr()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// numeric puts 127.0.0.1 in place of a name below localhost, which no resolver has
// to know (RFC 6761, section 6.3).
func numeric(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || net.ParseIP(host) != nil {
		return address
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// cannotListen says what the operating system says in numbers of its own.
func cannotListen(err error) error {
	const another = "choose another port, or 0 for any free one"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("another program listens there: end it, or " + another)
	case errors.Is(err, syscall.EACCES):
		return errors.New("this user may not listen there: " + another)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return errors.New("this machine does not have that address: choose 127.0.0.1")
	}
	return err
}

// checkListen refuses an address that other machines could reach, or that is none,
// before anything is opened or printed.
func checkListen(address string) error {
	refuse := func(why string) error {
		return fmt.Errorf("listen on %s: %s; an address has the form HOST:PORT, such as 127.0.0.1:4566", address, why)
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil && strings.HasPrefix(address, "::"):
		return refuse("an IPv6 address is written in brackets, as in [::1]:4566")
	case err != nil:
		return refuse("that is not a host and a port")
	case !loopback.IsName(host):
		return refuse("only loopback addresses are served")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return refuse("a port is a number from 1 to 65535, or 0 for any free one")
	}
	return nil
}
