package printable

import "testing"

func TestWhatWouldActOnATerminalIsShown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain é 😀\tx\n":                "plain é 😀\tx\n",
		"\x1b]0;title\a\x1b[2J":         `\x1b]0;title\x07\x1b[2J`,
		"\x1b]52;c;aGk=\x1b\\":          `\x1b]52;c;aGk=\x1b\`,
		"a\rb\x00\x7f":                  `a\x0db\x00\x7f`,
		"\u009b31m, raw \x9b31m":        `\x9b31m, raw \x9b31m`,
		"user\u202etxt.exe\u2066\u2069": `user\u202etxt.exe\u2066\u2069`,
		"\ufefffirst\u2028second":       `\ufefffirst\u2028second`,
		"hidden\U000e0041":              `hidden\U000e0041`,
		"a family 👩‍👧":                  "a family 👩‍👧",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
