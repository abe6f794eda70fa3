package input

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// What Drone does not resolve would become a value without a word, and the word
// from_secret would be masked in the log.
func TestDronesSecretInsideAMapIsRefused(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{
		"a map":                    `PLUGIN_SECRETS={"db":{"from_secret":"x"}}`,
		"a map in YAML":            "PLUGIN_SECRETS=db:\n  from_secret: x\n",
		"a list":                   `PLUGIN_ALIAS=["live",{"from_secret":"x"}]`,
		"a list of pairs":          `PLUGIN_VARIABLES=["a=1",{"from_secret":"x"}]`,
		"a setting of its own":     `PLUGIN_AWS_REGION={"from_secret":"x"}`,
		"a map that is one secret": `PLUGIN_SECRETS={"from_secret":"x"}`,
		"further inside":           `PLUGIN_INPUTS={"serviceVariables":{"db":{"from_secret":"x"}}}`,
	} {
		_, err := Parse(Options{Env: []string{"PLUGIN_SERVICE=s", env}, Prefixes: drone})
		if err == nil || !strings.Contains(err.Error(), "Drone does not resolve from_secret inside a map") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Parse(Options{Env: []string{"PLUGIN_SERVICE=s", `PLUGIN_SECRETS={"db":{"from_secret":"x"}}`}, Prefixes: drone})
	if err == nil || !strings.Contains(err.Error(), `secrets_from: "db=env:DB"`) {
		t.Errorf("the form that works is not named: %v", err)
	}
	r := parse(t, Options{Env: []string{"PLUGIN_SERVICE=s", `PLUGIN_VARIABLES={"from_secret":"x","b":"y"}`}, Prefixes: drone})
	if r.Set.Map("variables")["from_secret"] != "x" {
		t.Error("a variable of that name is refused")
	}
}

// What begins like JSON is JSON first: YAML refuses characters that JSON has.
func TestJSONIsReadAsJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		"{\"a\":\"x\x7fy\"}":                   {"a": "x\x7fy"},
		`{"a":"\ud83d\ude00","b":"\u00e9"}`:    {"a": "😀", "b": "é"},
		"{\"a\":\"\u0085\ufeff\"}":             {"a": "\u0085\ufeff"},
		`{"a":1e3,"b":1.50,"c":null,"d":true}`: {"a": "1e3", "b": "1.50", "c": "", "d": "true"},
		"{\"a\":\n\t\"tab\"}":                  {"a": "tab"},
		`{"a":{"b":{"c":"x"}}}`:                {"a.b.c": "x"},
		"{a: 1, b: x}":                         {"a": "1", "b": "x"},
		"{}":                                   {},
	} {
		r := parse(t, Options{Env: []string{"PLUGIN_VARIABLES=" + text, "PLUGIN_SERVICE=s"}, Prefixes: drone})
		if diff := cmp.Diff(want, r.Set.Map("variables")); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	r := parse(t, Options{Env: []string{"PLUGIN_ALIAS=[live, beta]", "PLUGIN_SERVICE=s"}, Prefixes: drone})
	if diff := cmp.Diff([]string{"live", "beta"}, r.Set.List("alias")); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		`{"a":"1","a":"2"}`:         `"a" is given twice`,
		`{"a":["x",{"y":1}],"b":2}`: `"a" is neither text nor a number`,
		`{"a":1} {"b":2}`:           "neither name=value lines nor YAML",
	} {
		_, err := Parse(Options{Env: []string{"PLUGIN_VARIABLES=" + text, "PLUGIN_SERVICE=s"}, Prefixes: drone})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// YAML's numbers come as Woodpecker and Drone hand them on: without their zeros,
// as a float, as octal.
func TestAnAccountIDHasTwelveDigits(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"deploy", "validate", "plan"} {
		for _, id := range []string{"1.23456789e+08", "1402433619", "123456789", "[123456789]", "12345678901x", "1234567890123", "１23456789012"} {
			_, err := Parse(Options{Args: []string{command, "--service=s", "--allowed-account-ids", id}})
			if err == nil || !strings.Contains(err.Error(), "is not 12 digits (put it in quotes") {
				t.Errorf("%s %s: %v", command, id, err)
			}
		}
		for _, ids := range []string{"000123456789", "012345670123, 123456789012", `["000123456789"]`} {
			parse(t, Options{Args: []string{command, "--service=s", "--allowed-account-ids", ids}})
		}
	}
}

