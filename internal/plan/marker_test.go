package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

func TestMarkerFitsADescriptionAndKeepsWhatARollbackReads(t *testing.T) {
	t.Parallel()
	base := Marker{Run: "812345678-1", Repository: "acme/shop", Commit: "0123456789abcdef", URL: "https://github.com/acme/shop/actions/runs/812345678", Was: []AliasWas{{"live", "41"}, {"beta", "none"}}}
	for _, text := range []string{"", "release 7", strings.Repeat("a", 300), strings.Repeat("ü", 129), strings.Repeat("🚀", 129), "x" + strings.Repeat("🚀", 129)} {
		m := base
		m.Text = text
		got := m.String()
		if n := definition.Length(got); n > 256 {
			t.Errorf("%.8q…: a description of %d characters", text, n)
		}
		if ParseWas(got, "live") != "41" || ParseWas(got, "beta") != "none" {
			t.Errorf("%.8q…: %q does not say what the aliases pointed to", text, got)
		}
		if kept := definition.Length(text) <= 100; kept && !strings.HasSuffix(got, text) {
			t.Errorf("%q does not end in %q", got, text)
		}
	}
}

func TestMarkerNamesNoVersionByHalf(t *testing.T) {
	t.Parallel()
	m := Marker{Run: "1-1", Text: "text"}
	for i := range 40 {
		m.Was = append(m.Was, AliasWas{fmt.Sprintf("alias%d", i), "123456"})
	}
	got := m.String()
	if n := definition.Length(got); n > 256 {
		t.Errorf("a description of %d characters", n)
	}
	named := 0
	for _, a := range m.Was {
		switch was := ParseWas(got, a.Alias); was {
		case "123456":
			named++
		case "":
		default:
			t.Errorf("%s was %s, want 123456 or nothing", a.Alias, was)
		}
	}
	if named == 0 {
		t.Errorf("%q names no alias", got)
	}
}
