// Package tagging finds functions by a tag, through the Resource Groups Tagging API.
//
// It promises every function of one account and Region that has the tag now, by one
// call for each hundred. ListFunctions with ListTags would take a call for each
// function of the account, and permission to read all of their configurations. It
// changes nothing. AWS brings a change of tags to this API after some seconds.
//
// Source: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html.
package tagging

import (
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Tagged is a function with the value of the tag.
type Tagged struct {
	ARN, Value string
}

// Client asks for one account and Region.
type Client struct {
	caller *session.Caller
	region string
}

// New returns the client of a session in a Region.
func New(ctx context.Context, s *session.Session, region string) *Client {
	return &Client{region: region, caller: s.Caller(session.Service{
		ID: "Resource Groups Tagging API", SigningName: "tagging", Region: region,
		Endpoint: awsfacts.ServiceEndpoint("tagging", region, s.UsesFIPS(ctx)), Target: "ResourceGroupsTaggingAPI_20170126",
	})}
}

type tagFilter struct{ Key string }

type getResources struct {
	PaginationToken     string `json:",omitempty"`
	TagFilters          []tagFilter
	ResourceTypeFilters []string
	ResourcesPerPage    int
}

type gotResources struct {
	PaginationToken        string
	ResourceTagMappingList []struct {
		ResourceARN string
		Tags        []struct{ Key, Value string }
	}
}

const (
	perPage = 100
	// maxPages bounds an answer that never ends.
	maxPages = 1000
)

// Functions returns the functions that have a tag, in the order of AWS's answer.
func (c *Client) Functions(ctx context.Context, key string) ([]Tagged, error) {
	in := getResources{TagFilters: []tagFilter{{key}}, ResourceTypeFilters: []string{"lambda:function"}, ResourcesPerPage: perPage}
	var all []Tagged
	for range maxPages {
		var page gotResources
		if err := c.caller.JSON(ctx, "GetResources", in, &page); err != nil {
			return nil, fmt.Errorf("find the functions of %s with the tag %s: %w", c.region, key, session.Explain(err, session.Call{Action: "tag:GetResources", Resource: "*"}))
		}
		for _, r := range page.ResourceTagMappingList {
			for _, t := range r.Tags {
				if t.Key == key {
					all = append(all, Tagged{r.ResourceARN, t.Value})
				}
			}
		}
		if page.PaginationToken == "" {
			return all, nil
		}
		in.PaginationToken = page.PaginationToken
	}
	return nil, fmt.Errorf("find the functions of %s with the tag %s: the answer has more than %d pages", c.region, key, maxPages)
}
