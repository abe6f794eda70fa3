package deploy

import (
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// details says what stands before the deployment, in the words that Harness'
// users know.
func details(log *report.Log, name string, o plan.Observation) {
	if o.Latest == nil {
		log.Line("Function %s does not exist yet: a rollback deletes what this run creates", name)
		log.Line("")
		log.Line("Prepare Rollback Done.")
		return
	}
	f, arn := o.Latest, o.Latest.Arn
	if o.Served != nil {
		// AWS gives the alias' own ARN where it was asked for an alias.
		f, arn = o.Served, o.Latest.Arn+":"+o.Served.Version
	}
	log.Line("Fetched Function Details for most recent deployed function %s", name)
	log.Line("")
	log.Line("Function Version: %s", f.Version)
	log.Line("FunctionARN: %s", arn)
	log.Line("CodeSha256: %s", f.CodeSha256)
	if f.MemorySize != nil {
		log.Line("Memory Size: %d", *f.MemorySize)
	}
	if f.Runtime != nil {
		log.Line("Runtime: %s", *f.Runtime)
	}
	log.Line("CodeSize: %d", f.CodeSize)
	if f.Handler != nil {
		log.Line("Handler: %s", *f.Handler)
	}
	log.Line("Architecture: [%s]", strings.Join(f.Architectures, " "))
	log.Line("")
	log.Line("Prepare Rollback Done.")
}

func manifest(log *report.Log, p Planned) {
	log.Line("Aws Lambda Manifest Content")
	log.Block(string(definition.Render(p.Want.Function, true)))
	if latest := p.Before.Latest; latest != nil {
		log.Line("Function: [%s] already exists. Update and Publish.", p.At.Function)
		log.Line("Existing Lambda Function Code Sha256: [%s].", latest.CodeSha256)
	}
	for _, line := range p.Artifact.origin() {
		log.Line("%s", line)
	}
}

func aliasManifests(log *report.Log, aliases []definition.Alias) {
	if len(aliases) == 0 {
		return
	}
	log.Line("")
	log.Line("%s", strings.Repeat("=", 80))
	for _, a := range aliases {
		log.Line("Aws Lambda Alias Manifest Content")
		log.Block(string(definition.RenderAlias(a)))
		log.Line("")
	}
}
