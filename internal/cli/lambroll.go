package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/glob"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/lambroll"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/values"
)

// lambrollSettings are the inputs that only lambroll's definitions read, with the
// environment variables that lambroll itself reads.
type lambrollSettings struct {
	state    string
	prefixed map[string]string
	extStr   map[string]string
	extCode  map[string]string
	envfiles []string
	// given reports whether an input names the definitions as lambroll's.
	given bool
}

func (a *app) lambrollSettings() (lambrollSettings, diag.List) {
	variable := func(name string) string { value, _ := a.lookupEnv("LAMBROLL_" + name); return value }
	s := lambrollSettings{
		state: a.in.String("tfstate"), prefixed: maps.Clone(a.in.Map("prefixed-tfstate")), envfiles: a.in.List("envfile"),
	}
	s.extStr, s.extCode = pairsOr(a.in.Map("ext-str"), variable("EXTSTR")), pairsOr(a.in.Map("ext-code"), variable("EXTCODE"))
	s.given = s.state != "" || len(s.prefixed)+len(s.envfiles) > 0
	s.state = cmp.Or(s.state, variable("TFSTATE"))
	s.prefixed = pairsOr(s.prefixed, variable("PREFIXED_TFSTATE"))
	if text := variable("ENVFILE"); len(s.envfiles) == 0 && text != "" {
		s.envfiles = strings.Split(text, ",")
	}
	var problems diag.List
	if variable("OPTION") != "" {
		problems = append(problems, diag.Problem{Warning: true, Message: "LAMBROLL_OPTION: lambroll's option file is not read", Hint: "`lambda-rollout convert FOLDER` writes what it says as inputs of the workflow"})
	}
	return s, problems
}

// pairsOr is an input, or where it is empty what lambroll's variable holds:
// NAME=VALUE;NAME=VALUE.
func pairsOr(given map[string]string, variable string) map[string]string {
	if len(given) > 0 || variable == "" {
		return given
	}
	out := map[string]string{}
	for pair := range strings.SplitSeq(variable, ";") {
		name, value, _ := strings.Cut(pair, "=")
		out[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return out
}

// templates evaluate {{ … }} in lambroll's definitions.
func (a *app) templates(ctx context.Context) (service.Templates, diag.List) {
	s, warnings := a.lambrollSettings()
	in := func(file string) bool { return s.given || lambroll.IsDefinition(file) }
	inSettings := func(file string) bool { return s.given || lambroll.IsSettings(file) }
	names := func(input string, in func(string) bool) bool {
		return slices.ContainsFunc(a.named(input), func(pattern string) bool { return in(pattern) || glob.IsPattern(pattern) })
	}
	if !names("function-definition", in) && !names("settings", inSettings) {
		return service.Templates{}, nil
	}
	env, problems := a.lambrollEnv(ctx, s.envfiles)
	if problems.Err() != nil {
		return service.Templates{}, problems
	}
	a.warnings(warnings)
	t := &templateReader{app: a, ctx: ctx, turn: make(chan struct{}, 1)}
	opts := lambroll.Options{Env: env, State: s.state, Prefixed: s.prefixed, Read: t.read, Identity: t.identity, Layer: t.layer}
	t.jsonnet = lambroll.Jsonnet{
		ExtStr: s.extStr, ExtCode: s.extCode,
		Import: func(name string) ([]byte, error) { return a.host.ReadFile(ctx, name) },
		Secret: func(text string) { a.host.Mask("of a definition in Jsonnet", text) },
	}
	f := lambroll.New(opts)
	return service.Templates{
		Functions: f, In: in, InSettings: inSettings,
		Source: func(file string, content []byte) (*expression.Source, *diag.Problem) {
			return t.source(file, content, f)
		},
		Expect: func(files []service.File) { t.expect(opts, files) },
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
	// jsonnet evaluates definitions in Jsonnet.
	jsonnet lambroll.Jsonnet
}

// source finds the templates of a file. Those of Jsonnet are in the JSON that it
// comes to.
func (t *templateReader) source(file string, content []byte, f lambroll.Functions) (*expression.Source, *diag.Problem) {
	if path.Ext(file) != ".jsonnet" {
		return expression.ScanTemplates(file, content), nil
	}
	text, problem := evaluateJsonnet(t.jsonnet, file, content, f)
	if problem != nil {
		return nil, problem
	}
	return expression.ScanTemplates(file+" (as JSON)", text), nil
}

// evaluateJsonnet returns the JSON that a file comes to.
func evaluateJsonnet(j lambroll.Jsonnet, file string, content []byte, f lambroll.Functions) ([]byte, *diag.Problem) {
	text, err := j.Evaluate(file, content, f)
	if e, ok := errors.AsType[*lambroll.JsonnetError](err); ok {
		return nil, &diag.Problem{File: cmp.Or(e.File, file), Line: e.Line, Col: e.Col, Message: e.Message}
	}
	if err != nil {
		return nil, &diag.Problem{File: file, Message: err.Error()}
	}
	return text, nil
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
func (t *templateReader) expect(opts lambroll.Options, files []service.File) {
	var sources []values.Source
	opts.Read = func(s values.Source) values.Result {
		sources = append(sources, s)
		return values.Result{Text: expression.Unknown}
	}
	opts.Identity = func() (lambroll.Identity, error) { return unknownIdentity, nil }
	opts.Layer = func(string, string) (string, error) { return expression.Unknown, nil }
	f := lambroll.New(opts)
	for _, file := range files {
		if text, wrong := t.source(file.Name, file.Content, f); wrong == nil {
			text.CallTemplates(f)
		}
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
