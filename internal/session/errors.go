package session

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// sharedCause is what all errors have in common that concern every call of a
// Session.
type sharedCause interface {
	error
	cause()
}

// Cause is the part of an error that has nothing to do with the function or
// object that the call was about: a missing Region, credentials that are missing,
// expired or refused, a role that cannot be assumed, an account that is not
// allowed, a clock that is off, a certificate that is not trusted, an answer that
// is not AWS's. It is nil where the error has another cause. When several calls
// fail for one cause, the texts of their Causes are equal: see Join.
func Cause(err error) error {
	if foreign, ok := errors.AsType[ForeignAnswer](err); ok && foreign.RetryableError() {
		return nil // it passes
	}
	if shared, ok := errors.AsType[sharedCause](err); ok {
		return shared
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return nil
	}
	switch code := api.ErrorCode(); {
	case awsfacts.IsClockSkew(code, api.ErrorMessage()), (awsfacts.IsUnknownKey(code) || awsfacts.IsExpired(code)) && clockOff(err) != 0:
		return ClockSkew{Off: clockOff(err), Err: err}
	case awsfacts.IsExpired(code):
		return ExpiredCredentials{Err: err}
	case awsfacts.IsUnknownKey(code):
		return RefusedCredentials{Err: err}
	}
	return nil
}

// Join is errors.Join, except that a Cause which several errors share is reported
// once, without the functions.
func Join(errs ...error) error {
	count := map[string]int{}
	for _, err := range errs {
		if shared := Cause(err); shared != nil {
			count[shared.Error()]++
		}
	}
	var all []error
	for _, err := range errs {
		shared := Cause(err)
		if shared == nil || count[shared.Error()] == 1 {
			all = append(all, err)
			continue
		}
		if count[shared.Error()] > 1 {
			all = append(all, shared)
		}
		count[shared.Error()] = 0
	}
	return errors.Join(all...)
}

// NoRegion is a call without a Region.
type NoRegion struct{}

// Error says what to set.
func (NoRegion) Error() string {
	return "no AWS Region: set aws-region, name it in the function's ARN or an infrastructure file, or export AWS_REGION"
}

// NoCredentials is a run that has none. Err is what the configured source said,
// nil where no source is configured.
type NoCredentials struct{ Err error }

// Error names the ways to provide credentials.
func (e NoCredentials) Error() string {
	if e.Err != nil {
		return "no AWS credentials: " + e.Err.Error()
	}
	return "no AWS credentials: set role-to-assume (with `permissions: id-token: write` under GitHub), " +
		"or aws-access-key-id and aws-secret-access-key, or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
}

// Unwrap is what the configured source said.
func (e NoCredentials) Unwrap() error { return e.Err }

// MalformedCredentials is a credential with a line break, a space, a quote or another
// character inside that no credential holds. Name is the input or variable.
type MalformedCredentials struct{ Name string }

// Error names the input or variable, never the value.
func (e MalformedCredentials) Error() string {
	return e.Name + " holds a line break, a space, a quote or another character that no AWS credential has: was more than the value itself pasted into the secret?"
}

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
	return fmt.Sprintf("the AWS credentials have expired: set role-to-assume, so that they are renewed, or a longer role-duration-seconds: %s", serviceText(e.Err))
}

// Unwrap is the service's error.
func (e ExpiredCredentials) Unwrap() error { return e.Err }

// RefusedCredentials are keys that AWS does not know, or that do not sign.
type RefusedCredentials struct{ Err error }

// Error says what may be wrong with the keys.
func (e RefusedCredentials) Error() string {
	return fmt.Sprintf("AWS refuses the credentials (a key that was deleted, belongs to another partition, or lacks its session token): %s", serviceText(e.Err))
}

// Unwrap is the service's error.
func (e RefusedCredentials) Unwrap() error { return e.Err }

// ClockSkew is a signature that AWS refused because of its time.
type ClockSkew struct {
	// Off is how far this machine's clock is ahead of AWS's, negative where it is
	// behind; 0 where the answer does not tell.
	Off time.Duration
	Err error
}

