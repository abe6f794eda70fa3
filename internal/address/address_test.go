package address

import (
	"errors"
	"testing"
)

func TestParseTakesWhatAClientCanBeSentTo(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"http://localhost:4566": nil, "https://example.com": nil, "HTTPS://example.com/hook?a=b#c": nil, "http://[::1]:80/": nil, "http://h:": nil, "https://u:p@h:65535": nil,
		"": ErrNone, "example.com": ErrNone, "localhost:4566": ErrNone, "127.0.0.1:4566": ErrNone, "ftp://h": ErrNone, "http://": ErrNone, "http:///path": ErrNone,
		"http://:80": ErrNone, "http:h": ErrNone, "http://h:x": ErrNone, "http://h:-1": ErrNone, "https://a b": ErrNone, "http://[::1": ErrNone,
		"http://h:0": ErrPort, "http://h:65536": ErrPort, "http://127.0.0.1:99999": ErrPort, "https://h:18446744073709551616/x": ErrPort,
	} {
		if _, err := Parse(text); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}

func TestAnAddressIsShownWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://user:hush@h:1/x": "http://***@h:1/x", "user:hush@h": "***@h", "http://user:hu@sh@h": "http://***@h", "http://h/x": "http://h/x", "": "",
	} {
		if got := Shown(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
