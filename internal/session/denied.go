package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Call names what was asked for, in IAM's words, for answers that do not say it
// themselves: an S3 HEAD has no body.
type Call struct {
	Action, Resource string
}

// Denied is a permission that the caller lacks.
type Denied struct {
	Action   string
	Resource string
	// Principal is who asked, where AWS says so.
	Principal string
	// Explicit is a policy that says no: no statement of the caller's own helps.
	Explicit bool
	// Reason is AWS's own, such as "because no resource-based policy allows the
	// lambda:GetLayerVersion action"; empty where AWS states none.
	Reason string
	Err    error
}

// Error names the action and resource, AWS's reason, and who must change what:
// for a statement that is missing in the caller's own policy, the statement.
func (e Denied) Error() string {
	who := ""
	if e.Principal != "" {
		who = " to " + e.Principal
	}
	if e.Explicit {
		return fmt.Sprintf("%s on %s is denied%s by a policy that says Deny (a permissions boundary, a service control policy or a resource policy): %s",
			e.Action, e.Resource, who, serviceText(e.Err))
	}
	if help := e.elsewhere(); help != "" {
		return fmt.Sprintf("%s on %s is not allowed%s %s: %s", e.Action, e.Resource, who, e.Reason, help)
	}
	return fmt.Sprintf("%s on %s is not allowed%s; this statement allows it: %s", e.Action, e.Resource, who, e.Statement())
}

// missing are the kinds of policies, besides the caller's own, that AWS's reason
// names when none of them allows an action
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
var missing = []struct{ kind, help string }{
	{"permissions boundary", "the permissions boundary of the caller must allow it, too; a statement in its own policy does not help"},
	{"service control policy", "a service control policy of the organization must allow it, too; a statement in the caller's own policy does not help"},
	{"resource control policy", "a resource control policy of the organization must allow it, too; a statement in the caller's own policy does not help"},
	{"session policy", "the policy that the session was opened with must allow it, too; a statement in the role's own policy does not help"},
	{"VPC endpoint policy", "the policy of the VPC endpoint that the call goes through must allow it, too"},
}

// elsewhere is what helps where it is another policy than the caller's own that
// must allow the action; empty where it is the caller's own, or unknown.
func (e Denied) elsewhere() string {
	for _, m := range missing {
		if strings.Contains(e.Reason, m.kind) {
			return m.help
		}
	}
	if !strings.Contains(e.Reason, "resource-based policy") {
		return ""
	}
	return e.ownerHelp()
}

// ownerHelp is what the owner of a resource must do so that another account may
// use it.
func (e Denied) ownerHelp() string {
	parts := strings.Split(e.Resource, ":")
	caller := accountOf(e.Principal)
	if caller == "" {
		caller = "ACCOUNT"
	}
	switch service, _, _ := strings.Cut(e.Action, ":"); {
	case service == "lambda" && len(parts) == 8 && parts[5] == "layer":
		return fmt.Sprintf("account %s, which owns the layer, must share this version: aws lambda add-layer-version-permission --layer-name %s --version-number %s --region %s "+
			"--statement-id share-%s --principal %s --action lambda:GetLayerVersion", parts[4], parts[6], parts[7], parts[3], caller, caller)
	case service == "kms":
		return e.bothHelp("key")
	case service == "s3":
		return e.bothHelp("bucket")
	case service == "ecr":
		return e.bothHelp("repository")
	}
	return e.bothHelp("resource")
}

// bothHelp is for what two accounts must allow.
func (e Denied) bothHelp(resource string) string {
	caller := e.Principal
	if caller == "" {
		caller = "the caller"
	}
	return fmt.Sprintf("the %s's own policy must allow it to %s, whose own policy, in another account, needs this statement: %s", resource, caller, e.Statement())
}

// Unwrap is the service's error.
func (e Denied) Unwrap() error { return e.Err }

// Statement is the IAM policy statement that would allow the call. For a
// Lambda function it covers its versions and aliases too.
func (e Denied) Statement() string {
	statement := struct {
		Effect, Action string
		Resource       []string
		Condition      map[string]map[string]string `json:",omitempty"`
	}{Effect: "Allow", Action: e.Action, Resource: []string{e.Resource}}
	if e.Action == "iam:PassRole" {
		statement.Condition = map[string]map[string]string{"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
	}
	if function := functionARN.FindString(e.Resource); function != "" && strings.HasPrefix(e.Action, "lambda:") {
		statement.Resource = []string{function, function + ":*"}
	}
	out, err := json.Marshal(statement)
	if err != nil {
		return ""
	}
	return string(out)
}

var (
	// The sentence of every AWS service about a refused action:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
	deniedText = lazyregexp.New(`(?:User: (\S+) )?is not authorized to perform: ([a-zA-Z0-9-]+:[a-zA-Z0-9*]+)(?: on resource: "?([^\s"]+)"?)?( (?:because no [a-zA-Z -]+? polic(?:y|ies) allows?(?: the \S+ action)?|because no permissions boundary allows(?: the \S+ action)?|with an explicit deny[^.]*))?`)

	functionARN = lazyregexp.New(`^arn:[^:]+:lambda:[^:]*:[^:]*:function:[^:]+`)
)

// Explain turns an error of a service into a Cause or into Denied, and returns
// every other error as it is.
func Explain(err error, call Call) error {
	if err == nil {
		return nil
	}
	if shared := Cause(err); shared != nil {
		return shared
	}
	if isType[Denied](err) || !isDenied(err) {
		return err
	}
	denied := Denied{Action: call.Action, Resource: call.Resource, Err: err}
	text := err.Error()
	if m := deniedText.FindStringSubmatch(text); m != nil {
		denied.Principal, denied.Action, denied.Reason = m[1], m[2], strings.TrimSpace(m[4])
		if m[3] != "" {
			denied.Resource = m[3]
		}
	}
	if denied.Action == "" {
		return err
	}
	if denied.Resource == "" {
		denied.Resource = "*"
	}
	denied.Explicit = strings.Contains(text, "explicit deny")
	return denied
}

// isDenied reports whether a permission is missing: by the service's code, by a
// 403 without a body, which has no code, or by the answer of KMS that Lambda
// quotes below a code of its own.
func isDenied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	switch {
	case ok && awsfacts.IsDenied(api.ErrorCode()), ok && awsfacts.QuotesDeniedKey(api.ErrorMessage()):
		return true
	case !ok || api.ErrorCode() == "" || api.ErrorCode() == "UnknownError":
		response, ok := errors.AsType[*smithyhttp.ResponseError](err)
		return ok && response.HTTPStatusCode() == http.StatusForbidden
	}
	return false
}
