package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// load reads every file of the deployment; what is wrong with any of them ends
// it.
func (a *app) load() (*service.Set, error) {
	set, faults, err := a.read()
	if err != nil {
		return nil, err
	}
	if fatal(faults) {
		return nil, faults
	}
	a.warnings(faults)
	return set, nil
}

// read gives what can be deployed of the files, and what is wrong with them.
// Secrets are masked before anything about them can be printed.
func (a *app) read() (*service.Set, diag.List, error) {
	in := a.in
	r := a.host.Run()
	files, closeFiles, err := service.OpenFiles(a.host.Workspace())
	if err != nil {
		return nil, nil, &deploy.InputError{Err: err}
	}
	set, faults := service.Load(service.Options{
		Files:    files,
		Services: in.List("service"), Environments: one(in.String("environment")),
		Infrastructures: in.List("infrastructure"), Overrides: in.List("overrides"),
		Definitions: in.List("function-definition"), Aliases: in.List("alias"),
		AliasDefinitions: in.List("alias-definition"), Artifact: in.String("artifact"),
		Variables: in.Map("variables"), Inputs: in.Map("inputs"), Secrets: in.Map("secrets"),
		Connectors: in.Map("connectors"),
		Host: map[string]string{
			"pipeline.name": r.Pipeline, "pipeline.sequenceId": r.Number,
			"pipeline.executionId": r.ID, "pipeline.executionUrl": r.URL, "stage.name": r.Job,
		},
		Now:        a.Now,
		Serialised: a.host.Kind() == host.Terminal,
	})
	if err := closeFiles(); err != nil {
		return nil, nil, err
	}
	if set != nil {
		a.host.Mask("of the service", set.Secrets...)
	}
	if set == nil {
		set = &service.Set{}
	}
	if in.Has("traffic") && in.Course("traffic").Gradual() {
		faults = append(faults, withoutAlias(set.Targets)...)
	}
	if len(set.Targets) == 0 && !fatal(faults) {
		faults = append(faults, diag.Problem{Message: "nothing to deploy: no service and no function-definition is named", Hint: "name a file: --service service.yaml, or --function-definition function.json"})
	}
	return set, faults, nil
}

// withoutAlias are the functions whose traffic cannot be shared: that is done by
// an alias.
func withoutAlias(targets []service.Target) diag.List {
	var faults diag.List
	for _, t := range targets {
		if len(t.Aliases) == 0 {
			faults = append(faults, diag.Problem{File: t.Source, Message: "input traffic: function " + t.Function.FunctionName + " has no alias whose traffic could be shared", Hint: "name one: alias: live"})
		}
	}
	return faults
}

