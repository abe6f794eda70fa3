// Package awstest runs an embedded AWS for tests: a server, SDK clients and the
// few things that almost every test needs first (an archive, a bucket, a
// function).
//
// Start serves it on a loopback port, for tests that run a process of their own.
// StartInProcess serves it on a Network without a socket, so that a whole
// deployment fits into a testing/synctest bubble (Run), where minutes of waiting
// take no time. Everything ends with the test. The package retries nothing, reads
// no environment variable and knows no package of the client side.
package awstest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Epoch is the time at which Run starts a test: a day on which the runtimes,
// certificates and dates in the tests are valid.
var Epoch = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// lingers is longer than net/http keeps the connection of a request whose body
// nobody read: half a second after its answer, closed or not.
const lingers = time.Second

// Run runs f in a synctest bubble whose clock starts at Epoch. In there time
// passes only while every goroutine waits for another one or for the clock. A
// goroutine that waits for a mutex, a real socket, a file or a process does not
// count as waiting, so nothing may sleep while it holds a mutex.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		// The last of all cleanups: a bubble must not end before its goroutines.
		t.Cleanup(func() { time.Sleep(lingers) })
		time.Sleep(time.Until(Epoch))
		f(t)
	})
}

// Network connects HTTP servers and clients of one process through pipes. A host
// that Serve does not name is unreachable, as the real AWS must be for a test.
type Network struct {
	t     testing.TB
	mu    sync.Mutex
	hosts map[string]*pipeListener
}

// NewNetwork makes a Network without hosts.
func NewNetwork(t testing.TB) *Network {
	return &Network{t: t, hosts: map[string]*pipeListener{}}
}

// Serve serves h as http://HOST and returns that URL. The server ends with the
// test. An embedded AWS is called localhost: S3 takes the name before .localhost
// for a bucket.
func (n *Network) Serve(host string, h http.Handler) (url string) {
	n.t.Helper()
	l := &pipeListener{accepted: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	if n.hosts[host] != nil {
		n.mu.Unlock()
		n.t.Fatalf("serve %s: the name is in use", host)
	}
	n.hosts[host] = l
	n.mu.Unlock()
	server := &http.Server{Handler: h}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	n.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			n.t.Errorf("close %s: %v", host, err)
		}
		<-ended
	})
	return "http://" + host
}

// Transport returns a transport of its own pool of connections, which end with
// the test.
func (n *Network) Transport() *http.Transport {
	transport := &http.Transport{DialContext: n.DialContext, MaxIdleConnsPerHost: 16}
	n.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// Client returns an http.Client on a transport of its own.
func (n *Network) Client() *http.Client { return &http.Client{Transport: n.Transport()} }

// DialContext connects to a host that Serve named.
func (n *Network) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l := n.hosts[strings.TrimSuffix(address, ":80")]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: fmt.Errorf("no server of this test is called %s", address)}
	}
	client, server := pipe()
	select {
	case l.accepted <- server:
		return client, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: fmt.Errorf("%s is closed", address)}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipeListener accepts the far ends of pipes.
type pipeListener struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
