package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/lambroll"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/values"
)

// lambrollSettings are the inputs that only lambroll's definitions read, with the
// environment variables by which lambroll itself is told.
type lambrollSettings struct {
	state    string
	prefixed map[string]string
	envfiles []string
	// given reports whether an input says that the definitions are lambroll's.
	given bool
}

func (a *app) lambrollSettings() (lambrollSettings, diag.List) {
	variable := func(name string) string { value, _ := a.lookupEnv("LAMBROLL_" + name); return value }
	s := lambrollSettings{
		state: a.in.String("tfstate"), prefixed: maps.Clone(a.in.Map("prefixed-tfstate")), envfiles: a.in.List("envfile"),
	}
	s.given = s.state != "" || len(s.prefixed)+len(s.envfiles) > 0
	s.state = cmp.Or(s.state, variable("TFSTATE"))
	if text := variable("PREFIXED_TFSTATE"); len(s.prefixed) == 0 && text != "" {
		s.prefixed = map[string]string{}
		for pair := range strings.SplitSeq(text, ";") {
			prefix, file, _ := strings.Cut(pair, "=")
			s.prefixed[strings.TrimSpace(prefix)] = strings.TrimSpace(file)
		}
	}
	if text := variable("ENVFILE"); len(s.envfiles) == 0 && text != "" {
		s.envfiles = strings.Split(text, ",")
	}
	var problems diag.List
	if variable("OPTION") != "" {
		problems = append(problems, diag.Problem{Warning: true, Message: "LAMBROLL_OPTION: lambroll's option file is not read", Hint: "give what it says as inputs: aws-region, tfstate, prefixed-tfstate, envfile"})
	}
	return s, problems
}

// templates evaluate {{ … }} in lambroll's definitions.
func (a *app) templates(ctx context.Context) (service.Templates, diag.List) {
	s, warnings := a.lambrollSettings()
	in := func(file string) bool { return s.given || lambroll.IsDefinition(file) }
	if !slices.ContainsFunc(a.in.List("function-definition"), func(pattern string) bool { return in(pattern) || strings.ContainsAny(pattern, "*?[") }) {
		return service.Templates{}, nil
	}
	env, problems := a.lambrollEnv(ctx, s.envfiles)
	if problems.Err() != nil {
		return service.Templates{}, problems
	}
	a.warnings(warnings)
	t := &templateReader{app: a, ctx: ctx, turn: make(chan struct{}, 1)}
	opts := lambroll.Options{Env: env, State: s.state, Prefixed: s.prefixed, Read: t.read, Identity: t.identity, Layer: t.layer}
	return service.Templates{
		Functions: lambroll.New(opts), In: in,
		Expect: func(texts []*expression.Source) { t.expect(opts, texts) },
	}, nil
}

// lambrollEnv looks up variables in the files, and then in the environment.
func (a *app) lambrollEnv(ctx context.Context, files []string) (func(string) (string, bool), diag.List) {
	all := map[string]string{}
	var problems diag.List
	for _, file := range files {
		content, err := a.host.ReadFile(ctx, file)
		var read map[string]string
		if err == nil {
			if read, err = lambroll.ParseEnvfile(content); err != nil {
				err = fmt.Errorf("%s: %w", file, err)
			}
		}
		if err != nil {
			problems = append(problems, diag.Problem{Message: "input envfile: " + err.Error()})
			continue
		}
		maps.Copy(all, read)
	}
	return func(name string) (string, bool) {
		if value, ok := all[name]; ok {
			return value, true
		}
		return a.lookupEnv(name)
	}, problems
}

// templateReader reads what templates ask for, one at a time: what was expected is
// there already.
type templateReader struct {
	app  *app
	ctx  context.Context
	turn chan struct{}
	arns map[string]string
}

// alone calls do while no other one is under way.
func (t *templateReader) alone(do func()) {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	do()
}

func (t *templateReader) read(s values.Source) (r values.Result) {
	t.alone(func() { r = t.app.readValues(t.ctx, []values.Source{s})[0] })
	return r
}

// expect reads at once what the texts ask for.
func (t *templateReader) expect(opts lambroll.Options, texts []*expression.Source) {
	var sources []values.Source
	opts.Read = func(s values.Source) values.Result {
		sources = append(sources, s)
		return values.Result{Text: expression.Unknown}
	}
	opts.Identity = func() (lambroll.Identity, error) { return unknownIdentity, nil }
	opts.Layer = func(string, string) (string, error) { return expression.Unknown, nil }
	for _, text := range texts {
		text.CallTemplates(lambroll.New(opts))
	}
	sources = slices.DeleteFunc(sources, func(s values.Source) bool { return strings.Contains(s.String(), expression.Unknown) })
	t.app.readValues(t.ctx, sources)
}

var unknownIdentity = lambroll.Identity{Account: expression.Unknown, Arn: expression.Unknown, UserId: expression.Unknown}

func (t *templateReader) identity() (id lambroll.Identity, err error) {
	if t.app.in.Command() == "validate" {
		return unknownIdentity, nil
	}
	t.alone(func() {
		s, failed := t.app.valuesSession(t.ctx)
		if err = failed; err != nil {
			return
		}
		own, failed := s.Identity(t.ctx)
		id, err = lambroll.Identity{Account: own.Account, Arn: own.ARN, UserId: own.UserID}, failed
	})
	return id, err
}

func (t *templateReader) layer(name, version string) (arn string, err error) {
	if t.app.in.Command() == "validate" {
		return expression.Unknown, nil
	}
	t.alone(func() { arn, err = t.layerARN(name, version) })
	return arn, err
}

func (t *templateReader) layerARN(name, version string) (string, error) {
	s, err := t.app.valuesSession(t.ctx)
	if err != nil {
		return "", err
	}
	region, err := s.Region()
	if err != nil {
		return "", err
	}
	if version != "latest" {
		own, err := s.Identity(t.ctx)
		return "arn:" + own.Partition + ":lambda:" + region + ":" + own.Account + ":layer:" + name + ":" + version, err
	}
	if arn := t.arns[name]; arn != "" {
		return arn, nil
	}
	t.app.layers = append(t.app.layers, name)
	arn, err := lambdaapi.New(s, region, t.app.Timing).NewestLayer(t.ctx, name)
	if err == nil {
		if t.arns == nil {
			t.arns = map[string]string{}
		}
		t.arns[name] = arn
	}
	return arn, err
}
