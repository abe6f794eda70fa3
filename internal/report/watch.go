package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// shownAliases is of how many aliases a minute has a line of its own.
const shownAliases = 5

// stageWatched says of each alias what its versions did. Of many the most
// important come first, and only the first ones have a line.
func (l *Log) stageWatched(e event.StageWatched) {
	aliases := worstFirst(e.Aliases)
	shown := aliases[:min(len(aliases), shownAliases)]
	for _, a := range shown {
		name := ""
		if len(aliases) > 1 {
			name = a.Target.String() + ", alias " + a.Alias + ": "
		}
		left := "the stage is over"
		if e.Left > 0 {
			left = traffic.FormatDuration(e.Left) + " left"
		}
		l.Line("%s%s; %s (%s, counted until %s)", name, Evidence(a), left, traffic.Percent(e.Percent), e.Until.UTC().Format("15:04 MST"))
	}
	if more := len(aliases) - len(shown); more > 0 {
		l.Line("%d more aliases are compared; none of them looks worse", more)
	}
}

// worstFirst puts the aliases first that the user should look at.
func worstFirst(aliases []event.AliasEvidence) []event.AliasEvidence {
	aliases = slices.Clone(aliases)
	rank := map[string]int{"bad": 0, "inconclusive": 1, "good": 2}
	slices.SortStableFunc(aliases, func(a, b event.AliasEvidence) int {
		return cmp.Or(cmp.Compare(rank[a.Verdict], rank[b.Verdict]), cmp.Compare(b.New.Errors, a.New.Errors))
	})
	return aliases
}

// Evidence says in one clause what the versions of an alias did, errors before
// invocations, and what follows: new 3/412, old 2/3,690: no sign of a worse rate.
func Evidence(a event.AliasEvidence) string {
	text := fmt.Sprintf("new %s, old %s: ", fraction(a.New), fraction(a.Old))
	switch {
	case a.Verdict == "bad":
		return text + "the new version fails more often"
	case a.Verdict == "good":
		text += "no sign of a worse rate"
	case a.New.Invocations == 0:
		text += "no invocation of the new version yet"
	default:
		text += "too few invocations to tell"
	}
	if !math.IsNaN(a.Detectable) {
		text += "; a rate above " + rate(a.Detectable) + " would have been seen"
	}
	return text
}

func fraction(c event.Count) string { return thousands(c.Errors) + "/" + thousands(c.Invocations) }

// rate writes a fraction as a percentage with two significant digits.
func rate(f float64) string {
	percent := f * 100
	decimals := max(0, 1-int(math.Floor(math.Log10(percent))))
	return strconv.FormatFloat(percent, 'f', min(decimals, 4), 64) + " %"
}

// thousands writes a number in groups of three digits.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}

func (l *Log) alarmChanged(e event.AlarmChanged) {
	if e.From == "" {
		l.Line("Alarm %s in %s is %s", e.Name, e.Region, e.To)
		return
	}
	l.Line("Alarm %s in %s changed from %s to %s: %s", e.Name, e.Region, e.From, e.To, e.Reason)
}

// emitGate writes what happens at a gate.
func (l *Log) emitGate(e event.Event) {
	//nolint:gochecksumtype // of a gate
	switch e := e.(type) {
	case event.GateAsked:
		l.Line("Asking the gate %s (%s): it has %s to say yes", e.Moment, e.To, traffic.FormatDuration(e.Timeout))
	case event.GateWaiting:
		l.Line("The gate %s has not decided: %s (%s left)", e.Moment, e.Reason, traffic.FormatDuration(e.Left.Round(time.Second)))
	case event.GatePassed:
		l.Line("The gate %s says yes after %s: %s", e.Moment, traffic.FormatDuration(e.Took.Round(time.Second)), e.Reason)
	}
}

// durationsCompared says of the first aliases how long their versions took, those
// with the most slow minutes in front.
func (l *Log) durationsCompared(e event.DurationsCompared) {
	for _, line := range durationLines(e) {
		l.Line("%s", line)
	}
}

// durationLines say how long the versions behind each alias took; of many aliases,
// those that are slower most often.
func durationLines(e event.DurationsCompared) (lines []string) {
	aliases := slices.Clone(e.Aliases)
	slices.SortStableFunc(aliases, func(a, b event.AliasDurations) int { return cmp.Compare(b.Worse, a.Worse) })
	for _, a := range aliases[:min(len(aliases), shownAliases)] {
		name := ""
		if len(aliases) > 1 {
			name = a.Target.String() + ", alias " + a.Alias + ": "
		}
		if a.Minutes == 0 {
			lines = append(lines, fmt.Sprintf("%stoo few invocations to compare durations (%s)", name, traffic.Percent(e.Percent)))
			continue
		}
		lines = append(lines, fmt.Sprintf("%smedian duration: new %s, old %s in the last minute; the new version was slower in %d of %d minutes (%s)",
			name, event.Milliseconds(a.New), event.Milliseconds(a.Old), a.Worse, a.Minutes, traffic.Percent(e.Percent)))
	}
	return lines
}
