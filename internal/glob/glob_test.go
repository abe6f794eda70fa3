package glob

import (
	"errors"
	"path"
	"strings"
	"testing"
)

func TestPatternsMatchPaths(t *testing.T) {
	t.Parallel()
	for pattern, paths := range map[string]string{
		"a.yaml":        "+a.yaml -x/a.yaml -a.yamlx",
		"*.yaml":        "+a.yaml +.yaml -x/a.yaml",
		"fn/*/f.yaml":   "+fn/a/f.yaml -fn/f.yaml -fn/a/b/f.yaml",
		"**/f.yaml":     "+f.yaml +a/f.yaml +a/b/f.yaml -xf.yaml",
		"fn/**/f.yaml":  "+fn/f.yaml +fn/a/b/f.yaml -f.yaml -x/fn/f.yaml",
		"fn/**":         "+fn/a +fn/a/b -fn -xfn/a",
		"**":            "+a +a/b",
		"a**b":          "+ab +axb -a/b",
		"?x":            "+ax -/x -x",
		"[a-c][!x].txt": "+ay.txt -ax.txt -dy.txt",
		"orders-*":      "+orders-api +orders- -billing-orders-api",
		`a\*`:           "+a* -ab",
		"":              "-a",
	} {
		g, err := Parse(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		for _, p := range strings.Fields(paths) {
			if got, want := g.Match(p[1:]), p[0] == '+'; got != want {
				t.Errorf("%s matches %s: %t, want %t", pattern, p[1:], got, want)
			}
		}
	}
	if !(Glob{}).Match("") {
		t.Error("the empty pattern does not match the empty path")
	}
}

func TestAnIncompletePatternIsAnError(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"[a", "a[", `a\`, "[[:none:]]", "[!"} {
		if _, err := Parse(pattern); !errors.Is(err, ErrPattern) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestOnlyWhatHoldsASpecialCharacterIsAPattern(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"a/b.yaml": false, "a/*": true, "a?": true, "[a]": true, `a\b`: false} {
		if IsPattern(text) != want {
			t.Errorf("%s is a pattern: %t, want %t", text, !want, want)
		}
	}
}

// Within one name the standard library knows the same syntax, but for classes.
func FuzzWithinANameItMatchesAsThePathPackage(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "a?c", "a*b*c", `a\*`, strings.Repeat("*a", 20)} {
		f.Add(pattern, "abc.yaml")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(pattern, "[/") || strings.Contains(name, "/") || strings.Contains(pattern, "**") {
			return
		}
		for _, text := range []string{pattern, name} {
			if strings.IndexFunc(text, func(r rune) bool { return r > 127 }) >= 0 {
				return // path.Match counts runes, this package bytes
			}
		}
		want, wrong := path.Match(pattern, name)
		g, err := Parse(pattern)
		if wrong == nil && err != nil || wrong == nil && g.Match(name) != want {
			t.Errorf("%q matches %q: %t, want %t; %v", pattern, name, g.Match(name), want, err)
		}
	})
}
