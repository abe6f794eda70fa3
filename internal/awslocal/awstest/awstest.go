// Package awstest runs the embedded AWS for tests: a server, SDK clients and the
// few things that almost every test needs first (an archive, a bucket, a
// function).
//
// Start serves it on a loopback port, for tests that run a process of their own.
// StartInProcess serves it over pipes in memory and opens no socket, so that
// client and server may both live in a testing/synctest bubble: its clock is then
// the bubble's. Both end with the test. Neither retries or waits for anything.
package awstest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// AWS is a running embedded AWS.
type AWS struct {
	*awslocal.Server
	// URL is the endpoint. Only HTTP reaches that of StartInProcess.
	URL string
	// HTTP reaches URL. It is closed when the test ends.
	HTTP *http.Client
	// Dial connects to URL, for a program that makes its own HTTP client.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Wrap puts a handler of the test in front of the server's, to count, delay or
// answer requests.
type Wrap func(http.Handler) http.Handler

// Start serves an embedded AWS on a loopback port until the test ends. Wrappers
// see a request in the order in which they are given.
func Start(t testing.TB, o awslocal.Options, wrap ...Wrap) *AWS {
	t.Helper()
	server := open(t, o)
	web := httptest.NewServer(wrapped(server, wrap))
	t.Cleanup(func() {
		web.CloseClientConnections()
		closeServer(t, server)
		web.Close()
	})
	return &AWS{Server: server, URL: web.URL, HTTP: web.Client(), Dial: new(net.Dialer).DialContext}
}

// StartInProcess serves an embedded AWS over pipes in memory until the test
// ends. It may be called in a testing/synctest bubble.
func StartInProcess(t testing.TB, o awslocal.Options, wrap ...Wrap) *AWS {
	t.Helper()
	server := open(t, o)
	listener := newPipeListener()
	transport := &http.Transport{DialContext: listener.dial, MaxIdleConnsPerHost: maxIdle}
	web := &http.Server{Handler: wrapped(server, wrap), ReadHeaderTimeout: headerTimeout}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		closeServer(t, server)
		if err := web.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return &AWS{Server: server, URL: "http://" + pipeHost, HTTP: &http.Client{Transport: transport}, Dial: listener.dial}
}

const (
	headerTimeout = 10 * time.Second
	// maxIdle keeps the connections of calls that run side by side.
	maxIdle = 64
	// pipeHost is a loopback name, since the server answers to no other.
	pipeHost = "localhost"
)

func open(t testing.TB, o awslocal.Options) *awslocal.Server {
	t.Helper()
	server, err := awslocal.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func closeServer(t testing.TB, server *awslocal.Server) {
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

func wrapped(h http.Handler, wrap []Wrap) http.Handler {
	for i := len(wrap) - 1; i >= 0; i-- {
		h = wrap[i](h)
	}
	return h
}

// pipeListener accepts the server's ends of the pipes that dial makes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newPipeListener() *pipeListener {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.close()
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return pipeHost }
