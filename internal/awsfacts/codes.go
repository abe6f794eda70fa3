package awsfacts

import "strings"

// IsCodeDeployConflict reports whether an error code is CodeDeploy's for what another
// deployment, or the same one, is in the way of: a group has one at a time, and one
// that is over cannot be stopped
// (https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeployment.html).
func IsCodeDeployConflict(code string) bool {
	return code == "DeploymentLimitExceededException" || code == "DeploymentAlreadyCompletedException"
}

// IsThrottled reports whether an error code asks the caller to slow down. The
// codes differ from service to service.
func IsThrottled(code string) bool {
	switch code {
	case "TooManyRequestsException", "ThrottlingException", "Throttling", "ThrottledException",
		"RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown":
		return true
	}
	return false
}

// IsExpired reports whether an error code says that credentials have ended.
func IsExpired(code string) bool {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired":
		return true
	}
	return false
}

// IsUnknownKey reports whether an error code says that AWS does not know the
// credentials, or that they do not sign.
func IsUnknownKey(code string) bool {
	switch code {
	case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken",
		"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "IncompleteSignatureException",
		"AuthFailure", "MissingAuthenticationToken", "MissingAuthenticationTokenException":
		return true
	}
	return false
}

// IsDenied reports whether an error code says that a permission is missing.
func IsDenied(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized":
		return true
	}
	return false
}

// IsTooLargeWithLayers reports whether Lambda refused code because code and the function's
// current layers together are too large
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
func IsTooLargeWithLayers(message string) bool {
	return strings.Contains(message, "Function code combined with layers exceeds")
}

// IsClockSkew reports whether an answer says that the caller's clock is wrong:
// a code of its own in S3 and EC2, a message elsewhere
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html).
func IsClockSkew(code, message string) bool {
	switch code {
	case "RequestTimeTooSkewed", "RequestInTheFuture":
		return true
	case "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure", "RequestExpired":
		return strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current")
	}
	return false
}

// Messages that decide what the program does, of errors for which AWS has no
// code of their own.
const (
	// UpdateInProgress is in Lambda's ResourceConflictException while an update
	// of the function runs.
	UpdateInProgress = "An update is in progress"
	// ImageAccess is Lambda's refusal of an image whose repository does not let
	// it in (https://repost.aws/knowledge-center/lambda-ecr-image).
	ImageAccess = "Lambda does not have permission to access the ECR image"
)

// Propagating are parts of Lambda's refusals that pass with time: a role, key or
// network interface is not ready yet (terraform-provider-aws,
// internal/service/lambda/function.go).
func Propagating(message string) bool {
	for _, text := range []string{
		"The role defined for the function cannot be assumed by Lambda",
		"The provided execution role does not have permissions",
		"KMS key is invalid for CreateGrant",
		"throttled by EC2",
	} {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

// QuotesDeniedKey reports whether a message of Lambda quotes KMS's refusal of a
// key. The code is then Lambda's own: KMSAccessDeniedException, or
// InvalidParameterValueException
// (https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html).
func QuotesDeniedKey(message string) bool {
	return strings.Contains(message, "KMS Exception: AccessDeniedException") && strings.Contains(message, "is not authorized to perform: kms:")
}
