package diag

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrintPutsACaretUnderTheColumn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   Problem
		want string
	}{
		"with hint": {
			Problem{File: "f.json", Line: 12, Col: 3, Message: `unknown key "memorysize"`, Hint: `did you mean "memorySize"?`, Source: `  "memorysize": 1`},
			"f.json:12:3: unknown key \"memorysize\"\n 12 |   \"memorysize\": 1\n    |   ^\n   hint: did you mean \"memorySize\"?\n",
		},
		"tabs are kept": {
			Problem{File: "f", Line: 1, Col: 2, Message: "m", Source: "\tx"},
			"f:1:2: m\n 1 | \tx\n   | \t^\n",
		},
		"characters, not bytes": {
			Problem{File: "f", Line: 1, Col: 4, Message: "m", Source: "é: ü"},
			"f:1:4: m\n 1 | é: ü\n   |    ^\n",
		},
		"past the end": {
			Problem{File: "f", Line: 1, Col: 3, Message: "m", Source: "a"},
			"f:1:3: m\n 1 | a\n   |   ^\n",
		},
		"a whole file": {Problem{File: "f", Message: "is empty"}, "f: is empty\n"},
		"an input":     {Problem{Message: "no service"}, "no service\n"},
		"a warning":    {Problem{File: "f", Line: 1, Col: 1, Message: "m", Warning: true}, "f:1:1: warning: m\n"},
		"control characters are shown": {
			Problem{File: "f", Line: 1, Col: 6, Message: "m", Source: "a\x1b[2Jb\u202e: c"},
			"f:1:6: m\n 1 | a\\x1b[2Jb\\u202e: c\n   |         ^\n",
		},
		"a long line": {
			Problem{File: "f", Line: 1, Col: 301, Message: "m", Source: strings.Repeat("a", 300) + "B" + strings.Repeat("c", 300)},
			"f:1:301: m\n 1 | …" + strings.Repeat("a", 60) + "B" + strings.Repeat("c", 99) + "\n   | " + strings.Repeat(" ", 61) + "^\n",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			if err := (List{tc.in}).Print(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListComesOutInTheOrderOfTheFilesAndEachFaultOnce(t *testing.T) {
	t.Parallel()
	l := List{
		{File: "b", Line: 1, Col: 1, Message: "third"},
		{File: "a", Line: 10, Col: 1, Message: "second"},
		{File: "a", Line: 9, Col: 1, Message: "first"},
		{File: "b", Line: 1, Col: 1, Message: "third"},
	}
	want := "a:9:1: first\na:10:1: second\nb:1:1: third"
	if got, want := append(List{{Message: "z"}, {Message: "y"}, {Message: "z"}}, l...).Error(), "z\ny\n"+want; got != want {
		t.Errorf("problems without a place: %q, want %q", got, want)
	}
	if got := l.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWarningsAloneAreNoError(t *testing.T) {
	t.Parallel()
	l := List{{Message: "w", Warning: true}}
	if err := l.Err(); err != nil {
		t.Errorf("Err() = %v, want nil", err)
	}
	l = append(l, Problem{Message: "e"})
	var got List
	if !errors.As(l.Err(), &got) || len(got) != 1 || got[0].Message != "e" {
		t.Errorf("Err() = %v, want the one error", got)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	candidates := []string{"functionName", "memorySize", "role", "handler", "timeout"}
	for name, want := range map[string]string{
		"memorysize":   "memorySize",
		"memroySize":   "memorySize",
		"functionname": "functionName",
		"rol":          "role",
		"handel":       "handler",
		"banana":       "",
		"role":         "",
		"":             "",
	} {
		if got := Nearest(name, candidates); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	src := []byte("a\r\nb\n\nd")
	for n, want := range map[int]string{1: "a", 2: "b", 3: "", 4: "d", 5: ""} {
		if got := Line(src, n); got != want {
			t.Errorf("Line(%d) = %q, want %q", n, got, want)
		}
	}
}
