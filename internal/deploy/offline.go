package deploy

import (
	"context"
	"errors"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
)

// CheckOffline checks the artifacts that are on this machine against their
// definitions, and names what no later deployment can change. It opens no
// session.
func CheckOffline(ctx context.Context, set *service.Set, stagingBucket string, folders Folders) diag.List {
	var problems diag.List
	var zipped artifact.Folders
	for _, t := range set.Targets {
		problems = append(problems, definition.CheckFixed(*t.Function, t.Document)...)
		problems = append(problems, definition.CheckNew(*t.Function, t.Artifact.PackageType(), t.Document)...)
		ref, err := reference(t.Artifact)
		if err != nil {
			problems = append(problems, diag.Problem{Message: err.Error()})
			continue
		}
		if ref.Kind != artifact.Path {
			continue
		}
		code, err := artifact.Resolve(ctx, ref, artifact.Options{
			StagingBucket: stagingBucket, Workspace: folders.Workspace, TempDir: folders.Temp, Folders: &zipped,
		})
		if err != nil {
			problems = append(problems, notBuilt(err))
			continue
		}
		problems = append(problems, checkCode(ctx, t, code)...)
	}
	return problems
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
	problems := definition.CheckCode(*t.Function, listing, t.Document)
	if err := done(); err != nil {
		problems = append(problems, diag.Problem{Message: err.Error()})
	}
	return problems
}
