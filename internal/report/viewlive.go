package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/terminal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// FrameTime is how often a block that shows the time is worth drawing.
const FrameTime = 100 * time.Millisecond

// spinner turns while something goes on.
var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

func turning(now time.Time) terminal.Span {
	return terminal.Span{Style: terminal.Busy, Text: spinner[now.UnixMilli()/FrameTime.Milliseconds()%int64(len(spinner))]}
}

// Live are the lines of what is under way, for a terminal of that size.
func (v *View) Live(now time.Time, columns, rows int) []terminal.Line {
	p := layout{width: min(columns-1, widest)}
	var lines []terminal.Line
	if v.many() {
		lines = v.fleetHead(p, now)
	}
	lines = append(lines, v.stageLive(p, now)...)
	if v.gate != nil {
		lines = append(lines, p.busy(now, "", *v.gate, v.until))
	}
	under := v.longest()
	const shown = 5
	more := 0
	if v.many() && len(under) > shown {
		under, more = under[:shown], len(under)-shown
	}
	for _, t := range under {
		lines = append(lines, p.busy(now, v.name(t), *v.under[t], v.until))
	}
	if more > 0 {
		lines = append(lines, terminal.Text(terminal.Dim, fmt.Sprintf("%s… %d more", rowIndent, more)))
	}
	if len(lines) == 0 && v.idle.what != "" {
		lines = append(lines, p.busy(now, "", v.idle, v.until))
	}
	lines = lines[:min(len(lines), max(1, rows-1))]
	if !v.many() {
		return lines
	}
	// A block that keeps its height does not jump.
	v.highest = min(max(v.highest, len(lines)), max(1, rows-1))
	for len(lines) < v.highest {
		lines = append(lines, terminal.Line{})
	}
	return lines
}

// longest are the targets that something is done with, the longest first.
func (v *View) longest() []event.Target {
	var all []event.Target
	for t := range v.under {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b event.Target) int {
		return cmp.Or(v.under[a].since.Compare(v.under[b].since), cmp.Compare(a.Function, b.Function), cmp.Compare(a.Region, b.Region))
	})
	return all
}

// busy is the line of something under way: how long, and how long at most.
func (p layout) busy(now time.Time, name string, a activity, until time.Time) terminal.Line {
	if !a.until.IsZero() {
		until = a.until
	}
	took := seconds(now.Sub(a.since))
	if !until.IsZero() {
		took += ", at most " + seconds(until.Sub(a.since))
	}
	text := a.what
	if a.status != "" {
		text += " (" + a.status + ")"
	}
	return p.one(turning(now), name, text, took)
}

// one is a row that is cut where it is too long.
func (p layout) one(mark terminal.Span, name, text, took string) terminal.Line {
	room := p.width - len(rowIndent) - timeWidth(took)
	if name != "" {
		name = terminal.Shorten(name, max(leastName, room-terminal.Width(": "+text))) + ": "
	}
	line := append(terminal.Line{{Text: "  "}, mark, {Text: " "}}, terminal.Text(terminal.Plain, name+text).Cut(room)...)
	gap := max(2, p.width-line.Width()-terminal.Width(took))
	return append(line, terminal.Span{Style: terminal.Dim, Text: strings.Repeat(" ", gap) + took})
}

// seconds writes a time that goes on: it does not flicker.
func seconds(d time.Duration) string {
	d = max(d, 0)
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return traffic.FormatDuration(d.Truncate(time.Second))
}

func (v *View) stageLive(p layout, now time.Time) []terminal.Line {
	s := v.stage
	if s == nil {
		return nil
	}
	took := "ends when it is judged"
	if left := s.end.Sub(now); left > 0 {
		took = seconds(left+time.Second-1) + " left of " + seconds(s.end.Sub(s.began).Round(time.Second))
	}
	lines := []terminal.Line{p.one(turning(now), "", traffic.Percent(s.percent)+" of the traffic on the new version", took)}
	for _, said := range s.evidence {
		lines = append(lines, p.below(said)...)
	}
	return lines
}

// fleetHead says how far many targets are.
func (v *View) fleetHead(p layout, now time.Time) []terminal.Line {
	n, all := v.tally.states(), len(v.targets)
	over, what, progress := n[done], "done", v.tally.progress()
	if v.back {
		over, what = n[restored], "rolled back"
		progress = float64(over) / float64(max(1, all))
	}
	left := ""
	switch byQuota := v.tally.left(); {
	case !v.tally.until.IsZero():
		left = ", at most " + seconds(v.tally.until.Sub(now)) + " left"
	case byQuota >= time.Second:
		left = ", about " + seconds(byQuota.Round(time.Second)) + " left by the quota"
	}
	const barWidth = 20
	full := int(barWidth * progress)
	head := terminal.Line{
		{Text: "  "},
		{Style: terminal.Good, Text: strings.Repeat("█", full)},
		{Style: terminal.Dim, Text: strings.Repeat("░", barWidth-full)},
		{Style: terminal.Bold, Text: fmt.Sprintf(" %d of %d %s", over, all, what)},
		{Style: terminal.Dim, Text: fmt.Sprintf(", %s%s", seconds(now.Sub(v.began)), left)},
	}
	return []terminal.Line{head.Cut(p.width), v.counts(n)}
}

// counts are the numbers of targets in each state.
func (v *View) counts(n map[state]int) terminal.Line {
	type part struct {
		style terminal.Style
		n     int
		what  string
	}
	parts := []part{{terminal.Busy, n[running], "running"}, {terminal.Plain, n[ready], "ready for traffic"}, {terminal.Dim, n[waiting], "waiting"}, {terminal.Bad, n[failed], "failed"}}
	if v.back {
		parts = []part{{terminal.Busy, n[restoring], "being rolled back"}, {terminal.Bad, n[failed], "failed"}}
	}
	line := terminal.Line{{Text: "  "}}
	for i, part := range parts {
		if i > 0 {
			line = append(line, terminal.Span{Style: terminal.Dim, Text: " · "})
		}
		style := part.style
		if part.n == 0 {
			style = terminal.Dim
		}
		line = append(line, terminal.Span{Style: style, Text: fmt.Sprintf("%d %s", part.n, part.what)})
	}
	return line
}
