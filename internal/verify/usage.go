package verify

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Usage is what an invocation cost, as Lambda's REPORT line states it.
type Usage struct {
	// Duration does not include Init, the initialization of a new environment.
	Duration, Init time.Duration
	MaxMemoryMB    int
}

// reportText is the REPORT line of the text format:
//
//	REPORT RequestId: 8a4b…	Duration: 12.34 ms	Billed Duration: 13 ms	Memory Size: 128 MB	Max Memory Used: 64 MB	Init Duration: 100.00 ms
//
// (https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html)
var (
	reportText = lazyregexp.New(`(?m)^REPORT RequestId: .*$`)
	duration   = lazyregexp.New(`(?:^|\t)Duration: ([0-9.]+) ms`)
	initTime   = lazyregexp.New(`(?:^|\t)Init Duration: ([0-9.]+) ms`)
	maxMemory  = lazyregexp.New(`(?:^|\t)Max Memory Used: ([0-9]+) MB`)
)

// reportJSON is the platform.report event of the JSON format
// (https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report).
type reportJSON struct {
	Type   string `json:"type"`
	Record struct {
		Metrics struct {
			DurationMs     float64 `json:"durationMs"`
			InitDurationMs float64 `json:"initDurationMs"`
			MaxMemoryMB    int     `json:"maxMemoryUsedMB"`
		} `json:"metrics"`
	} `json:"record"`
}

// ReadUsage finds the REPORT in the end of a log. ok is false where there is none:
// a function whose system log level is WARN writes none.
func ReadUsage(log string) (u Usage, ok bool) {
	lines := strings.Split(log, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		line := strings.TrimSpace(lines[i])
		if reportText.MatchString(line) {
			return Usage{milliseconds(find(duration, line)), milliseconds(find(initTime, line)), number(find(maxMemory, line))}, true
		}
		var r reportJSON
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &r) == nil && r.Type == "platform.report" {
			m := r.Record.Metrics
			return Usage{fromFloat(m.DurationMs), fromFloat(m.InitDurationMs), m.MaxMemoryMB}, true
		}
	}
	return Usage{}, false
}

func find(r *lazyregexp.Regexp, line string) string {
	if m := r.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

func milliseconds(text string) time.Duration {
	ms, _ := strconv.ParseFloat(text, 64)
	return fromFloat(ms)
}

func fromFloat(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// Duration returns how long the function took, or, where its log does not tell,
// how long the call took.
func (a Answer) Duration() time.Duration {
	if u, ok := ReadUsage(a.Log); ok {
		return u.Duration
	}
	return a.Took
}

// Summary is the duration and the memory of an invocation for the user.
func (a Answer) Summary() string {
	u, ok := ReadUsage(a.Log)
	if !ok {
		return round(a.Took).String() + " with the call"
	}
	text := round(u.Duration).String()
	if u.Init > 0 {
		text += " after an initialization of " + round(u.Init).String()
	}
	if u.MaxMemoryMB > 0 {
		text += fmt.Sprintf(", %d MB", u.MaxMemoryMB)
	}
	return text
}

func round(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