func TestASecretHasASource(t *testing.T) {
	t.Parallel()
	r := parse(t, deploy("--secrets-from", "db=env:DB_PASSWORD", "--secrets-from=key=file:/run/secrets/key", "--secrets-from", "c=file:conf/c"))
	if diff := cmp.Diff(map[string]string{"db": "env:DB_PASSWORD", "key": "file:/run/secrets/key", "c": "file:conf/c"}, r.Set.Map("secrets-from")); diff != "" {
		t.Error(diff)
	}
	for flag, want := range map[string]string{
		"--secrets-from=db=hunter2":      `--secrets-from: "db" has no source (write db=env:VARIABLE, file:PATH, ssm:NAME, secretsmanager:ID#KEY or tfstate:FILE#ADDRESS)`,
		"--secrets-from=db=env:":         `--secrets-from: "db" has no source (write db=env:VARIABLE, file:PATH, ssm:NAME, secretsmanager:ID#KEY or tfstate:FILE#ADDRESS)`,
		"--secrets-from=db=ssm:/x":       ``,
		"--variables-from=db=vault:x":    `--variables-from: "db" has no source (write db=env:VARIABLE, file:PATH, ssm:NAME, secretsmanager:ID#KEY or tfstate:FILE#ADDRESS)`,
		"--secrets-from=db=file:../x":    `--secrets-from: "db" leads out of the workspace (name it by an absolute path, or move it into the workspace)`,
		"--secrets=db=1\n--x=2":          ``,
		"--secrets-from=a=env:X,b=env:Y": ``,
	} {
		_, err := Parse(deploy(flag))
		if got := fmt.Sprint(err); want != "" && got != want {
			t.Errorf("%s: %v", flag, err)
		}
	}
	_, err := Parse(deploy("--secrets=db=x", "--secrets-from=db=env:DB"))
	if err == nil || err.Error() != `secrets and secrets-from both have a value for "db" (give one of them)` {
		t.Errorf("two values: %v", err)
	}
	_, err = Parse(deploy("--variables=a=x", "--variables-from=a=env:A"))
	if err == nil || err.Error() != `variables and variables-from both have a value for "a" (give one of them)` {
		t.Errorf("two values: %v", err)
	}
}

// An emulator takes any word for the id of a key; only a real one is a secret.
func TestOnlyARealAccessKeyIDIsASecret(t *testing.T) {
	t.Parallel()
	for id, want := range map[string][]Secret{
		"test":                 {{"aws-secret-access-key", "s"}},
		"AKIAIOSFODNN7EXAMPLE": {{"aws-access-key-id", "AKIAIOSFODNN7EXAMPLE"}, {"aws-secret-access-key", "s"}},
	} {
		r := parse(t, deploy("--aws-access-key-id="+id, "--aws-secret-access-key=s"))
		if diff := cmp.Diff(want, r.Set.Secrets()); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
}

func TestUnreadSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  []string
		want []string
	}{
		"like none of ours":   {[]string{"PLUGIN_GREETING=x"}, []string{"warning: unknown input `greeting`"}},
		"another command's":   {[]string{"PLUGIN_PAYLOAD={}"}, []string{"warning: deploy does not read the input payload (it belongs to invoke)"}},
		"a default":           {[]string{"PLUGIN_LISTEN=127.0.0.1:4566", "PLUGIN_QUOTAS=false", "PLUGIN_DRY_RUN=false", "PLUGIN_EXIT_CODE=no"}, nil},
		"an empty value":      {[]string{"PLUGIN_DRY_RUN=", "PLUGIN_TRAFIC= ", "PLUGIN_PERCENTAGE="}, nil},
		"the host's own":      {[]string{"PLUGIN_ARTIFACT_FILE=/tmp/a", "INPUT_ARGS=x", "INPUT_ENTRYPOINT=/y"}, nil},
		"two spellings apart": {[]string{"PLUGIN_AWS_REGION=a", "PLUGIN_AWSREGION=b"}, []string{"warning: PLUGIN_AWSREGION and PLUGIN_AWS_REGION name the same input; the first counts"}},
	} {
		r := parse(t, Options{Env: append(tc.env, "PLUGIN_SERVICE=s"), Prefixes: drone})
		if diff := cmp.Diff(tc.want, texts(r.Warnings)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func texts(list diag.List) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Error())
	}
	return out
}

