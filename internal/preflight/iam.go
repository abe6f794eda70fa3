package preflight

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// iam makes the two calls to IAM that this package needs.
type iam struct{ *session.Caller }

// newIAM is the IAM of a partition; its error is a partition that nobody knows.
func newIAM(s *session.Session, partition string) (iam, error) {
	p, known := awsfacts.PartitionNamed(partition)
	if !known && s.EndpointOf("IAM") == "" {
		return iam{}, fmt.Errorf("the endpoint of IAM in partition %s is not known", partition)
	}
	region := p.IAMRegion
	if region == "" {
		region = "us-east-1"
	}
	return iam{s.Caller(session.Service{ID: "IAM", SigningName: "iam", Region: region, Endpoint: p.IAM, Version: "2010-05-08"})}, nil
}

// role returns a role's ARN, its path included, by its name.
func (c iam) role(ctx context.Context, name string) (string, error) {
	var out struct {
		ARN string `xml:"GetRoleResult>Role>Arn"`
	}
	err := c.Query(ctx, "GetRole", url.Values{"RoleName": {name}}, &out)
	return out.ARN, err
}

// simulation is what one SimulatePrincipalPolicy asks.
type simulation struct {
	principal string
	actions   []string
	resources []string
	context   map[string]string
}

// decision is its answer for one action on one resource.
type decision struct {
	Action   string   `xml:"EvalActionName"`
	Resource string   `xml:"EvalResourceName"`
	Decision string   `xml:"EvalDecision"`
	Missing  []string `xml:"MissingContextValues>member"`
	// Each holds the answers for several resources, where IAM lists them below
	// one action.
	Each []struct {
		Resource string   `xml:"EvalResourceName"`
		Decision string   `xml:"EvalResourceDecision"`
		Missing  []string `xml:"MissingContextValues>member"`
	} `xml:"ResourceSpecificResults>member"`
}

// single returns a decision of its own for each answer.
func (d decision) single() []decision {
	all := []decision{{Action: d.Action, Resource: d.Resource, Decision: d.Decision, Missing: d.Missing}}
	for _, e := range d.Each {
		all = append(all, decision{Action: d.Action, Resource: e.Resource, Decision: e.Decision, Missing: e.Missing})
	}
	return all
}

func (d decision) allowed() bool { return d.Decision == "allowed" }

// pages bounds the pages of one answer: 1,000 decisions each.
const pages = 20

func (c iam) simulate(ctx context.Context, s simulation) ([]decision, error) {
	form := url.Values{"PolicySourceArn": {s.principal}, "MaxItems": {"1000"}}
	member := func(list string, i int) string { return list + ".member." + strconv.Itoa(i+1) }
	for i, a := range s.actions {
		form.Set(member("ActionNames", i), a)
	}
	for i, r := range s.resources {
		form.Set(member("ResourceArns", i), r)
	}
	n := 0
	for key, value := range s.context {
		entry := member("ContextEntries", n)
		form.Set(entry+".ContextKeyName", key)
		form.Set(entry+".ContextKeyType", "string")
		form.Set(entry+".ContextKeyValues.member.1", value)
		n++
	}
	var all []decision
	for range pages {
		var out struct {
			Decisions []decision `xml:"SimulatePrincipalPolicyResult>EvaluationResults>member"`
			More      bool       `xml:"SimulatePrincipalPolicyResult>IsTruncated"`
			Marker    string     `xml:"SimulatePrincipalPolicyResult>Marker"`
		}
		if err := c.Query(ctx, "SimulatePrincipalPolicy", form, &out); err != nil {
			return nil, err
		}
		for _, d := range out.Decisions {
			all = append(all, d.single()...)
		}
		if !out.More || out.Marker == "" {
			break
		}
		form.Set("Marker", out.Marker)
	}
	return all, nil
}
