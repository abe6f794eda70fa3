// Package traffic reads how the traffic of an alias shifts to a new version:
// at once, in timed stages, or in part.
//
// It is pure: it waits for nothing and calls nothing. Package plan turns a
// Schedule into calls, package run keeps its times.
package traffic

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Stage is a part of the traffic and how long it stays so.
type Stage struct {
	// Percent goes to the new version, 0 to 100, with two decimals at most; the
	// rest stays where it was.
	Percent float64
	// Wait is the time until the next stage; 0 for the last one.
	Wait time.Duration
}

// Schedule is the stages in their order. The last one is what stays: 100 where
// the new version takes over. A Schedule of no stage is AllAtOnce.
type Schedule []Stage

// AllAtOnce shifts all the traffic to the new version in one step.
func AllAtOnce() Schedule { return Schedule{{Percent: 100}} }

// Stages are the stages of the schedule, of which there is always one.
func (c Schedule) Stages() []Stage {
	if len(c) == 0 {
		return AllAtOnce()
	}
	return c
}

// Gradual reports whether two versions share the traffic for a while, or for good.
func (c Schedule) Gradual() bool { return c.Stages()[0].Percent < 100 }

// Last is the part of the traffic that the new version has in the end.
func (c Schedule) Last() float64 { s := c.Stages(); return s[len(s)-1].Percent }

// Total is how long the schedule takes, the calls apart.
func (c Schedule) Total() time.Duration {
	var total time.Duration
	for _, s := range c {
		total += s.Wait
	}
	return total
}

// Weight is a percentage as AWS writes it, 0.0 to 1.0.
func Weight(percent float64) float64 {
	// Through the text: 33.3 / 100 is not the number that 0.333 is.
	w, _ := strconv.ParseFloat(strconv.FormatFloat(percent/100, 'f', 4, 64), 64)
	return w
}

// PercentOf is the percentage that a weight of AWS means.
func PercentOf(weight float64) float64 {
	p, _ := strconv.ParseFloat(strconv.FormatFloat(weight*100, 'f', 2, 64), 64)
	return p
}

// Percent writes a percentage: 10%, 0.5%.
func Percent(percent float64) string { return strconv.FormatFloat(percent, 'f', -1, 64) + "%" }

// String writes the schedule as Parse reads it.
func (c Schedule) String() string {
	if !c.Gradual() {
		return allAtOnce
	}
	var parts []string
	for _, s := range c {
		switch {
		case s.Wait > 0:
			parts = append(parts, Percent(s.Percent)+"/"+FormatDuration(s.Wait))
		case s.Percent < 100:
			parts = append(parts, Percent(s.Percent))
		}
	}
	return strings.Join(parts, ", ")
}

// FormatDuration writes a time without the units that are zero: 10m, 1h30m.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const allAtOnce = "AllAtOnce"

// predefined are the names of CodeDeploy's configurations for Lambda, as SAM
// and CodeDeploy write them, with any number in the place of theirs
// (https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html#deployment-configuration-lambda).
var (
	prefix = lazyregexp.New(`(?i)^(CodeDeployDefault\.)?(Lambda)?`)
	canary = lazyregexp.New(`(?i)^Canary(\d{1,2})Percent(\d{1,4})Minutes?$`)
	linear = lazyregexp.New(`(?i)^Linear(\d{1,2})PercentEvery(\d{1,4})Minutes?$`)
)

// MaxWait is the longest time of one stage. A job of GitHub lasts six hours on
// its own runners and five days on others
// (https://docs.github.com/en/actions/reference/limits).
const MaxWait = 5 * 24 * time.Hour

