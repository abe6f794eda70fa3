package loopback

import (
	"errors"
	"net/http"
	"testing"
)

func TestOnlyLoopbackNamesAreAnswered(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:4566": true, "127.9.8.7:1": true, "localhost": true, "LOCALHOST:4566": true, "localhost.:4566": true,
		"bucket.localhost:4566": true, "a.s3.localhost": true, "[::1]": true, "[::1]:4566": true, "[::ffff:127.0.0.1]:1": true,
		"": false, "evil.example": false, "evil.example:4566": false, "localhost.evil.example": false, "notlocalhost": false,
		"127.0.0.1.evil.example": false, "127.0.0.1.nip.io:4566": false, "0.0.0.0:4566": false, "[::]:4566": false, "10.0.0.1": false,
		"2130706433": false, "0x7f.1": false, "127.1": false, "[::1%lo]:1": false, "localhost@evil.example": false, "[::1": false, ".localhost.": true,
		"localhost:80:80": false,
	} {
		err := Check(&http.Request{Host: host, Header: http.Header{}})
		if want != (err == nil) || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("Host %q: %v", host, err)
		}
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		header, value string
		want          bool
	}{
		{"Origin", "https://evil.example", false},
		{"Origin", "null", false},
		{"Origin", "", false},
		{"Origin", "file://", false},
		{"Origin", "chrome-extension://abc", false},
		{"Origin", "http://localhost.evil.example", false},
		{"Origin", "http://localhost:80@evil.example", false},
		{"Origin", "http://evil.example:4566", false},
		{"Origin", "http://localhost:3000", true},
		{"Origin", "http://127.0.0.1:4566", true},
		{"Origin", "https://[::1]:4566", true},
		{"Sec-Fetch-Site", "cross-site", false},
		{"Sec-Fetch-Site", "Cross-Site", false},
		{"Sec-Fetch-Site", "same-site", true},
		{"Sec-Fetch-Site", "same-origin", true},
		{"Sec-Fetch-Site", "none", true},
	} {
		r := &http.Request{Host: "localhost:4566", Header: http.Header{test.header: {test.value}}}
		if err := Check(r); test.want != (err == nil) {
			t.Errorf("%s: %q: %v", test.header, test.value, err)
		}
	}
	two := http.Header{"Origin": {"http://localhost", "https://evil.example"}}
	if Check(&http.Request{Host: "localhost", Header: two}) == nil {
		t.Error("only the first of two Origins was read")
	}
}
