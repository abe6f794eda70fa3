package report

import (
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// ProblemLines are the problems of the user's input as they fit on a terminal: each
// with its source line, of which as much is shown as there is room for.
func ProblemLines(columns int, problems diag.List) []terminal.Line {
	p := layout{width: min(columns-1, widest)}
	var lines []terminal.Line
	for _, problem := range problems.Sorted() {
		gutter := len(strconv.Itoa(problem.Line)) + len("  | …")
		picture := strings.Split(strings.TrimSuffix(problem.Picture(p.width-gutter), "\n"), "\n")
		style := terminal.Bad
		if problem.Warning {
			style = terminal.Caution
		}
		lines = append(lines, p.text(style, picture[0])...)
		for _, line := range picture[1:] {
			if hint, is := strings.CutPrefix(line, "   hint: "); is {
				for _, part := range terminal.Wrap("hint: "+hint, p.width-len(hintIndent), "      ") {
					lines = append(lines, terminal.Text(terminal.Plain, hintIndent+part))
				}
				continue
			}
			lines = append(lines, terminal.Text(terminal.Dim, line))
		}
	}
	return lines
}

// hintIndent is what a hint stands behind.
const hintIndent = "   "

// SignalLines say what a signal does to a run, and what the next one would cost.
func SignalLines(columns int, text string) []terminal.Line {
	p := layout{width: min(columns-1, widest)}
	said, command, is := strings.Cut(text, ": lambda-rollout ")
	if !is {
		return p.text(terminal.Caution, text)
	}
	return append(p.text(terminal.Caution, said+":"), p.command("lambda-rollout "+command)...)
}

// Output is an output of a run under its name.
type Output struct{ Name, Value string }

// OutputLines are the outputs of a run below its closing line. A value that does not
// fit behind its name has a line of its own, whole, so that it can be copied. A name
// that is that of the line before is left out.
func OutputLines(columns int, outputs []Output, more string) []terminal.Line {
	p := layout{width: min(columns-1, widest)}
	width := 0
	for _, o := range outputs {
		width = max(width, terminal.Width(o.Name))
	}
	lines := []terminal.Line{terminal.Text(terminal.Bold, "Outputs")}
	last := ""
	for _, o := range outputs {
		name := o.Name
		if name == last {
			name = ""
		}
		last = o.Name
		head := terminal.Span{Style: terminal.Dim, Text: "  " + name + strings.Repeat(" ", width-terminal.Width(name))}
		if 2+width+2+terminal.Width(o.Value) <= p.width {
			lines = append(lines, terminal.Line{head, {Text: "  " + o.Value}})
			continue
		}
		if name != "" {
			lines = append(lines, terminal.Text(terminal.Dim, "  "+name))
		}
		lines = append(lines, terminal.Text(terminal.Plain, rowIndent+o.Value))
	}
	for _, part := range terminal.Wrap(more, p.width-2, "") {
		lines = append(lines, terminal.Text(terminal.Dim, "  "+part))
	}
	return lines
}
