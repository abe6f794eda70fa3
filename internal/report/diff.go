package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Diff is one function of a plan, ready to be shown: what differs, by which
// calls it would change, and what the user should know before. Values of
// environment variables are never in it.
type Diff struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	// Changed reports whether a deployment would change something.
	Changed bool `json:"changed"`
	// Artifact names exactly the code that would be deployed.
	Artifact string `json:"artifact"`
	// Calls are those that change something, in their order.
	Calls   []string `json:"calls"`
	Changes []Line   `json:"changes"`
	// Files is how two zips differ; nil where no zip changes.
	Files *Files `json:"files,omitempty"`
	// Served is the version that the alias points to, and Drift what was changed
	// in $LATEST since: a deployment publishes that too.
	Served string `json:"served,omitempty"`
	Drift  []Line `json:"drift,omitempty"`
	// Warnings stop nothing; Irreversible is what a rollback could not restore;
	// Blockers is what AWS would refuse.
	Warnings     []string `json:"warnings,omitempty"`
	Irreversible []string `json:"noWayBack,omitempty"`
	Blockers     []string `json:"blocked,omitempty"`
}

// Line is one field that differs.
type Line struct {
	// Op is + for what is set anew, ~ for what changes, - for what is removed.
	Op    string `json:"op"`
	Field string `json:"field"`
	// From and To are empty for what must not be shown.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Note is a remark behind the values.
	Note string `json:"note,omitempty"`
	// Drifted reports whether somebody changed the field since the version was
	// published that the alias points to, and Served what that version has, where
	// it may be shown.
	Drifted bool   `json:"drifted,omitempty"`
	Served  string `json:"served,omitempty"`
}

// Files is the difference of two zips.
type Files struct {
	Changes []File `json:"changes"`
	// Note is why the files are not shown.
	Note string `json:"note,omitempty"`
}

// File is one file that differs, with its sizes unzipped, in bytes.
type File struct {
	Op     string `json:"op"`
	Name   string `json:"name"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

const (
	// maxFiles is how many files of a zip are named; the JSON has them all.
	maxFiles = 40
	// maxValue is how many characters of a value are shown.
	maxValue = 200
)

// Text is the plan for a terminal.
func Text(diffs []Diff) string {
	var b strings.Builder
	for i, d := range diffs {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s in %s: %s\n", d.Function, d.Region, d.headline())
		for _, line := range d.lines() {
			b.WriteString("  " + line + "\n")
		}
		for _, line := range d.remarks() {
			b.WriteString("  " + line + "\n")
		}
	}
	return b.String()
}

func (d Diff) headline() string {
	switch {
	case !d.Changed && len(d.Calls) == 0:
		return "nothing to change"
	case !d.Changed:
		return "nothing to change; " + strings.Join(d.Calls, ", ") + " returns the current version, or publishes $LATEST"
	}
	return fmt.Sprintf("%s by %s", count(len(d.Changes), "change"), count(len(d.Calls), "call"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lines are the changes, the files below the code.
func (d Diff) lines() []string {
	var lines []string
	for _, c := range d.Changes {
		lines = append(lines, c.String())
		if c.Field == "Code" && d.Files != nil {
			lines = append(lines, d.Files.lines()...)
		}
	}
	return lines
}

// colored are the changes as a diff that GitHub colours: each line begins with
// +, - or, for what changed and is not shown, !. A value that changes takes two
// lines.
func (d Diff) colored() []string {
	var lines []string
	for _, c := range d.Changes {
		lines = append(lines, c.colored()...)
		if c.Field == "Code" && d.Files != nil {
			lines = append(lines, d.Files.colored()...)
		}
	}
	return lines
}

func (l Line) colored() []string {
	switch {
	case l.Op != "~":
		return []string{l.String()}
	case l.From == "" && l.To == "":
		return []string{"!" + strings.TrimPrefix(l.String(), l.Op)}
	}
	return []string{"- " + l.Field + ": " + shown(l.From), "+ " + l.Field + ": " + shown(l.To) + l.remark()}
}

// colored are the files with their sign at the beginning of the line.
func (f *Files) colored() []string {
	lines := f.lines()
	for i, line := range lines {
		if i >= len(f.Changes) || i == maxFiles {
			break
		}
		sign := map[string]string{"~": "!"}[f.Changes[i].Op]
		if sign == "" {
			sign = f.Changes[i].Op
		}
		lines[i] = sign + "   " + strings.TrimPrefix(line, "    "+f.Changes[i].Op)
	}
	return lines
}

// remarks are the calls and what the user should know.
func (d Diff) remarks() []string {
	var lines []string
	if d.Changed {
		lines = append(lines, "calls: "+strings.Join(d.Calls, ", "))
	}
	if len(d.Drift) > 0 {
		lines = append(lines, fmt.Sprintf("drift: $LATEST differs from version %s, which the alias points to; these differences go live with this deployment:", d.Served))
		for _, c := range d.Drift {
			lines = append(lines, "  "+c.String())
		}
	}
	for _, list := range []struct {
		title string
		texts []string
	}{{"warning", d.Warnings}, {"cannot be rolled back", d.Irreversible}, {"AWS would refuse", d.Blockers}} {
		for _, text := range list.texts {
			lines = append(lines, list.title+": "+text)
		}
	}
	return lines
}

// String is the line as a diff shows it.
func (l Line) String() string {
	s := l.Op + " " + l.Field
	switch {
	case l.From == "" && l.To == "":
		s += ": " + map[string]string{"+": "set", "~": "changed", "-": "removed"}[l.Op]
	case l.Op == "+":
		s += ": " + shown(l.To)
	case l.Op == "-":
		s += ": " + shown(l.From)
	default:
		s += ": " + shown(l.From) + " → " + shown(l.To)
	}
	return s + l.remark()
}

// remark is what follows the values of a line.
func (l Line) remark() string {
	s := ""
	if l.Note != "" {
		s += " (" + l.Note + ")"
	}
	switch {
	case l.Drifted && l.Served != "":
		s += " (changed by somebody since the version that the alias points to, which has " + shown(l.Served) + ")"
	case l.Drifted:
		s += " (changed by somebody since the version that the alias points to)"
	}
	return s
}

// shown keeps a value on one line and short.
func shown(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || s != strings.TrimSpace(s) || s == "" {
		s = strconv.Quote(s)
	}
	if len(s) <= maxValue {
		return s
	}
	if r := []rune(s); len(r) > maxValue {
		s = string(r[:maxValue]) + "…"
	}
	return s
}

func (f *Files) lines() []string {
	var lines []string
	for i, c := range f.Changes {
		if i == maxFiles {
			lines = append(lines, fmt.Sprintf("    and %s more", count(len(f.Changes)-i, "file")))
			break
		}
		sizes := Size(c.After)
		switch c.Op {
		case "-":
			sizes = Size(c.Before)
		case "~":
			sizes = Size(c.Before) + " → " + Size(c.After)
		}
		lines = append(lines, fmt.Sprintf("    %s %s (%s)", c.Op, shown(c.Name), sizes))
	}
	if f.Note != "" {
		lines = append(lines, "    "+f.Note)
	}
	return lines
}

// Size formats a number of bytes.
func Size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1000_000)
}