// Error says by how much the clock is off.
func (e ClockSkew) Error() string {
	off := strings.TrimSuffix(e.Off.Abs().Round(time.Minute).String(), "0s")
	switch {
	case e.Off > 0:
		return "this machine's clock is off: it is " + off + " ahead of AWS's; set it with NTP"
	case e.Off < 0:
		return "this machine's clock is off: it is " + off + " behind AWS's; set it with NTP"
	}
	return "this machine's clock is off by more than five minutes: set it with NTP: " + serviceText(e.Err)
}

// Unwrap is the service's error.
func (e ClockSkew) Unwrap() error { return e.Err }

// signedAt finds in the refusal of a signature when it was made and what AWS's
// clock said: "Signature expired: 20261128T090000Z is now earlier than
// 20261128T095500Z (20261128T100000Z - 5 min.)".
var signedAt = lazyregexp.New(`(\d{8}T\d{6}Z) is (?:now earlier|still later) than \d{8}T\d{6}Z \((\d{8}T\d{6}Z) [-+]`)

// clockOff is how far this machine's clock is ahead of the service's, by the
// answer's text, else by its Date header; 0 where it is not off.
func clockOff(err error) time.Duration {
	const form = "20060102T150405Z"
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if m := signedAt.FindStringSubmatch(api.ErrorMessage()); m != nil {
			here, wrongHere := time.Parse(form, m[1])
			there, wrongThere := time.Parse(form, m[2])
			if wrongHere == nil && wrongThere == nil {
				return here.Sub(there)
			}
		}
	}
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || response.Response == nil || response.Response.Response == nil {
		return 0
	}
	there, err := http.ParseTime(response.Response.Header.Get("Date"))
	if err != nil {
		return 0
	}
	if off := time.Since(there); off.Abs() > awsfacts.ClockTolerance {
		return off
	}
	return 0
}

// ForeignAccount is an account that the run must not touch.
type ForeignAccount struct {
	Account string
	Allowed []string
}

// Error names both sides.
func (e ForeignAccount) Error() string {
	return fmt.Sprintf("the credentials belong to account %s, but only %s may be touched", e.Account, strings.Join(e.Allowed, ", "))
}

// NoIDToken is a job that cannot prove who it is.
type NoIDToken struct {
	Role string
	// PullRequest is true for a job of a pull request, which gets no token where
	// the pull request comes from a fork.
	PullRequest bool
	Err         error
}

// Error says what the job lacks: a permission, where GitHub gave it no endpoint,
// or where the endpoint itself refuses.
func (e NoIDToken) Error() string {
	text := fmt.Sprintf("no OIDC token to assume %s with: ", e.Role)
	if refusal, ok := errors.AsType[tokenRefusal](e.Err); !isType[noEndpoint](e.Err) && (!ok || refusal.code >= 500) {
		return text + e.Err.Error()
	}
	text += "add `permissions: id-token: write` to the job (where a reusable workflow deploys, to the job that calls it)"
	if e.PullRequest {
		text += "; GitHub issues no token to a pull request from a fork: deploy after the merge"
	}
	return text + ": " + e.Err.Error()
}

// Unwrap is why there is no token.
func (e NoIDToken) Unwrap() error { return e.Err }

func (NoRegion) cause()             {}
func (NoCredentials) cause()        {}
func (MalformedCredentials) cause() {}
func (WipedCredentials) cause()     {}
func (ExpiredCredentials) cause()   {}
func (RefusedCredentials) cause()   {}
func (ClockSkew) cause()            {}
func (ForeignAccount) cause()       {}
func (AssumeRefused) cause()        {}
func (NoIDToken) cause()            {}

// errorCode is the service's own code in an error's chain, empty without one.
func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// errorMessage is the service's own text in an error's chain, empty without one.
func errorMessage(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorMessage()
	}
	return ""
}

// serviceText is the service's own message where there is one: the SDK puts
// request numbers and attempts around it, which differ from call to call.
func serviceText(err error) string {
	if message := errorMessage(err); message != "" {
		return errorCode(err) + ": " + message
	}
	return err.Error()
}
