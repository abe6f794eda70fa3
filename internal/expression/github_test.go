package expression

import "testing"

func TestGitHubWritesWhatItsLanguageCanSay(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"pipeline.variables.stage": "inputs.stage", "pipeline.sequenceId": "github.run_number",
		"secrets.db": "secrets.DB", "env.name": "'prod'",
	}
	name := func(path string) (string, bool) { v, ok := known[path]; return v, ok }
	for text, want := range map[string]string{
		`false`:                                 `false`,
		`<+env.name>`:                           `'prod'`,
		`<+pipeline.variables.stage> == "prod"`: `(inputs.stage == 'prod')`,
		`<+<+pipeline.variables.stage> != "it's">`:             `(inputs.stage != 'it''s')`,
		`<+pipeline.sequenceId> > 10 && !(<+env.name> eq "x")`: `((github.run_number > 10) && !('prod' == 'x'))`,
		`<+pipeline.variables.stage.contains("p")> or true`:    `(contains(inputs.stage, 'p') || true)`,
		`contains(<+pipeline.variables.stage>, "p")`:           `contains(inputs.stage, 'p')`,
		`startsWith(<+pipeline.variables.stage>, 'p') && true`: `(startsWith(inputs.stage, 'p') && true)`,
		`lower(<+pipeline.variables.stage>)`:                   `problem: GitHub's expressions cannot express lower()`,
		`<+pipeline.variables.stage> =~ ["a", "b"]`:            `(inputs.stage == 'a' || inputs.stage == 'b')`,
		`<+pipeline.variables.stage> !~ ["a"]`:                 `!(inputs.stage == 'a')`,
		`<+pipeline.variables.stage ?: "dev">`:                 `(inputs.stage || 'dev')`,
		`<+pipeline.variables.stage == "a" ? "x" : "y">`:       `((inputs.stage == 'a') && 'x' || 'y')`,
		`<+"{v}-" + <+pipeline.sequenceId>>`:                   `format('{{v}}-{0}', github.run_number)`,
		`<+secrets.getValue("db")>`:                            `secrets.DB`,
		`<+pipeline.variables.get("stage")>`:                   `inputs.stage`,
		`empty(<+pipeline.variables.stage>)`:                   `(inputs.stage == '')`,
		`empty <+pipeline.variables.stage>`:                    `(inputs.stage == '')`,
		`<+pipeline.variables.stage.isEmpty()>`:                `(inputs.stage == '')`,
		`<+pipeline.variables.stage> =~ "v.*"`:                 `problem: GitHub's expressions cannot express a match with a pattern`,
		`<+pipeline.sequenceId> * 2`:                           `problem: GitHub's expressions cannot express the operator *`,
		`<+pipeline.variables.other>`:                          `problem: GitHub has nothing like pipeline.variables.other`,
		`<+pipeline.variables.stage.split(",")[0]>`:            `problem: GitHub's expressions cannot express this`,
		`<+input>`: `problem: GitHub's expressions cannot express this`,
		`<+pipeline.variables.stage == "a" ? "" : "y">`: `problem: GitHub's expressions cannot express a choice whose first value may be empty`,
	} {
		got, err := GitHub(text, name)
		if err != nil {
			got = "problem: " + err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
