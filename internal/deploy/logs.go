package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/logs"
)

// LogSource is where a function logs to.
type LogSource struct {
	Function, Region, Group string
	// Versions are those that the qualifier names, nil for all.
	Versions []string

	client    *logs.Client
	api       *lambdaapi.Client
	qualifier string
}

// FindLogs finds out where a function, or what an alias or a version names, logs to.
// Its error is a *NotStartedError.
func FindLogs(ctx context.Context, c *Connection, name definition.Name, asked string, now func() time.Time) (*LogSource, error) {
	s, err := c.findLogs(ctx, name, asked, now)
	return s, notStarted(err)
}

func (c *Connection) findLogs(ctx context.Context, name definition.Name, asked string, now func() time.Time) (*LogSource, error) {
	if asked != "" && !qualifier.MatchString(asked) {
		return nil, fmt.Errorf("qualifier %q is neither an alias nor a version", asked)
	}
	region, err := c.regionOf(name.Region, "")
	if err != nil {
		return nil, err
	}
	if err := c.owns(ctx, name); err != nil {
		return nil, err
	}
	if region, err = c.whereIs(ctx, region, name); err != nil {
		return nil, err
	}
	s := &LogSource{
		Function: name.Name, Region: region, qualifier: asked,
		client: logs.New(ctx, c.base, region, now), api: lambdaapi.New(c.base, region, c.timing),
	}
	found, err := s.api.Find(ctx, name.Name, asked)
	if err == nil && found == nil {
		err = fmt.Errorf("function %s in %s has no alias or version %s", name.Name, region, asked)
	}
	if err != nil {
		return nil, err
	}
	s.Group = "/aws/lambda/" + name.Name
	if l := found.LoggingConfig; l != nil && l.LogGroup != nil && *l.LogGroup != "" {
		s.Group = *l.LogGroup
	}
	s.Versions, err = s.versions(ctx)
	return s, err
}

// versions are those that the qualifier names now: an alias may name two, and moves.
func (s *LogSource) versions(ctx context.Context) ([]string, error) {
	if s.qualifier == "" {
		return nil, nil
	}
	if s.qualifier == "$LATEST" || isNumber(s.qualifier) {
		return []string{s.qualifier}, nil
	}
	alias, err := s.api.FindAlias(ctx, s.Function, s.qualifier)
	if err == nil && alias == nil {
		err = fmt.Errorf("function %s in %s has no alias %s", s.Function, s.Region, s.qualifier)
	}
	if err != nil {
		return nil, err
	}
	return history.Pointer{Version: alias.Version, Weights: alias.Weights}.Versions(), nil
}

// isNumber reports whether a qualifier is a version's number.
func isNumber(text string) bool {
	return text != "" && !slices.ContainsFunc([]byte(text), func(b byte) bool { return b < '0' || b > '9' })
}

// Read passes on the lines since a time, oldest first. pattern is CloudWatch's filter
// pattern.
func (s *LogSource) Read(ctx context.Context, since time.Time, pattern string, to func(logs.Event) error) error {
	return s.client.Read(ctx, s.query(since, pattern), to)
}

// Follow passes on lines until the context ends, which is no error.
func (s *LogSource) Follow(ctx context.Context, since time.Time, pattern string, to func(logs.Event) error) error {
	return s.client.Follow(ctx, s.query(since, pattern), s.versions, to)
}

func (s *LogSource) query(since time.Time, pattern string) logs.Query {
	return logs.Query{Function: s.Function, Group: s.Group, Versions: s.Versions, Filter: pattern, Since: since}
}
