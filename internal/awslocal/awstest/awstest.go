package awstest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

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

// StartInProcess serves an embedded AWS on a Network of its own until the test
// ends, so that client and server may both live in a bubble (Run).
func StartInProcess(t testing.TB, o awslocal.Options, wrap ...Wrap) *AWS {
	t.Helper()
	server := open(t, o)
	network := NewNetwork(t)
	url := network.Serve(hostName, wrapped(server, wrap))
	t.Cleanup(func() { closeServer(t, server) })
	return &AWS{Server: server, URL: url, HTTP: network.Client(), Dial: network.DialContext}
}

// hostName is the name of the embedded AWS on a Network.
const hostName = "localhost"

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
