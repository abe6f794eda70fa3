package session

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func TestADeniedCallNamesTheStatementThatAllowsIt(t *testing.T) {
	t.Parallel()
	head := &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusForbidden}}, Err: errors.New("Forbidden")}
	tests := []struct {
		name      string
		err       error
		call      Call
		statement string
		says      string
	}{{
		"lambda", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: arn:aws:sts::111122223333:assumed-role/ci/x is not authorized to perform: lambda:UpdateFunctionCode on resource: arn:aws:lambda:us-east-1:111122223333:function:f because no identity-based policy allows the lambda:UpdateFunctionCode action"},
		Call{}, `{"Effect":"Allow","Action":"lambda:UpdateFunctionCode","Resource":["arn:aws:lambda:us-east-1:111122223333:function:f","arn:aws:lambda:us-east-1:111122223333:function:f:*"]}`,
		"to arn:aws:sts::111122223333:assumed-role/ci/x",
	}, {
		"a version", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: u is not authorized to perform: lambda:GetFunction on resource: arn:aws:lambda:us-east-1:111122223333:function:f:7"},
		Call{}, `{"Effect":"Allow","Action":"lambda:GetFunction","Resource":["arn:aws:lambda:us-east-1:111122223333:function:f","arn:aws:lambda:us-east-1:111122223333:function:f:*"]}`, "is not allowed",
	}, {
		"pass role", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: u is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/run because no identity-based policy allows it"},
		Call{Action: "lambda:CreateFunction"}, `{"Effect":"Allow","Action":"iam:PassRole","Resource":["arn:aws:iam::111122223333:role/run"],"Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}`, "iam:PassRole on arn:aws:iam::111122223333:role/run",
	}, {
		"s3 without a body", head, Call{"s3:GetObject", "arn:aws:s3:::b/k"},
		`{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/k"]}`, "s3:GetObject on arn:aws:s3:::b/k",
	}, {
		"s3 with a body", &smithy.GenericAPIError{Code: "AccessDenied", Message: `User: u is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:PutObject action`},
		Call{"s3:GetObject", "arn:aws:s3:::other"}, `{"Effect":"Allow","Action":"s3:PutObject","Resource":["arn:aws:s3:::b/k"]}`, "s3:PutObject",
	}, {
		"an explicit deny", &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: u is not authorized to perform: lambda:CreateAlias on resource: r with an explicit deny in a service control policy"},
		Call{}, `{"Effect":"Allow","Action":"lambda:CreateAlias","Resource":["r"]}`, "a policy that says Deny",
	}}
	for _, test := range tests {
		denied, ok := errors.AsType[Denied](Explain(test.err, test.call))
		if !ok {
			t.Errorf("%s: not seen as denied", test.name)
			continue
		}
		if got := denied.Statement(); got != test.statement {
			t.Errorf("%s: statement %s\nwant %s", test.name, got, test.statement)
		}
		if !strings.Contains(denied.Error(), test.says) || !errors.Is(denied, test.err) {
			t.Errorf("%s: %s\nwant it to say %q and to wrap the service's error", test.name, denied, test.says)
		}
		if wantStatement := !denied.Explicit; strings.Contains(denied.Error(), `"Effect"`) != wantStatement {
			t.Errorf("%s: a statement helps: %t, but it says %s", test.name, wantStatement, denied)
		}
	}
}

func TestOtherErrorsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("x"), &smithy.GenericAPIError{Code: "ResourceNotFoundException"}} {
		if got := Explain(err, Call{"a:b", "*"}); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