// Parse reads a schedule: AllAtOnce, one of CodeDeploy's names, or stages such as
// 10%/5m, 50%/5m, after which the new version has all. A last stage without a
// time stays: 10%. 0% alone publishes and moves no traffic.
func Parse(items []string) (Schedule, error) {
	if len(items) == 0 {
		return AllAtOnce(), nil
	}
	if len(items) == 1 && !strings.Contains(items[0], "%") {
		return named(items[0])
	}
	var schedule Schedule
	for i, item := range items {
		s, err := stage(item)
		last := i == len(items)-1
		switch {
		case err != nil:
			return nil, err
		case s.Wait == 0 && !last:
			return nil, fmt.Errorf("%q has no duration: write %s/5m; only the last stage may stay", item, item)
		case i > 0 && s.Percent <= schedule[i-1].Percent:
			return nil, fmt.Errorf("%q comes after %s: each stage must take more than the one before", item, Percent(schedule[i-1].Percent))
		case s.Percent == 100 && s.Wait > 0:
			return nil, fmt.Errorf("%q has nothing to wait for: at 100%% the shift is done", item)
		}
		schedule = append(schedule, s)
	}
	if end := schedule[len(schedule)-1]; end.Wait > 0 {
		schedule = append(schedule, Stage{Percent: 100})
	}
	return schedule, nil
}

// ParseText reads what String writes.
func ParseText(text string) (Schedule, error) {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return Parse(items)
}

func named(name string) (Schedule, error) {
	bare := prefix.ReplaceAllString(strings.TrimSpace(name), "")
	if strings.EqualFold(bare, allAtOnce) {
		return AllAtOnce(), nil
	}
	if m := canary.FindStringSubmatch(bare); m != nil {
		return steps(m[1], m[2], Canary)
	}
	if m := linear.FindStringSubmatch(bare); m != nil {
		return steps(m[1], m[2], Linear)
	}
	return nil, fmt.Errorf("%q is neither a name of CodeDeploy nor stages such as 10%%/5m, 50%%/5m", name)
}

// steps are those of a name.
func steps(part, minutes string, shape func(percent int, every time.Duration) Schedule) (Schedule, error) {
	percent, _ := strconv.Atoi(part)
	every, _ := strconv.Atoi(minutes)
	wait := time.Duration(every) * time.Minute
	switch {
	case percent == 0 || every == 0:
		return nil, errors.New("neither the percentage nor the time may be 0")
	case wait > MaxWait:
		return nil, fmt.Errorf("the time is at most %s", FormatDuration(MaxWait))
	}
	return shape(percent, wait), nil
}

// Canary gives the new version a part of the traffic for a time, and then all of it.
func Canary(percent int, wait time.Duration) Schedule {
	return Schedule{{Percent: float64(percent), Wait: wait}, {Percent: 100}}
}

// Linear gives the new version that part of the traffic more after each time.
func Linear(percent int, every time.Duration) Schedule {
	var schedule Schedule
	for next := percent; next < 100; next += percent {
		schedule = append(schedule, Stage{Percent: float64(next), Wait: every})
	}
	return append(schedule, Stage{Percent: 100})
}

// ParsePercent reads a percentage without its sign, 0 to 100, with two decimals
// at most.
func ParsePercent(text string) (float64, error) {
	text = strings.TrimSpace(text)
	percent, err := strconv.ParseFloat(text, 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		return 0, fmt.Errorf("%q is not a percentage from 0 to 100", text)
	}
	if _, decimals, _ := strings.Cut(Percent(percent), "."); len(decimals) > len("00%") {
		return 0, fmt.Errorf("%q has more than two decimals", text)
	}
	return percent, nil
}

// stage reads 10%/5m or 10%.
func stage(item string) (Stage, error) {
	part, wait, timed := strings.Cut(item, "/")
	number, is := strings.CutSuffix(strings.TrimSpace(part), "%")
	percent, err := ParsePercent(number)
	switch {
	case !is:
		return Stage{}, fmt.Errorf("%q is not a stage: write a percentage and a time, as in 10%%/5m", item)
	case err != nil:
		return Stage{}, err
	}
	s := Stage{Percent: percent}
	if !timed {
		return s, nil
	}
	s.Wait, err = time.ParseDuration(strings.TrimSpace(wait))
	switch {
	case err != nil:
		return Stage{}, fmt.Errorf("%q has no time with its unit, as in 10%%/5m or 10%%/90s", item)
	case s.Wait <= 0 || s.Wait > MaxWait:
		return Stage{}, fmt.Errorf("%q: the time is more than 0 and at most %s", item, FormatDuration(MaxWait))
	}
	return s, nil
}
