package definition

import (
	"strings"
	"testing"
)

func TestLengthCountsWhatIsOutsideOfTheBasicPlaneTwice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "abc": 3, "ü": 1, "漢字": 2, "🚀": 2, "e\u0301": 2, "\xff": 1} {
		if got := Length(text); got != want {
			t.Errorf("Length(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestCutNeverHalvesACharacter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text  string
		limit int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abc", 2, "ab"},
		{"ab🚀", 3, "ab"},
		{"ab🚀", 4, "ab🚀"},
		{"🚀", 0, ""},
	} {
		if got := Cut(tc.text, tc.limit); got != tc.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tc.text, tc.limit, got, tc.want)
		}
	}
}

func TestDescriptionsAreHeldToTheCountThatAWSMayUse(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		strings.Repeat("a", 256): true,
		strings.Repeat("a", 257): false,
		strings.Repeat("ü", 256): true,
		strings.Repeat("🚀", 128): true,
		strings.Repeat("🚀", 129): false,
	} {
		doc, _ := parse("function.yaml", []byte(minimal+"description: \""+text+"\"\n"), nil)
		if _, problems := Decode(doc); (problems.Err() == nil) != ok {
			t.Errorf("%.8s… of length %d: %v, want accepted: %v", text, Length(text), problems.Err(), ok)
		}
	}
}
