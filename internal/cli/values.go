package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/values"
)

// values are the secrets and the variables that come from somewhere else, the
// secret ones masked.
func (a *app) values(ctx context.Context) (secrets map[string]string, variables map[string]service.Given, problems diag.List) {
	secrets, variables = maps.Clone(a.in.Map("secrets")), map[string]service.Given{}
	if secrets == nil {
		secrets = map[string]string{}
	}
	entries, problems := a.valueEntries()
	sources := make([]values.Source, len(entries))
	for i, e := range entries {
		sources[i] = e.source
	}
	for i, result := range a.readValues(ctx, sources) {
		e := entries[i]
		if result.Err != nil {
			problems = append(problems, e.problem(result.Err))
			continue
		}
		secret := e.input == "secrets-from" || result.Secret
		if secret && result.Text != expression.Unknown {
			a.host.Mask(e.name, result.Text)
		}
		if e.input == "secrets-from" {
			secrets[e.name] = result.Text
		} else {
			variables[e.name] = service.Given{Text: result.Text, Secret: secret}
		}
	}
	return secrets, variables, problems
}

// valueEntry is one entry of variables-from or secrets-from.
type valueEntry struct {
	input, name string
	source      values.Source
}

func (e valueEntry) problem(err error) diag.Problem {
	return diag.Problem{Message: fmt.Sprintf("input %s: %s: %v", e.input, e.name, err)}
}

func (a *app) valueEntries() (entries []valueEntry, problems diag.List) {
	for _, input := range []string{"variables-from", "secrets-from"} {
		sources := a.in.Map(input)
		for _, name := range slices.Sorted(maps.Keys(sources)) {
			e := valueEntry{input: input, name: name}
			var err error
			if e.source, err = values.Parse(sources[name]); err != nil {
				problems = append(problems, e.problem(err))
				continue
			}
			entries = append(entries, e)
		}
	}
	return entries, problems
}

// readValues reads values, each place once in a run. validate asks nothing of AWS:
// there a value that AWS keeps is unknown.
func (a *app) readValues(ctx context.Context, sources []values.Source) []values.Result {
	if a.reader == nil {
		a.reader = values.New(values.Options{Local: a.host.Value, File: a.host.ReadFile, Session: a.valuesSession})
	}
	var asked []values.Source
	offline := a.in.Command() == "validate"
	for _, s := range sources {
		if !offline || !values.InAWS(s) {
			asked = append(asked, s)
		}
	}
	for _, s := range asked {
		if !slices.Contains(a.asked, s) {
			a.asked = append(a.asked, s)
		}
	}
	read := a.reader.Read(ctx, asked)
	out := make([]values.Result, len(sources))
	for i, s := range sources {
		if offline && values.InAWS(s) {
			out[i] = values.Result{Text: expression.Unknown}
			continue
		}
		out[i], read = read[0], read[1:]
	}
	return out
}

// valuesSession is the run's own session, in an account that is allowed.
func (a *app) valuesSession(ctx context.Context) (*session.Session, error) {
	if a.connection != nil {
		return a.connection.Session(), nil
	}
	c, err := a.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	if region, _ := c.Session().Region(); region != "" {
		a.connection = c
	}
	_, err = c.Session().Identity(ctx)
	return c.Session(), err
}

// valueNeeds are the permissions that the values take.
func (a *app) valueNeeds(ctx context.Context, own *session.Session) ([]policy.Need, error) {
	id, err := own.Identity(ctx)
	if err != nil {
		return nil, err
	}
	region, _ := own.Region()
	var needs []policy.Need
	for _, layer := range a.layers {
		needs = append(needs, policy.Layer("arn:"+id.Partition+":lambda:"+region+":"+id.Account+":layer:"+layer))
	}
	for _, source := range a.asked {
		switch s := source.(type) {
		case values.Local:
		case values.Parameter:
			needs = append(needs, policy.Parameter(s.ARN(id.Partition, region, id.Account)))
		case values.Secret:
			needs = append(needs, policy.Secret(s.ARN(id.Partition, region, id.Account)))
		case values.State:
			if values.InAWS(s) {
				bucket, key, version := s.Object()
				needs = append(needs, policy.Object(id.Partition, bucket, key, version))
			}
		}
	}
	return needs, nil
}
