package convert

import (
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

func TestDurationsOfHarnessAndTheirShortForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"10m": "10m", "90s": "1m30s", "1h 30m": "1h30m", "1d": "24h", "1w": "168h", "2h": "2h", "1m 500ms": "1m0.5s",
		"10": "", "": "", "m": "", "10x": "", "<+input>": "", "0m": "", "9999999999999999999m": "",
	} {
		d, ok := duration(in)
		got := ""
		if ok {
			got = traffic.FormatDuration(d)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
		if back, err := time.ParseDuration(got); ok && (err != nil || back != d) {
			t.Errorf("%q does not read back: %v, %v", got, back, err)
		}
	}
}

func TestScriptsTakeValuesAsVariablesWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]string{
		`echo `:                       `"${X}"`,
		`echo "a `:                    `${X}`,
		`echo 'a `:                    `'"${X}"'`,
		`echo 'a' "b" `:               `"${X}"`,
		`echo it\'s `:                 `"${X}"`,
		"cat <<EOF\nname: ":           `${X}`,
		"cat <<EOF\nit's\nEOF\necho ": `"${X}"`,
		"cat <<-'EOF'\n\tname: ":      `${X}`,
		`echo "it's" `:                `"${X}"`,
	} {
		state := shellState{}
		state.read(before)
		if got := (bash{}).variable("X", state, false); got != want {
			t.Errorf("behind %q: %s, want %s", before, got, want)
		}
	}
	state := shellState{}
	if state.read("cat <<'EOF'\n"); !state.literal() {
		t.Error("a quoted here-document takes everything as it is")
	}
}
