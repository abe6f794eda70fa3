package awslocal_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func ssmOf(a *awstest.AWS, key string) *ssm.Client {
	return ssm.NewFromConfig(a.Config(awstest.Region, key))
}

func putParameter(t *testing.T, c *ssm.Client, name, value string, kind ssmtypes.ParameterType) {
	t.Helper()
	if _, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
}

func TestParametersAreReadByNameVersionAndLabel(t *testing.T) {
	t.Parallel()
	a := awstest.StartInProcess(t, awslocal.Options{})
	c := ssmOf(a, awstest.Key)
	putParameter(t, c, "/app/url", "one", ssmtypes.ParameterTypeString)
	putParameter(t, c, "/app/url", "two", "")
	putParameter(t, c, "/app/hosts", "a,b", ssmtypes.ParameterTypeStringList)
	putParameter(t, c, "/app/password", "hunter22", ssmtypes.ParameterTypeSecureString)
	putParameter(t, c, "plain", "p", ssmtypes.ParameterTypeString)
	if _, err := c.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/app/url"), ParameterVersion: aws.Int64(1), Labels: []string{"stable"}}); err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:ssm:us-east-1:000000000000:parameter/app/url"
	for asked, want := range map[string]string{
		"/app/url": "/app/url two 2 ", "/app/url:1": "/app/url one 1 :1", "/app/url:stable": "/app/url one 1 :stable",
		"/app/hosts": "/app/hosts a,b 1 ", "/app/password": "/app/password hunter22 1 ", "plain": "plain p 1 ", arn: "/app/url two 2 ", arn + ":1": "/app/url one 1 :1",
	} {
		out, err := c.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &asked, WithDecryption: aws.Bool(true)})
		if err != nil {
			t.Errorf("%s: %v", asked, err)
			continue
		}
		p := out.Parameter
		if got := *p.Name + " " + *p.Value + " " + string('0'+rune(p.Version)) + " " + aws.ToString(p.Selector); got != want {
			t.Errorf("%s: %q, want %q", asked, got, want)
		}
	}
	hidden, err := c.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/app/password")})
	if err != nil || *hidden.Parameter.Value == "hunter22" || hidden.Parameter.Type != ssmtypes.ParameterTypeSecureString {
		t.Errorf("without decryption: %+v, %v", hidden, err)
	}
	many, err := c.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"/app/url", "lost", "/app/url:9", "plain"}})
	if err != nil || len(many.Parameters) != 2 {
		t.Fatalf("%+v, %v", many, err)
	}
	if diff := cmp.Diff([]string{"lost", "/app/url:9"}, many.InvalidParameters); diff != "" {
		t.Error(diff)
	}
	if *many.Parameters[0].ARN != arn {
		t.Errorf("ARN %s", *many.Parameters[0].ARN)
	}
}

func TestParametersAreListedByPath(t *testing.T) {
	t.Parallel()
	a := awstest.StartInProcess(t, awslocal.Options{})
	c := ssmOf(a, awstest.Key)
	for _, name := range []string{"/app/a", "/app/b", "/app/db/user", "/application", "top"} {
		putParameter(t, c, name, "v", ssmtypes.ParameterTypeString)
	}
	for _, test := range []struct {
		path      string
		recursive bool
		want      string
	}{
		{"/app", false, "/app/a /app/b"},
		{"/app/", true, "/app/a /app/b /app/db/user"},
		{"/", false, "/application top"},
		{"/lost", true, ""},
	} {
		var got []string
		for pages := ssm.NewGetParametersByPathPaginator(c, &ssm.GetParametersByPathInput{Path: &test.path, Recursive: &test.recursive, MaxResults: aws.Int32(2)}); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page.Parameters {
				got = append(got, *p.Name)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s, recursive %t: %v, want %s", test.path, test.recursive, got, test.want)
		}
	}
}

func TestWrongParametersAreRefused(t *testing.T) {
	t.Parallel()
	a := awstest.StartInProcess(t, awslocal.Options{})
	c := ssmOf(a, awstest.Key)
	putParameter(t, c, "a", "v", ssmtypes.ParameterTypeString)
	put := func(name, value string, kind ssmtypes.ParameterType) error {
		_, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind})
		return err
	}
	get := func(name string) error {
		_, err := c.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name})
		return err
	}
	_, tooMany := c.GetParameters(t.Context(), &ssm.GetParametersInput{Names: strings.Split("a b c d e f g h i j k", " ")})
	for _, test := range []struct {
		err  error
		code string
	}{
		{put("a", "v", ssmtypes.ParameterTypeString), "ParameterAlreadyExists"},
		{put("b", "v", ""), "ValidationException"},
		{put("aws/b", "v", ssmtypes.ParameterTypeString), "ValidationException"},
		{put("b c", "v", ssmtypes.ParameterTypeString), "ValidationException"},
		{put("b", strings.Repeat("x", 4097), ssmtypes.ParameterTypeString), "ValidationException"},
		{put(strings.Repeat("/b", 16), "v", ssmtypes.ParameterTypeString), "HierarchyLevelLimitExceededException"},
		{get("lost"), "ParameterNotFound"},
		{get("a:7"), "ParameterVersionNotFound"},
		{tooMany, "ValidationException"},
	} {
		awstest.WantCode(t, test.err, test.code)
	}
}

