package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CommentLimit is how many characters Comment takes at most: what a reader of
// a pull request looks over without scrolling for long.
const CommentLimit = 3000

// Comment is the plan for a comment on a pull request, as GitHub's Markdown and
// never longer than CommentLimit. Where something is left out it says so.
func Comment(diffs []Diff) string {
	var b strings.Builder
	// The note of what was left out must still fit.
	room := CommentLimit - 200
	for i, d := range diffs {
		part := d.markdown(room - utf8.RuneCountInString(b.String()))
		if part == "" {
			fmt.Fprintf(&b, "\n%s more: see the summary of the run.\n", count(len(diffs)-i, "function"))
			break
		}
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(part)
	}
	return b.String()
}

// markdown is the plan of one function in at most room characters; "" where
// not even its first lines fit.
func (d Diff) markdown(room int) string {
	head := fmt.Sprintf("**%s** in %s: %s\n", cell(d.Function), cell(d.Region), cell(d.headline()))
	lines := d.colored()
	fence := fenceFor(lines)
	open, end := "\n"+fence+"diff\n", fence+"\n"
	if len(lines) == 0 {
		open, end = "", ""
	}
	remarks := ""
	for _, line := range d.remarks() {
		remarks += "\n- " + cell(strings.TrimSpace(line))
	}
	if remarks != "" {
		remarks += "\n"
	}
	left := room - utf8.RuneCountInString(head+open+end)
	if left < 200 {
		return ""
	}
	const cut = "\n- … the rest: see the summary of the run\n"
	remarks = shorten(remarks, left/2, cut)
	left -= utf8.RuneCountInString(remarks)
	return head + open + shorten(joinLines(lines), left, "… the rest: see the summary of the run\n") + end + remarks
}

func joinLines(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// shorten cuts whole lines off the end until limit characters are left.
func shorten(text string, limit int, cut string) string {
	return shortenBy(utf8.RuneCountInString, text, limit, cut)
}

// shortenBytes cuts whole lines off the end until limit bytes are left.
func shortenBytes(text string, limit int, cut string) string {
	return shortenBy(func(s string) int { return len(s) }, text, limit, cut)
}

func shortenBy(size func(string) int, text string, limit int, cut string) string {
	if size(text) <= limit {
		return text
	}
	limit -= size(cut)
	kept, length := 0, 0
	for kept < len(text) {
		next := strings.IndexByte(text[kept:], '\n') + 1
		if next == 0 || length+size(text[kept:kept+next]) > limit {
			break
		}
		length += size(text[kept : kept+next])
		kept += next
	}
	return text[:kept] + cut
}

// fenceFor is longer than any row of backticks in the lines, so that no value
// ends the block of code around it.
func fenceFor(lines []string) string {
	longest, run := 0, 0
	for _, line := range lines {
		run = 0
		for _, r := range line {
			if r != '`' {
				run = 0
				continue
			}
			run++
			longest = max(longest, run)
		}
	}
	return strings.Repeat("`", max(3, longest+1))
}

// PlanSummary is the page that a plan leaves behind: every diff folded, but
// where all of them are short, and where a deployment would not start.
func PlanSummary(diffs []Diff) string {
	var b strings.Builder
	b.WriteString("### Lambda plan\n\n")
	total := 0
	for _, d := range diffs {
		total += len(d.colored()) + len(d.remarks())
	}
	for _, d := range diffs {
		open := ""
		if total <= openLines || len(d.Blockers)+len(d.Irreversible) > 0 {
			open = " open"
		}
		if len(d.colored())+len(d.remarks()) == 0 {
			fmt.Fprintf(&b, "%s in %s: %s\n\n", cell(d.Function), cell(d.Region), cell(d.headline()))
			continue
		}
		if b.Len() > SummaryLimit-maxPlan {
			fmt.Fprintf(&b, "More functions are in the log.\n")
			break
		}
		fmt.Fprintf(&b, "<details%s><summary>%s in %s: %s</summary>\n\n", open,
			html(d.Function), html(d.Region), html(d.headline()))
		if lines := d.colored(); len(lines) > 0 {
			fence := fenceFor(lines)
			b.WriteString(fence + "diff\n" + shortenBytes(joinLines(lines), maxPlan/2, "… the rest is in the log\n") + fence + "\n")
		}
		for _, line := range d.remarks() {
			b.WriteString("\n- " + cell(strings.TrimSpace(line)))
		}
		b.WriteString("\n\n</details>\n\n")
	}
	return b.String()
}

// maxPlan is how much of a summary one function's plan takes at most, in bytes.
const maxPlan = 128 << 10

var htmlText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func html(s string) string { return htmlText.Replace(s) }
