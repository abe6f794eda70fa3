package plan

import (
	"fmt"
	"slices"
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

func TestAMarkerIsReadBack(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]Marker{
		"whole":     {Run: "123-1", Repository: "acme/shop", Commit: "0123456789abcdef", URL: "https://ci.example/1", Was: []AliasWas{{"live", "41"}, {"beta", "none"}}, Text: "x; y"},
		"a laptop":  {Run: "20261129T1-ab", Was: []AliasWas{{"live", "$LATEST"}}},
		"no alias":  {Run: "1", Repository: "acme/shop", Text: "live was 3 once"},
		"no commit": {Run: "1", Repository: "acme/shop", URL: "https://ci.example/1"},
	} {
		p, ok := ParseMarker(m.String())
		wantCommit := m.Commit[:min(len(m.Commit), 12)]
		if !ok || p.Run != m.Run || p.Repository != m.Repository || p.Commit != wantCommit || p.URL != m.URL || !slices.Equal(p.Was, m.Was) || p.RestorePoint {
			t.Errorf("%s: %q is read as %+v, %v", name, m, p, ok)
		}
	}
	if p, ok := ParseMarker(Marker{Run: "1"}.RestorePoint()); !ok || !p.RestorePoint {
		t.Errorf("a restore point: %+v, %v", p, ok)
	}
	for _, foreign := range []string{"", "released by hand", "lambda-rollout", "my lambda-rollout 1"} {
		if p, ok := ParseMarker(foreign); ok {
			t.Errorf("%q is read as %+v", foreign, p)
		}
	}
}

// A marker is recognized by the whole id of its run, and of its job.
func TestAMarkerIsOfTheRunWhoseIdItHasInFull(t *testing.T) {
	t.Parallel()
	for description, own := range map[string]bool{
		"lambda-rollout r1": true, "lambda-rollout r1 o/r@abc; live was 1": true, "lambda-rollout r1; live was 1": true,
		"lambda-rollout r12": false, "lambda-rollout r1-2": false, "lambda-rollout": false, "r1": false, " r1": false,
	} {
		if PublishedBy(description, "r1") != own {
			t.Errorf("%q is of run r1: %v", description, !own)
		}
	}
	if PublishedIn("lambda-rollout -1", "") || !PublishedIn("lambda-rollout job-1", "job") {
		t.Error("a marker is of a job without a name, or not of its own")
	}
	if p, _ := ParseMarker("lambda-rollout r1; https://ci.example/1; see https://example.com; https://example.com/2"); p.URL != "https://ci.example/1" {
		t.Errorf("the run is at %q", p.URL)
	}
}

// The text of the user goes last, and what a rollback reads first, at every length.
func TestADescriptionIsAsLongAsItMayBe(t *testing.T) {
	t.Parallel()
	for n := range 300 {
		m := Marker{Run: strings.Repeat("r", n+1), Was: []AliasWas{{"live", "41"}}, Text: "text"}
		got, whole := m.String(), "lambda-rollout "+m.Run+"; live was 41; text"
		switch length := definition.Length(got); {
		case definition.Length(whole) <= 256 && got != whole:
			t.Fatalf("%d of 256 characters: %q", definition.Length(whole), got)
		case definition.Length(whole) > 256 && length > 256, strings.HasSuffix(got, "; "):
			t.Fatalf("%d characters: %q", length, got)
		case n < 240 && ParseWas(got, "live") != "41" && definition.Length("lambda-rollout "+m.Run+"; live was 41") <= 256:
			t.Fatalf("%q does not say what the alias pointed to", got)
		}
	}
}
