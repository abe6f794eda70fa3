package values

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// maxNames is how many parameters one call reads
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html).
const maxNames = 10

// batch are parameters of one Region that one call reads.
type batch struct {
	region string
	names  []Parameter
}

// base is a parameter without its version or label: AWS takes each parameter once
// in a call.
func (p Parameter) base() string {
	name, _ := p.split()
	return name
}

// split takes the version or label off. An ARN has colons of its own.
func (p Parameter) split() (name, selector string) {
	at := strings.LastIndexByte(string(p), ':')
	if at < 0 || strings.HasPrefix(string(p), "arn:") && strings.Count(string(p), ":") < 6 {
		return string(p), ""
	}
	return string(p[:at]), string(p[at:])
}

// ARN is a parameter's ARN in the account and Region of the caller. A name without
// a slash has one put before it there
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html).
func (p Parameter) ARN(partition, region, account string) string {
	name, _ := p.split()
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return "arn:" + partition + ":ssm:" + region + ":" + account + ":parameter/" + strings.TrimPrefix(name, "/")
}

func (r *Reader) readParameters(ctx context.Context, wanted []Parameter) {
	if len(wanted) == 0 {
		return
	}
	fail := func(err error) {
		for _, p := range wanted {
			r.known[p] = Result{Err: err}
		}
	}
	s, err := r.session(ctx)
	if err != nil {
		fail(err)
		return
	}
	batches, err := batched(s, wanted)
	if err != nil {
		fail(err)
		return
	}
	results := make([][]Result, len(batches))
	sideBySide(len(batches), func(i int) { results[i] = readBatch(ctx, s, batches[i]) })
	for i, b := range batches {
		for j, p := range b.names {
			r.known[p] = results[i][j]
		}
	}
}

// batched puts parameters together that one call may read.
func batched(s *session.Session, wanted []Parameter) ([]batch, error) {
	var out []batch
	for _, p := range wanted {
		in, err := region(s, string(p))
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(out, func(b batch) bool {
			return b.region == in && len(b.names) < maxNames &&
				!slices.ContainsFunc(b.names, func(other Parameter) bool { return other.base() == p.base() })
		})
		if i < 0 {
			out, i = append(out, batch{region: in}), len(out)
		}
		out[i].names = append(out[i].names, p)
	}
	return out, nil
}

// parametersAnswer is what GetParameters answers.
type parametersAnswer struct {
	Parameters []struct {
		Name, ARN, Type, Value, Selector string
	}
}

// readBatch makes one call. A refusal concerns the call as a whole, whichever
// parameter it is about: then each is asked for alone, so that the error names the
// right one.
func readBatch(ctx context.Context, s *session.Session, b batch) []Result {
	var answer parametersAnswer
	err := parameterStore(ctx, s, b.region).JSON(ctx, "GetParameters", map[string]any{"Names": b.names, "WithDecryption": true}, &answer)
	out := make([]Result, len(b.names))
	if isRefusal(err) && len(b.names) > 1 {
		sideBySide(len(b.names), func(i int) { out[i] = readBatch(ctx, s, batch{b.region, b.names[i : i+1]})[0] })
		return out
	}
	for i, p := range b.names {
		if err != nil {
			out[i].Err = explainParameter(err, p, b.region)
			continue
		}
		out[i].Err = p.missing(b.region)
		for _, got := range answer.Parameters {
			if string(p) == got.Name+got.Selector || string(p) == got.ARN+got.Selector {
				out[i] = textOf(got.Value, got.Type == "SecureString")
			}
		}
	}
	return out
}

// isRefusal reports whether a service said no to what was asked, and not to who
// asked.
func isRefusal(err error) bool {
	_, answered := errors.AsType[smithy.APIError](err)
	return answered && session.Cause(err) == nil
}

func (p Parameter) missing(region string) error {
	if name, selector := p.split(); selector != "" {
		return fmt.Errorf("Parameter Store in %s has no parameter %s, or none with the version or label %s", region, name, selector[1:])
	}
	return fmt.Errorf("Parameter Store in %s has no parameter %s", region, string(p))
}

// explainParameter names the permission that is missing. The key of a SecureString
// is the answer's own matter: AWS names it there, or nowhere.
func explainParameter(err error, p Parameter, region string) error {
	explained := session.Explain(err, session.Call{Action: "ssm:GetParameters", Resource: p.ARN(awsfacts.PartitionOf(region).ID, region, "*")})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "InvalidKeyId" {
		return fmt.Errorf("the key that parameter %s is encrypted with cannot be used: %s: kms:Decrypt on it is needed", p.base(), api.ErrorMessage())
	}
	return explained
}

// parameterStore is that of a Region
// (https://docs.aws.amazon.com/general/latest/gr/ssm.html).
func parameterStore(ctx context.Context, s *session.Session, region string) *session.Caller {
	return s.Caller(session.Service{
		ID: "SSM", SigningName: "ssm", Region: region, Endpoint: endpoint(ctx, s, "ssm", region), Target: "AmazonSSM",
	})
}

// endpoint is a service's own address in a Region. Those of GovCloud are FIPS
// endpoints without the name for Systems Manager; Secrets Manager has both there.
func endpoint(ctx context.Context, s *session.Session, host, region string) string {
	p := awsfacts.PartitionOf(region)
	if s.UsesFIPS(ctx) && (host != "ssm" || p.ID != "aws-us-gov") {
		host += "-fips"
	}
	return "https://" + host + "." + region + "." + p.DNSSuffix
}
