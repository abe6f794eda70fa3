// Package internal has no code. Its subfolders are the program; this comment says
// what is where. imports_test.go says which package may import which.
//
// A deployment goes through these packages from top to bottom, and nothing calls
// back up:
//
//	main.go      the process: signals, streams, exit code
//	cli          one file for each command: reads the inputs, calls deploy,
//	             prints the result, decides the exit code
//	input        the one table of inputs: flags, INPUT_*, PLUGIN_*
//	host         GitHub, Woodpecker, Drone, Harness CI, a terminal: where outputs,
//	             state, masks and annotations go
//	service      files -> Set: which function goes where; no network
//	  document     YAML and JSON with positions
//	  expression   <+ … > and {{ … }}
//	  definition   one type for a function that is wanted, observed or saved
//	  diag         problems of the user's input, with file:line:col
//	deploy       one deployment of all functions, or of none:
//	  Resolve      Set -> Targets: sessions (session), code (artifact)
//	  Plan         Targets -> Planned: current state (lambdaapi), steps (plan)
//	  Check        may it start? (preflight, policy)
//	  Deploy       Planned -> Results, or a rollback: by one engine a target
//	  Rollback     journal -> Restored; PlanRollback plans it without doing it
//	plan         what to do, forward and back: pure
//	engine       carries out the steps of one target, and decides what to do when
//	             an answer is lost
//	journal      the record from which a rollback works
//	traffic      stages of a gradual shift
//	gate         asks somebody outside whether a run may continue
//	verify       does a new version answer as expected? pure comparison
//	metrics      how often versions were invoked and failed, from CloudWatch
//	codedeploy   hands an alias to AWS CodeDeploy, and reads the state of the shift
//	cloudtrail   the calls that moved aliases, from CloudTrail's event history
//	logs         what functions logged, from CloudWatch Logs
//	tagging      which functions carry a tag
//	prune        which old versions may be deleted, and why others stay
//	history      where an alias pointed to at an instant, if that can be proven
//	guard        is the new version worse than the old one? pure statistics
//	event        what happens in a run; report renders it: log, diff, summary;
//	             notify sends it to others
//
// Beside these:
//
//	address      addresses of servers as users write them
//	awsfacts     what AWS fixes: partitions, limits, error codes
//	moment       points in time as users write them
//	timing       how long to wait for what, in one value
//	redact       hides secrets in whatever is written; printable escapes what a
//	             terminal would obey
//	terminal     lines with colours, and the block that is redrawn
//	glob         one engine for the patterns of files
//	yamltext     JSON as the YAML parser understands it
//	lazyregexp   regular expressions that are compiled when they are needed
//	adopt        an existing function -> files that deploy it
//	convert      other tools' files -> a workflow
//	awslocal     the embedded AWS, for trials and tests, which shares no type with
//	             the client side; embedded runs it in this process
//	rehearse     a deployment played against a copy, with everything that can go
//	             wrong
//	matrix       tests: deployments that are interrupted at every call
//
// Where to begin:
//
//   - a new field of a function: definition/fields.go, lambdaapi/expand.go and
//     flatten.go, awslocal/lambda
//   - a new input: input/table.go; its tests name the files that list it
//   - a new check before the first change: deploy/check.go
//   - a new call to Lambda: plan/step.go; the compiler and the tests show the rest
//   - a new line in the log: event, then report
//
// A user's view in tests is testdata/script; the promise that every interrupted
// run can be rolled back is in matrix; the rules of one package in its own tests.
package internal
