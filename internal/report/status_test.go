package report

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func statuses() []Status {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	version := func(number string) StatusVersion {
		return StatusVersion{Version: number, Published: &at, Repository: "acme/shop", Commit: "3f2a91c0ffee", Run: "77-1", RunURL: "https://github.com/acme/shop/actions/runs/77"}
	}
	return []Status{
		{
			Function: "shop", Region: "eu-central-1", Exists: true, State: "Active", LastUpdateStatus: "Successful", Differs: true,
			Aliases: []StatusAlias{
				{Alias: "live", Routing: []StatusRoute{{version("41"), 90, "Active"}, {version("42"), 10, "Active"}}, Rollback: StatusRollback{Version: "40"}},
				{Alias: "next", Routing: []StatusRoute{{StatusVersion{Version: "7"}, 100, "Inactive"}}, Rollback: StatusRollback{Note: "no version's description says what the alias pointed to before"}},
				{Alias: "new", Routing: []StatusRoute{{version("42"), 100, "Active"}}, Rollback: StatusRollback{Version: "none"}},
			},
			Waiting: []StatusVersion{version("43")}, OpenRuns: []string{"78-1"},
			Latest:   &StatusLatest{Version: "43", Changes: []Line{{Op: "~", Field: "MemorySize", From: "128", To: "256"}}},
			Settings: []StatusSetting{{"reservedConcurrency", "5", false}, {"functionUrl of live", "none", true}},
			Plan:     &Diff{Function: "shop", Changed: true, Calls: []string{"UpdateFunctionConfiguration"}, Changes: []Line{{Op: "~", Field: "Timeout", From: "3", To: "9"}}},
		},
		{
			Function: "a-function-whose-name-is-sixty-four-characters-long-as-long-as-po", Region: "eu-central-1", Exists: true,
			State: "Pending", StateReason: "The function is being created.",
			Aliases: []StatusAlias{{Alias: "live", Routing: []StatusRoute{{version("1"), 100, "Pending"}}, Rollback: StatusRollback{Version: "none"}}},
		},
		{Function: "mail", Region: "eu-central-1", Exists: true, State: "Active", LastUpdateStatus: "InProgress"},
		{Function: "none", Region: "eu-central-1"},
	}
}

// A terminal of 80 columns shows the table without wrapping it.
func TestTheStatusOfSeveralFunctionsFitsATerminal(t *testing.T) {
	t.Parallel()
	all := statuses()
	text := StatusText(all)
	table, _, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(table) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > screen {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	golden(t, "status.txt", text+"\n--- alone ---\n\n"+StatusText(all[:1]))
}

// A table never needs more than a terminal has, and says as much as fits.
func TestColumnsFitTheScreen(t *testing.T) {
	t.Parallel()
	name, alias, run := strings.Repeat("f", 64), strings.Repeat("a", 60), "20261129T132146-3d5d3f-1-b34e4bdc"
	for _, rows := range [][][]string{
		{{"FUNCTION", "ALIAS", "POINTS TO", "PUBLISHED", "COMMIT", "ROLLBACK", ""}, {name, alias, "41 90%, 42 10%", "2026-11-20", "", "40", "differs"}},
		{{"FUNCTION", "CREATED BY RUN"}, {name, run}},
		{{"FUNCTION", "CREATED BY RUN"}, {"shop", run}},
	} {
		text := Columns(rows)
		for line := range strings.Lines(text) {
			if n := len([]rune(line)) - 1; n > 79 {
				t.Errorf("%d columns: %q", n, line)
			}
		}
		if strings.Contains(text, "COMMIT") || strings.Contains(text, "shop") && !strings.Contains(text, run) {
			t.Errorf("%s", text)
		}
	}
}
