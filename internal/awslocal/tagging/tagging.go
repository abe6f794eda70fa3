// Package tagging is the embedded Resource Groups Tagging API: GetResources, over the
// functions of the embedded Lambda, which are all of its resources that have tags.
//
// It promises what the Resource Groups Tagging API Reference says of "GetResources":
// filters of several keys all have to match, one of several values does, and a page
// has at most a hundred resources. Tags are seen at once; AWS takes some seconds.
package tagging

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
)

// Functions returns the tags of each function of an account and Region, by its ARN.
type Functions func(account, region string) (map[string]map[string]string, error)

// Service answers for every account and Region.
type Service struct {
	awsjson.Service
	functions Functions
}

// New serves the tags of functions.
func New(functions Functions) *Service {
	s := &Service{functions: functions}
	s.Service = awsjson.Service{
		Target: "ResourceGroupsTaggingAPI_20170126.", Operations: map[string]awsjson.Operation{"GetResources": awsjson.Op(s.getResources)},
	}
	return s
}

const maxPage = 100

type filter struct {
	Key    string
	Values []string
}

type getResourcesInput struct {
	PaginationToken     string
	ResourcesPerPage    *int
	ResourceTypeFilters []string
	TagFilters          []filter
}

type tag struct{ Key, Value string }

type mapping struct {
	ResourceARN string
	Tags        []tag
}

type getResourcesOutput struct {
	PaginationToken        string
	ResourceTagMappingList []mapping
}

func invalid(message string) *api.Error {
	return api.NewError(http.StatusBadRequest, "InvalidParameterException", message)
}

func (s *Service) getResources(ctx context.Context, in *getResourcesInput) (any, *api.Error) {
	size, begin := 50, 0
	if in.ResourcesPerPage != nil {
		size = *in.ResourcesPerPage
	}
	if size < 1 || size > maxPage {
		return nil, invalid("ResourcesPerPage must be between 1 and 100")
	}
	if in.PaginationToken != "" {
		n, err := strconv.Atoi(in.PaginationToken)
		if err != nil || n < 0 {
			return nil, api.NewError(http.StatusBadRequest, "PaginationTokenExpiredException", "The pagination token is invalid or has expired")
		}
		begin = n
	}
	for _, f := range in.TagFilters {
		if f.Key == "" {
			return nil, invalid("TagFilters must have keys")
		}
	}
	c := api.From(ctx)
	functions, err := s.functions(c.Account, c.Region)
	if err != nil {
		return nil, awsjson.Internal(err)
	}
	out := getResourcesOutput{ResourceTagMappingList: []mapping{}}
	if len(in.ResourceTypeFilters) > 0 && !slices.Contains(in.ResourceTypeFilters, "lambda") && !slices.Contains(in.ResourceTypeFilters, "lambda:function") {
		return out, nil
	}
	var found []mapping
	for _, arn := range slices.Sorted(maps.Keys(functions)) {
		if tags := functions[arn]; len(tags) > 0 && matches(in.TagFilters, tags) {
			found = append(found, mappingOf(arn, tags))
		}
	}
	begin = min(begin, len(found))
	end := min(begin+size, len(found))
	out.ResourceTagMappingList = append(out.ResourceTagMappingList, found[begin:end]...)
	if end < len(found) {
		out.PaginationToken = strconv.Itoa(end)
	}
	return out, nil
}

func matches(filters []filter, tags map[string]string) bool {
	for _, f := range filters {
		value, has := tags[f.Key]
		if !has || len(f.Values) > 0 && !slices.Contains(f.Values, value) {
			return false
		}
	}
	return true
}

func mappingOf(arn string, tags map[string]string) mapping {
	m := mapping{ResourceARN: arn}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		m.Tags = append(m.Tags, tag{key, tags[key]})
	}
	return m
}
