package moment

import (
	"testing"
	"time"
)

func TestTimesAreReadAsUsersWriteThem(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-20T10:00Z":         now.Add(-2 * time.Hour),
		"2026-11-20T10:00:00Z":      now.Add(-2 * time.Hour),
		"2026-11-20 10:00:00.5Z":    now.Add(-2*time.Hour + 500*time.Millisecond),
		"2026-11-20T11:00:00+01:00": now.Add(-2 * time.Hour),
		" 2h ":                      now.Add(-2 * time.Hour),
		"2h ago":                    now.Add(-2 * time.Hour),
		"90s":                       now.Add(-90 * time.Second),
		"3d":                        now.Add(-72 * time.Hour),
		"1d12h":                     now.Add(-36 * time.Hour),
		"0s":                        now,
	} {
		if got, err := Parse(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "10:00", "2026-11-20", "2026-11-20T10:00", "-2h", "5", "3days", "999999d"} {
		if got, err := Parse(text, now); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}
