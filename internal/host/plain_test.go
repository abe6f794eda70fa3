package host

import (
	"strings"
	"testing"
)

// A value is written without quotes only if neither a shell nor a parser of dotenv files
// interprets it.
func TestAValueStandsBareOnlyWhereThatIsPlain(t *testing.T) {
	t.Parallel()
	for r := rune(0); r < 0x80; r++ {
		plain := strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@%+-", r)
		if bare("a"+string(r)) != plain {
			t.Errorf("%q stands bare: %t", r, !plain)
		}
	}
	if got, want := shellLine(Output{Name: "a-b", Value: "it's\n$x"}), "a_b='it'\\''s\n$x'\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
