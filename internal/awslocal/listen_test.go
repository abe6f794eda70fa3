package awslocal_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// What is no loopback address is refused before anything is opened, in words that
// name what is allowed.
func TestListenOffLoopbackIsRefusedFirst(t *testing.T) {
	t.Parallel()
	const (
		open, none = "only loopback addresses are served", "that is not a host and a port"
		port       = "a port is a number from 1 to 65535, or 0 for any free one"
	)
	for address, why := range map[string]string{
		"0.0.0.0:0": open, ":0": open, "[::]:0": open, "10.1.2.3:0": open, "example.com:0": open, "[fe80::1%lo]:0": open, "0:0": open, "2130706433:0": open,
		"4566": none, "127.0.0.1": none, "[::1]": none, "[::1:4566": none, "http://127.0.0.1": open,
		"::1:4566": "in brackets, as in [::1]:4566", "http://127.0.0.1:4566": none, "127.0.0.1:0,127.0.0.1:1": none,
		"127.0.0.1:99999": port, "127.0.0.1:65536": port, "127.0.0.1:-1": port, "127.0.0.1:": port, "127.0.0.1:http": port, "localhost:4566 ": port,
		"127.0.0.1:1e3": port, "localhost:+80": port, "[::1]:0x10": port,
	} {
		_, err := awslocal.New(awslocal.Options{Listen: address})
		if err == nil || !strings.HasPrefix(err.Error(), "listen on "+address+": ") || !strings.Contains(err.Error(), why) || !strings.HasSuffix(err.Error(), "such as 127.0.0.1:4566") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestLoopbackAddressesAreListenedOn(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "LocalHost:0", "shop.localhost:0", "127.9.8.7:0"} {
		l, err := listen(t, address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if s, err := awslocal.New(awslocal.Options{}); err != nil {
		t.Errorf("the default address: %v", err)
	} else if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func listen(t *testing.T, address string) (net.Listener, error) {
	t.Helper()
	s, err := awslocal.New(awslocal.Options{Listen: address})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Listen()
}

func TestAPortThatIsTakenIsSaidInPlainWords(t *testing.T) {
	t.Parallel()
	taken, err := listen(t, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = listen(t, taken.Addr().String())
	if want := fmt.Sprintf("listen on %s: another program listens there: end it, or choose another port, or 0 for any free one", taken.Addr()); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
