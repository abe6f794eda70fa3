package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLongNamesLoseTheirMiddle(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		width int
		want  string
	}{
		{"orders", 6, "orders"},
		{"orders-production-eu", 11, "order…on-eu"},
		{"orders-production-eu", 10, "order…n-eu"},
		{"ab", 1, "…"},
		{"日本語日本語", 7, "日…本語"},
	} {
		if got := Shorten(tc.name, tc.width); got != tc.want || Width(got) > tc.width {
			t.Errorf("%s in %d: %q", tc.name, tc.width, got)
		}
	}
}

func TestALineIsCutAtItsEndAndKeepsItsColours(t *testing.T) {
	t.Parallel()
	line := Line{{Good, "✓ "}, {Plain, "orders: "}, {Dim, "update the code"}}
	if got := line.Cut(14).Render(true); got != "\x1b[32m✓ \x1b[0morders: \x1b[2mupd…\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := line.Cut(25).String(); got != "✓ orders: update the code" {
		t.Errorf("%q", got)
	}
}

// Whatever a text holds, the terminal shows it and does nothing else.
func TestNoTextActsOnTheTerminal(t *testing.T) {
	t.Parallel()
	line := Line{{Bad, "a\x1b[2Jb\r\n\tc\x9b31m\u202ed"}}
	got := line.Render(false)
	for _, sign := range []string{"\x1b", "\r", "\n", "\t", "\u202e"} {
		if strings.Contains(got, sign) {
			t.Errorf("%q holds %q", got, sign)
		}
	}
	if cut := line.Cut(10); cut.Width() > 10 {
		t.Errorf("%q is %d columns wide", cut, cut.Width())
	}
}

func TestTextIsWrappedAtWordsAndCommandsStayWhole(t *testing.T) {
	t.Parallel()
	got := Wrap("run: lambda-rollout rollback --journal .lambda-rollout/a-very-long-name.jsonl", 24, "  ")
	want := []string{"run: lambda-rollout", "  rollback --journal", "  .lambda-rollout/a-very-long-name.jsonl"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := WrapKept("error: it failed\n  orders in eu-central-1: refused", 20); got != "error: it failed\n  orders in\n    eu-central-1:\n    refused" {
		t.Errorf("%q", got)
	}
	if got := WrapKept("REPORT Id: 5efb91cc\tDuration: 12 ms", 20); got != "REPORT Id: 5efb91cc\n  Duration: 12 ms" {
		t.Errorf("behind a tab: %q", got)
	}
}

// screen is a terminal of a certain width that knows what Block sends.
type screen struct {
	rows    []string
	y, x    int
	columns int
}

func (s *screen) write(t *testing.T, text string) {
	t.Helper()
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\x1b["):
			end := strings.IndexAny(text, "AJK")
			if n := 0; text[end] == 'A' {
				for _, digit := range text[2:end] {
					n = 10*n + int(digit-'0')
				}
				s.y -= n
			} else if text[end] == 'J' {
				s.rows = append(s.rows[:s.y], "")
			} else {
				s.rows[s.y] = string([]rune(s.rows[s.y])[:s.x])
			}
			text = text[end+1:]
			continue
		case text[0] == '\r':
			s.x = 0
		case text[0] == '\n':
			s.y, s.x = s.y+1, 0
			if s.y == len(s.rows) {
				s.rows = append(s.rows, "")
			}
		default:
			if s.x == s.columns {
				t.Fatalf("%q is wider than the screen", s.rows[s.y])
			}
			row := []rune(s.rows[s.y])
			r := []rune(text)[0]
			s.rows[s.y] = string(append(row[:s.x:s.x], r)) + string(row[min(len(row), s.x+1):])
			s.x++
			text = text[len(string(r)):]
			continue
		}
		text = text[1:]
	}
}

func TestABlockIsDrawnOverItselfAndErasedWhole(t *testing.T) {
	t.Parallel()
	s := &screen{rows: []string{""}, columns: 20}
	s.write(t, "log\n")
	var b Block
	for _, lines := range [][]string{{"one", "two", "three"}, {"a line that is much too wide"}, {"x", "y"}} {
		var block []Line
		for _, l := range lines {
			block = append(block, Text(Plain, l))
		}
		s.write(t, b.Draw(block, 20, false))
		want := []string{"log"}
		for _, l := range block {
			want = append(want, l.Cut(19).String())
		}
		if diff := cmp.Diff(append(want, ""), s.rows); diff != "" {
			t.Fatal(diff)
		}
	}
	s.write(t, b.Erase(20)+"more\n")
	if diff := cmp.Diff([]string{"log", "more", ""}, s.rows); diff != "" || b.Shown() {
		t.Error(diff)
	}
}

// A terminal that became narrower shows a line in several rows, all of which the
// block takes away.
func TestABlockIsErasedAfterTheWindowBecameNarrower(t *testing.T) {
	t.Parallel()
	var b Block
	b.Draw([]Line{Text(Plain, strings.Repeat("x", 70)), Text(Plain, "short")}, 80, false)
	if got := b.Erase(30); got != "\r\x1b[4A\x1b[J" {
		t.Errorf("%q", got)
	}
}

// What is broken keeps its columns, loses no word, and a word that is too wide stays whole.
func TestBrokenLinesKeepTheirColumns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"  keep   1: an alias points to it":      "  keep   1: an alias\n    points to it",
		"short\n  x  y":                          "short\n  x  y",
		"  averyveryverylongwordofmany and more": "  averyveryverylongwordofmany\n    and more",
		"averyveryverylongwordofmany":            "averyveryverylongwordofmany",
		"exactly twenty wide!":                   "exactly twenty wide!",
		"exactly twenty wide! x":                 "exactly twenty wide!\n  x",
		"    deep    word word word  ":           "    deep    word\n      word word",
	} {
		if got := strings.TrimRight(WrapKept(text, 20), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
