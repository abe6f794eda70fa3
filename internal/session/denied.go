package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	smithyhttp "github.com/aws/smithy-go/transport/http"
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
	Err      error
}

// Error names the action and resource, and prints the statement that would
// allow it.
func (e Denied) Error() string {
	who := ""
	if e.Principal != "" {
		who = " to " + e.Principal
	}
	if e.Explicit {
		return fmt.Sprintf("%s on %s is denied%s by a policy that says Deny (a permissions boundary, a service control policy or a resource policy): %s",
			e.Action, e.Resource, who, serviceText(e.Err))
	}
	return fmt.Sprintf("%s on %s is not allowed%s; this statement allows it: %s", e.Action, e.Resource, who, e.Statement())
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
	deniedText = regexp.MustCompile(`(?:User: (\S+) )?is not authorized to perform: ([a-zA-Z0-9-]+:[a-zA-Z0-9*]+)(?: on resource: "?([^\s"]+)"?)?`)

	functionARN = regexp.MustCompile(`^arn:[^:]+:lambda:[^:]*:[^:]*:function:[^:]+`)
)

// Explain turns an error of a service into ExpiredCredentials, Denied or another
// type of this package, and gives back every other error as it is.
func Explain(err error, call Call) error {
	if err == nil {
		return nil
	}
	if known := credentialsError(err); known != nil {
		return known
	}
	if _, ok := errors.AsType[Denied](err); ok || !isDenied(err) {
		return err
	}
	denied := Denied{Action: call.Action, Resource: call.Resource, Err: err}
	text := err.Error()
	if m := deniedText.FindStringSubmatch(text); m != nil {
		denied.Principal, denied.Action = m[1], m[2]
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

// isDenied knows the codes of the services that we call; a 403 without a body
// has none.
func isDenied(err error) bool {
	switch errorCode(err) {
	case "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized":
		return true
	case "", "UnknownError":
		resp, ok := errors.AsType[*smithyhttp.ResponseError](err)
		return ok && resp.HTTPStatusCode() == http.StatusForbidden
	}
	return false
}
