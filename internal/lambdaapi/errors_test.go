package lambdaapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// answered is an error as the SDK gives it for an answer of AWS.
func answeredWith(status int, code, message string) error {
	return fmt.Errorf("update function f: %w", &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		},
	})
}

func TestClassifySaysWhatCanBeDoneAboutAFailedCall(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		err  error
		want Class
	}{
		{"no answer", errors.New("connection reset by peer"), Unknown},
		{"time is over", context.DeadlineExceeded, Unknown},
		{"a failure inside AWS", answeredWith(500, "ServiceException", "An error occurred"), Unknown},
		{"a gateway between", answeredWith(502, "UnknownError", "Bad Gateway"), Unknown},
		{"throttled", answeredWith(429, "TooManyRequestsException", "Rate exceeded"), Throttled},
		{"throttled by another name", answeredWith(400, "ThrottlingException", "Rate exceeded"), Throttled},
		{"no permission", answeredWith(403, "AccessDeniedException", "User: x is not authorized to perform: lambda:UpdateAlias"), Denied},
		{"expired", answeredWith(403, "ExpiredTokenException", "The security token included in the request is expired"), Denied},
		{"not there", answeredWith(404, "ResourceNotFoundException", "Function not found"), NotFound},
		{"an old revision", answeredWith(412, "PreconditionFailedException", "The RevisionId provided does not match"), Stale},
		{"an update under way", answeredWith(409, "ResourceConflictException", "An update is in progress for resource: f"), Conflict},
		{"a role that is not known yet", answeredWith(400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."), Propagating},
		{"permissions that are not known yet", answeredWith(400, "InvalidParameterValueException", "The provided execution role does not have permissions to call CreateNetworkInterface on EC2"), Propagating},
		{"a wrong value", answeredWith(400, "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes"), Refused},
		{"code that is not signed", answeredWith(400, "CodeVerificationFailedException", "The code signature failed"), Refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Classify(tc.err); got != tc.want {
				t.Errorf("class %d, want %d", got, tc.want)
			}
		})
	}
}

func TestOnlyTheTextTellsAnUpdateUnderWayFromATakenName(t *testing.T) {
	t.Parallel()
	if !UpdateInProgress(answeredWith(409, "ResourceConflictException", "The operation cannot be performed at this time. An update is in progress for resource: arn")) {
		t.Error("an update under way is not recognised")
	}
	if UpdateInProgress(answeredWith(409, "ResourceConflictException", "Alias already exists: arn")) {
		t.Error("a taken name passes for an update under way")
	}
}
