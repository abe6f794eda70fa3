package input

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parseGates(text string, more ...string) (*Request, error) {
	return Parse(Options{Args: append([]string{"deploy", "--service", "s.yaml", "--gates", text}, more...)})
}

// However a host hands them over, gates are asked in the order of the run.
func TestGatesAreReadInEverySpelling(t *testing.T) {
	t.Parallel()
	want := []string{"before-traffic (https://a/b?***)", "before-traffic (arn:aws:lambda:eu-west-1:123456789012:function:f)", "event (https://c/)"}
	for name, text := range map[string]string{
		"lines":      "event=https://c/\nbefore-traffic=https://a/b?x=1,2 arn:aws:lambda:eu-west-1:123456789012:function:f",
		"list":       "before-traffic=https://a/b?x=1,2 arn:aws:lambda:eu-west-1:123456789012:function:f, event=https://c/",
		"Woodpecker": "event=https://c/,before-traffic=https://a/b?x=1 arn:aws:lambda:eu-west-1:123456789012:function:f",
		"JSON array": `["event=https://c/", "before-traffic=https://a/b?x=1 arn:aws:lambda:eu-west-1:123456789012:function:f"]`,
		"JSON":       `{"event": "https://c/", "before-traffic": "https://a/b?x=1 arn:aws:lambda:eu-west-1:123456789012:function:f"}`,
		"YAML":       "event: https://c/\nbefore-traffic: https://a/b?x=1 arn:aws:lambda:eu-west-1:123456789012:function:f\n",
	} {
		request, err := parseGates(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, g := range request.Set.Gates("gates") {
			got = append(got, g.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTheQueriesOfGatesAreMasked(t *testing.T) {
	t.Parallel()
	request, err := parseGates("event=https://c/?token=t0ken%20x", "--gate-secret", "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	masked := map[string]bool{}
	for _, s := range request.Set.Secrets() {
		masked[s.Value] = true
	}
	for _, want := range []string{"token=t0ken%20x", "t0ken x", "s3cret"} {
		if !masked[want] {
			t.Errorf("%q is not masked", want)
		}
	}
}

func TestWrongGatesAreAllNamedAndShowNoSecret(t *testing.T) {
	t.Parallel()
	_, err := parseGates("before-trafic=https://a/\nbefore-wave=http://h.example.com/?t0ken\nafter-traffic=\nbefore-stage=t0ken", "--gate-secret", "whsec_!", "--gate-timeout", "0s")
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, want := range []string{
		`"before-trafic" is not a moment of a run`, "before-traffic", "before-wave: http://h.example.com/?*** is not https", "after-traffic has nobody to ask",
		"before-stage: it is neither an https address", "what follows whsec_ is not base64", "--gate-timeout",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q", text, want)
		}
	}
	if strings.Contains(text, "t0ken") {
		t.Errorf("a secret is shown: %s", text)
	}
	if _, err := Parse(Options{Args: []string{"deploy", "--service", "s.yaml", "--gate-secret", "s3cret"}}); err == nil || !strings.Contains(err.Error(), "gate-secret is given without gates") {
		t.Error(err)
	}
}
