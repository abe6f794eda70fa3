package input

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

var update = flag.Bool("update", false, "write golden files")

func parse(t *testing.T, o Options) *Request {
	t.Helper()
	r, err := Parse(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deploy(flags ...string) Options {
	return Options{Args: append([]string{"deploy", "--service=s.yaml"}, flags...)}
}

var (
	drone  = []string{"PLUGIN_", "INPUT_"}
	github = []string{"INPUT_"}
)

func TestAFlagWinsOverTheEnvironmentAndItOverTheDefault(t *testing.T) {
	t.Parallel()
	env := []string{"PLUGIN_TIMEOUT=2m", "INPUT_TIMEOUT=3m", "INPUT_MAX_PARALLEL=4", "PLUGIN_SERVICE=s"}
	r := parse(t, Options{Args: []string{"deploy", "--timeout", "1m"}, Env: env, Prefixes: drone})
	if got := r.Set.Duration("timeout"); got != time.Minute {
		t.Errorf("flag: %s", got)
	}
	if got := r.Set.Int("max-parallel"); got != 4 {
		t.Errorf("second prefix: %d", got)
	}
	if got := r.Set.Duration("rollback-timeout"); got != 10*time.Minute || r.Set.Given("rollback-timeout") {
		t.Errorf("default: %s", got)
	}
	r = parse(t, Options{Env: env, Prefixes: drone})
	if got := r.Set.Duration("timeout"); got != 2*time.Minute || r.Command != "deploy" {
		t.Errorf("first prefix: %s, %s", got, r.Command)
	}
}

// Each host spells a setting in its own way; all of them mean aws-region.
func TestASettingIsKnownByItsLettersAndDigits(t *testing.T) {
	t.Parallel()
	for variable, prefixes := range map[string][]string{
		"INPUT_AWS-REGION":  github,
		"INPUT_AWS_REGION":  github,
		"PLUGIN_AWS_REGION": drone,
		"PLUGIN_AWS-REGION": drone,
		"PLUGIN_AWS.REGION": drone,
		"PLUGIN_AWSREGION":  drone,
	} {
		r := parse(t, Options{Env: []string{variable + "=eu-west-1", "INPUT_SERVICE=s"}, Prefixes: prefixes})
		if got := r.Set.String("aws-region"); got != "eu-west-1" {
			t.Errorf("%s: %q", variable, got)
		}
	}
	seen := map[string]string{}
	for _, in := range Table() {
		if other, twice := seen[key(in.Name)]; twice {
			t.Errorf("%s and %s are one name on some hosts", in.Name, other)
		}
		seen[key(in.Name)] = in.Name
	}
}

func TestAnEmptyValueIsNone(t *testing.T) {
	t.Parallel()
	r := parse(t, Options{Env: []string{"INPUT_TIMEOUT=", "INPUT_ALIAS= \n", "INPUT_SERVICE=s", "INPUT_VARIABLES="}, Prefixes: github})
	if r.Set.Duration("timeout") != 10*time.Minute || r.Set.Given("alias") || r.Set.Given("variables") {
		t.Errorf("timeout %s, alias %v", r.Set.Duration("timeout"), r.Set.List("alias"))
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"a":             {"a"},
		"a,b , c":       {"a", "b", "c"},
		"a\nb\r\n\nc\n": {"a", "b", "c"},
		"- a\n- b":      {"a", "b"},
		`["a","b,c"]`:   {"a", "b,c"},
		`["1", 2, 3.5]`: {"1", "2", "3.5"},
		"[]":            nil,
		" , ,":          nil,
	} {
		r := parse(t, Options{Env: []string{"PLUGIN_ALIAS=" + text, "PLUGIN_SERVICE=s"}, Prefixes: drone})
		if diff := cmp.Diff(want, r.Set.List("alias")); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	r := parse(t, deploy("--alias", "a,b", "--alias=c"))
	if diff := cmp.Diff([]string{"a", "b", "c"}, r.Set.List("alias")); diff != "" {
		t.Errorf("repeated flag: %s", diff)
	}
}

func TestMapsKeepTheSpellingOfTheirValues(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want map[string]string
	}{
		"lines":              {"a=1\n\n# remark\nb = x=y: z \n", map[string]string{"a": "1", "b": "x=y: z"}},
		"one line":           {"a=1,b=2", map[string]string{"a": "1,b=2"}},
		"empty value":        {"a=", map[string]string{"a": ""}},
		"YAML":               {"a: 1.50\nb: yes\nc: 0644\nd: null\n", map[string]string{"a": "1.50", "b": "yes", "c": "0644", "d": ""}},
		"YAML with a remark": {"# remark\na: b=c\n", map[string]string{"a": "b=c"}},
		"YAML, indented":     {"  a: 1\n  b: 2\n", map[string]string{"a": "1", "b": "2"}},
		"YAML block":         {"a: |\n  x\n  y\n", map[string]string{"a": "x\ny\n"}},
		"JSON":               {`{"a": 1, "b": "x\ny", "c": true}`, map[string]string{"a": "1", "b": "x\ny", "c": "true"}},
		"JSON lines":         {`["a=1", "b=2"]`, map[string]string{"a": "1", "b": "2"}},
		"nested":             {"serviceVariables:\n  x: 1\n", map[string]string{"serviceVariables.x": "1"}},
		"a path":             {"artifacts.primary.primaryArtifactRef=main", map[string]string{"artifacts.primary.primaryArtifactRef": "main"}},
		"an ARN":             {"account.aws: arn:aws:iam::123456789012:role/x", map[string]string{"account.aws": "arn:aws:iam::123456789012:role/x"}},
	} {
		r := parse(t, Options{Env: []string{"PLUGIN_VARIABLES=" + tc.text, "PLUGIN_SERVICE=s"}, Prefixes: drone})
		if diff := cmp.Diff(tc.want, r.Set.Map("variables")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	r := parse(t, deploy("--variables", "a=1", "--variables=b=2"))
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, r.Set.Map("variables")); diff != "" {
		t.Errorf("repeated flag: %s", diff)
	}
}

func TestBooleansKnowThreeStates(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string][2]bool{"": {false, false}, "--local": {true, true}, "--local=false": {false, true}, "--local=YES": {true, true}} {
		var args []string
		if flags != "" {
			args = append(args, flags)
		}
		r := parse(t, deploy(args...))
		if got := [2]bool{r.Set.Bool("local"), r.Set.Given("local")}; got != want {
			t.Errorf("%q: value and given = %v, want %v", flags, got, want)
		}
	}
}

// The settings of every YAML type as Woodpecker's and Drone's compilers hand
// them to a plugin.
func TestSettingsAsPluginCompilersEncodeThem(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"Woodpecker": {
			"PLUGIN_SERVICE=a.yaml,b.yaml", "PLUGIN_MAX_PARALLEL=8", "PLUGIN_TIMEOUT=5m",
			`PLUGIN_VARIABLES={"mem":512,"ratio":1.5,"on":true,"text":"a,b"}`,
			`PLUGIN_ALIAS=["live","from-a-secret"]`, "PLUGIN_ALIAS_DEFINITION=", `PLUGIN_SECRETS={"db":"s3cret"}`,
		},
		"Drone": {
			"PLUGIN_SERVICE=a.yaml,b.yaml", "PLUGIN_MAX-PARALLEL=8", "PLUGIN_TIMEOUT=5m",
			`PLUGIN_VARIABLES={"mem":512,"on":true,"ratio":1.5,"text":"a,b"}`,
			"PLUGIN_ALIAS=live,from-a-secret", `PLUGIN_SECRETS={"db":"s3cret"}`,
		},
	} {
		r := parse(t, Options{Env: env, Prefixes: drone})
		if diff := cmp.Diff([]string{"a.yaml", "b.yaml"}, r.Set.List("service")); diff != "" {
			t.Errorf("%s: service: %s", name, diff)
		}
		if diff := cmp.Diff([]string{"live", "from-a-secret"}, r.Set.List("alias")); diff != "" {
			t.Errorf("%s: alias: %s", name, diff)
		}
		if diff := cmp.Diff(map[string]string{"mem": "512", "ratio": "1.5", "on": "true", "text": "a,b"}, r.Set.Map("variables")); diff != "" {
			t.Errorf("%s: variables: %s", name, diff)
		}
		if r.Set.Int("max-parallel") != 8 || r.Set.Duration("timeout") != 5*time.Minute || r.Set.Given("alias-definition") {
			t.Errorf("%s: scalars", name)
		}
		if diff := cmp.Diff([]Secret{{"db", "s3cret"}}, r.Set.Secrets()); diff != "" {
			t.Errorf("%s: secrets: %s", name, diff)
		}
		if len(r.Warnings) != 0 {
			t.Errorf("%s: warnings: %v", name, r.Warnings)
		}
	}
}

func TestPostIsARollbackWithTheInputsOfMain(t *testing.T) {
	t.Parallel()
	r := parse(t, Options{
		Env:      []string{"INPUT_COMMAND=deploy", "INPUT_SERVICE=s", "INPUT_TIMEOUT=oops", "INPUT_FUNCTION=f", "INPUT_JOB-STATUS=failure"},
		Prefixes: github, Command: "rollback",
	})
	if r.Command != "rollback" || r.Set.String("job-status") != "failure" || len(r.Warnings) != 0 {
		t.Errorf("%s, warnings %v", r.Command, r.Warnings)
	}
	if diff := cmp.Diff([]string{"failure", "cancelled"}, r.Set.List("rollback-on")); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options Options
		want    string
	}{
		"all at once": {
			deploy("--timeout=10", "--max-parallel=none", "--environment-variables=mrge", "--aws-regoin", "x"),
			`unknown flag --aws-regoin (did you mean --aws-region?)
--environment-variables: "mrge" is unknown (did you mean "merge"?)
--max-parallel: "none" is not a whole number
--timeout: "10" has no unit (write 10s or 10m; a function's own timeout belongs in its definition, in seconds)`,
		},
		"unknown command":        {Options{Args: []string{"dploy"}}, `unknown command "dploy" (did you mean "deploy"?)`},
		"unknown command in CI":  {Options{Env: []string{"PLUGIN_COMMAND=roll"}, Prefixes: drone}, `unknown command "roll" (lambda-rollout --help lists the commands)`},
		"no command":             {Options{Args: []string{"--service", "s"}}, "no command before --service (write lambda-rollout deploy --service …; lambda-rollout --help lists the commands)"},
		"one dash":               {deploy("-local"), "unknown flag -local (write --local)"},
		"a stray word":           {deploy("x.yaml"), `unexpected word "x.yaml" (each value follows its flag; lambda-rollout deploy --help lists its flags)`},
		"a boolean and a word":   {deploy("--local", "false"), `unexpected word "false" (write --local=false)`},
		"no value":               {deploy("--alias"), "--alias has no value (write --alias NAME)"},
		"another command's flag": {deploy("--payload", "{}"), "deploy does not take --payload (it belongs to invoke)"},
		"nothing to deploy":      {Options{Args: []string{"deploy"}}, "nothing says what to deploy (give service (a Harness Service file) or function-definition (the shape of CreateFunction))"},
		"two ways":               {deploy("--function-definition=f"), "service and function-definition are two ways to say what to deploy (give one of them)"},
		"no course":              {deploy("--traffic=10%,50%"), `--traffic: "10%" has no duration: write 10%/5m; only the last stage may stay (AllAtOnce, Canary10Percent5Minutes, Linear10PercentEvery1Minute, or stages: 10%/5m, 50%/5m)`},
		"a warm-up for ever":     {deploy("--traffic=10%/5m", "--guard-warm-up=5m"), "guard-warm-up leaves out all of the first stage, which lasts 5m: nobody would watch it (give a shorter one, or a longer stage)"},
		"no group":               {deploy("--traffic=codedeploy:shop"), `--traffic: "codedeploy:shop" names no deployment group: write codedeploy:APPLICATION/GROUP (traffic: codedeploy:shop/{function}-{alias} has one group for each alias)`},
		"a group and stages":     {deploy("--traffic=codedeploy:shop/g,10%"), `--traffic: "codedeploy:shop/g" stands alone (the group's deployment configuration says how traffic shifts)`},
		"a group in a shift":     {Options{Args: []string{"shift", "--function", "f", "--alias", "live", "--percentage", "10", "--traffic", "codedeploy:a/g"}}, "shift moves the traffic itself, and codedeploy: hands it over (give percentage, or stages with traffic; deploy takes codedeploy:APPLICATION/GROUP)"},
		"a group and the guard":  {deploy("--traffic=codedeploy:a/g", "--guard=errors"), "guard compares versions in stages that this program holds, and CodeDeploy has stages of its own (leave guard out; the alarms of the deployment group, and alarms, watch the shift)"},
		"a group and a rate":     {deploy("--traffic=codedeploy:a/g", "--max-error-rate=1%"), "max-error-rate is for the guard, which does not watch a shift by CodeDeploy (leave it out; alarms may watch the error rate)"},
		"a group and a warm-up":  {deploy("--traffic=codedeploy:a/g", "--guard-warm-up=1m"), "guard-warm-up is for the guard, which does not watch a shift by CodeDeploy (leave it out)"},
		"nobody waits for none":  {deploy("--traffic-wait=false"), "traffic-wait is false, but the traffic is not CodeDeploy's to shift (give traffic: codedeploy:APPLICATION/GROUP)"},
		"alarms nobody watches":  {deploy("--traffic=codedeploy:a/g", "--traffic-wait=false", "--alarms=high"), "alarms are watched by a run that waits, and traffic-wait is false (put the alarms into the deployment group, or let the run wait)"},
		"waves nobody begins":    {deploy("--traffic=codedeploy:a/g", "--traffic-wait=false", "--waves=f"), "waves begin when the one before is done, which a run with traffic-wait: false does not see (leave out waves, or let the run wait)"},
		"a shift of nothing":     {Options{Args: []string{"shift", "--percentage", "10"}}, "nothing says what to shift (give function and alias, or the rollback-data of a deploy)"},
		"a shift of two things":  {Options{Args: []string{"shift", "--percentage", "10", "--rollback-data", "[]", "--function", "f"}}, "rollback-data names the functions, their aliases and versions already (give it alone, or function, alias and to-version)"},
		"a shift to nowhere":     {Options{Args: []string{"shift", "--function", "f", "--alias", "live"}}, "nothing says how far to shift (give percentage, or stages with traffic)"},
		"a shift two ways":       {Options{Args: []string{"shift", "--function", "f", "--alias", "live", "--percentage", "0", "--traffic", "10%"}}, "percentage and traffic are two ways to say how far to shift (give one of them)"},
		"a shift that goes on": {
			Options{Args: []string{"shift", "--resume", "--guard", "none", "--traffic", "20%/1m", "--alias", "live"}},
			"resume continues with what the journal holds, and alias, guard, traffic would change it (leave it out, or roll back and begin another shift)",
		},
		"too much":             {Options{Args: []string{"shift", "--function", "f", "--alias", "live", "--percentage", "101"}}, `--percentage: "101" is not a percentage from 0 to 100`},
		"half credentials":     {deploy("--aws-access-key-id=x"), "aws-access-key-id and aws-secret-access-key belong together (give both or neither)"},
		"never and more":       {deploy("--rollback-on=never,failure"), "rollback-on says never and something else (give never alone)"},
		"out of the workspace": {deploy("--overrides=../x"), `--overrides: "../x" leads out of the workspace (name it by an absolute path, or move it into the workspace)`},
		"an empty choice": {
			Options{Args: []string{"rollback", "--function", " ", "--rollback-data="}},
			`--rollback-data: it is empty, and rollback would choose something else without it (give it a value, or leave it out)
--function: it is empty, and rollback would choose something else without it (give it a value, or leave it out)`,
		},
		"too small":             {deploy("--role-duration-seconds=60"), "--role-duration-seconds: 60 is too small; at least 900"},
		"a zero timeout":        {deploy("--timeout=0s"), `--timeout: "0s" is too short; at least 1s`},
		"given twice":           {deploy("--variables=a=1", "--variables=a=2"), `--variables: "a" is given twice`},
		"an alias in YAML":      {deploy("--variables=a: &x 1\nb: *x"), `--variables: "b" is neither text nor a number (put the value in quotes)`},
		"a secret is not shown": {deploy("--secrets={\"a\": hunter2"), "--secrets: neither name=value lines nor YAML (line 1) (write name=value lines, YAML or JSON)"},
		"a secret line":         {deploy("--secrets=a=1\nhunter2"), "--secrets: line 2 is not name=value (write name=value lines, YAML or JSON)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tc.options)
			var list diag.List
			if !errors.As(err, &list) {
				t.Fatalf("error %v is no diag.List", err)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHelpIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"help": {"--help"}, "deploy": {"deploy", "--help"}, "rollback": {"help", "rollback"}, "local": {"local", "-h"},
	} {
		got := parse(t, Options{Args: args}).Help
		file := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Error(diff)
		}
		for line := range strings.Lines(got) {
			if len([]rune(line)) > helpWidth+1 {
				t.Errorf("%s: a line of %d characters: %q", name, len([]rune(line)), line)
			}
		}
	}
	for command, usage := range map[string]string{"validate": "validate [FILE …]", "completion": "completion [bash|zsh|fish]", "list": "list"} {
		if got := parse(t, Options{Args: []string{command, "--help"}}).Help; !strings.Contains(got, "\nUsage:\n  lambda-rollout "+usage+" [--input value …]\n") {
			t.Errorf("%s: %s", command, got)
		}
	}
	if got := parse(t, Options{}); got.Help == "" || got.Command != "" {
		t.Error("without words a terminal gets help")
	}
	if got := parse(t, Options{Args: []string{"--version"}}); got.Command != "version" {
		t.Errorf("--version: %q", got.Command)
	}
}

func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	for _, in := range Table() {
		if in.Help == "" || !strings.HasSuffix(in.Help, ".") || in.Group == "" {
			t.Errorf("%s: help and group", in.Name)
		}
		for _, c := range in.Commands {
			if _, err := Parse(Options{Args: []string{"help", c}}); err != nil {
				t.Errorf("%s: unknown command %s", in.Name, c)
			}
		}
		if in.Kind == Enum && len(in.Enum) == 0 {
			t.Errorf("%s: an Enum without words", in.Name)
		}
		d := decoder{input: in, shown: in.Name}
		if in.Default != "" {
			if d.decode([]string{in.Default}); len(d.problems) > 0 {
				t.Errorf("%s: the default is wrong: %v", in.Name, d.problems)
			}
		}
	}
}

// Whatever stands in a setting, reading it ends, and says no secret.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"a=1", "{a: 1}", `["x"]`, "- a\n- b", "a: &x [*x]", "\x00", "10m", "<<: *a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		canary := "canary-7f3a"
		for _, in := range Table() {
			d := decoder{input: in, shown: in.Name}
			if in.Secret {
				d.decode([]string{text + canary})
				if strings.Contains(d.problems.Error(), canary) && in.Kind != Map {
					t.Errorf("%s: %s", in.Name, d.problems.Error())
				}
				continue
			}
			d.decode([]string{text})
		}
	})
}

// A map that is given as a file is told where values of files go.
func TestAFileInThePlaceOfValuesIsToldWhereItGoes(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"terraform.tfstate": true, "./a/values.yaml": true, "a.env": true, "nonsense": false} {
		_, err := Parse(Options{Args: []string{"plan", "--variables", value}})
		if err == nil || strings.Contains(hints(err), "NAME=tfstate:PATH#ADDRESS") != want {
			t.Errorf("%s: %+v", value, err)
		}
	}
}

func hints(err error) (text string) {
	if list, ok := errors.AsType[diag.List](err); ok {
		for _, p := range list {
			text += p.Hint
		}
	}
	return text
}
