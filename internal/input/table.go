package input

import "slices"

// Kind is how the text of an input is read.
type Kind int

// The kinds of inputs.
const (
	// String is taken as it is, without the white space around it.
	String Kind = iota
	// List is lines, commas or a JSON array.
	List
	// Paths is a List of files or globs, relative to the workspace or absolute.
	Paths
	// Map is name=value lines, YAML or JSON.
	Map
	// Bool knows three states: true, false and not given.
	Bool
	// Duration is a number with a unit, as in 90s or 1h30m.
	Duration
	// Int is a whole number.
	Int
	// Enum is one word of Input.Enum.
	Enum
	// Percent is a part of the traffic, 0 to 100.
	Percent
	// Course is the schedule by which traffic shifts to a new version: see package
	// traffic.
	Course
	// Gates is a Map of moments and whom to ask then: see package gate.
	Gates
)

// Input is one row of the table.
type Input struct {
	// Name is the flag without its dashes; the names of the environment
	// variables come from it.
	Name string
	Kind Kind
	// Commands are those that take the input; nil means every one.
	Commands []string
	// Default is the value where none is given. It is the default of action.yml
	// too: act leaves the defaults out in post, so both must say the same.
	Default string
	// ActionDefault replaces Default in action.yml where GitHub evaluates an
	// expression that no other host has.
	ActionDefault string
	// Group is the heading under which help lists the input.
	Group string
	// Meta is the placeholder of the value in help.
	Meta string
	// Help is one or more sentences for help, action.yml and the README.
	Help string
	// Positional inputs take the words behind the command as their values.
	Positional bool
	// Instead tells what to write where a deploy gets the input: whoever sets it
	// wants something else done, so the deploy does not start.
	Instead string
	// Sources are what the values of a Map begin with: where the program looks them
	// up.
	Sources []string
	// Repeats means that each further flag of a String adds a line; otherwise the last
	// one counts.
	Repeats bool
	// Digits is how many digits each item of a List has; 0 means any text.
	Digits int
	// Secret values are masked and stand in no message.
	Secret bool
	// Enum are the words of an Enum, or the words that a List may hold.
	Enum []string
	// Min and Max bound an Int, or a Duration in seconds; 0 means no bound.
	Min, Max int64
}

// Takes reports whether a command reads the input.
func (i Input) Takes(command string) bool {
	return i.Commands == nil || slices.Contains(i.Commands, command)
}

// Command is one of the things that the program does.
type Command struct {
	Name string
	// Summary is one line for the list of commands.
	Summary string
	// Help is what `COMMAND --help` says before its inputs.
	Help string
}

// Table is every input in the order in which help, action.yml and the README
// list them.
func Table() []Input { return slices.Clone(table) }

// Commands are what the program does, in the order in which help lists them.
func Commands() []Command { return slices.Clone(commands) }

