package lambdaapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

func TestRefusedCallNamesActionResourceAndStatement(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"Message":"User: arn:aws:sts::123456789012:assumed-role/ci/run is not authorized to perform: lambda:GetFunction on resource: arn:aws:lambda:eu-west-1:123456789012:function:hello because no identity-based policy allows the lambda:GetFunction action"}`)
	}))
	defer server.Close()
	s, err := session.Open(t.Context(), session.Options{Region: "eu-west-1", AccessKeyID: "a", SecretAccessKey: "b", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(s, "eu-west-1", timing.Default()).Find(t.Context(), "hello", "")
	denied, ok := errors.AsType[session.Denied](err)
	if !ok || denied.Action != "lambda:GetFunction" || denied.Resource != "arn:aws:lambda:eu-west-1:123456789012:function:hello" {
		t.Fatalf("the refusal is not named: %v", err)
	}
	if want := `{"Effect":"Allow","Action":"lambda:GetFunction","Resource":["arn:aws:lambda:eu-west-1:123456789012:function:hello","arn:aws:lambda:eu-west-1:123456789012:function:hello:*"]}`; !strings.Contains(err.Error(), want) {
		t.Errorf("the error does not print the statement %s: %v", want, err)
	}
	if Classify(err) != Denied {
		t.Errorf("the engine takes it for %v", Classify(err))
	}
}

func TestRefusalsOfOtherServicesAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Your access has been denied by S3, please make sure your request credentials have permission to GetObject for code/app.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied": "s3:GetObject on arn:aws:s3:::code/app.zip is not allowed",
		"Your access has been denied by EC2, please make sure your request credentials have permission to DescribeSecurityGroups for sg-1. EC2 Error Code: UnauthorizedOperation.":                 "ec2:DescribeSecurityGroups on * is not allowed",
		"Lambda does not have permission to access the ECR image. Check the ECR permissions.":                                                                                                      "ecr:SetRepositoryPolicy",
		"User: arn:aws:iam::1:user/ci is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/app because no identity-based policy allows the iam:PassRole action":             `"Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}`,
		"not the usual sentence": "lambda:CreateFunction on * is not allowed",
	} {
		err := named(&smithy.GenericAPIError{Code: "AccessDeniedException", Message: text}, "CreateFunction")
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
		if Classify(err) != Denied {
			t.Errorf("%s: the engine takes it for %v", text, Classify(err))
		}
	}
}
