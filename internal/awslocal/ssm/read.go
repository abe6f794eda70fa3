package ssm

import (
	"context"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
)

// getParameter rests on "GetParameter".
func (s *Service) getParameter(ctx context.Context, in *struct {
	Name           string
	WithDecryption bool
}) (any, *api.Error) {
	if in.Name == "" {
		return nil, refusal("ValidationException", "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(api.From(ctx), in.Name, in.WithDecryption)
	if err != nil {
		return nil, err
	}
	return struct{ Parameter shown }{found}, nil
}

// getParameters rests on "GetParameters": names that are not found, and versions
// and labels that are not, are InvalidParameters.
func (s *Service) getParameters(ctx context.Context, in *struct {
	Names          []string
	WithDecryption bool
}) (any, *api.Error) {
	switch {
	case len(in.Names) == 0 || len(in.Names) > maxNames:
		return nil, refusal("ValidationException", "1 validation error detected: Value '[%s]' at 'names' failed to satisfy constraint: Member must have length less than or equal to 10 and greater than or equal to 1.", strings.Join(in.Names, ", "))
	case len(slices.Compact(slices.Sorted(slices.Values(in.Names)))) < len(in.Names):
		return nil, refusal("ValidationException", "Duplicate parameters in input.")
	}
	out := struct {
		Parameters        []shown
		InvalidParameters []string
	}{[]shown{}, []string{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.Names {
		found, err := s.find(api.From(ctx), name, in.WithDecryption)
		switch {
		case err == nil:
			out.Parameters = append(out.Parameters, found)
		case err.Code == "ParameterNotFound", err.Code == "ParameterVersionNotFound":
			out.InvalidParameters = append(out.InvalidParameters, name)
		default:
			return nil, err
		}
	}
	return out, nil
}

// getParametersByPath rests on "GetParametersByPath": one level, or with Recursive
// everything below.
func (s *Service) getParametersByPath(ctx context.Context, in *struct {
	Path, NextToken           string
	Recursive, WithDecryption bool
	MaxResults                *int
	ParameterFilters          []filter
}) (any, *api.Error) {
	limit := maxByPath
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	switch {
	case limit < 1 || limit > maxByPath:
		return nil, refusal("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 10.", limit)
	case !strings.HasPrefix(in.Path, "/"):
		return nil, refusal("ValidationException", "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).")
	}
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []shown{}
	for _, name := range s.below(c, in.Path, in.Recursive) {
		p, err := s.load(c, name)
		if err != nil {
			return nil, err
		}
		v, wanted, err := p.filtered(in.ParameterFilters)
		if err != nil {
			return nil, err
		}
		if wanted {
			found = append(found, p.show(c, v, in.WithDecryption))
		}
	}
	page, next, err := awsjson.Page(found, in.NextToken, limit, refusal("InvalidNextToken", "The specified token is not valid."))
	return struct {
		Parameters []shown
		NextToken  string `json:",omitempty"`
	}{page, next}, err
}

// below lists the names one level below a path, or everything below. A name
// without a hierarchy is below "/".
func (s *Service) below(c api.Caller, path string, recursive bool) (names []string) {
	prefix := strings.TrimSuffix(path, "/") + "/"
	for _, key := range s.store.Keys(keyOf(c, "")) {
		name := strings.TrimPrefix(key, keyOf(c, ""))
		rest, ok := strings.CutPrefix(name, prefix)
		if path == "/" && !ok {
			rest, ok = name, true
		}
		if ok && (recursive || !strings.Contains(rest, "/")) {
			names = append(names, name)
		}
	}
	return names
}

type filter struct {
	Key, Option string
	Values      []string
}

// filtered returns the version that all filters let through: the latest, or the
// one with a label.
func (p *parameter) filtered(filters []filter) (v version, wanted bool, _ *api.Error) {
	v, wanted = p.Versions[len(p.Versions)-1], true
	for _, f := range filters {
		switch f.Key {
		case "Type":
			wanted = wanted && slices.Contains(f.Values, v.Type)
		case "Label":
			at := slices.IndexFunc(p.Versions, func(v version) bool {
				return slices.ContainsFunc(v.Labels, func(l string) bool { return slices.Contains(f.Values, l) })
			})
			if wanted = wanted && at >= 0; wanted {
				v = p.Versions[at]
			}
		default:
			return version{}, false, refusal("InvalidFilterKey", "The filter key %s is not valid here. Valid filter keys include: [Type, Label].", f.Key)
		}
	}
	return v, wanted, nil
}

// getParameterHistory rests on "GetParameterHistory".
func (s *Service) getParameterHistory(ctx context.Context, in *struct {
	Name, NextToken string
	WithDecryption  bool
	MaxResults      *int
}) (any, *api.Error) {
	limit := 50
	if in.MaxResults != nil {
		limit = min(max(*in.MaxResults, 1), 50)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.load(api.From(ctx), in.Name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, notFound()
	}
	type entry struct {
		Name, Type, Value, DataType, Tier string
		KeyId, Description                string `json:",omitempty"`
		Version                           int64
		LastModifiedDate                  awsjson.Time
		Labels                            []string
	}
	entries := []entry{}
	for _, v := range p.Versions {
		entries = append(entries, entry{
			Name: p.Name, Type: v.Type, Value: v.reveal(in.WithDecryption), DataType: v.DataType, Tier: v.Tier, KeyId: v.KeyID,
			Description: v.Description, Version: v.Version, LastModifiedDate: awsjson.Time{Time: v.Modified}, Labels: append([]string{}, v.Labels...),
		})
	}
	page, next, err := awsjson.Page(entries, in.NextToken, limit, refusal("InvalidNextToken", "The specified token is not valid."))
	return struct {
		Parameters []entry
		NextToken  string `json:",omitempty"`
	}{page, next}, err
}

// labelParameterVersion rests on "LabelParameterVersion": a label moves from the
// version that had it; labels that are not well formed are InvalidLabels.
func (s *Service) labelParameterVersion(ctx context.Context, in *struct {
	Name             string
	ParameterVersion int64
	Labels           []string
}) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.load(c, in.Name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, notFound()
	}
	at := len(p.Versions) - 1
	if in.ParameterVersion != 0 {
		at = slices.IndexFunc(p.Versions, func(v version) bool { return v.Version == in.ParameterVersion })
	}
	if at < 0 {
		return nil, refusal("ParameterVersionNotFound", "Systems Manager could not find version %d of %s. Verify the version and try again.", in.ParameterVersion, in.Name)
	}
	bad := []string{}
	for _, label := range in.Labels {
		lower := strings.ToLower(label)
		if !labelPattern.MatchString(label) || label[0] >= '0' && label[0] <= '9' || strings.HasPrefix(lower, "aws") || strings.HasPrefix(lower, "ssm") {
			bad = append(bad, label)
			continue
		}
		for i := range p.Versions {
			p.Versions[i].Labels = slices.DeleteFunc(p.Versions[i].Labels, func(l string) bool { return l == label })
		}
		p.Versions[at].Labels = append(p.Versions[at].Labels, label)
	}
	if len(p.Versions[at].Labels) > 10 {
		return nil, refusal("ParameterVersionLabelLimitExceeded", "A parameter version can have maximum 10 labels. Move one or more labels to another version and try again.")
	}
	return struct {
		InvalidLabels    []string
		ParameterVersion int64
	}{bad, p.Versions[at].Version}, s.save(c, p)
}

// deleteParameter rests on "DeleteParameter".
func (s *Service) deleteParameter(ctx context.Context, in *struct{ Name string }) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.load(c, in.Name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, notFound()
	}
	if err := s.store.Delete(keyOf(c, in.Name)); err != nil {
		return nil, awsjson.Internal(err)
	}
	return nil, nil
}
