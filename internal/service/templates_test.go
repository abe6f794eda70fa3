package service

import (
	"strings"
	"testing"
	"testing/fstest"
)

// What another tool would replace is never deployed without a word, and a value of
// the environment is not shown on the way.
func TestTemplatesOfOtherToolsAreNotDeployedInSilence(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		value, want string
		warning     bool
	}{
		"lambroll's env":       {"{{ env `HUSH` `x` }}", "template of lambroll", true},
		"lambroll's must_env":  {"a-{{must_env `HUSH`}}", "template of lambroll", true},
		"lambroll's tfstate":   {"{{ tfstate `aws_iam_role.hush.arn` }}", "template of lambroll", true},
		"lambroll's prefix":    {"{{ my_tfstate `aws_iam_role.hush.arn` }}", "template of lambroll", true},
		"lambroll's ssm":       {"{{ ssm `/hush` | json_escape }}", "template of lambroll", true},
		"GitHub":               {"${{ secrets.HUSH }}", "expression of GitHub", false},
		"CloudFormation":       {"{{resolve:ssm:/hush}}", "CloudFormation", true},
		"Helm":                 {"{{ .Values.hush }}", "looks like a template", true},
		"a shell's":            {"${HUSH}", "variable of the shell", true},
		"a shell's, unbraced":  {"$HUSH", "variable of the shell", true},
		"Lambda's own version": {"$LATEST", "", false},
		"text with a dollar":   {"costs $5 {a} {{", "", false},
		"an expression":        {"<+serviceVariables.v>", "", false},
		"a pattern of a log":   {"%d{HH} ${sys:x:-y}", "", false},
		"JSON with two braces": {`{"a":{"b":1}}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := "functionName: f\nrole: arn:aws:iam::123456789012:role/f\nruntime: nodejs24.x\nhandler: a.b\nenvironment:\n  variables:\n    VALUE: '" + tc.value + "'\n"
			_, problems := Load(Options{
				Files:    Files{Workspace: fstest.MapFS{"f.yaml": {Data: []byte(file)}}},
				Artifact: "s3://bucket/key", Definitions: []string{"f.yaml"}, Serialised: true, Variables: map[string]string{"v": "{{ env `HUSH` }}"},
			})
			shown := &strings.Builder{}
			if err := problems.Print(shown); err != nil {
				t.Fatal(err)
			}
			if tc.want == "" && len(problems) > 0 || tc.want != "" && (len(problems) != 1 || problems[0].Warning != tc.warning || !strings.Contains(problems.Error()+shown.String(), tc.want)) {
				t.Errorf("got %q, want %q", shown, tc.want)
			}
			if strings.Contains(strings.ToLower(shown.String()), "hush") {
				t.Errorf("shows the value:\n%s", shown)
			}
		})
	}
}
