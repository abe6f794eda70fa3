package session

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
)

// credentialsFault is what all errors about credentials have in common.
type credentialsFault interface {
	error
	credentialsFault()
}

// NoRegion is a call without a Region.
type NoRegion struct{}

// Error says what to set.
func (NoRegion) Error() string {
	return "no AWS Region: set aws-region, name it in the function's ARN or an infrastructure file, or export AWS_REGION"
}

// NoCredentials is a run that has none. Err is what the configured way said,
// nil where no way is configured.
type NoCredentials struct{ Err error }

// Error names the ways to give credentials.
func (e NoCredentials) Error() string {
	if e.Err != nil {
		return "no AWS credentials: " + e.Err.Error()
	}
	return "no AWS credentials: set role-to-assume (with `permissions: id-token: write` under GitHub), " +
		"or aws-access-key-id and aws-secret-access-key, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
}

// Unwrap is what the configured way said.
func (e NoCredentials) Unwrap() error { return e.Err }

// WipedCredentials are variables that another action emptied, as
// aws-actions/configure-aws-credentials does at the end of a job.
type WipedCredentials struct{ Names []string }

// Error names the variables and the remedy.
func (e WipedCredentials) Error() string {
	return fmt.Sprintf("no AWS credentials: %s set, but empty: another step wiped the job's credentials; "+
		"set role-to-assume or the aws-access-key-id inputs on this step, so that it has its own", listed(e.Names))
}

func listed(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " are"
}

// ExpiredCredentials have ended.
type ExpiredCredentials struct{ Err error }

// Error says how to get others.
func (e ExpiredCredentials) Error() string {
	return fmt.Sprintf("the AWS credentials have expired: set role-to-assume, so that they are renewed, or a longer role-duration-seconds: %v", e.Err)
}

// Unwrap is the service's error.
func (e ExpiredCredentials) Unwrap() error { return e.Err }

// RefusedCredentials are keys that AWS does not know, or that do not sign.
type RefusedCredentials struct{ Err error }

// Error says what may be wrong with the keys.
func (e RefusedCredentials) Error() string {
	return fmt.Sprintf("AWS refuses the credentials (a key that was deleted, belongs to another partition, or lacks its session token): %v", e.Err)
}

// Unwrap is the service's error.
func (e RefusedCredentials) Unwrap() error { return e.Err }

// ForeignAccount is an account that the run must not touch.
type ForeignAccount struct {
	Account string
	Allowed []string
}

// Error names both sides.
func (e ForeignAccount) Error() string {
	return fmt.Sprintf("the credentials belong to account %s, but only %s may be touched", e.Account, strings.Join(e.Allowed, ", "))
}

// AssumeRefused is a role that cannot be assumed.
type AssumeRefused struct {
	Role string
	// Action is the STS action that was refused.
	Action string
	// Audience of the OIDC token, empty where credentials asked.
	Audience string
	Err      error
}

// Error names role, action and what the role's trust policy must hold.
func (e AssumeRefused) Error() string {
	return fmt.Sprintf("cannot assume %s by %s: %v (%s)", e.Role, e.Action, serviceText(e.Err), e.hint())
}

// Unwrap is the service's error.
func (e AssumeRefused) Unwrap() error { return e.Err }

// hint is by the codes of AssumeRole and AssumeRoleWithWebIdentity.
func (e AssumeRefused) hint() string {
	account := accountOf(e.Role)
	switch errorCode(e.Err) {
	case "InvalidIdentityToken", "InvalidIdentityTokenException":
		return fmt.Sprintf("account %s needs the OIDC provider token.actions.githubusercontent.com with the audience %s", account, e.Audience)
	case "ValidationError":
		return "role-duration-seconds may be above the role's maximum session duration; a role assumed by a role gets at most 3600"
	case "RegionDisabledException":
		return "activate STS for this Region in the account's settings, or set another aws-region"
	}
	if e.Audience != "" {
		return fmt.Sprintf("the role's trust policy must allow %s to the OIDC provider of account %s, "+
			"with the audience %s and a sub condition that matches this repository, branch or environment", e.Action, account, e.Audience)
	}
	return fmt.Sprintf("the role's trust policy must name the caller as principal, and the caller's policy must allow %s on the role", e.Action)
}

// NoIDToken is a job that cannot prove who it is.
type NoIDToken struct {
	Role string
	Err  error
}

// Error says which permission the job lacks.
func (e NoIDToken) Error() string {
	return fmt.Sprintf("no OIDC token to assume %s with: add `permissions: id-token: write` to the job: %v", e.Role, e.Err)
}

// Unwrap is why there is no token.
func (e NoIDToken) Unwrap() error { return e.Err }

func (NoRegion) credentialsFault()           {}
func (NoCredentials) credentialsFault()      {}
func (WipedCredentials) credentialsFault()   {}
func (ExpiredCredentials) credentialsFault() {}
func (RefusedCredentials) credentialsFault() {}
func (ForeignAccount) credentialsFault()     {}
func (AssumeRefused) credentialsFault()      {}
func (NoIDToken) credentialsFault()          {}

// errorCode is the service's own code in an error's chain, empty without one.
func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// serviceText is the service's own message where there is one: the SDK puts
// request numbers and attempts around it, which no person needs.
func serviceText(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorMessage() != "" {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return err.Error()
}
