package lambdaapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Class is what an engine can do about a failed call.
type Class int

const (
	// Refused: AWS understood and said no, or the call could not be made; nothing changed and
	// nothing will.
	Refused Class = iota
	// Denied: a permission is missing; nothing changed.
	Denied
	// NotFound: what the call names is not there.
	NotFound
	// Throttled: nothing changed; try again later.
	Throttled
	// Propagating: a role, key or network interface is not ready yet; nothing
	// changed; try again for up to five minutes.
	Propagating
	// Conflict: another update is under way, or the name is taken (409).
	Conflict
	// Stale: the RevisionId is no longer the current one (412).
	Stale
	// Unknown: no answer, or a failure inside AWS: the call may have taken
	// effect, or may still.
	Unknown
	// Stopped: the run was stopped before the call went out; nothing changed.
	Stopped
)

// Classify returns what a changing call's error means. nil has no class: ask only
// about failures.
func Classify(err error) Class {
	if h, ok := errors.AsType[*hidden](err); ok {
		return h.class
	}
	if errors.Is(err, session.ErrNotSent) {
		return Stopped
	}
	if _, ok := errors.AsType[*unsentError](err); ok {
		return Refused
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return Unknown
	}
	status := httpStatus(err)
	switch code := api.ErrorCode(); {
	case awsfacts.IsThrottled(code), status == http.StatusTooManyRequests:
		return Throttled
	case awsfacts.IsDenied(code), awsfacts.IsExpired(code), awsfacts.IsUnknownKey(code), strings.Contains(code, "AccessDenied"):
		return Denied
	case code == "ResourceNotFoundException":
		return NotFound
	case code == "PreconditionFailedException", status == http.StatusPreconditionFailed:
		return Stale
	case code == "ResourceConflictException", awsfacts.IsCodeDeployConflict(code):
		return Conflict
	case status >= 500, code == "ServiceException":
		return Unknown
	}
	if awsfacts.Propagating(api.ErrorMessage()) {
		return Propagating
	}
	return Refused
}

// UpdateInProgress reports whether a conflict's own text names an update under way.
func UpdateInProgress(err error) bool {
	if h, ok := errors.AsType[*hidden](err); ok {
		return h.update
	}
	var api smithy.APIError
	return errors.As(err, &api) && strings.Contains(api.ErrorMessage(), awsfacts.UpdateInProgress)
}

func httpStatus(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func notFound(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "ResourceNotFoundException"
}

// FullStorageError reports that the account's code storage in a Region is full
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
type FullStorageError struct {
	Region string
	Err    error
}

// Error names the command that makes room.
func (e *FullStorageError) Error() string {
	return fmt.Sprintf("%v (old versions take storage, too; this shows which ones nothing needs: lambda-rollout prune --function '*' --aws-region %s --keep-versions 10 --dry-run)", e.Err, e.Region)
}
func (e *FullStorageError) Unwrap() error { return e.Err }

// fullStorage tells what helps where the code storage is full.
func (c *Client) fullStorage(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "CodeStorageExceededException" {
		return &FullStorageError{c.region, err}
	}
	return err
}
