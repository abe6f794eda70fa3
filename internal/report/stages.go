package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Stage is a part of the time in which two versions shared the traffic.
type Stage struct {
	// Percent went to the new version.
	Percent float64
	// Began is counted from the beginning of the first stage, Held is how long the
	// stage lasted.
	Began, Held time.Duration
	// Looks are what was seen, in the order of time; none where nobody looked.
	Looks []Look

	over bool
}

// Look is what was measured in a stage up to a moment.
type Look struct {
	// At is counted from the beginning of the first stage.
	At       time.Duration
	New, Old Calls
	// Decision is what the evidence says: good, bad, inconclusive; "" while it is
	// open. Reason is a sentence for the user.
	Decision, Reason string
}

// Calls are invocations of one version, and how many of them failed.
type Calls struct {
	Invocations, Errors int64
}

// rate is the share of failed calls, in per cent.
func (c Calls) rate() float64 {
	if c.Invocations == 0 {
		return 0
	}
	return 100 * float64(c.Errors) / float64(c.Invocations)
}

// String is how many of the calls failed: 3/412 (0.7%).
func (c Calls) String() string {
	if c.Invocations == 0 {
		return "none"
	}
	return fmt.Sprintf("%s/%s (%s)", thousands(c.Errors), thousands(c.Invocations), percent(c.rate()))
}

func percent(p float64) string {
	switch {
	case p == 0:
		return "0%"
	case p < 1:
		return strconv.FormatFloat(p, 'f', 2, 64) + "%"
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + "%"
}

// measured reports whether somebody looked.
func measured(stages []Stage) bool {
	for _, s := range stages {
		if len(s.Looks) > 0 {
			return true
		}
	}
	return false
}

// lookOf sums up what the guard saw of all aliases: the worst verdict counts.
func lookOf(at time.Duration, e event.StageWatched) Look {
	l := Look{At: at}
	rank := map[string]int{"good": 1, "inconclusive": 2, "bad": 3}
	for _, a := range e.Aliases {
		l.New.add(a.New)
		l.Old.add(a.Old)
		if rank[a.Verdict] > rank[l.Decision] {
			l.Decision = a.Verdict
			l.Reason = strings.TrimPrefix(Evidence(a), fmt.Sprintf("new %s, old %s: ", fraction(a.New), fraction(a.Old)))
			if len(e.Aliases) > 1 {
				l.Reason = a.Target.String() + ": " + l.Reason
			}
		}
	}
	return l
}

func (c *Calls) add(n event.Count) {
	c.Invocations += n.Invocations
	c.Errors += n.Errors
}

// last is the newest look of a stage.
func (s Stage) last() Look {
	if len(s.Looks) == 0 {
		return Look{}
	}
	return s.Looks[len(s.Looks)-1]
}

// verdict is what was decided in a stage, for the user.
func (l Look) verdict() string {
	switch {
	case l.Decision != "" && l.Reason != "":
		return l.Decision + ": " + l.Reason
	case l.Decision != "":
		return l.Decision
	}
	return l.Reason
}

// stagesMarkdown is a table of the stages and a chart of them; "" where the
// traffic shifted at once.
func stagesMarkdown(stages []Stage) string {
	if len(stages) == 0 {
		return ""
	}
	var b strings.Builder
	figures := measured(stages)
	if figures {
		b.WriteString("\n| Stage | Time | New version failed | Old version failed | Evidence |\n|---|---|---|---|---|\n")
	} else {
		b.WriteString("\n| Stage | Time |\n|---|---|\n")
	}
	for _, s := range stages {
		fmt.Fprintf(&b, "| %s | %s |", traffic.Percent(s.Percent), Took(s.Held))
		if figures {
			look := s.last()
			fmt.Fprintf(&b, " %s | %s | %s |", look.New, look.Old, cell(look.verdict()))
		}
		b.WriteString("\n")
	}
	b.WriteString(chart{"Traffic on the new version, in %", "bar", "#0969da", 100}.of(weights(stages)))
	if points := rates(stages); len(points) > 1 {
		b.WriteString(chart{"Failed calls in %: new version (red), old version (gray)", "line", "#cf222e, #6e7781", highest(points)}.of(points))
	}
	return b.String()
}

// point is one place of a chart.
type point struct {
	at     string
	values []float64
}

func weights(stages []Stage) []point {
	var points []point
	for _, s := range stages {
		points = append(points, point{Took(s.Began), []float64{s.Percent}})
	}
	return points
}

// maxPoints is how many places a chart may have: Mermaid draws no more that
// could be told apart.
const maxPoints = 60

func rates(stages []Stage) []point {
	var points []point
	for _, s := range stages {
		for _, l := range s.Looks {
			points = append(points, point{Took(l.At), []float64{l.New.rate(), l.Old.rate()}})
		}
	}
	for len(points) > maxPoints {
		var half []point
		for i := 1; i < len(points); i += 2 {
			half = append(half, points[i])
		}
		points = half
	}
	return points
}

// highest is where the axis of the points ends: at 1 at least, so that one failed call in
// a thousand does not look like an outage.
func highest(points []point) float64 {
	most := 1.0
	for _, p := range points {
		most = max(most, math.Ceil(slices.Max(p.values)))
	}
	return most
}

// chart is a chart in Mermaid's language
// (https://mermaid.js.org/syntax/xyChart.html). Its axis begins at 0 and ends at top;
// palette has a color for each series that can be seen on light and dark pages.
type chart struct {
	title, kind, palette string
	top                  float64
}

func (c chart) of(points []point) string {
	var at []string
	series := make([][]string, len(points[0].values))
	for _, p := range points {
		at = append(at, strconv.Quote(p.at))
		for i, v := range p.values {
			series[i] = append(series[i], strconv.FormatFloat(v, 'f', -1, 32))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n```mermaid\n%%%%{init: {\"themeVariables\": {\"xyChart\": {\"plotColorPalette\": %q}}}}%%%%\nxychart-beta\n  title %q\n  x-axis [%s]\n  y-axis \"%%\" 0 --> %g\n",
		c.palette, c.title, strings.Join(at, ", "), c.top)
	for _, s := range series {
		fmt.Fprintf(&b, "  %s [%s]\n", c.kind, strings.Join(s, ", "))
	}
	b.WriteString("```\n")
	return b.String()
}
