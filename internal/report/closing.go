package report

import (
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
)

// ClosingLines say on a terminal how a run ended and which command undoes it: in
// one line where there is room. rollback is the command that undoes all of the run;
// it takes the place of commands that no user would type.
func (d Deployment) ClosingLines(columns int, rollback string) []terminal.Line {
	p := layout{width: min(columns-1, widest)}
	end := d.headline() + ", " + Took(d.Took) + "."
	undo := d.undoCommand(rollback)
	if undo == "" {
		return p.text(terminal.Good, end)
	}
	title := d.undoLabel()
	if line := end + " " + title + undo; terminal.Width(line) <= p.width {
		return []terminal.Line{{{Style: terminal.Good, Text: end}, {Text: " "}, {Style: terminal.Dim, Text: title}, {Text: undo}}}
	}
	lines := append(p.text(terminal.Good, end), p.text(terminal.Dim, strings.TrimSpace(title))...)
	return append(lines, p.command(undo)...)
}

// RolledBackLines say on a terminal that everything is as it was.
func RolledBackLines(columns int, targets []journal.Target, took time.Duration) []terminal.Line {
	what := count(len(targets), "function")
	if len(targets) == 1 {
		what = targets[0].Function
	}
	return layout{width: min(columns-1, widest)}.text(terminal.Good, "✓ "+what+" rolled back, "+Took(took)+".")
}

// undoCommand is the one command that undoes the run; "" for none.
func (d Deployment) undoCommand(rollback string) string {
	switch undo := d.Next.Undo; {
	case len(undo) == 0:
		return ""
	case rollback == "" || len(undo) == 1 && !strings.Contains(undo[0], "--rollback-data"):
		return undo[0]
	}
	return rollback
}

// undoLabel is what comes before the command that undoes the run.
func (d Deployment) undoLabel() string {
	if created := d.created(); created != "" {
		return "Undo, which deletes " + created + ": "
	}
	return "Undo: "
}

// created names the functions that undoing deletes; "" for none.
func (d Deployment) created() string {
	var all []string
	for _, r := range d.Rows {
		if r.New {
			all = append(all, r.Function)
		}
	}
	const most = 3
	if len(all) > most {
		return count(len(all), "function")
	}
	return strings.Join(all, ", ")
}

// CommandLines show a command below a title, as a shell takes it.
func CommandLines(columns int, title, command string) []terminal.Line {
	p := layout{width: min(columns-1, widest)}
	return append(p.text(terminal.Dim, title), p.command(command)...)
}

// NoteLines are a remark that stands among the steps of a run.
func NoteLines(columns int, text string) []terminal.Line {
	return layout{width: min(columns-1, widest)}.row(note, "", text, "")
}

// TextLines are the lines of Text in colour: what is added, removed and changed
// begins with a sign.
func TextLines(columns int, diffs []Diff) []terminal.Line {
	text := strings.TrimSuffix(Fitted(columns, Text(diffs)), "\n")
	var lines []terminal.Line
	for _, line := range strings.Split(text, "\n") {
		style := terminal.Plain
		switch inner := strings.TrimLeft(line, " "); {
		case line != "" && inner == line:
			style = terminal.Bold
		case strings.HasPrefix(inner, "+ "):
			style = terminal.Good
		case strings.HasPrefix(inner, "- "):
			style = terminal.Bad
		case strings.HasPrefix(inner, "~ "), strings.HasPrefix(inner, "! "), strings.HasPrefix(inner, "warning: "):
			style = terminal.Caution
		}
		lines = append(lines, terminal.Text(style, line))
	}
	return lines
}

// ErrorLines are an error of one or several lines, as it fits on a terminal.
func ErrorLines(columns int, text string) []terminal.Line {
	var lines []terminal.Line
	for i, line := range strings.Split(Fitted(columns, text), "\n") {
		if i == 0 {
			lines = append(lines, terminal.Line{{Style: terminal.Bad, Text: "error: "}, {Text: strings.TrimPrefix(line, "error: ")}})
			continue
		}
		lines = append(lines, terminal.Text(terminal.Plain, line))
	}
	return lines
}

// Fitted breaks the lines of a text that are wider than a terminal: at words, and
// a command at its end so that it can still be copied.
func Fitted(columns int, text string) string {
	p := layout{width: min(columns-1, widest)}
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimLeft(line, " "), "lambda-rollout ") {
			for _, part := range p.command(strings.TrimLeft(line, " ")) {
				out = append(out, part.String())
			}
			continue
		}
		said, command, is := strings.Cut(line, ": lambda-rollout ")
		if !is || terminal.Width(line) <= p.width {
			out = append(out, terminal.WrapKept(line, p.width))
			continue
		}
		out = append(out, terminal.WrapKept(said+":", p.width))
		for _, part := range p.command("lambda-rollout " + command) {
			out = append(out, part.String())
		}
	}
	return strings.Join(out, "\n")
}

// commandIndent is what a command of its own lines begins with.
const commandIndent = "  "

// command is a command that can be copied as it is: it goes on in the next line
// where the shell allows it, before a flag.
func (p layout) command(command string) []terminal.Line {
	const goesOn = ` \`
	var lines []terminal.Line
	line := commandIndent
	for i, part := range strings.Split(command, " --") {
		if i > 0 {
			part = "--" + part
		}
		switch {
		case i == 0:
			line += part
		case terminal.Width(line)+1+terminal.Width(part)+len(goesOn) > p.width:
			lines = append(lines, terminal.Text(terminal.Plain, line+goesOn))
			line = commandIndent + commandIndent + part
		default:
			line += " " + part
		}
	}
	return append(lines, terminal.Text(terminal.Plain, line))
}
