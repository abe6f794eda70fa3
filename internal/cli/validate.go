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
	set, problems, err := a.read(ctx)
	if err != nil {
		return err
	}
	err = a.withTemp(func(folders deploy.Folders) error {
		problems = append(problems, deploy.CheckOffline(ctx, set, a.in.String("staging-bucket"), folders)...)
		return nil
	})
	if err != nil {
		return err
	}
	if err := session.Check(session.Options{Region: a.in.String("aws-region"), LookupEnv: a.lookupEnv}); err != nil {
		problems = append(problems, diag.Problem{Message: err.Error()})
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