// commands are in the order in which help lists them.
var commands = []Command{
	{"deploy", "deploy functions and point aliases at the new versions",
		"Checks everything that can be checked, then creates or updates each function,\npublishes one version and points the aliases at it. If anything fails,\neverything is rolled back to its previous state."},
	{"plan", "show what deploy would do, change nothing",
		"Prints the difference between the files and the current state in AWS."},
	{"rehearse", "play deploy and rollback on a copy, with every failure",
		"Reads the functions, rebuilds them inside this program, and plays the deployment\nthere: whole, killed at every call and every write, with every answer lost, every\npermission missing, every wait failing, and somebody else's changes. It changes\nnothing in AWS. The exit code is 0 if every play ended as before or as\ndocumented, else 1."},
	{"validate", "check every file and input, offline",
		"Reports every problem of every file at once, with its line and column. The kind of\na file that is named without an input is recognized by its content: validate\npipeline.yaml .harness/*.yaml checks a Harness pipeline, NG or 3.0, with the\nservices, environments, infrastructures and overrides that it refers to."},
	{"render", "print the definitions with all variables filled in",
		"Prints what deploy would send. Secrets and environment values are shown as ***."},
	{"rollback", "restore what a deploy changed",
		"From the journal of a deploy, from its rollback-data in another job, or by hand\nwith --function and --alias: to what the alias pointed to before, or to\n--to-version."},
	{"shift", "move more or less of an alias' traffic to a version",
		"Between the version that the alias points to and a new one: the one that already\nshares its traffic, or --to-version. The functions and aliases are those of a\ndeploy's rollback-data, or --function and --alias. A shift is rolled back like a\ndeploy. --resume continues a shift that was stopped and not rolled back."},
	{"policy", "print the least IAM policy that this deployment needs",
		"Covers deploy and rollback of exactly these functions."},
	{"convert", "convert another tool's files to a workflow for this one",
		"A Harness pipeline: convert pipeline.yaml [FILE …], with the service,\nenvironment, infrastructure and override files that it refers to.\nA lambroll folder: convert FOLDER [OPTION-FILE].\nA workflow, or a Drone or Woodpecker pipeline, whose steps use\naws-lambda-deploy, lambda-action or drone-lambda: convert FILE.\nSeveral files are printed one after the other, each after a line with its name;\nwith --output-dir they are written. What has no equivalent is listed on stderr and\nin the workflow, which fails at that place; then the exit code is 1."},
	{"schema", "print the JSON Schema of a definition",
		"For editors: of function definitions, or with --kind of alias definitions or\nsettings."},
	{"local", "serve an embedded AWS on loopback",
		"Runs until interrupted and prints the variables that point a client at it."},
	{"invoke", "invoke a function and print its answer",
		"Once for each payload, one after the other. If the function fails for one of them,\nits log is printed and, once all payloads were sent, the exit code is 1. With\n--verbose every log is printed."},
	{"logs", "print what a function logged",
		"From the log group that the function's LoggingConfig names. With --qualifier\nthe lines of one version, or of the versions that an alias points to now."},
	{"prune", "delete old versions that nothing needs any more",
		"Of one function, or of all whose names match a pattern: shop-*. It keeps the\nnewest --keep-versions, and every version that an alias points to, that a\nrollback would restore, that is a restore point younger than 30 days, that has\nprovisioned concurrency, permissions or event sources, or on which a durable\nexecution runs. It lists each version and the reason before it deletes any."},
	{"history", "list a function's versions, and what its aliases pointed to",
		"The newest first: when, from which commit and run, code and size, which alias\npoints to it and what that pointed to before. From CloudTrail's event history\n(90 days, where cloudtrail:LookupEvents is permitted), the journals of this\nfolder, and the versions' descriptions. --compare shows how two versions differ."},
	{"list", "list the functions that this program created",
		"In the Region, by the tag that a deploy gives to each function that it creates,\nwith the run that created it. Functions that existed before are not listed."},
	{"status", "show what aliases point to, who deployed it, and what differs",
		"For functions by name or pattern (--function 'shop-*, mail'), or for the files of a\ndeploy: then also what a deploy of them would change. It shows each version with\nits share of the traffic, its run and commit, what was not published yet, and what\na rollback would do. With --exit-code the exit code is 2 if the files differ, or,\nwithout files, if $LATEST has changes that were not published."},
	{"init", "write the files of an existing function",
		"The definition, with only what differs from AWS's defaults, a file for each alias,\nits settings, and the code, unpacked. A plan of them is empty. For one function,\nor for all whose names match a pattern: --function 'shop-*'. It prints the\narguments that plan and deploy take, and lists what the files do not express."},
	{"completion", "print a shell completion script",
		"lambda-rollout completion bash|zsh|fish. For bash: source <(lambda-rollout\ncompletion bash)."},
	{"report", "make the HTML page of a run",
		"From the journal that --journal names, or the newest one: how the run ended, what\nit changed, and each call with its time and result. The page needs nothing else\nand holds no value of an environment variable."},
	{"version", "print version, commit and Go version", ""},
}

// Which commands take an input. Everything that readsFiles a deployment goes to
// each command that reads one.
var (
	readsFiles     = []string{"deploy", "plan", "rehearse", "validate", "render", "policy", "rollback", "status"}
	callsAWS       = slices.Concat([]string{"deploy", "plan", "rehearse", "render", "rollback", "shift", "policy", "status", "list"}, looksAt)
	changesAWS     = []string{"deploy", "rollback", "shift"}
	plansOrDeploys = []string{"deploy", "plan", "rehearse"}
	plansChanges   = []string{"deploy", "plan", "rehearse", "policy"}
	sharesTraffic  = []string{"deploy", "plan", "rehearse", "validate", "policy", "shift"}
	rollsBack      = []string{"rollback"}
	tellsGates     = slices.Concat(sharesTraffic, []string{"rollback"})
	namesFunction  = []string{"rollback", "shift"}
	looksAt        = []string{"invoke", "logs", "history", "prune", "init"}
	servesLocal    = []string{"local"}
)

// valueSources are where values are read from: see package values.
var valueSources = []string{"env:", "file:", "ssm:", "secretsmanager:", "tfstate:"}

