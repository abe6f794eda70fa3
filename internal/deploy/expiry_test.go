package deploy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

const shortLived = "arn:aws:iam::000000000000:role/deployer"

// Credentials that end in the middle of a shift are renewed where the run assumed the role
// itself.
func TestAShiftOutlastsTheCredentialsThatItRenews(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.access.Session.Role = &session.Role{ARN: shortLived, Duration: 15 * time.Minute}
		f.deployCode("1")
		f.options.Traffic = parseTraffic(f.T, "10%/20m, 50%/20m")
		f.write("code/index.js", "2")
		f.aws.ResetCalls()
		f.mustDeploy("function.yaml")
		if f.alias("live") != "2" || f.called("AssumeRole") < 3 {
			f.Errorf("live is %s after %d times AssumeRole", f.alias("live"), f.called("AssumeRole"))
		}
	})
}

// Those of others are not: the run cannot finish, nor roll back, and says why and what to
// run. With credentials that are valid, that restores everything.
func TestAShiftWhoseCredentialsEndIsRolledBackWithOthers(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		own := f.access.Session
		client := sts.New(sts.Options{Region: awstest.Region, BaseEndpoint: &f.aws.URL, HTTPClient: f.aws.HTTP, Credentials: f.lambda.Options().Credentials})
		out, err := client.AssumeRole(f.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(shortLived), RoleSessionName: aws.String("job"), DurationSeconds: aws.Int32(900)})
		if err != nil {
			f.Fatal(err)
		}
		f.deployCode("1")
		f.access.Session.AccessKeyID, f.access.Session.SecretAccessKey, f.access.Session.SessionToken = *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken
		f.options.Traffic = parseTraffic(f.T, "10%/20m, 50%/20m")
		f.write("code/index.js", "2")
		_, err = f.deploy(f.Context(), "function.yaml")
		var incomplete *IncompleteError
		if !errors.As(err, &incomplete) || !strings.Contains(err.Error(), "the AWS credentials have expired: set role-to-assume") {
			f.Errorf("ends with %v", err)
		}
		if f.weights()["2"] != 0.1 {
			f.Errorf("live is %s with %v: the credentials ended too late", f.alias("live"), f.weights())
		}
		f.access.Session = own
		if _, err := f.rollback(); err != nil || f.alias("live") != "1" || len(f.weights()) > 0 {
			f.Errorf("%v: live is %s with %v", err, f.alias("live"), f.weights())
		}
	})
}
