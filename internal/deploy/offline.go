package deploy

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
)

// Offline is what a check without AWS knows beside the files.
type Offline struct {
	StagingBucket string
	// Asked is the Region that the inputs name, Region the environment's, for what
	// names none.
	Asked, Region string
	Folders       Folders
}

// CheckOffline checks the artifacts that are on this machine against their
// definitions, and Regions with each other, and names what no later deployment can
// change. It opens no session.
func CheckOffline(ctx context.Context, set *service.Set, o Offline) diag.List {
	var problems diag.List
	var zipped artifact.Folders
	for _, t := range set.Targets {
		problems = append(problems, definition.CheckFixed(*t.Function, t.Document)...)
		problems = append(problems, definition.CheckNew(*t.Function, t.Artifact.PackageType(), t.Document)...)
		region, err := o.regionOf(t)
		if err != nil {
			problems = append(problems, diag.Problem{Message: t.Function.FunctionName + ": " + err.Error()})
		}
		problems = append(problems, definition.CheckRegion(*t.Function, region, t.Document)...)
		ref, err := reference(t.Artifact)
		if err != nil {
			problems = append(problems, diag.Problem{Message: err.Error()})
			continue
		}
		if ref.Kind == artifact.ECR {
			if err := ref.Image.CheckRegion(region); err != nil {
				problems = append(problems, diag.Problem{Message: err.Error()})
			}
		}
		if ref.Kind != artifact.Path {
			continue
		}
		code, err := artifact.Resolve(ctx, ref, artifact.Options{
			StagingBucket: o.StagingBucket, Workspace: o.Folders.Workspace, TempDir: o.Folders.Temp, Folders: &zipped,
		})
		if err != nil {
			problems = append(problems, notBuilt(err))
			continue
		}
		problems = append(problems, checkCode(ctx, t, code)...)
	}
	return problems
}

// regionOf is the Region of a target; "" where only AWS's own configuration knows.
func (o Offline) regionOf(t service.Target) (string, error) {
	name, err := definition.ParseFunctionName(t.Function.FunctionName)
	if err != nil {
		return "", nil // the decoder has said so
	}
	return cmp.Or(name.Region, t.Infrastructure.Region, o.Asked, o.Region), agree(name.Region, t.Infrastructure.Region, o.Asked)
}

// notBuilt makes a warning of code that does not exist: files are validated
// before the code is built, too.
func notBuilt(err error) diag.Problem {
	p := diag.Problem{Message: err.Error()}
	if missing := (*artifact.MissingError)(nil); errors.As(err, &missing) {
		p.Warning, p.Hint = true, "what it holds is not checked"
	}
	return p
}

// checkCode checks a zip on this machine against its definition. An object of S3
// is left to AWS: it would have to be fetched.
func checkCode(ctx context.Context, t service.Target, code *artifact.Result) diag.List {
	if code.Kind != artifact.File && code.Kind != artifact.Folder {
		return nil
	}
	listing, done, err := code.Listing(ctx)
	if err != nil {
		return diag.List{{Message: err.Error()}}
	}
	problems := append(slices.Clone(code.Warnings), definition.CheckCode(*t.Function, listing, t.Document)...)
	if err := done(); err != nil {
		problems = append(problems, diag.Problem{Message: err.Error()})
	}
	return problems
}
