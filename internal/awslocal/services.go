package awslocal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/cloudtrail"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/cloudwatch"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/ecr"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/iam"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/logs"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/runner"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/s3"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/secretsmanager"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/ssm"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/sts"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/tagging"
)

// connectServices makes the services and joins them.
func (s *Server) connectServices() error {
	var err error
	if s.s3, err = s3.New(s.store, s.Now); err != nil {
		return err
	}
	if s.iam, err = iam.New(s.store, s.Now, iam.Options{Enforce: s.options.PolicyEvaluation, KnownRolesOnly: s.options.KnownRolesOnly}); err != nil {
		return err
	}
	s.s3.Access = func(c api.Caller, action, resource string) string { return s.iam.Allow(c, action, resource, nil) }
	if s.sts, err = sts.New(s.store, s.Now, s.iam); err != nil {
		return err
	}
	if s.ecr, err = ecr.New(s.store, s.Now, s.iam); err != nil {
		return err
	}
	if s.cloudwatch, err = cloudwatch.New(s.store, s.Now); err != nil {
		return err
	}
	s.cloudwatch.SetDelay(s.options.MetricDelay)
	if s.trail, err = cloudtrail.New(s.store, s.Now); err != nil {
		return err
	}
	s.trail.SetDelay(s.options.TrailDelay)
	if s.logs, err = logs.New(s.store, s.Now); err != nil {
		return err
	}
	invoker, err := s.invoker()
	if err != nil {
		return err
	}
	s.lambda = lambda.New(lambda.Options{
		Store:      s.store,
		Clock:      s.Now,
		Pending:    s.options.Pending,
		InProgress: s.options.InProgress,
		Objects:    objects{s.s3, s.store, s.iam},
		Access:     s.iam,
		Images:     s.ecr,
		Invoker:    invoker,
		Recorder:   recorder{s.cloudwatch},
		Logger:     logger{s.logs},
		Trail:      trail{s.trail},
		Seed:       s.options.Seed,
	})
	s.services = map[string]api.Service{
		"lambda":     s.lambda,
		"monitoring": s.cloudwatch,
		"cloudtrail": s.trail,
		"logs":       s.logs,
		"tagging":    tagging.New(s.lambda.Tags),

		"ssm":            ssm.New(s.store, s.Now),
		"secretsmanager": secretsmanager.New(s.store, s.Now),
		"s3":             s.s3,
		"ecr":            s.ecr,
		"sts":            s.sts,
		"iam":            s.iam,
	}
	return errors.Join(s.connectCodeDeploy(), s.sweep())
}

// connectCodeDeploy makes the service that works through others.
func (s *Server) connectCodeDeploy() error {
	var err error
	s.codedeploy, err = codedeploy.New(codedeploy.Options{
		Store: s.store, Clock: s.Now, Alarming: s.cloudwatch.Alarming,
		Lambda: deployer{s.lambda, func() string { host, _ := s.host.Load().(string); return host }},
		Access: func(c api.Caller, action, resource string) string { return s.iam.Allow(c, action, resource, nil) },
	})
	if err != nil {
		return err
	}
	s.services["codedeploy"] = s.codedeploy
	s.closers = append(s.closers, s.codedeploy)
	return nil
}

// invoker is what runs functions: processes, or Options.Handler.
func (s *Server) invoker() (lambda.Invoker, error) {
	if s.options.Handler != nil {
		return handlerInvoker{s.options.Handler, s.Now}, nil
	}
	dir, err := s.runDir()
	if err != nil {
		return nil, err
	}
	pool := runner.NewPool(runner.Options{Dir: dir})
	s.closers = append(s.closers, pool)
	return pool, nil
}

// runDir is where functions run: a temporary folder that belongs to the state,
// so that the next process finds what a killed one left; "" without state, or
// where it may not change.
func (s *Server) runDir() (string, error) {
	if s.options.Dir == "" || s.options.ReadOnly {
		return "", nil
	}
	dir, err := filepath.Abs(s.options.Dir)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(os.TempDir(), "lambda-rollout-run-"+hex.EncodeToString(sum[:8])), nil
}

// sweep removes the blobs that no service knows any more.
func (s *Server) sweep() error {
	code, err := s.lambda.Live()
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, blobs := range []iter.Seq[string]{s.s3.Blobs, s.ecr.Blobs} {
		for sha256 := range blobs {
			kept[sha256] = true
		}
	}
	return s.store.Sweep(func(sha256 string) bool { return kept[sha256] || code(sha256) })
}

// recorder passes the invocations of Lambda to CloudWatch.
type recorder struct{ metrics *cloudwatch.Service }

func (r recorder) Record(i lambda.Invocation) { r.metrics.Record(cloudwatch.Invocation(i)) }

// trail passes the calls of Lambda to CloudTrail.
type trail struct{ events *cloudtrail.Service }

func (t trail) Record(e lambda.TrailEvent) error { return t.events.Record(cloudtrail.Call(e)) }

// logger passes what functions print to CloudWatch Logs, line by line: the last
// lines of an invocation have the time of its end, the others that of its
// beginning, since a function's output does not tell when it came.
type logger struct{ logs *logs.Service }

func (l logger) Log(p lambda.Printed) error {
	var lines []logs.Line
	for text := range strings.SplitSeq(strings.TrimSuffix(p.Output, "\n"), "\n") {
		at := p.Begun
		if strings.HasPrefix(text, "END RequestId: ") || strings.HasPrefix(text, "REPORT RequestId: ") || strings.Contains(text, `"platform.report"`) {
			at = p.Ended
		}
		lines = append(lines, logs.Line{Time: at.UTC(), Text: text + "\n"})
	}
	return l.logs.Write(p.Account, p.Region, p.Group, p.Stream, lines)
}

// objects lets Lambda read the objects of S3.
type objects struct {
	s3    *s3.Service
	store *store.Store
	iam   *iam.Service
}

// Object reads with the caller's rights, as CreateFunction does.
func (o objects) Object(ctx context.Context, bucket, key, version string) (io.ReadCloser, string, error) {
	action := "s3:GetObject"
	if version != "" {
		action += "Version"
	}
	if refusal := o.iam.Allow(api.From(ctx), action, "arn:aws:s3:::"+bucket+"/"+key, nil); refusal != "" {
		return nil, "", api.NewError(http.StatusForbidden, "AccessDenied", refusal)
	}
	found, refusal := o.s3.Object(api.From(ctx), bucket, key, version)
	if refusal != nil {
		return nil, "", refusal
	}
	body, err := o.store.OpenBlob(found.Blob.SHA256)
	return body, found.VersionID, err
}

// errExpired is the answer to a session that has ended; each service writes it
// in its own words ("Common errors").
var errExpired = api.NewError(http.StatusForbidden, "ExpiredTokenException", "The security token included in the request is expired")
