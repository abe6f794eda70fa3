package session

import (
	"errors"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// BucketRegion is the Region that S3 names for a bucket when it refuses a call, also
// a denied one and one in another Region; "" where it names none.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html.
func BucketRegion(err error) string {
	if response, is := errors.AsType[*smithyhttp.ResponseError](err); is && response.Response != nil {
		return response.Response.Header.Get("x-amz-bucket-region")
	}
	return ""
}
