package cli

import (
	"context"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// validate checks every file, offline: what is wrong with the definitions, and
// with the zips and folders of this machine, comes out together.
func (a *app) validate(ctx context.Context) error {
	set, problems, err := a.read(ctx)
	if err != nil {
		return err
	}
	err = a.withTemp(func(folders deploy.Folders) error {
		problems = append(problems, deploy.CheckOffline(ctx, set.Set, a.in.String("staging-bucket"), folders)...)
		return nil
	})
	if err != nil {
		return err
	}
	if err := session.Check(session.Options{Region: a.in.String("aws-region"), LookupEnv: a.lookupEnv}); err != nil {
		problems = append(problems, diag.Problem{Message: err.Error()})
	}
	if a.json() {
		if err := a.printJSON(a.validated(set.Set, problems)); err != nil {
			return err
		}
	}
	if problems.Err() != nil {
		return problems
	}
	a.warnings(problems)
	for _, t := range set.Targets {
		a.log().Line("%s: valid (%d aliases)", t.Function.FunctionName, len(t.Aliases))
	}
	return nil
}

// validateDocument is what --output json prints of validate.
type validateDocument struct {
	Valid     bool              `json:"valid"`
	Functions []validFunction   `json:"functions"`
	Problems  []problemDocument `json:"problems"`
}

type validFunction struct {
	Function string   `json:"function"`
	Aliases  []string `json:"aliases"`
}

type problemDocument struct {
	Warning bool   `json:"warning"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (a *app) validated(set *service.Set, problems diag.List) validateDocument {
	d := validateDocument{Valid: problems.Err() == nil, Functions: []validFunction{}, Problems: []problemDocument{}}
	for _, t := range set.Targets {
		f := validFunction{Function: t.Function.FunctionName, Aliases: []string{}}
		for _, alias := range t.Aliases {
			f.Aliases = append(f.Aliases, alias.Name)
		}
		d.Functions = append(d.Functions, f)
	}
	d.Problems = append(d.Problems, a.problemDocuments(problems)...)
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
