// Package diag is what a mistake in the user's input looks like: where it is,
// what is wrong, and how to fix it.
//
// All checks of a run add to one List, so that the user sees every problem
// of every file at once. The package promises a stable order (file, line, column)
// and a picture of the source line with a caret. It never reads a file, and never
// decides what to do about a problem.
package diag

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/printable"
)

// Problem is one mistake at one place of the input.
type Problem struct {
	// File names the file as the user named it; empty where the value came
	// from an input and not from a file.
	File string
	// Line and Col count from 1; Col counts characters, not bytes. 0 means
	// that the problem concerns the whole file.
	Line, Col int
	// Message says what is wrong, in lower case.
	Message string
	// Hint says how to fix it, where that is known.
	Hint string
	// Source is the line with the problem, without its line break.
	Source string
	// Warning marks a problem that stops nothing.
	Warning bool
}

// Error returns the problem on one line: file:line:col: message (hint).
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.place())
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

func (p Problem) place() string {
	switch {
	case p.File == "" && p.Line == 0:
		return ""
	case p.Line == 0:
		return p.File + ": "
	case p.File == "":
		return fmt.Sprintf("%d:%d: ", p.Line, p.Col)
	}
	return fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Col)
}

// List is every problem of a run's input. As an error it holds at least one that
// is not a warning: see Err.
type List []Problem

// Error joins the problems, one a line, in the order of the files.
func (l List) Error() string {
	lines := make([]string, 0, len(l))
	for _, f := range l.Sorted() {
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// Sorted returns the problems by file, line and column, each once. Those without
// a place come first, in the order in which they were found: what explains the
// others is found before them.
func (l List) Sorted() List {
	out := make(List, 0, len(l))
	known := map[Problem]bool{}
	for _, p := range l {
		if !known[p] {
			known[p] = true
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Problem) int {
		if a.place() == "" && b.place() == "" {
			return 0
		}
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return out
}

// Err returns nil when nothing but warnings was found, so that a caller may write
// `return problems.Err()`.
func (l List) Err() error {
	if errs := l.Errors(); len(errs) > 0 {
		return errs
	}
	return nil
}

// Errors returns the problems that stop a run.
func (l List) Errors() List { return l.pick(false) }

// Warnings returns the problems that stop nothing.
func (l List) Warnings() List { return l.pick(true) }

func (l List) pick(warning bool) List {
	var out List
	for _, f := range l.Sorted() {
		if f.Warning == warning {
			out = append(out, f)
		}
	}
	return out
}

// Print writes each problem with its source line and a caret under the place.
func (l List) Print(w io.Writer) error {
	for _, f := range l.Sorted() {
		if _, err := io.WriteString(w, f.Picture(maxSource)); err != nil {
			return err
		}
	}
	return nil
}

// maxSource is how much of a source line is shown where lines may be long.
const maxSource = 160

// Picture is the problem with its source line and a caret under the place, of which
// it shows so many characters at most: a minified JSON file has lines of many thousand.
func (p Problem) Picture(width int) string {
	head := p
	head.Hint = ""
	b := head.Error() + "\n"
	if p.Source != "" && p.Line > 0 {
		source, col := visible(p.Source, max(p.Col, 1))
		source, col = window(source, col, width)
		gutter := fmt.Sprintf("%d", p.Line)
		blank := strings.Repeat(" ", len(gutter))
		b += fmt.Sprintf(" %s | %s\n %s | %s^\n", gutter, source, blank, pad(source, col))
	}
	if p.Hint != "" {
		b += "   hint: " + p.Hint + "\n"
	}
	return b
}

// visible shows the control characters of a line, and returns the column behind
// what that adds before it.
func visible(source string, col int) (string, int) {
	var b strings.Builder
	n, added := 0, 0
	for _, r := range source {
		n++
		shown := printable.Text(string(r))
		if n < col {
			added += utf8.RuneCountInString(shown) - 1
		}
		b.WriteString(shown)
	}
	return b.String(), col + added
}

// window cuts a line that is longer than width around the column.
func window(source string, col, width int) (string, int) {
	if utf8.RuneCountInString(source) <= width {
		return source, col
	}
	runes := []rune(source)
	col = min(col, len(runes)+1) // a line that came in other words is shorter
	start := max(0, col-1-width*3/8)
	end := min(len(runes), start+width)
	if start == 0 {
		return string(runes[:end]), col
	}
	return "…" + string(runes[start:end]), col - start + 1
}

// pad keeps the tabs of the source, so that the caret is under its column
// however wide the reader's tabs are.
func pad(source string, col int) string {
	var b strings.Builder
	n := 1
	for _, r := range source {
		if n >= col {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
		n++
	}
	for ; n < col; n++ {
		b.WriteByte(' ')
	}
	return b.String()
}

// Line is line number n (from 1) of a text, without its line break: what
// a Problem's Source holds.
func Line[Text string | []byte](src Text, n int) string {
	from := 0
	for line := 1; line < n; line++ {
		i := indexNewline(src[from:])
		if i < 0 {
			return ""
		}
		from += i + 1
	}
	end := len(src)
	if i := indexNewline(src[from:]); i >= 0 {
		end = from + i
	}
	return strings.TrimSuffix(string(src[from:end]), "\r")
}

func indexNewline[Text string | []byte](src Text) int {
	switch src := any(src).(type) {
	case string:
		return strings.IndexByte(src, '\n')
	case []byte:
		return bytes.IndexByte(src, '\n')
	}
	return -1
}
