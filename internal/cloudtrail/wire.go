package cloudtrail

import (
	"encoding/json"
	"fmt"
	"time"
)

// lookup is LookupEvents' input, lookedUp its output.
type lookup struct {
	LookupAttributes []attribute
	StartTime        int64
	MaxResults       int
	NextToken        string `json:",omitempty"`
}

type attribute struct{ AttributeKey, AttributeValue string }

type lookedUp struct {
	Events    []looked
	NextToken string
}

type looked struct {
	EventID         string `json:"EventId"`
	EventTime       seconds
	Username        string
	CloudTrailEvent string
}

// seconds is a time as AWS JSON writes it: a number of seconds, which may have a
// fraction or an exponent.
type seconds struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (s *seconds) UnmarshalJSON(b []byte) error {
	var n float64
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("%s is not a time in seconds", b)
	}
	s.Time = time.UnixMilli(int64(n * 1000)).UTC().Truncate(time.Second)
	return nil
}

// document is what is needed of a CloudTrailEvent
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
type document struct {
	ErrorCode    string `json:"errorCode"`
	UserIdentity struct {
		InvokedBy string `json:"invokedBy"`
	} `json:"userIdentity"`
	RequestParameters struct {
		FunctionName string `json:"functionName"`
		Name         string `json:"name"`
		Qualifier    string `json:"qualifier"`
		RevisionID   string `json:"revisionId"`
	} `json:"requestParameters"`
	ResponseElements *struct {
		Name            string `json:"name"`
		FunctionVersion string `json:"functionVersion"`
		RevisionID      string `json:"revisionId"`
		RoutingConfig   *struct {
			AdditionalVersionWeights map[string]float64 `json:"additionalVersionWeights"`
		} `json:"routingConfig"`
	} `json:"responseElements"`
}
