package cli

import (
	"context"
	"errors"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
)

// validate checks every file, offline: what is wrong with the definitions, and
// with the zips and folders of this machine, comes out together.
func (a *app) validate(ctx context.Context) error {
	set, faults, err := a.read()
	if err != nil {
		return err
	}
	temp, clean, err := artifact.NewTemp(a.host.TempDir(), a.host.Workspace())
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	b := &builder{app: a, temp: temp}
	faults = append(faults, b.localCode(ctx, set)...)
	if err := clean(); err != nil {
		return err
	}
	if fatal(faults) {
		return faults
	}
	a.warnings(faults)
	for _, t := range set.Targets {
		a.log().Line("%s: valid (%d aliases)", t.Function.FunctionName, len(t.Aliases))
	}
	return nil
}

// localCode looks into the artifacts that are on this machine, and names what no
// later deployment can change.
func (b *builder) localCode(ctx context.Context, set *service.Set) diag.List {
	var faults diag.List
	for _, t := range set.Targets {
		faults = append(faults, definition.CheckFixed(*t.Function, t.Document)...)
		ref, err := reference(t.Artifact)
		if err != nil {
			faults = append(faults, diag.Problem{Message: err.Error()})
			continue
		}
		if ref.Kind != artifact.Path {
			continue
		}
		code, err := artifact.Resolve(ctx, ref, artifact.Options{
			StagingBucket: b.in.String("staging-bucket"), Workspace: b.host.Workspace(), TempDir: b.temp, Folders: &b.folders,
		})
		if err != nil {
			faults = append(faults, notBuilt(err))
			continue
		}
		for _, w := range code.Warnings {
			faults = append(faults, diag.Problem{Message: w, Warning: true})
		}
		faults = append(faults, checkCode(ctx, t, code)...)
	}
	return faults
}

// notBuilt makes a warning of code that is not there: files are validated
// before the code is built, too.
func notBuilt(err error) diag.Problem {
	f := diag.Problem{Message: err.Error()}
	if missing := (*artifact.MissingError)(nil); errors.As(err, &missing) {
		f.Warning, f.Hint = true, "what it holds is not checked"
	}
	return f
}

// checkCode holds a zip on this machine to its definition. An object of S3 is
// left to AWS: it would have to be fetched.
func checkCode(ctx context.Context, t service.Target, code *artifact.Result) diag.List {
	if code.Kind != artifact.File && code.Kind != artifact.Folder {
		return nil
	}
	listing, done, err := code.Listing(ctx)
	if err != nil {
		return diag.List{{Message: err.Error()}}
	}
	faults := definition.CheckCode(*t.Function, listing, t.Document)
	if err := done(); err != nil {
		faults = append(faults, diag.Problem{Message: err.Error()})
	}
	return faults
}

// checkAllCode does the same for artifacts that were resolved already.
func (b *builder) checkAllCode(ctx context.Context, set *service.Set) error {
	var faults diag.List
	for i, t := range set.Targets {
		faults = append(faults, checkCode(ctx, t, b.code[i])...)
	}
	if fatal(faults) {
		return faults
	}
	b.warnings(faults)
	return nil
}
