package cli

import (
	"context"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/verify"
)

// loaded is what the files say.
type loaded struct {
	*service.Set
	// cases are those of the input verify.
	cases []verify.Case
}

// load reads every file of the deployment; what is wrong with any of them ends
// it.
func (a *app) load(ctx context.Context) (*loaded, error) {
	set, problems, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	if problems.Err() != nil {
		return nil, problems
	}
	a.warnings(problems)
	a.environment = set.Targets[0].Environment.Name
	return set, nil
}

// read returns what can be deployed of the files, and what is wrong with them.
// Secrets are masked before anything about them can be printed.
func (a *app) read(ctx context.Context) (*loaded, diag.List, error) {
	in := a.in
	r := a.host.Run()
	secrets, variables, problems := a.values(ctx)
	if problems.Err() != nil {
		return &loaded{Set: &service.Set{}}, problems, nil
	}
	files, closeFiles, err := service.OpenFiles(ctx, a.host.Workspace())
	if err != nil {
		return nil, nil, notStarted(err)
	}
	templates, problems := a.templates(ctx)
	if problems.Err() != nil {
		return &loaded{Set: &service.Set{}}, problems, closeFiles()
	}
	known := map[string]string{
		"pipeline.name": r.Pipeline, "pipeline.sequenceId": r.Number,
		"pipeline.executionId": r.ID, "pipeline.executionUrl": r.URL, "stage.name": r.Job,
	}
	for _, path := range a.sorted["variables"] {
		known[path] = expression.Unknown
	}
	set, problems := service.Load(service.Options{
		Files: files, Templates: templates,
		Services: a.named("service"), Environments: a.named("environment"), InputSets: a.sorted["inputs"],
		Infrastructures: a.named("infrastructure"), Overrides: a.named("overrides"),
		Definitions: a.named("function-definition"), Aliases: in.List("alias"),
		AliasDefinitions: a.named("alias-definition"), Settings: a.named("settings"), Artifact: in.String("artifact"),
		Variables: in.Map("variables"), Given: variables, Inputs: in.Map("inputs"), Secrets: secrets,
		Connectors: in.Map("connectors"),
		Host:       known,
		Now:        a.Now,
		Serialised: a.host.Kind() == host.Terminal, DocumentsOnly: a.sorted != nil,
	})
	if set == nil {
		set = &service.Set{}
	}
	a.host.Mask("of the service", set.Secrets...)
	cases, wrong := a.cases(files, set)
	problems = append(problems, wrong...)
	if err := closeFiles(); err != nil {
		return nil, nil, err
	}
	if in.Has("traffic") && (in.Course("traffic").Gradual() || in.Group("traffic") != nil) {
		problems = append(problems, withoutAlias(set.Targets)...)
	}
	if len(set.Targets) == 0 && problems.Err() == nil && a.sorted == nil {
		problems = append(problems, diag.Problem{Message: "nothing to deploy: no service and no function-definition is named", Hint: "name a file: --service service.yaml, or --function-definition function.json"})
	}
	return &loaded{set, cases}, problems, nil
}

// withoutAlias are the functions whose traffic cannot be shared: that is done by
// an alias.
func withoutAlias(targets []service.Target) diag.List {
	var problems diag.List
	for _, t := range targets {
		if len(t.Aliases) == 0 {
			problems = append(problems, diag.Problem{File: t.Source, Message: "input traffic: function " + t.Function.FunctionName + " has no alias whose traffic could be shared", Hint: "name one: alias: live"})
		}
	}
	return problems
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// named are the files that an input names, or that were sorted to it.
func (a *app) named(input string) []string {
	if input == "environment" {
		return append(one(a.in.String(input)), a.sorted[input]...)
	}
	return append(a.in.List(input), a.sorted[input]...)
}

// withTemp calls do with a folder for what is zipped and fetched, and removes it
// afterwards.
func (a *app) withTemp(do func(deploy.Folders) error) error {
	temp, clean, err := artifact.NewTemp(a.host.TempDir(), a.host.Workspace())
	if err != nil {
		return notStarted(err)
	}
	defer func() {
		if err := clean(); err != nil {
			a.log().Warn("remove the temporary folder: %v", err)
		}
	}()
	return do(deploy.Folders{Workspace: a.host.Workspace(), Temp: temp})
}