func TestSecretsHaveStagesAndVersions(t *testing.T) {
	t.Parallel()
	a := awstest.StartInProcess(t, awslocal.Options{})
	c := secretsmanager.NewFromConfig(a.Config(awstest.Region, awstest.Key))
	created, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app/db"), SecretString: aws.String(`{"password":"one"}`)})
	if err != nil {
		t.Fatal(err)
	}
	put, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("app/db"), SecretString: aws.String(`{"password":"two"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: created.ARN, SecretBinary: []byte{0, 255}, VersionStages: []string{"AWSPENDING"}}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ id, stage, version, want string }{
		{"app/db", "", "", "two [AWSCURRENT]"},
		{*created.ARN, "", "", "two [AWSCURRENT]"},
		{strings.TrimSuffix(*created.ARN, (*created.ARN)[len(*created.ARN)-7:]), "", "", "two [AWSCURRENT]"},
		{"app/db", "AWSPREVIOUS", "", "one [AWSPREVIOUS]"},
		{"app/db", "", *created.VersionId, "one [AWSPREVIOUS]"},
		{"app/db", "AWSCURRENT", *put.VersionId, "two [AWSCURRENT]"},
		{"app/db", "AWSPENDING", "", "\x00\xff [AWSPENDING]"},
	} {
		in := &secretsmanager.GetSecretValueInput{SecretId: &test.id}
		if test.stage != "" {
			in.VersionStage = &test.stage
		}
		if test.version != "" {
			in.VersionId = &test.version
		}
		out, err := c.GetSecretValue(t.Context(), in)
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		value := strings.TrimSuffix(strings.TrimPrefix(aws.ToString(out.SecretString), `{"password":"`), `"}`) + string(out.SecretBinary)
		if got := value + " [" + strings.Join(out.VersionStages, " ") + "]"; got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
	for _, test := range []struct{ id, stage, code string }{
		{"lost", "", "ResourceNotFoundException"}, {"app/db", "LOST", "ResourceNotFoundException"},
	} {
		in := &secretsmanager.GetSecretValueInput{SecretId: &test.id}
		if test.stage != "" {
			in.VersionStage = &test.stage
		}
		_, err := c.GetSecretValue(t.Context(), in)
		awstest.WantCode(t, err, test.code)
	}
	_, err = c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app/db"), SecretString: aws.String("x")})
	awstest.WantCode(t, err, "ResourceExistsException")
	_, err = c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("app/db"), VersionId: created.VersionId, VersionStage: aws.String("AWSCURRENT")})
	awstest.WantCode(t, err, "InvalidRequestException")
	// A stage moves back only where the call names the version that has it.
	move := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("app/db"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: created.VersionId}
	_, err = c.UpdateSecretVersionStage(t.Context(), move)
	awstest.WantCode(t, err, "InvalidParameterException")
	move.RemoveFromVersionId = put.VersionId
	if _, err = c.UpdateSecretVersionStage(t.Context(), move); err != nil {
		t.Fatal(err)
	}
	out, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("app/db"), VersionStage: aws.String("AWSPREVIOUS")})
	if err != nil || *out.VersionId != *put.VersionId {
		t.Errorf("after the stage moved back: %+v, %v", out, err)
	}
}

func TestSecretsAreReadInBatches(t *testing.T) {
	t.Parallel()
	a := awstest.StartInProcess(t, awslocal.Options{})
	c := secretsmanager.NewFromConfig(a.Config(awstest.Region, awstest.Key))
	for _, name := range []string{"app/a", "app/b", "other"} {
		if _, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String("of " + name)}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"other", "lost", "app/a"}})
	if err != nil || len(out.SecretValues) != 2 || *out.SecretValues[1].SecretString != "of app/a" || len(out.Errors) != 1 || *out.Errors[0].ErrorCode != "ResourceNotFoundException" || *out.Errors[0].SecretId != "lost" {
		t.Errorf("%+v, %v", out, err)
	}
	out, err = c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{Filters: []secrettypes.Filter{{Key: secrettypes.FilterNameStringTypeName, Values: []string{"app/"}}}})
	if err != nil || len(out.SecretValues) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: make([]string, 21)})
	awstest.WantCode(t, err, "ValidationException")
}

// A session is held to its role's policies for each parameter and each secret.
func TestValuesAreHeldToPolicies(t *testing.T) {
	t.Parallel()
	h := start(t, awslocal.Options{})
	c := ssmOf(h.AWS, awstest.Key)
	putParameter(t, c, "/app/a", "v", ssmtypes.ParameterTypeString)
	putParameter(t, c, "/other", "v", ssmtypes.ParameterTypeString)
	secrets := secretsmanager.NewFromConfig(h.Config(awstest.Region, awstest.Key))
	for _, name := range []string{"app", "other"} {
		if _, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String("v")}); err != nil {
			t.Fatal(err)
		}
	}
	key := h.holdTo(t, "reader", `[{"Effect":"Allow","Action":"ssm:GetParameters","Resource":"arn:aws:ssm:*:*:parameter/app/*"},
		{"Effect":"Allow","Action":["secretsmanager:GetSecretValue","secretsmanager:BatchGetSecretValue"],"Resource":"arn:aws:secretsmanager:*:*:secret:app-??????"}]`)
	held, heldSecrets := ssmOf(h.AWS, key), secretsmanager.NewFromConfig(h.Config(awstest.Region, key))
	parameters := func(names ...string) error {
		_, err := held.GetParameters(t.Context(), &ssm.GetParametersInput{Names: names})
		return err
	}
	secret := func(id string) error {
		_, err := heldSecrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		return err
	}
	awstest.WantCode(t, parameters("/app/a"), "")
	awstest.WantCode(t, parameters("/app/a:1"), "")
	awstest.WantCode(t, parameters("/app/a", "/other"), "AccessDeniedException")
	awstest.WantCode(t, secret("app"), "")
	awstest.WantCode(t, secret("other"), "AccessDeniedException")
}
