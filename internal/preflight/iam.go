package preflight

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// iam makes the two calls to IAM that this package needs.
type iam struct {
	http        aws.HTTPClient
	credentials aws.CredentialsProvider
	endpoint    string
	region      string
	pause       time.Duration
}

// place is where a partition's one IAM answers, and the Region that its
// requests are signed for
// (https://docs.aws.amazon.com/general/latest/gr/iam-service.html).
type place struct{ endpoint, region string }

var places = map[string]place{
	"aws":        {"https://iam.amazonaws.com", "us-east-1"},
	"aws-cn":     {"https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
	"aws-us-gov": {"https://iam.us-gov.amazonaws.com", "us-gov-west-1"},
	"aws-eusc":   {"https://iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
	"aws-iso":    {"https://iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
	"aws-iso-b":  {"https://iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"},
}

// newIAM is nil where nobody knows the partition's endpoint.
func newIAM(ctx context.Context, s *session.Session, partition string) (_ *iam, custom bool, _ error) {
	cfg := s.Config("")
	where, known := places[partition]
	c := &iam{http: s.HTTPClient(), credentials: cfg.Credentials, endpoint: where.endpoint, region: where.region, pause: 200 * time.Millisecond}
	if cfg.BaseEndpoint != nil {
		c.endpoint, known, custom = *cfg.BaseEndpoint, true, true
	}
	for _, source := range cfg.ConfigSources {
		p, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, sdkID string) (string, bool, error)
		})
		if !ok {
			continue
		}
		if url, found, err := p.GetServiceBaseEndpoint(ctx, "IAM"); err == nil && found {
			c.endpoint, known, custom = url, true, true
			break
		}
	}
	if !known {
		return nil, custom, fmt.Errorf("the endpoint of IAM in partition %s is not known", partition)
	}
	if c.region == "" {
		c.region = "us-east-1"
	}
	return c, custom, nil
}

// role gives a role's ARN, its path included, by its name.
func (c *iam) role(ctx context.Context, name string) (string, error) {
	var out struct {
		ARN string `xml:"GetRoleResult>Role>Arn"`
	}
	err := c.call(ctx, url.Values{"Action": {"GetRole"}, "RoleName": {name}}, &out)
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
	// Each holds the answers for several resources, where IAM gives them below
	// one action.
	Each []struct {
		Resource string   `xml:"EvalResourceName"`
		Decision string   `xml:"EvalResourceDecision"`
		Missing  []string `xml:"MissingContextValues>member"`
	} `xml:"ResourceSpecificResults>member"`
}

// single gives each answer a decision of its own.
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

func (c *iam) simulate(ctx context.Context, s simulation) ([]decision, error) {
	form := url.Values{"Action": {"SimulatePrincipalPolicy"}, "PolicySourceArn": {s.principal}, "MaxItems": {"1000"}}
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
		if err := c.call(ctx, form, &out); err != nil {
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

// tries of a call that IAM throttles: it takes few calls a second.
const tries = 3

func (c *iam) call(ctx context.Context, form url.Values, out any) error {
	form.Set("Version", "2010-05-08")
	for try := 1; ; try++ {
		err := c.once(ctx, form.Encode(), out)
		throttled := false
		if api, ok := errors.AsType[*smithy.GenericAPIError](err); ok {
			throttled = strings.Contains(api.Code, "Throttling")
		}
		if !throttled || try == tries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(c.pause << try):
		}
	}
}

// answerLimit is more than any answer holds, in bytes.
const answerLimit = 8 << 20

func (c *iam) once(ctx context.Context, body string, out any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask IAM: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	keys, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, keys, request, hex.EncodeToString(sum[:]), "iam", c.region, time.Now()); err != nil {
		return fmt.Errorf("sign a call to IAM: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask IAM: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("read IAM's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return failure(response.StatusCode, text)
	}
	if err := xml.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read IAM's answer: %w", err)
	}
	return nil
}

// failure is an error as the query protocol writes it.
func failure(status int, body []byte) error {
	var answer struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil || answer.Code == "" {
		return fmt.Errorf("IAM answered with status %d", status)
	}
	return &smithy.GenericAPIError{Code: answer.Code, Message: answer.Message}
}