const (
	groupService  = "What to deploy"
	groupValues   = "Variables and secrets"
	groupAWS      = "AWS"
	groupRun      = "How to deploy"
	groupRollback = "Rollback"
	groupFunction = "A deployed function"
	groupLocal    = "The embedded AWS"
	groupOutput   = "Output"
)

var table = []Input{
	{Name: "command", Kind: Enum, Default: "deploy", Enum: commandNames(), Group: groupOutput, Meta: "COMMAND",
		Help: "What to do. In a terminal it is the first argument."},

	{Name: "service", Kind: Paths, Commands: readsFiles, Group: groupService, Meta: "FILE",
		Help: "Harness Service files: paths or globs. Several are one all-or-nothing deployment."},
	{Name: "environment", Kind: String, Commands: readsFiles, Group: groupService, Meta: "FILE",
		Help: "Harness Environment file."},
	{Name: "infrastructure", Kind: Paths, Commands: readsFiles, Group: groupService, Meta: "FILE",
		Help: "Harness Infrastructure files: each is one more Region or account."},
	{Name: "overrides", Kind: Paths, Commands: readsFiles, Group: groupService, Meta: "FILE",
		Help: "Harness override files, for variables and manifests."},
	{Name: "function-definition", Kind: Paths, Commands: readsFiles, Group: groupService, Meta: "FILE",
		Help: "Function definition files, JSON or YAML: paths or globs. The short form, without a Harness Service. With several paths or a glob, relative artifacts and alias definitions are relative to each file's folder."},
	{Name: "alias", Kind: List, Commands: slices.Concat(readsFiles, []string{"shift"}), Group: groupService, Meta: "NAME",
		Help: "Names of the aliases to point at the new version. Replaces the Service's alias manifests."},
	{Name: "alias-definition", Kind: Paths, Commands: readsFiles, Group: groupService, Meta: "FILE",
		Help: "Alias definition files. Replaces the Service's alias manifests."},
	{Name: "settings", Kind: Paths, Commands: readsFiles, Group: groupService, Meta: "FILE",
		Help: "Settings files: the function URL, permissions, concurrency and whatever else AWS keeps beside a function's configuration. lambroll's function_url.json is one, too."},
	{Name: "artifact", Kind: String, Commands: readsFiles, Group: groupService, Meta: "WHERE",
		Help: "s3://bucket/key[?versionId=…], an ECR image by tag or digest, a zip or jar file, or a folder. Replaces the Service's artifact."},

	{Name: "variables", Kind: Map, Commands: readsFiles, Group: groupValues, Meta: "NAME=VALUE",
		Help: "Service variables by name, for all Services. They override every other layer; new names are added."},
	{Name: "inputs", Kind: Map, Commands: readsFiles, Group: groupValues, Meta: "PATH=VALUE",
		Help: "Values for <+input>, by path: serviceVariables.name, artifacts.primary.primaryArtifactRef."},
	{Name: "secrets", Kind: Map, Commands: readsFiles, Group: groupValues, Meta: "ID=VALUE", Secret: true,
		Help: `Values for <+secrets.getValue("id")>. Each is masked.`},
	{Name: "variables-from", Kind: Map, Commands: readsFiles, Sources: valueSources, Group: groupValues, Meta: "NAME=SOURCE",
		Help: "Service variables whose values are read from env:VARIABLE, file:PATH, ssm:NAME (with :VERSION or :LABEL), secretsmanager:ID#KEY or tfstate:FILE#ADDRESS, where FILE may be s3://bucket/key. SecureStrings, secrets and what Terraform marks as sensitive are masked. See docs/values.md."},
	{Name: "secrets-from", Kind: Map, Commands: readsFiles, Sources: valueSources, Group: groupValues, Meta: "ID=SOURCE",
		Help: `Where to read the values of secrets, instead of the command line, which other users of the machine can see: the same sources as variables-from. file:PATH#KEY is a field of a JSON object. One line break at the end of a file is dropped. Each value is masked.`},

	{Name: "tfstate", Kind: String, Commands: readsFiles, Group: groupValues, Meta: "FILE",
		Help: "Terraform's state for {{ tfstate }} in lambroll's definitions: a file or s3://bucket/key. See docs/from-lambroll.md."},
	{Name: "prefixed-tfstate", Kind: Map, Commands: readsFiles, Group: groupValues, Meta: "PREFIX=FILE",
		Help: "States for functions with a prefix in lambroll's definitions: my_=FILE for {{ my_tfstate }}."},
	{Name: "ext-str", Kind: Map, Commands: readsFiles, Group: groupValues, Meta: "NAME=TEXT",
		Help: "Strings for std.extVar in a definition in Jsonnet."},
	{Name: "ext-code", Kind: Map, Commands: readsFiles, Group: groupValues, Meta: "NAME=JSONNET",
		Help: "Jsonnet for std.extVar in a definition in Jsonnet: memory=128 * 4."},
	{Name: "envfile", Kind: Paths, Commands: readsFiles, Group: groupValues, Meta: "FILE",
		Help: "Files of NAME=VALUE lines for {{ env }} and {{ must_env }} in lambroll's definitions. They take precedence over the environment, and a later file over an earlier one."},

	{Name: "aws-region", Kind: String, Commands: slices.Concat(readsFiles, namesFunction, looksAt, []string{"list"}), Group: groupAWS, Meta: "REGION",
		Help: "The Region, unless an Infrastructure or the function's ARN names one. It is an error if they differ."},
	{Name: "aws-access-key-id", Kind: String, Commands: callsAWS, Group: groupAWS, Meta: "ID", Secret: true,
		Help: "Explicit credentials. They also reach the post step, where the job's own may be gone."},
	{Name: "aws-secret-access-key", Kind: String, Commands: callsAWS, Group: groupAWS, Meta: "KEY", Secret: true,
		Help: "Explicit credentials."},
	{Name: "aws-session-token", Kind: String, Commands: callsAWS, Group: groupAWS, Meta: "TOKEN", Secret: true,
		Help: "Explicit credentials."},
	{Name: "role-to-assume", Kind: String, Commands: callsAWS, Group: groupAWS, Meta: "ARN",
		Help: "Role to assume with the job's OIDC token, or without one from the available credentials."},
	{Name: "role-session-name", Kind: String, Commands: callsAWS, Default: "lambda-rollout", Group: groupAWS, Meta: "NAME",
		Help: "Name of the role's session, as CloudTrail shows it."},
	{Name: "role-duration-seconds", Kind: Int, Commands: callsAWS, Default: "3600", Min: 900, Max: 43200, Group: groupAWS, Meta: "SECONDS",
		Help: "How long the role's session lasts."},
	{Name: "role-external-id", Kind: String, Commands: callsAWS, Group: groupAWS, Meta: "ID",
		Help: "External ID that the role's trust policy requires."},
	{Name: "role-chaining", Kind: Bool, Commands: callsAWS, Group: groupAWS,
		Help: "Assume the role from the available credentials even if the job has an OIDC token."},
	{Name: "audience", Kind: String, Commands: callsAWS, Default: "sts.amazonaws.com", Group: groupAWS, Meta: "AUDIENCE",
		Help: "Audience of the OIDC token."},
	{Name: "connectors", Kind: Map, Commands: slices.Concat(readsFiles, namesFunction, looksAt, []string{"list"}), Group: groupAWS, Meta: "REF=ARN",
		Help: "Role ARNs by connectorRef, of an Infrastructure or an artifact."},
	{Name: "allowed-account-ids", Kind: List, Commands: slices.Concat(callsAWS, []string{"validate"}), Digits: 12, Group: groupAWS, Meta: "ID",
		Help: "Refuse every other account. Quote the IDs in YAML."},
	{Name: "staging-bucket", Kind: String, Commands: []string{"deploy", "plan", "rehearse", "validate", "policy", "rollback", "status"}, Group: groupAWS, Meta: "BUCKET",
		Help: "Bucket to which a zip above 50 MB, or one from another Region or account, is uploaded, in deploy and rollback. The name may contain {region} and {account}."},

	{Name: "version-description", Kind: String, Commands: plansChanges, Group: groupRun, Meta: "TEXT",
		Help: "Text to add to the marker in the published version's description."},
	{Name: "environment-variables", Kind: Enum, Commands: slices.Concat(plansChanges, []string{"status"}), Default: "replace", Enum: []string{"replace", "merge", "keep"}, Group: groupRun,
		Help: "How the definition's environment changes the variables that the function has: replace them, merge into them, or keep their values. A definition without environment does not change them."},
	{Name: "traffic", Kind: Course, Commands: sharesTraffic, Default: "AllAtOnce", Group: groupRun, Meta: "SCHEDULE",
		Help: "How traffic shifts to the new version: AllAtOnce, a CodeDeploy name (Canary10Percent5Minutes, Linear10PercentEvery1Minute, …), or stages: 10%/5m, 50%/5m. A last stage without a time stays there: 10%. codedeploy:APPLICATION/GROUP lets AWS CodeDeploy shift it (docs/codedeploy.md)."},
	{Name: "traffic-wait", Kind: Bool, Commands: []string{"deploy", "plan", "rehearse", "validate", "policy"}, Group: groupRun,
		Help: "With traffic: codedeploy:APPLICATION/GROUP: wait for the end of the shift (default). With false the run ends when the shift has begun, and a shift that fails later rolls back its own alias only."},
	{Name: "guard", Kind: List, Commands: sharesTraffic, Enum: []string{"errors", "duration", "duration!", "none"}, Group: groupRun, Meta: "WHAT",
		Help: "What is compared while the old and the new version share the traffic: errors (in CloudWatch, minute by minute; the default for stages with a time), or none; duration also compares how long invocations take and warns; duration! rolls back. If the new version fails more often than the old one, everything is rolled back (docs/guard.md)."},
	{Name: "guard-warm-up", Kind: Duration, Commands: sharesTraffic, Default: "0s", Group: groupRun, Meta: "TIME",
		Help: "Time at the start of the first stage that guard leaves out, for functions whose cold starts fail."},
	{Name: "max-error-rate", Kind: Percent, Commands: sharesTraffic, Group: groupRun, Meta: "PERCENT",
		Help: "Upper bound for the new version's error rate, whatever the old version's is: 1%."},
	{Name: "error-tolerance", Kind: Percent, Commands: sharesTraffic, Group: groupRun, Meta: "PERCENT",
		Help: "By how much the new version's error rate may exceed the old version's: 0.5%. By default 0.1% or a fifth of the old version's rate, whichever is larger."},
	{Name: "min-invocations", Kind: Int, Commands: sharesTraffic, Default: "50", Min: 1, Max: 1000000000, Group: groupRun, Meta: "N",
		Help: "Invocations of the new version that a stage needs before it is called good. Evidence that it is bad needs no minimum."},
	{Name: "on-inconclusive", Kind: Enum, Commands: sharesTraffic, Default: "extend", Enum: []string{"extend", "continue", "rollback"}, Group: groupRun,
		Help: "What follows a stage with too few invocations: extend it if twice its time suffices, then continue; continue with a warning; or rollback."},
	{Name: "alarms", Kind: List, Commands: sharesTraffic, Group: groupRun, Meta: "NAME",
		Help: "CloudWatch alarms, metric or composite, in every Region of the run. None may be in ALARM before the start; one that changes to ALARM rolls everything back. NAME! may be in ALARM already: only a change for the worse counts."},
	{Name: "alarm-bake", Kind: Duration, Commands: sharesTraffic, Default: "0s", Group: groupRun, Meta: "TIME",
		Help: "How long to watch the alarms after the last stage."},
	{Name: "gates", Kind: Gates, Commands: tellsGates, Group: groupRun, Meta: "MOMENT=WHOM",
		Help: "Whom to ask at before-wave, before-traffic, before-stage (each stage) or after-traffic, and where to send each event: before-traffic=https://…. An https address gets JSON by POST: 2xx is yes; after 202, 408, 423, 425, 429 or 5xx it is asked again; anything else is no. Or a function's ARN: a failure or {\"approve\": false} is no. A no rolls everything back (docs/gates.md)."},
	{Name: "gate-secret", Kind: String, Commands: tellsGates, Secret: true, Group: groupRun, Meta: "SECRET",
		Help: "Key with which requests to gates are signed: HMAC-SHA256, as Standard Webhooks describes it."},
	{Name: "gate-timeout", Kind: Duration, Commands: sharesTraffic, Default: "10m", Min: 1, Group: groupRun, Meta: "TIME",
		Help: "How long a gate may take to say yes. After that, its answer counts as no."},
	{Name: "verify", Kind: String, Commands: []string{"deploy", "plan", "rehearse", "validate", "policy"}, Group: groupRun, Meta: "FILES|JSON",
		Help: "Invoke the new version before it gets any traffic, by its number, each payload once: JSON, files with a JSON payload, or files with cases that state the expected result (docs/verify.md). Any other result rolls the deploy back."},
	{Name: "verify-expect", Kind: String, Commands: []string{"deploy", "plan", "rehearse", "validate", "policy"}, Group: groupRun, Meta: "JSON",
		Help: "JSON that every answer of verify must contain: {\"ok\": true}. Answers may have more keys."},
	{Name: "waves", Kind: List, Commands: []string{"deploy", "plan", "rehearse", "policy"}, Group: groupRun, Meta: "FUNCTIONS",
		Help: "The order of many functions: one wave per line, as function names, globs or REGION:GLOB, separated by spaces. A wave begins when the one before is done. Functions that no line names come last. If one fails, all waves are rolled back."},
	{Name: "keep-versions", Kind: Int, Commands: []string{"deploy", "policy", "prune"}, Min: 1, Group: groupRun, Meta: "N",
		Help: "After a successful deploy, keep this many of the newest versions and delete older ones, by the rules of the command prune. A problem with that does not fail the deploy. Off by default."},
	{Name: "max-parallel", Kind: Int, Commands: []string{"deploy", "plan", "rehearse", "policy", "rollback", "shift", "prune", "init", "status"}, Default: "16", Min: 1, Max: 1000, Group: groupRun, Meta: "N",
		Help: "How many functions of a Region are deployed at the same time."},
	{Name: "max-time", Kind: Duration, Commands: []string{"rehearse"}, Default: "2m", Min: 1, Group: groupRun, Meta: "TIME",
		Help: "Time limit of a rehearsal. What was not played by then is counted; every kind of scenario is played early."},
	{Name: "with-code", Kind: Bool, Commands: []string{"rehearse"}, Group: groupRun,
		Help: "Rehearse with the real code, which is downloaded. Without it a small zip takes the place of the code."},
	{Name: "play", Kind: List, Commands: []string{"rehearse"}, Group: groupRun, Meta: "PLAY",
		Help: "Play only these, by the names that an earlier rehearsal printed."},
	{Name: "timeout", Kind: Duration, Commands: []string{"deploy", "shift"}, Default: "10m", Min: 1, Group: groupRun, Meta: "TIME",
		Help: "Time limit of the deploy, with a unit: 90s, 10m. Traffic stages are not counted. A function's own timeout belongs in its definition."},
	{Name: "job-time-limit", Kind: Duration, Commands: []string{"deploy", "shift"}, Min: 1, Group: groupRun, Meta: "TIME",
		Help: "How long the job may take, if the host does not say: a deploy whose traffic schedule takes longer does not start. GitLab and Buildkite say it, and GitHub's own runners end a job after 6h."},

	{Name: "rollback-on", Kind: List, Commands: changesAWS, Default: "failure, cancelled", Enum: []string{"failure", "cancelled", "never"}, Group: groupRollback, Meta: "WHEN",
		Help: "When the post step rolls back: failure, cancelled, or never. A deploy that fails always rolls back."},
	{Name: "first-deploy", Kind: Enum, Commands: []string{"deploy", "rehearse", "rollback", "policy"}, Default: "delete", Enum: []string{"delete", "keep"}, Group: groupRollback,
		Help: "What a rollback does with a function that this run created."},
	{Name: "allow-partial-rollback", Kind: Bool, Commands: plansOrDeploys, Group: groupRollback,
		Help: "Deploy even if a rollback could not restore everything. The plan lists what it could not."},
	{Name: "rollback-timeout", Kind: Duration, Commands: changesAWS, Default: "10m", Min: 1, Group: groupRollback, Meta: "TIME",
		Help: "Time limit of the rollback, separate from the deploy's."},
	{Name: "journal", Kind: String, Commands: []string{"deploy", "rollback", "shift", "policy", "report"}, Group: groupRollback, Meta: "PLACE",
		Help: "Where to keep the journal: a file, or s3://bucket/prefix if the runner's disk is not kept. The default depends on the host."},
	{Name: "rollback-data", Kind: String, Commands: namesFunction, Instead: "command: rollback undoes that deploy; command: shift moves its traffic", Group: groupRollback, Meta: "JSON",
		Help: "The output rollback-data of a deploy: what rollback restores in another job, and which aliases shift moves."},
	{Name: "to-version", Kind: Int, Commands: namesFunction, Instead: "command: rollback goes back to a version; command: shift moves traffic to it", Min: 1, Group: groupRollback, Meta: "N",
		Help: "Version to point the alias at, instead of the one that it pointed to before; for shift, the new version."},
	{Name: "at", Kind: String, Commands: rollsBack, Instead: "command: rollback goes back in time", Group: groupRollback, Meta: "TIME",
		Help: "Point the aliases at what they pointed to then: 2026-11-20T10:00Z, or how long ago, 2h. For function and alias, or for all functions of the files. What CloudTrail does not prove is not restored: exit code 3, with the candidates."},
	{Name: "commit", Kind: String, Commands: rollsBack, Instead: "command: rollback goes back to a commit", Group: groupRollback, Meta: "SHA",
		Help: "Point the aliases at the version that was published from this commit, as at does for a time."},
	{Name: "latest", Kind: Bool, Commands: rollsBack, Group: groupRollback,
		Help: "Restore $LATEST too."},
	{Name: "dry-run", Kind: Bool, Commands: slices.Concat(namesFunction, []string{"prune"}), Instead: "command: plan shows what a deploy would do and changes nothing", Group: groupRollback,
		Help: "Print the plan of the rollback or the shift, or what prune would delete; change nothing."},
	{Name: "yes", Kind: Bool, Commands: slices.Concat(rollsBack, []string{"prune"}), Group: groupRollback,
		Help: "Answer yes where a terminal would ask: before a rollback or prune deletes something."},

	{Name: "function", Kind: String, Commands: slices.Concat(namesFunction, looksAt, []string{"status", "policy"}), Group: groupFunction, Meta: "NAME",
		Help: "Function to look at, to invoke, to shift or to roll back by hand: name or ARN. init and prune also take a pattern, and status several; so does policy for the command that --scope names."},
	{Name: "percentage", Kind: Percent, Commands: []string{"shift"}, Instead: "traffic: 10% gives the new version that part of the traffic; command: shift moves more of it later", Group: groupFunction, Meta: "N",
		Help: "How much of the traffic goes to the new version: 100 is all of it, 0 is none. For stages, use traffic instead."},
	{Name: "resume", Kind: Bool, Commands: []string{"shift"}, Instead: "command: shift with resume continues a shift that was stopped", Group: groupFunction,
		Help: "Continue a shift, of a deploy or of shift, that was stopped and not rolled back: its journal holds the stages, the guard and the alarms. The interrupted stage starts again. Gates must be given again."},
	{Name: "qualifier", Kind: String, Commands: []string{"invoke", "logs"}, Group: groupFunction, Meta: "ALIAS",
		Help: "Alias or version to invoke, by default $LATEST, or whose log to print, by default all."},
	{Name: "since", Kind: String, Commands: []string{"logs"}, Default: "10m", Group: groupFunction, Meta: "TIME",
		Help: "How far back the log goes: 90s, 2h30m, 3d, or a time with its zone, 2026-11-20T10:00Z."},
	{Name: "filter", Kind: String, Commands: []string{"logs"}, Group: groupFunction, Meta: "PATTERN",
		Help: "CloudWatch's filter pattern: ERROR, \"two words\", ?one ?other, { $.level = \"error\" }."},
	{Name: "follow", Kind: Bool, Commands: []string{"logs"}, Group: groupFunction,
		Help: "Print new lines as they come, until interrupted. With --output json, one JSON document per line."},
	{Name: "watch", Kind: Bool, Commands: []string{"status"}, Group: groupFunction,
		Help: "Show the status again whenever something changes, until interrupted. With --output json, one JSON document per line."},
	{Name: "limit", Kind: Int, Commands: []string{"history"}, Default: "20", Min: 1, Group: groupFunction, Meta: "N",
		Help: "How many versions to list, the newest first."},
	{Name: "compare", Kind: String, Commands: []string{"history"}, Group: groupFunction, Meta: "A..B",
		Help: "Two versions to compare, instead of the list: 41..42."},
	{Name: "output-dir", Kind: String, Commands: []string{"init", "convert"}, Default: ".", Group: groupFunction, Meta: "DIR",
		Help: "Folder in which init makes a folder for each function, and to which convert writes its files instead of printing them."},
	{Name: "file-format", Kind: Enum, Commands: []string{"init"}, Default: "yaml", Enum: []string{"yaml", "json"}, Group: groupFunction,
		Help: "Format of the definitions that init writes."},
	{Name: "harness", Kind: Bool, Commands: []string{"init"}, Group: groupFunction,
		Help: "Write a Harness Service that names the files, too."},
	{Name: "with-environment", Kind: Bool, Commands: []string{"init"}, Group: groupFunction,
		Help: "Write the values of the environment variables to a separate file, which only its owner can read and a .gitignore covers. Without it a deploy of the files leaves the variables as they are."},
	{Name: "force", Kind: Bool, Commands: []string{"init", "convert"}, Group: groupFunction,
		Help: "Overwrite existing files."},
	{Name: "payload", Kind: String, Repeats: true, Commands: []string{"invoke"}, Group: groupFunction, Meta: "JSON",
		Help: "JSON event to send: the text itself, @FILE, or - for stdin. Several: @FILE @FILE, a pattern, @events/*.json, or documents that follow one another in a file or stdin."},

	{Name: "local", Kind: Bool, Commands: callsAWS, Group: groupLocal,
		Help: "Use the embedded AWS instead of the real one."},
	{Name: "local-dir", Kind: String, Commands: slices.Concat(callsAWS, servesLocal), Default: ".lambda-rollout/local", Group: groupLocal, Meta: "DIR",
		Help: "Where the embedded AWS keeps its state."},
	{Name: "listen", Kind: String, Commands: servesLocal, Default: "127.0.0.1:4566", Group: groupLocal, Meta: "HOST:PORT",
		Help: "Address to serve on."},
	{Name: "pending", Kind: Duration, Commands: servesLocal, Default: "0s", Group: groupLocal, Meta: "TIME",
		Help: "How long a function stays Pending."},
	{Name: "in-progress", Kind: Duration, Commands: servesLocal, Default: "0s", Group: groupLocal, Meta: "TIME",
		Help: "How long an update stays InProgress."},
	{Name: "quotas", Kind: Bool, Commands: servesLocal, Group: groupLocal,
		Help: "Enforce the real rate limits."},

	{Name: "report", Kind: String, Commands: []string{"deploy", "shift", "rollback", "report"}, Group: groupOutput, Meta: "FILE",
		Help: "Where to write the HTML page of the run. Without it, the command report prints the page."},
	{Name: "notify", Kind: String, Commands: changesAWS, Secret: true, Group: groupOutput, Meta: "URL",
		Help: "URL that gets a JSON event (CloudEvents 1.0) at the beginning of the run, at each stage of the traffic, at a rollback and at the end. It never delays or fails the run (docs/notify.md)."},
	{Name: "github-token", Kind: String, Commands: changesAWS, Secret: true, Group: groupOutput, Meta: "TOKEN",
		Help: "Token with the permission deployments: write. With it the run appears as a deployment of the repository on GitHub (docs/notify.md)."},
	{Name: "deployment-environment", Kind: String, Commands: changesAWS, Group: groupOutput, Meta: "NAME",
		Help: "With github-token: the environment of the deployment on GitHub. By default the name of the Harness Environment, else production."},
	{Name: "output", Kind: Enum, Default: "text", Enum: []string{"text", "json"}, Group: groupOutput,
		Help: "json prints the result on stdout and the log on stderr."},
	{Name: "exit-code", Kind: Bool, Commands: []string{"plan", "status"}, Instead: "command: plan has exit codes for changes", Group: groupOutput,
		Help: "Exit with code 2 if there are changes."},
	{Name: "format", Kind: Enum, Commands: []string{"policy"}, Default: "json", Enum: []string{"json", "terraform"}, Group: groupOutput,
		Help: "Format of the policy."},
	{Name: "scope", Kind: Enum, Commands: []string{"policy"}, Default: "deployment", Enum: []string{"deployment", "service", "plan", "rehearse", "status", "history", "init", "list", "invoke"}, Group: groupOutput,
		Help: "What the policy is for: this deployment as it would run now; service: every deployment of these files, the first one and all later ones; plan: only plan; rehearse: plan and rehearse; status, history, init, invoke: that command for --function; list: the command list."},
	{Name: "kind", Kind: Enum, Commands: []string{"schema"}, Default: "function", Enum: []string{"function", "alias", "settings"}, Group: groupOutput,
		Help: "Which kind of definition the schema describes."},
	{Name: "shell", Kind: Enum, Positional: true, Commands: []string{"completion"}, Default: "bash", Enum: []string{"bash", "zsh", "fish"}, Group: groupOutput,
		Help: "Shell that the script is for."},
	{Name: "files", Kind: Paths, Positional: true, Commands: []string{"convert", "validate"}, Group: groupOutput, Meta: "FILE",
		Help: "The pipeline, workflow or folder to convert, then the files that it refers to; or the files to validate, of any kind: paths or globs."},
	{Name: "verbose", Kind: Bool, Group: groupOutput,
		Help: "Print each call to AWS; on a terminal, the whole log, too."},
	{Name: "job-status", Kind: String, Commands: rollsBack, ActionDefault: "${{ job.status }}", Group: groupOutput, Meta: "STATUS",
		Help: "How the post step learns the job's status. Do not set it. Empty in the post step means failure."},
}

func commandNames() []string {
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = c.Name
	}
	return names
}
