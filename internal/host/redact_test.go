package host

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func newTestLog(commands bool, secrets ...string) (*Log, *bytes.Buffer) {
	var out bytes.Buffer
	l := newLog(&out, commands)
	for _, s := range secrets {
		l.hide(s)
	}
	return l, &out
}

// However the writes are cut, the same text comes out, without the secret.
func TestASecretIsCaughtAcrossWrites(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-value"
	text := "a " + secret + " b s3cret-valu s3cret-s3cret-value\nend " + secret
	want := "a *** b s3cret-valu s3cret-***\nend ***"
	for size := 1; size <= len(text); size++ {
		l, out := newTestLog(false, secret)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if _, err := l.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if strings.Contains(out.String(), secret) {
				t.Fatalf("writes of %d show the secret", size)
			}
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("writes of %d: %q", size, out.String())
		}
	}
}

func TestASecretIsCaughtInItsSpellings(t *testing.T) {
	t.Parallel()
	const secret = `tok<en>"with/slash+and=more`
	quoted, err := json.Marshal("x" + secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain":               secret,
		"JSON":                string(quoted),
		"base64":              base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 for URLs":     base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"base64 of longer":    base64.StdEncoding.EncodeToString([]byte("user:" + secret + "!")),
		"base64 of longer, 2": base64.StdEncoding.EncodeToString([]byte("user=" + "x" + secret)),
		"query":               "tok%3Cen%3E%22with%2Fslash%2Band%3Dmore",
	} {
		l, out := newTestLog(false, secret)
		fmt.Fprintln(l, text)
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), stars) {
			t.Errorf("%s: %q", name, out.String())
		}
	}
}

func TestALongerSecretWinsOverOneInsideIt(t *testing.T) {
	t.Parallel()
	l, out := newTestLog(false, "prod", "production-key")
	fmt.Fprint(l, "prod production-key production")
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "*** *** ***uction"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each line of a secret is hidden by itself, but for those that would hide
// every brace of the log.
func TestLinesOfASecretAreHiddenOneByOne(t *testing.T) {
	t.Parallel()
	l, out := newTestLog(false, "{\n  \"private_key\": \"abc\"\n}")
	fmt.Fprint(l, "{ }\n\"private_key\": \"abc\"\n")
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{ }\n***\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNoLineOfOthersIsACommand(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"::error::x":            ": :error::x",
		" \t::error::x":         " \t: :error::x",
		"\u00a0\ufeff::error::": "\u00a0\ufeff: :error::",
		"a\r::error::x":         "a\r: :error::x",
		"a ::error::x":          "a ::error::x",
		"a:b::c\n:d\n":          "a:b::c\n:d\n",
		"x ##[group]y":          "x ## [group]y",
		"###[error]":            "### [error]",
		"arn:aws:s3:::bucket":   "arn:aws:s3:::bucket",
		":::a":                  ": ::a",
	} {
		for size := 1; size <= len(text); size++ {
			l, out := newTestLog(true)
			for i := 0; i < len(text); i += size {
				if _, err := l.Write([]byte(text[i:min(len(text), i+size)])); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("%q in writes of %d: %q, want %q", text, size, out.String(), want)
			}
		}
	}
	l, out := newTestLog(false)
	fmt.Fprint(l, "::error::x")
	if out.String() != "::error::x" {
		t.Errorf("a host without commands: %q", out.String())
	}
}

func TestACommandOfOursBeginsALine(t *testing.T) {
	t.Parallel()
	l, out := newTestLog(true)
	fmt.Fprint(l, "half a line")
	if err := l.command("::endgroup::\n"); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(l, "::error::x\n")
	if got, want := out.String(), "half a line\n::endgroup::\n: :error::x\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWritesOfManyAreNotTorn(t *testing.T) {
	t.Parallel()
	l, out := newTestLog(true, "hunter2")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 50 {
				fmt.Fprintln(l, "one line with hunter2 in it")
			}
		})
	}
	wg.Wait()
	if got := strings.Count(out.String(), "one line with *** in it\n"); got != 1000 {
		t.Errorf("%d whole lines", got)
	}
}

// Whatever is written, and however it is cut, no secret comes out and no line
// is a command.
func FuzzLog(f *testing.F) {
	f.Add("x ::set-output::y\n", 3)
	f.Add("hunter2hunter2\r::a", 1)
	f.Add("\xe2\x80", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		size = max(1, min(size, 1<<10))
		l, out := newTestLog(true, "hunter2")
		for i := 0; i < len(text); i += size {
			if _, err := l.Write([]byte(text[i:min(len(text), i+size)])); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "hunter2") {
			t.Errorf("%q shows the secret", out.String())
		}
		for line := range strings.FieldsFuncSeq(out.String(), func(r rune) bool { return r == '\n' || r == '\r' }) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Errorf("%q is a command", line)
			}
		}
	})
}
