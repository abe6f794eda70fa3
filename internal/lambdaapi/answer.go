package lambdaapi

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// latest is the qualifier of what is not published.
const latest = "$LATEST"

// AnswerError reports that a call was answered with success by something that is
// not an answer to it: a captive portal's page, an empty object, another
// function. What the call did is not known.
type AnswerError struct {
	Operation, Subject string
}

// Error names the call.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s of %s: the answer is not about this call; a proxy may have answered in the place of AWS", e.Operation, e.Subject)
}

// answered reads the configuration that a call returned.
func answered(operation, function string, out any) (*definition.Observed, error) {
	o := &flattenConfiguration(configurationOf(out)).Observed
	if !names(o.Arn, o.FunctionName, function) {
		return nil, &AnswerError{Operation: operation, Subject: function}
	}
	return o, nil
}

// answeredAlias reads the alias that a call returned.
func answeredAlias(operation, function, alias string, out types.AliasConfiguration) (definition.ObservedAlias, error) {
	a := flattenAlias(out)
	if a.Name != alias || a.Version == "" {
		return definition.ObservedAlias{}, &AnswerError{Operation: operation, Subject: function + ":" + alias}
	}
	return a, nil
}

// names reports whether an answer is about a function.
func names(arn, name, function string) bool {
	// Custom endpoints leave out the ARN or the name.
	return name == function || name == "" && strings.Contains(arn+":", ":function:"+function+":")
}

// configurationOf copies the fields of a response that is shaped like a
// FunctionConfiguration: the SDK has a type of its own for each call.
func configurationOf(out any) *types.FunctionConfiguration {
	c := &types.FunctionConfiguration{}
	from, to := reflect.ValueOf(out).Elem(), reflect.ValueOf(c).Elem()
	for i := range to.NumField() {
		if f := to.Type().Field(i); f.IsExported() {
			to.Field(i).Set(from.FieldByName(f.Name))
		}
	}
	return c
}

// acknowledged checks the answer to a call that returns no content: 204 by the
// API's model, or for DeleteFunction what its StatusCode says, and AWS' request
// id, which no portal's page has.
func acknowledged(operation, subject string, metadata middleware.Metadata) error {
	status := 0
	if raw, is := awsmiddleware.GetRawResponse(metadata).(*smithyhttp.Response); is && raw != nil {
		status = raw.StatusCode
	}
	known := status == http.StatusNoContent || operation == "DeleteFunction" && (status == http.StatusOK || status == http.StatusAccepted)
	if id, _ := awsmiddleware.GetRequestIDMetadata(metadata); !known || id == "" {
		return &AnswerError{Operation: operation, Subject: subject}
	}
	return nil
}
