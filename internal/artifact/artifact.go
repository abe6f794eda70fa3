// Package artifact finds a function's code and says what it is: an S3 object
// pinned to its version, an ECR image pinned to its digest, a zip or jar file,
// or a folder that it zips itself.
//
// It promises:
//
//   - Resolve only reads. It knows the hash that Lambda will show as CodeSha256
//     before anything is sent; Prepare brings the code to where Lambda can take
//     it (a download, an upload to the staging bucket), and is called only once
//     the code is known to differ.
//   - No artifact is ever whole in memory.
//   - A folder gives the same bytes on every run and machine: see Zip.
//   - Sizes are held to Lambda's limits before Lambda is asked.
//
// It never writes outside Options.TempDir and the staging bucket, and never
// follows a symlink out of a folder.
//
// Sources: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html,
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html,
// https://docs.aws.amazon.com/lambda/latest/dg/images-create.html.
package artifact

import (
	"cmp"
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

const (
	// InlineLimit is the largest zip, in bytes, that a call may carry.
	InlineLimit = awsfacts.InlineZip
	// UnzippedLimit is the most, in bytes, that a function and its layers may
	// hold.
	UnzippedLimit = 262_144_000
)

// Options is where an artifact is resolved for.
type Options struct {
	// Session is the one that the function is deployed with.
	Session *session.Session
	// Source is the artifact's own connector; nil means Session.
	Source *session.Session
	// Region is the function's.
	Region string
	// StagingBucket takes zips that a call cannot carry; may hold {region} and
	// {account}; empty for none.
	StagingBucket string
	// Workspace is what a relative path is relative to.
	Workspace string
	// TempDir holds what is zipped or fetched; see NewTemp.
	TempDir string
	// Folders remembers what was zipped for other Targets of the run; may be
	// nil.
	Folders *Folders

	// inlineLimit is InlineLimit where it is 0.
	inlineLimit int64
}

func (o Options) inline() int64 { return cmp.Or(o.inlineLimit, InlineLimit) }

// Result is an artifact that exists.
type Result struct {
	// Code is what the function is to hold, with its hash. It can be sent as
	// it is only after Prepare.
	Code definition.Code
	// Kind is where the code comes from.
	Kind Kind
	// Pinned names exactly this content: s3://bucket/key?versionId=…,
	// repository@sha256:…, or the path.
	Pinned string
	// Image names the image, empty for a zip.
	Image Image
	// Warnings are of the file that says what of a folder is left out.
	Warnings diag.List

	opts Options
	// local is the zip on this machine, empty where there is none.
	local string
	// object is set for S3.
	object *object
	// viaThisMachine is set where Lambda cannot read the object by itself.
	viaThisMachine bool
}

// Resolve finds the artifact, checks it and learns its hash. It changes nothing
// and uploads nothing.
func Resolve(ctx context.Context, ref Ref, opts Options) (*Result, error) {
	if opts.Source == nil {
		opts.Source = opts.Session
	}
	r := &Result{opts: opts}
	var err error
	switch ref.Kind {
	case S3:
		err = r.resolveObject(ctx, ref)
	case ECR:
		err = r.resolveImage(ctx, ref)
	case Path:
		err = r.resolvePath(ctx, ref)
	default:
		err = fmt.Errorf("artifact of unknown kind %q", ref.Kind)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Copied is code that exists where o leads, as it is: nobody looks for it.
func Copied(code definition.Code, o Options) *Result {
	return &Result{Code: code, Kind: Path, Pinned: code.Sha256, opts: o}
}

// requireStaging refuses a zip that this machine cannot bring to Lambda.
func (r *Result) requireStaging(ctx context.Context, name string) error {
	switch {
	case r.Code.Size <= r.opts.inline():
		return nil
	case r.opts.StagingBucket == "":
		return fmt.Errorf("artifact %s: %d bytes zipped, above the %s that a call may carry: set staging-bucket",
			name, r.Code.Size, limit(r.opts.inline()))
	}
	return CheckStaging(ctx, r.opts.Session, Upload{Bucket: r.opts.StagingBucket, Region: r.opts.Region})
}

// Direct reports whether Code can be sent as it is: Prepare has nothing to
// fetch and nothing to stage.
func (r *Result) Direct() bool {
	return !r.viaThisMachine && (r.Code.ZipPath == "" || r.Code.Size <= r.opts.inline())
}

// Fetched reports whether an object was brought to this machine, which Prepare
// may have done.
func (r *Result) Fetched() bool { return r.object != nil && r.local != "" }

// Prepare brings the code to where Lambda can take it and says how to send it:
// an object of another Region or account is fetched, a zip that a call cannot
// carry goes to the staging bucket. Where nothing is to be done it costs
// nothing.
func (r *Result) Prepare(ctx context.Context) (definition.Code, error) {
	if r.viaThisMachine {
		if err := r.fetch(ctx); err != nil {
			return definition.Code{}, err
		}
	}
	if r.Code.ZipPath == "" || r.Code.Size <= r.opts.inline() {
		return r.Code, nil
	}
	code, err := Stage(ctx, r.opts.Session, Upload{
		Bucket: r.opts.StagingBucket,
		Region: r.opts.Region,
		Path:   r.Code.ZipPath,
		Sha256: r.Code.Sha256,
		Size:   r.Code.Size,
	})
	if err != nil {
		return definition.Code{}, err
	}
	r.Code = code
	return code, nil
}

// limit writes one of Lambda's limits, which AWS counts in units of 1024.
func limit(n int64) string { return fmt.Sprintf("%d bytes (%d MB)", n, n>>20) }
