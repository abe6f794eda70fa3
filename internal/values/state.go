package values

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/tfstate"
)

// maxState bounds a state in S3, in bytes: the largest that people keep have some
// tens of megabytes.
const maxState = 64 << 20

func (r *Reader) readStates(ctx context.Context, wanted []State) {
	var files []State
	for _, s := range wanted {
		_, known := r.states[s.File]
		if !known && !slices.ContainsFunc(files, func(other State) bool { return other.File == s.File }) {
			files = append(files, s)
		}
	}
	var open *session.Session
	var err error
	if slices.ContainsFunc(files, func(s State) bool { return InAWS(s) }) {
		open, err = r.session(ctx)
	}
	loaded := make([]loadedState, len(files))
	sideBySide(len(files), func(i int) {
		if InAWS(files[i]) && err != nil {
			loaded[i] = loadedState{err: err}
			return
		}
		loaded[i] = r.load(ctx, open, files[i])
	})
	for i, s := range files {
		r.states[s.File] = loaded[i]
	}
	for _, s := range wanted {
		r.known[s] = r.states[s.File].value(s)
	}
}

func (l loadedState) value(s State) Result {
	if l.err != nil {
		return Result{Err: l.err}
	}
	v, err := l.state.Lookup(s.Address)
	if err != nil {
		return Result{Err: fmt.Errorf("%s: %w", s.File, err)}
	}
	result := textOf(v.Text, v.Sensitive)
	result.JSON = v.JSON
	return result
}

func (r *Reader) load(ctx context.Context, open *session.Session, s State) loadedState {
	var content []byte
	var err error
	if InAWS(s) {
		content, err = readObject(ctx, open, s)
	} else {
		content, err = r.opts.File(ctx, s.File)
	}
	if err != nil {
		return loadedState{err: err}
	}
	state, err := tfstate.Parse(content)
	if err != nil {
		return loadedState{err: fmt.Errorf("%s: %w", s.File, err)}
	}
	return loadedState{state: state}
}

// readObject reads a state from S3, in the bucket's own Region.
func readObject(ctx context.Context, open *session.Session, s State) ([]byte, error) {
	region, err := open.Region()
	if err != nil {
		return nil, err
	}
	content, err := getObject(ctx, open, s, region)
	if elsewhere := session.BucketRegion(err); elsewhere != "" && elsewhere != region {
		region = elsewhere
		content, err = getObject(ctx, open, s, region)
	}
	if err != nil {
		return nil, explainObject(err, s, region)
	}
	return content, nil
}

func getObject(ctx context.Context, open *session.Session, s State, region string) ([]byte, error) {
	bucket, key, version := s.Object()
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	client := s3.NewFromConfig(open.Config(region), func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
	out, err := client.GetObject(ctx, in)
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	if size := aws.ToInt64(out.ContentLength); size > maxState {
		return nil, fmt.Errorf("it has %d bytes, more than the limit of %d", size, maxState)
	}
	return io.ReadAll(io.LimitReader(out.Body, maxState))
}

func explainObject(err error, s State, region string) error {
	bucket, key, version := s.Object()
	call := session.Call{Action: "s3:GetObject", Resource: "arn:" + awsfacts.PartitionOf(region).ID + ":s3:::" + bucket + "/" + key}
	if version != "" {
		call.Action = "s3:GetObjectVersion"
	}
	explained := session.Explain(err, call)
	if _, denied := errors.AsType[session.Denied](explained); denied {
		return fmt.Errorf("%s: %w (without s3:ListBucket, S3 answers the same for an object that does not exist)", s.File, explained)
	}
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && resp.HTTPStatusCode() == http.StatusNotFound {
		return fmt.Errorf("%s: there is no such bucket, object or version", s.File)
	}
	return fmt.Errorf("%s: %w", s.File, explained)
}
