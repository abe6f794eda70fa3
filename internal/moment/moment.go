// Package moment reads a point in time as users write one.
package moment

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// layouts are RFC 3339, and the same without what is zero.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00"}

// days is a number of days at the beginning of a duration, which Go does not know.
var days = lazyregexp.New(`^(\d{1,5})d(.*)$`)

// Parse reads a time with its time zone, or a duration, which is counted back from
// now.
func Parse(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	back, rest := time.Duration(0), strings.TrimSuffix(text, " ago")
	if m := days.FindStringSubmatch(rest); m != nil {
		n, _ := strconv.Atoi(m[1]) // at most five digits
		back, rest = time.Duration(n)*24*time.Hour, m[2]
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return time.Time{}, fmt.Errorf("%q is not a time: write 2026-11-20T10:00Z, with the time zone, or how long ago: 90s, 2h30m, 3d", text)
		}
		back += d
	} else if back == 0 {
		return time.Time{}, fmt.Errorf("%q is not a time: write 2026-11-20T10:00Z, or how long ago: 2h", text)
	}
	return now.Add(-back), nil
}
