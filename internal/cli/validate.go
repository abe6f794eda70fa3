package cli

import (
	"context"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// validate checks every file, offline: what is wrong with the definitions, and
// with the zips and folders of this machine, comes out together.
func (a *app) validate(ctx context.Context) error {
	found, err := a.validation(ctx)
	if err != nil {
		return err
	}
	if err := session.Check(session.Options{Region: a.in.String("aws-region"), LookupEnv: a.lookupEnv}); err != nil {
		found.problems = append(found.problems, diag.Problem{Message: err.Error()})
	}
	if a.json() {
		if err := a.printJSON(a.validated(found)); err != nil {
			return err
		}
	}
	if found.problems.Err() != nil {
		return found.problems
	}
	a.warnings(found.problems)
	for _, p := range found.pipelines {
		a.log().Line("%s: valid (%s)", p.File, number(p.Stages, "stage"))
	}
	for _, f := range found.functions {
		a.log().Line("%s: valid (%s)", f.Function, number(len(f.Aliases), "alias"))
	}
	return nil
}

// validation is what a validation found.
type validation struct {
	functions []validFunction
	pipelines []validPipeline
	problems  diag.List
	// sources are the files of the functions' definitions.
	sources []string
}

func (a *app) validation(ctx context.Context) (found validation, err error) {
	if a.in.Given("files") {
		return a.validateFiles(ctx)
	}
	err = a.validateSet(ctx, &found)
	return found, err
}

// validateSet checks what the inputs name.
func (a *app) validateSet(ctx context.Context, found *validation) error {
	set, problems, err := a.read(ctx)
	if err != nil {
		return err
	}
	found.problems = append(found.problems, problems...)
	for _, t := range set.Targets {
		f := validFunction{Function: t.Function.FunctionName, Aliases: []string{}}
		for _, alias := range t.Aliases {
			f.Aliases = append(f.Aliases, alias.Name)
		}
		found.functions = append(found.functions, f)
		found.sources = append(found.sources, t.Source)
	}
	return a.withTemp(func(folders deploy.Folders) error {
		o := deploy.Offline{StagingBucket: a.in.String("staging-bucket"), Folders: folders, Asked: a.in.String("aws-region")}
		if !a.in.Given("files") {
			// Single files do not say where their functions go: that is the run's to say.
			o.Region = session.RegionOfEnvironment(a.lookupEnv)
		}
		found.problems = append(found.problems, deploy.CheckOffline(ctx, set.Set, o)...)
		return nil
	})
}

// validateDocument is what --output json prints of validate.
type validateDocument struct {
	Valid     bool              `json:"valid"`
	Functions []validFunction   `json:"functions"`
	Pipelines []validPipeline   `json:"pipelines,omitempty"`
	Problems  []problemDocument `json:"problems"`
}

type validFunction struct {
	Function string   `json:"function"`
	Aliases  []string `json:"aliases"`
}

// validPipeline is a Harness pipeline that was checked.
type validPipeline struct {
	File   string `json:"file"`
	Stages int    `json:"stages"`
}

type problemDocument struct {
	Warning bool   `json:"warning"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (a *app) validated(found validation) validateDocument {
	d := validateDocument{Valid: found.problems.Err() == nil, Functions: found.functions, Pipelines: found.pipelines, Problems: []problemDocument{}}
	if d.Functions == nil {
		d.Functions = []validFunction{}
	}
	d.Problems = append(d.Problems, a.problemDocuments(found.problems)...)
	return d
}

func (a *app) problemDocuments(problems diag.List) (all []problemDocument) {
	for _, p := range problems.Sorted() {
		all = append(all, problemDocument{
			Warning: p.Warning, File: p.File, Line: p.Line, Col: p.Col,
			Message: a.host.Redact(p.Message), Hint: a.host.Redact(p.Hint),
		})
	}
	return all
}
