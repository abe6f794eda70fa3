package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/redact"
)

func newTestLog(commands bool, secrets ...string) (*Log, *bytes.Buffer) {
	var out bytes.Buffer
	var set redact.Set
	set.Add(secrets...)
	return newLog(&out, nil, &set, commands), &out
}

func TestNoLineOfOthersIsACommand(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"::error::x":            ": :error::x",
		" \t::error::x":         " \t: :error::x",
		"\u00a0\u200b::error::": "\u00a0\u200b: :error::",
		"\ufeff::error::":       `\ufeff::error::`,
		"a\r::error::x":         `a\x0d::error::x`,
		"a\r\n::error::x":       "a\n: :error::x",
		"\x1b[2J::error::x":     `\x1b[2J::error::x`,
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
			l.Flush()
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
	l.command("::endgroup::\n")
	fmt.Fprint(l, "::error::x\n")
	if got, want := out.String(), "half a line\n::endgroup::\n: :error::x\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWritesOfManyAreNotTorn(t *testing.T) {
	t.Parallel()
	l, out := newTestLog(true, "hunter2-hunter2")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 50 {
				fmt.Fprintln(l, "one line with hunter2-hunter2 in it")
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
	f.Add("hunter2-hunter2\r::a", 1)
	f.Add("\xe2\x80", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		size = max(1, min(size, 1<<10))
		l, out := newTestLog(true, "hunter2-hunter2")
		for i := 0; i < len(text); i += size {
			if _, err := l.Write([]byte(text[i:min(len(text), i+size)])); err != nil {
				t.Fatal(err)
			}
		}
		l.Flush()
		if strings.Contains(out.String(), "hunter2-hunter2") {
			t.Errorf("%q shows the secret", out.String())
		}
		for line := range strings.FieldsFuncSeq(out.String(), func(r rune) bool { return r == '\n' || r == '\r' }) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Errorf("%q is a command", line)
			}
		}
	})
}

// brokenAfter takes so many bytes, as a pipe whose reader went away or a full disk
// does.
type brokenAfter struct {
	bytes.Buffer
	room int
}

var errFull = errors.New("no space left on device")

func (b *brokenAfter) Write(p []byte) (int, error) {
	n := min(len(p), b.room)
	b.room -= n
	b.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// A log that cannot be written goes on on the other stream, and never fails.
func TestABrokenLogContinuesOnTheSpareStream(t *testing.T) {
	t.Parallel()
	for _, spareRoom := range []int{1 << 20, 0} {
		var set redact.Set
		out, spare := &brokenAfter{room: 8}, &brokenAfter{room: spareRoom}
		l := newLog(out, spare, &set, false)
		for _, line := range []string{"first\n", "second\n", "third\n"} {
			if n, err := l.Write([]byte(line)); err != nil || n != len(line) {
				t.Errorf("wrote %d: %v", n, err)
			}
		}
		l.Flush()
		want := "lambda-rollout: the log cannot be written to stdout (no space left on device), so it continues here; the run continues, too\nsecond\nthird\n"
		if spareRoom == 0 {
			want = ""
		}
		if got := spare.String(); got != want {
			t.Errorf("the spare stream has %q", got)
		}
	}
}

// What a stream took but could not write is not lost.
func TestABrokenStreamHandsBackWhatItTook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var set redact.Set
		out, spare := &brokenAfter{room: 8}, &bytes.Buffer{}
		l := newLog(NewStream(out), spare, &set, false)
		fmt.Fprint(l, "first\nsecond\n")
		l.Flush()
		fmt.Fprint(l, "third\n")
		if got := spare.String(); !strings.HasSuffix(got, "cond\nthird\n") || !strings.Contains(got, "no space left") {
			t.Errorf("the spare stream has %q", got)
		}
	})
}

// A reader that does not read holds nobody up, and the end of a run waits for it
// only until a second after the signal.
func TestAReaderThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		s := NewStream(writer)
		for range 100 {
			if _, err := s.Write(bytes.Repeat([]byte("x"), 1<<10)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		time.AfterFunc(time.Minute, s.Release)
		if err := s.Flush(); !errors.Is(err, errUnread) {
			t.Errorf("flush: %v", err)
		}
		if got := time.Since(start); got != time.Minute+lastWords {
			t.Errorf("the end waited for %s", got)
		}
		_ = reader.Close()
	})
}

// Text that nobody reads does not fill the memory: a write waits, until a signal.
func TestAWriteBeyondTheLimitWaitsForTheReaderOrTheSignal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		s := NewStream(writer)
		_, _ = s.Write([]byte("x")) // on its way to the reader
		synctest.Wait()
		if _, err := s.Write(make([]byte, streamLimit+1)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.AfterFunc(time.Minute, s.Release)
		if _, err := s.Write([]byte("y")); !errors.Is(err, errUnread) || time.Since(start) != time.Minute {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		_ = reader.Close()
	})
}
