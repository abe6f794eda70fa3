package definition

import (
	"bytes"
	"strings"
	"testing"
)

func TestNoProblemShowsAValueOfTheEnvironment(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"minified JSON":     `{"functionName": "hello", "environment": {"variables": {"AB": "hush", "CD": "\"hush\" hush"}}, "colour": 1}`,
		"flow":              `{functionName: hello, environment: {variables: {AB: hush, CD: 'it''s hush'}}, colour: 1}`,
		"after an é":        `{"description": "é", "environment": {"variables": {"AB": "hush"}}, "colour": 1}`,
		"block":             "environment:\n  variables:\n    A-B: hush\n    AWS_REGION: \"hush\"\n",
		"a list":            "environment:\n  variables: [hush, AB=hush]\n",
		"a text":            "environment: AB=hush\n",
		"a mapping":         "environment: {variables: {AB: {hush: hush}}}\n",
		"a foreign tag":     "environment: {variables: {AB: !Sub hush}}\n",
		"twice":             "environment: {variables: {AB: hush, AB: hush}}\n",
		"a secret":          "environment: {variables: {A-B: <+secrets.getValue(\"password\")>, CD: hush}}\n",
		"an expression":     "environment: {variables: {A-B: \"x<+'hush'>y\", CD: <+'hush'>}}\n",
		"quotes in quotes":  `{"environment": {"variables": {"A-B": "<+serviceVariables.get("environment")>hush"}}}` + "\n",
		"by an alias":       "description: &a\nenvironment: {variables: &v {A-B: hush}}\n",
		"unquoted to a map": "environment: <+serviceVariables.environment>\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, problems := parse("f", []byte(src), map[string]string{"environment": `{"variables": {"A-B": "hush"}, "hu": 1}`})
			if doc == nil {
				t.Fatal(problems)
			}
			_, problems = Decode(doc)
			if problems.Err() == nil {
				t.Fatal("there is no problem")
			}
			var b bytes.Buffer
			if err := problems.Print(&b); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "hush") {
				t.Error(b.String())
			}
		})
	}
}

func TestAProblemShowsAValueWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("s3cret", 40)
	doc, problems := parse("f", []byte("functionName: hello\ntimeout: <+serviceVariables.long>\nruntime: <+serviceVariables.long>\n"), map[string]string{"long": long})
	if doc == nil {
		t.Fatal(problems)
	}
	_, problems = Decode(doc)
	if got := problems.Error(); !strings.Contains(got, "timeout must be a whole number of seconds, not a string of 240 characters") || strings.Contains(got, "s3cret") {
		t.Error(got)
	}
}
