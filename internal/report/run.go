package report

import (
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// emitRun writes the lines of what happens around the steps.
func (l *Log) emitRun(e event.Event) {
	switch e := e.(type) {
	case event.RunBegan:
		l.begin(e.Targets)
	case event.OfTarget:
		if f := l.ofFleet(); f != nil {
			f.emit(e.Target, e.Event)
			return
		}
		l.of(e.Target).Emit(e.Event)
	case event.ObserveBegan:
		l.observeBegan(e)
	case event.ObserveEnded:
		l.observeEnded(e)
	case event.DeployBegan:
		l.deployBegan(e)
	case event.DeployEnded:
		l.Line("Successfully deployed lambda function: [%s]", e.Function)
	case event.AliasManifests:
		l.aliasManifests(e)
	case event.TargetEnded:
		l.Line("Done")
	case event.DeploymentFailed:
		l.deploymentFailed(e)
	case event.JournalSkipped:
		l.Line("Skipped the journal %s: %s", e.Journal, e.Reason)
	case event.RollbackBegan:
		l.Line("Starting Rollback..")
	case event.RollbackSkipped:
		l.rollbackSkipped(e)
	case event.RollbackEnded:
		l.rollbackEnded(e)
	case event.VerifyBegan:
		l.verifyBegan(e)
	case event.CaseVerified:
		l.Line("Verified %s: version %s answered as expected in %s", e.Case, e.Version, e.Usage)
	case event.CaseFailed:
		l.caseFailed(e)
	case event.CaseCompared:
		l.caseCompared(e)
	case event.StepBegan, event.StepEnded, event.WaitBegan, event.Waiting, event.AliasesBegan, event.AliasesEnded,
		event.AliasUpToDate, event.CodeFirst, event.Downloading, event.WatchingForLateCall, event.StageHeld, event.StageWatched,
		event.StageExtended, event.AlarmChanged, event.DurationsCompared, event.GateAsked, event.GateWaiting, event.GatePassed, event.GateRefused, event.SectionBegan, event.Warning, event.AliasesMoved, event.WaveBegan, event.RollbackLimited,
		event.Tick, event.Planned, event.ShiftFollowed:
	}
}

// ofFleet is the log of many targets; nil where there are few.
func (l *Log) ofFleet() *fleet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fleet
}

// begin gives each target of a run a log of its own, with its name before each
// line, where there are several.
func (l *Log) begin(targets []event.Target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.targets = map[event.Target]*Log{}
	if len(targets) == 1 {
		return
	}
	for _, t := range targets {
		l.targets[t] = &Log{out: l.out, prefix: "[" + t.String() + "] "}
	}
	if l.fleet = nil; Fleet(len(targets)) && !l.detailed {
		l.fleet = newFleet(l, targets)
	}
}

// of is the log of a target.
func (l *Log) of(t event.Target) *Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	if of := l.targets[t]; of != nil {
		return of
	}
	return l
}

func (l *Log) observeBegan(e event.ObserveBegan) {
	l.Line("Preparing Rollback Data..")
	l.Line("")
	l.Line("Fetching Function Details for function: %s", e.Function)
}

// observeEnded says what a rollback restores, in the words that Harness' users
// know.
func (l *Log) observeEnded(e event.ObserveEnded) {
	if !e.Exists {
		l.Line("Function %s does not exist yet: a rollback deletes what this run creates", e.Function)
		l.Line("")
		l.Line("Prepare Rollback Done.")
		return
	}
	l.Line("Fetched Function Details for most recent deployed function %s", e.Function)
	l.Line("")
	l.Line("Function Version: %s", e.Version)
	l.Line("FunctionARN: %s", e.Arn)
	l.Line("CodeSha256: %s", e.CodeSha256)
	if e.MemorySize != nil {
		l.Line("Memory Size: %d", *e.MemorySize)
	}
	if e.Runtime != nil {
		l.Line("Runtime: %s", *e.Runtime)
	}
	l.Line("CodeSize: %d", e.CodeSize)
	if e.Handler != nil {
		l.Line("Handler: %s", *e.Handler)
	}
	l.Line("Architecture: [%s]", strings.Join(e.Architectures, " "))
	l.Line("")
	l.Line("Prepare Rollback Done.")
}

func (l *Log) deployBegan(e event.DeployBegan) {
	l.Line("Deploying..")
	l.Line("")
	l.Line("Aws Lambda Manifest Content")
	l.Block(e.Manifest)
	if e.Existing != "" {
		l.Line("Function: [%s] already exists. Update and Publish.", e.Function)
		l.Line("Existing Lambda Function Code Sha256: [%s].", e.Existing)
	}
	for _, line := range origin(e.Artifact) {
		l.Line("%s", line)
	}
}

// origin are the lines about where the code came from: in Harness' order, and in
// its words where the same was done. An image, and an object that Lambda reads by
// itself, are looked up and not downloaded.
func origin(a event.Artifact) []string {
	kind, label, place := "Local", "Path", a.Pinned
	doing, done := "Resolving", "resolved"
	switch a.Kind {
	case "s3":
		kind, label = "AmazonS3", "S3 Object Path"
		place, _, _ = strings.Cut(strings.TrimPrefix(place, "s3://"), "?versionId=")
		if a.Fetched {
			doing, done = "Downloading", "downloaded"
		}
	case "ecr":
		kind, label = "Ecr", "Image Path"
	case "file":
		doing, done = "Reading", "read"
	case "folder":
		doing, done = "Zipping", "zipped"
	}
	return []string{
		fmt.Sprintf("%s %s artifact with identifier: %s", doing, kind, a.Identifier),
		label + ": " + place,
		"Successfully " + done + " artifact..",
	}
}

func (l *Log) aliasManifests(e event.AliasManifests) {
	if len(e.Manifests) == 0 {
		return
	}
	l.Line("")
	l.Line("%s", strings.Repeat("=", 80))
	for _, text := range e.Manifests {
		l.Line("Aws Lambda Alias Manifest Content")
		l.Block(text)
		l.Line("")
	}
}

func (l *Log) deploymentFailed(e event.DeploymentFailed) {
	line, _, _ := strings.Cut(e.Err.Error(), "\n")
	l.Line("Deployment failed: %s", line)
}

func (l *Log) rollbackSkipped(e event.RollbackSkipped) {
	if e.Kept {
		l.Line("function %s did not exist before; first-deploy: keep leaves it as it is", e.Function)
		return
	}
	l.Line("Nothing was changed: no rollback data for function %s, skipped", e.Function)
}

func (l *Log) rollbackEnded(e event.RollbackEnded) {
	for _, line := range e.Left {
		l.Warn("%s", line)
	}
	if len(e.Left) == 0 {
		l.Line("Done")
	}
}
