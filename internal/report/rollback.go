package report

import (
	"fmt"
	"strings"
)

// Back is one line of a rollback's summary: what was restored, or was not.
type Back struct {
	Function, Region string
	// Field, From and To say what the rollback changed.
	Field, From, To string
	// Problem says what was not restored, and why.
	Problem string
}

// RollbackSummary is the page of a rollback: first, in red, what was not restored,
// then how the traffic had shifted and what was restored, from what to what, folded by
// Region where it is long. next are the commands that finish it. It is never longer
// than SummaryLimit.
func RollbackSummary(reason string, course Course, lines []Back, next []string) string {
	var head, tail strings.Builder
	failed, restored := splitBack(lines)
	if len(failed) > 0 {
		head.WriteString("### 🔴 Lambda rollback is not complete\n\n")
	} else {
		head.WriteString("### Lambda rollback: everything is as it was\n\n")
	}
	if reason != "" {
		fmt.Fprintf(&head, "Because: %s\n\n", cell(reason))
	}
	if shifted := course.markdown(); shifted != "" {
		head.WriteString(strings.TrimPrefix(shifted, "\n") + "\n")
	}
	if len(next) > 0 {
		commands(&tail, "Once that is fixed, run", next[:1])
		commands(&tail, "If the journal is gone by then, run instead", next[1:])
	}
	if len(lines) <= openLines {
		head.WriteString(backTable(append(failed, restored...), SummaryLimit))
		return head.String() + tail.String()
	}
	if len(failed) > 0 {
		head.WriteString(backTable(failed, SummaryLimit/2))
	}
	var order []string
	regions := map[string][]Back{}
	for _, l := range restored {
		if regions[l.Region] == nil {
			order = append(order, l.Region)
		}
		regions[l.Region] = append(regions[l.Region], l)
	}
	room := (SummaryLimit - head.Len() - tail.Len()) / max(len(order), 1)
	for _, region := range order {
		before := fmt.Sprintf("\n<details><summary>%s: %s restored</summary>\n\n", html(region), count(functionsOf(regions[region]), "function"))
		after := "\n</details>\n"
		head.WriteString(before + backTable(regions[region], room-len(before)-len(after)) + after)
	}
	return head.String() + tail.String()
}

func splitBack(lines []Back) (failed, restored []Back) {
	for _, l := range lines {
		if l.Problem != "" {
			failed = append(failed, l)
		} else {
			restored = append(restored, l)
		}
	}
	return failed, restored
}

// functionsOf counts the functions of lines, which are in the order of the functions.
func functionsOf(lines []Back) (n int) {
	for i, l := range lines {
		if i == 0 || l.Function != lines[i-1].Function {
			n++
		}
	}
	return n
}

// backTable is a table of at most room bytes.
func backTable(lines []Back, room int) string {
	var b strings.Builder
	b.WriteString("| Function | Region | What | From | To |\n|---|---|---|---|---|\n")
	const more = 100 // for the line about the rest
	for i, l := range lines {
		line := l.markdown()
		if b.Len()+len(line)+more > room {
			fmt.Fprintf(&b, "\n%s more: see the log.\n", count(len(lines)-i, "line"))
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

func (l Back) markdown() string {
	if l.Problem != "" {
		return fmt.Sprintf("| %s | %s | 🔴 **not restored** | %s | |\n", cell(l.Function), cell(l.Region), cell(l.Problem))
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", cell(l.Function), cell(l.Region), cell(l.Field), cell(l.From), cell(l.To))
}