// A setting that would have kept the deploy from going all the way stops it,
// misspelt or not; wherever it may be meant for another command or another program,
// it is a warning.
func TestASettingThatADeployDoesNotReadStopsIt(t *testing.T) {
	t.Parallel()
	const plan = " (command: plan shows what a deploy would do and changes nothing)"
	for name, tc := range map[string]struct {
		setting string
		github  string
		plugin  string
	}{
		"dry run":     {"DRY-RUN=true", "deploy does not read the input dry-run, which asks for something else" + plan, ""},
		"exit code":   {"EXIT-CODE=true", "deploy does not read the input exit-code, which asks for something else (command: plan has exit codes for changes)", ""},
		"percentage":  {"PERCENTAGE=10", "deploy does not read the input percentage, which asks for something else (traffic: 10% gives the new version that part of the traffic; command: shift moves more of it later)", ""},
		"version":     {"TO-VERSION=3", "deploy does not read the input to-version, which asks for something else (command: rollback goes back to a version; command: shift moves traffic to it)", ""},
		"misspelt":    {"TRAFIC=10%", "unknown input `trafic` (did you mean `traffic`?)", ""},
		"with a dash": {"ROLLBCK-ON=never", "unknown input `rollbck-on` (did you mean `rollback-on`?)", "unknown input `rollbck_on` (did you mean `rollback-on`?)"},
		"part of the traffic": {"TRAFFIC-PERCENTAGE=10", "unknown input `traffic-percentage` (traffic: 10%/5m, 50%/5m says how traffic shifts to the new version)",
			"unknown input `traffic_percentage` (traffic: 10%/5m, 50%/5m says how traffic shifts to the new version)"},
		"a canary":                {"CANARY=10%", "unknown input `canary` (traffic: 10%/5m, 50%/5m says how traffic shifts to the new version)", ""},
		"a simulation":            {"SIMULATE=true", "unknown input `simulate` (command: plan shows what a deploy would do and changes nothing; command: validate checks the files)", ""},
		"another word for verify": {"VERIFY-PAYLOAD={}", "unknown input `verify-payload` (did you mean `verify`?)", "unknown input `verify_payload` (did you mean `verify`?)"},
		"no deployment": {"NO-DEPLOY=true", "unknown input `no-deploy` (command: plan shows what a deploy would do and changes nothing; command: validate checks the files)",
			"unknown input `no_deploy` (command: plan shows what a deploy would do and changes nothing; command: validate checks the files)"},
		"a part of it": {"CODE-ONLY=true", "unknown input `code-only` (command: plan shows what a deploy would do and changes nothing; command: validate checks the files)",
			"unknown input `code_only` (command: plan shows what a deploy would do and changes nothing; command: validate checks the files)"},
		"drone-lambda's":    {"REGION=eu-west-1", "unknown input `region` (did you mean `aws-region`?)", ""},
		"lambda-action's":   {"ZIP-FILE=f.zip", "unknown input `zip-file` (did you mean `artifact`?)", "unknown input `zip_file` (did you mean `artifact`?)"},
		"aws-lambda-deploy": {"FUNCTION-NAME=other", "unknown input `function-name` (it belongs in the file that function-definition names)", "unknown input `function_name` (it belongs in the file that function-definition names)"},
		"what to deploy": {"FUNTION-DEFINITION=f", "unknown input `funtion-definition` (did you mean `function-definition`?)",
			"unknown input `funtion_definition` (did you mean `function-definition`?)"},
	} {
		for prefix, want := range map[string]string{"INPUT_": tc.github, "PLUGIN_": or(tc.plugin, tc.github)} {
			variable := prefix + tc.setting
			if prefix == "PLUGIN_" {
				before, after, _ := strings.Cut(variable, "=")
				variable = strings.ReplaceAll(before, "-", "_") + "=" + after
			}
			o := Options{Env: []string{variable, prefix + "SERVICE=s"}, Prefixes: []string{prefix}}
			_, err := Parse(o)
			if err == nil || err.Error() != want {
				t.Errorf("%s: %s: %v, want %q", name, variable, err, want)
			}
			o.Command = "rollback"
			if _, err := Parse(o); err != nil {
				t.Errorf("%s: %s in post: %v", name, variable, err)
			}
			o.Command, o.Env = "", append(o.Env, prefix+"COMMAND=rollback")
			if _, err := Parse(o); err != nil {
				t.Errorf("%s: %s for a rollback: %v", name, variable, err)
			}
			wrapped := Options{Args: []string{"deploy", "--service=s"}, Env: []string{variable}, Prefixes: []string{prefix}}
			if r, err := Parse(wrapped); err != nil || len(r.Warnings) != 1 {
				t.Errorf("%s: %s of an action around it: %v", name, variable, err)
			}
		}
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// The name that nobody knows comes first: it is why the rest is wrong.
func TestAnUnknownInputComesFirst(t *testing.T) {
	t.Parallel()
	const nothing = "nothing says what to deploy (give service (a Harness Service file) or function-definition (the shape of CreateFunction))"
	for name, tc := range map[string]struct {
		options Options
		want    string
	}{
		"GitHub":               {Options{Env: []string{"INPUT_FUNCTION-DEFINITON=f"}, Prefixes: github}, "unknown input `function-definiton` (did you mean `function-definition`?)\n" + nothing},
		"Woodpecker":           {Options{Env: []string{"PLUGIN_FUNCTION_DEFINITON=f"}, Prefixes: drone}, "unknown input `function_definiton` (did you mean `function-definition`?)\n" + nothing},
		"Drone":                {Options{Env: []string{"PLUGIN_FUNCTION-DEFINITON=f"}, Prefixes: drone}, "unknown input `function-definiton` (did you mean `function-definition`?)\n" + nothing},
		"camel case":           {Options{Env: []string{"PLUGIN_FUNCTIONDEFINITON=f"}, Prefixes: drone}, "unknown input `functiondefiniton` (did you mean `function-definition`?)\n" + nothing},
		"another":              {Options{Env: []string{"PLUGIN_GREETING=f"}, Prefixes: drone}, "warning: unknown input `greeting`\n" + nothing},
		"flag of another tool": {Options{Args: []string{"deploy", "--region=x"}}, "unknown flag --region (did you mean --aws-region?)\n" + nothing},
		"terminal":             {Options{Args: []string{"deploy", "--function-definiton=f"}}, "unknown flag --function-definiton (did you mean --function-definition?)\n" + nothing},
	} {
		_, err := Parse(tc.options)
		if diff := cmp.Diff(tc.want, fmt.Sprint(err)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