func fatal(list diag.List) bool {
	for _, f := range list {
		if !f.Warning {
			return true
		}
	}
	return false
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// world is the AWS that a run works in.
type world struct {
	base *session.Session
	// region is the Region of what names none itself; "" where nothing does.
	region string
	// endpoint is where the calls go, "" for AWS itself.
	endpoint string
	pace     lambdaapi.Pace
}

// connect opens the session that every Target starts from. It makes no call.
// near is the Region to ask STS in where no default is named; it becomes no
// function's Region.
func (a *app) connect(ctx context.Context, near string) (*world, error) {
	w := &world{pace: a.Pace}
	opts := a.sessionOptions()
	opts.Region = a.in.String("aws-region")
	opts.AllowedAccountIDs = a.in.List("allowed-account-ids")
	if role := a.in.String("role-to-assume"); role != "" {
		opts.Role = a.role(role)
	}
	if a.in.Bool("local") {
		local, err := a.embeddedIn(a.localDir())
		if err != nil {
			return nil, err
		}
		opts = localOptions(opts, local)
		w.pace = a.paceOf(journal.LocalEndpoint)
		if region, _ := a.lookupEnv("AWS_REGION"); opts.Region == "" && region == "" {
			opts.Region = localRegion
		}
	}
	s, err := session.Open(ctx, opts)
	if err != nil {
		return nil, &deploy.InputError{Err: err}
	}
	// No default is no fault: files may name all Regions.
	w.region, _ = s.Region()
	if w.region == "" && near != "" {
		opts.Region = near
		if s, err = session.Open(ctx, opts); err != nil {
			return nil, &deploy.InputError{Err: err}
		}
	}
	w.base, w.endpoint = s, s.Endpoint()
	return w, nil
}

// near is the first Region that a Target names itself.
func near(set *service.Set) string {
	for _, t := range set.Targets {
		name, err := definition.ParseFunctionName(t.Function.FunctionName)
		if region := cmp.Or(t.Infrastructure.Region, name.Region); err == nil && region != "" {
			return region
		}
	}
	return ""
}

// sessionOptions are what every session of this process shares.
func (a *app) sessionOptions() session.Options {
	opts := session.Options{
		AccessKeyID: a.in.String("aws-access-key-id"), SecretAccessKey: a.in.String("aws-secret-access-key"),
		SessionToken: a.in.String("aws-session-token"),
		LookupEnv:    a.lookupEnv, HTTPClient: a.HTTPClient, CallTimeout: a.CallTimeout, ReadBackoff: a.ReadBackoff,
		Mask: a.host.Mask, Limits: a.limits, Version: versionNumber(),
	}
	if a.host.HasOIDC() {
		opts.Tokens = tokens{a.host}
	}
	return opts
}

// localOptions turns a session to the embedded AWS, which takes any keys.
func localOptions(opts session.Options, e *embedded) session.Options {
	opts.Endpoint, opts.Tokens = e.endpoint, nil
	if opts.AccessKeyID == "" {
		opts.AccessKeyID, opts.SecretAccessKey, opts.SessionToken = localKey, localKey, ""
		opts.Mask = nil
	}
	return opts
}

// paceOf polls the embedded AWS faster: there is no network between.
func (a *app) paceOf(endpoint string) lambdaapi.Pace {
	pace := a.Pace
	if strings.HasPrefix(endpoint, journal.LocalEndpoint) {
		pace.FirstPoll = min(pace.FirstPoll, localPoll)
	}
	return pace
}

// tokens are the job's OIDC tokens, as the session asks for them.
type tokens struct{ host *host.Host }

func (t tokens) Token(ctx context.Context, audience string) (string, error) {
	return t.host.OIDCToken(ctx, audience)
}

func (a *app) role(arn string) *session.Role {
	return &session.Role{
		ARN: arn, SessionName: a.sessionName(),
		Duration:   time.Duration(a.in.Int("role-duration-seconds")) * time.Second,
		ExternalID: a.in.String("role-external-id"), Chaining: a.in.Bool("role-chaining"), Audience: a.in.String("audience"),
	}
}

// connector is the session of an infrastructure's or artifact's connector.
func (a *app) connector(base *session.Session, arn string) (*session.Session, error) {
	if arn == "" {
		return base, nil
	}
	return base.Assume(session.Role{ARN: arn, SessionName: a.sessionName()})
}

// sessionName is what CloudTrail shows beside the role: with the run's own name
// where the user gave none.
func (a *app) sessionName() string {
	name := a.in.String("role-session-name")
	if a.in.Given("role-session-name") {
		return name
	}
	return session.SessionName(name, a.host.Run().Key())
}

func (a *app) lookupEnv(name string) (string, bool) {
	for i := len(a.Env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(a.Env[i], name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// builder makes Targets that are ready to be observed.
type builder struct {
	*app
	world *world
	temp  string
	runID string
	// code is each Target's artifact, in their order.
	code []*artifact.Result
	// folders zips a folder once for all Targets.
	folders artifact.Folders
}

// targets resolves every artifact and asks who is calling, side by side.
func (b *builder) targets(ctx context.Context, set *service.Set) ([]deploy.Target, error) {
	targets := make([]deploy.Target, len(set.Targets))
	b.code = make([]*artifact.Result, len(set.Targets))
	errs := make([]error, len(set.Targets))
	var group errgroup.Group
	group.SetLimit(b.in.Int("max-parallel"))
	for i, t := range set.Targets {
		group.Go(func() error {
			targets[i], b.code[i], errs[i] = b.target(ctx, t)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return targets, distinct(targets)
}

// distinct refuses two Targets that are one function: each would undo the other.
func distinct(targets []deploy.Target) error {
	seen := map[journal.Target]bool{}
	for _, t := range targets {
		key := journal.Target{Function: t.Journal.Function, Region: t.Journal.Region, Account: t.Journal.Account}
		if seen[key] {
			return fmt.Errorf("function %s in %s is named twice: a run deploys each function once", key.Function, key.Region)
		}
		seen[key] = true
	}
	return nil
}

func (b *builder) target(ctx context.Context, t service.Target) (deploy.Target, *artifact.Result, error) {
	name, err := definition.ParseFunctionName(t.Function.FunctionName)
	if err != nil {
		return deploy.Target{}, nil, err
	}
	region, err := b.region(name.Region, t.Infrastructure.Region)
	if err != nil {
		return deploy.Target{}, nil, fmt.Errorf("function %s: %w", name.Name, err)
	}
	s, err := b.connector(b.world.base, t.Infrastructure.Role)
	if err != nil {
		return deploy.Target{}, nil, err
	}
	f := t.Function.Clone()
	f.FunctionName = name.Name
	out := deploy.Target{
		Label: label(name.Name, region), API: lambdaapi.New(s, region, b.world.pace),
		Environment: b.in.String("environment-variables"), Connector: t.Infrastructure.ConnectorRef,
	}
	out.Wanted = plan.Wanted{Function: f, Aliases: t.Aliases, Traffic: b.in.Course("traffic")}
	out.Observed = ahead(ctx, out.API, out.Wanted)
	var identity session.Identity
	group, call := errgroup.WithContext(ctx)
	group.Go(func() (err error) { identity, err = s.Identity(call); return err })
	var code *artifact.Result
	group.Go(func() (err error) { code, err = b.artifact(call, t.Artifact, s, region); return err })
	if err := group.Wait(); err != nil {
		return deploy.Target{}, nil, err
	}
	if name.Account != "" && name.Account != identity.Account {
		return deploy.Target{}, nil, fmt.Errorf("function %s is of account %s, but the credentials are of account %s", t.Function.FunctionName, name.Account, identity.Account)
	}
	for _, w := range code.Warnings {
		b.warnings(diag.List{{Message: w, Warning: true}})
	}
	out.Journal = journal.Target{
		Function: name.Name, Region: region, Account: identity.Account, Partition: identity.Partition,
		Endpoint: b.world.endpoint, Role: b.in.String("role-to-assume"), Connector: t.Infrastructure.Role,
	}
	if b.in.Bool("local") {
		out.Journal.Endpoint = journal.LocalEndpoint + b.localDir()
	}
	out.Wanted = plan.Wanted{
		Function: f, Aliases: t.Aliases, Code: wantedCode(code.Code, f.Code), Run: b.runID,
		StagingBucket: b.in.String("staging-bucket") != "", Traffic: b.in.Course("traffic"),
	}
	b.markers(&out.Wanted)
	out.Artifact = code.Pinned
	out.Origin = func() []string { return origin(t.Artifact.Identifier, code) }
	out.Code = &fetcher{session: s, region: region, temp: b.temp, bucket: b.in.String("staging-bucket")}
	out.Ready = func(ctx context.Context) (definition.Code, error) {
		ready, err := code.Prepare(ctx)
		return wantedCode(ready, f.Code), err
	}
	return out, code, nil
}

// ahead reads what stands while it is asked who is calling and where the code
// is: none of these needs the others' answers.
func ahead(ctx context.Context, api *lambdaapi.Client, w plan.Wanted) func() (plan.Observation, error) {
	var o plan.Observation
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		o, err = engine.Observe(ctx, api, w, nil)
	}()
	return func() (plan.Observation, error) {
		<-done
		return o, err
	}
}

// wantedCode keeps what a definition's Code says of an artifact's code beside
// its place: how it is stored and with which key it is encrypted.
func wantedCode(code definition.Code, named *definition.Code) definition.Code {
	if named == nil {
		return code
	}
	if code.S3Bucket != "" {
		code.S3ObjectStorageMode = named.S3ObjectStorageMode
	}
	code.SourceKMSKeyArn = named.SourceKMSKeyArn
	return code
}

func label(function, region string) string { return function + " in " + region }

// region is the one that the ARN or the infrastructure names, else the default.
func (b *builder) region(arn, infrastructure string) (string, error) {
	asked := b.in.String("aws-region")
	for _, pair := range [][2]string{{arn, infrastructure}, {arn, asked}, {infrastructure, asked}} {
		if pair[0] != "" && pair[1] != "" && pair[0] != pair[1] {
			return "", fmt.Errorf("it is of Region %s, but %s is asked for (aws-region, the infrastructure and the function's ARN must agree)", pair[0], pair[1])
		}
	}
	region := cmp.Or(arn, infrastructure, asked, b.world.region)
	if region == "" {
		return "", session.NoRegion{}
	}
	return region, nil
}

// markers are what the descriptions of versions say of this run. What the
// aliases served before is filled in when that is known.
func (b *builder) markers(w *plan.Wanted) {
	r := b.host.Run()
	w.Marker = plan.Marker{Run: b.runID, Repository: r.Repository, Commit: r.Commit, URL: r.URL, Text: b.in.String("version-description")}
}

func (b *builder) artifact(ctx context.Context, from service.Artifact, s *session.Session, region string) (*artifact.Result, error) {
	source, err := b.connector(b.world.base, from.Role)
	if err != nil {
		return nil, err
	}
	if from.Role == "" {
		source = nil
	}
	ref, err := reference(from)
	if err != nil {
		return nil, err
	}
	if ref.Kind == artifact.ECR && ref.Image.Registry == "" {
		if ref.Image, err = registry(ctx, s, ref.Image); err != nil {
			return nil, err
		}
	}
	return artifact.Resolve(ctx, ref, artifact.Options{
		Session: s, Source: source, Region: region, StagingBucket: b.in.String("staging-bucket"),
		Workspace: b.host.Workspace(), TempDir: b.temp, Folders: &b.folders,
	})
}

// reference turns a service's artifact into the one that package artifact finds.
func reference(a service.Artifact) (artifact.Ref, error) {
	switch a.Kind {
	case service.Local:
		return artifact.Ref{Kind: artifact.Path, Path: a.Path}, nil
	case service.S3:
		return artifact.Ref{Kind: artifact.S3, Bucket: a.Bucket, Key: a.Key, KeyPattern: a.KeyPattern, Region: a.Region}, nil
	case service.ECR:
		return artifact.Ref{Kind: artifact.ECR, Region: a.Region, Image: artifact.Image{
			Account: a.RegistryID, Region: a.Region, Repository: a.ImagePath, Tag: a.Tag, Digest: a.Digest,
		}}, nil
	}
	return artifact.ParseRef(a.Reference)
}

// registry completes an image that a service names without its registry: the
// caller's own.
func registry(ctx context.Context, s *session.Session, image artifact.Image) (artifact.Image, error) {
	identity, err := s.Identity(ctx)
	if err != nil {
		return image, err
	}
	if image.Account == "" {
		image.Account = identity.Account
	}
	suffix := "amazonaws.com"
	if identity.Partition == "aws-cn" {
		suffix += ".cn"
	}
	image.Registry = fmt.Sprintf("%s.dkr.ecr.%s.%s", image.Account, image.Region, suffix)
	return image, nil
}

// fetcher brings back the code that stood before.
type fetcher struct {
	session              *session.Session
	region, temp, bucket string
}

// Fetch implements engine.Code.
func (f *fetcher) Fetch(ctx context.Context, url string, want definition.Code) (definition.Code, error) {
	path, err := artifact.Download(ctx, f.session.HTTPClient(), artifact.Source{URL: url, Sha256: want.Sha256}, f.temp)
	if err != nil {
		return definition.Code{}, err
	}
	code := want
	code.ZipPath = path
	if want.Size <= artifact.InlineLimit {
		return code, nil
	}
	if f.bucket == "" {
		return definition.Code{}, fmt.Errorf("the code that stood before is a zip of %d bytes: name a staging-bucket", want.Size)
	}
	staged, err := artifact.Stage(ctx, f.session, artifact.Upload{Bucket: f.bucket, Region: f.region, Path: path, Sha256: want.Sha256, Size: want.Size})
	staged.SourceKMSKeyArn = want.SourceKMSKeyArn
	return staged, err
}
