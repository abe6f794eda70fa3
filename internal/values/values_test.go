package values

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/iam"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// world is an embedded AWS with a Reader of it.
type world struct {
	*awstest.AWS
	*Reader
	t testing.TB
	// opened counts the sessions.
	opened int
}

const role = "arn:aws:iam::000000000000:role/reader"

// newWorld has a Reader that works as a role, which may do what actions allow, or
// as root without any.
func newWorld(t testing.TB, actions ...string) *world {
	t.Helper()
	w := &world{AWS: awstest.StartInProcess(t, awslocal.Options{PolicyEvaluation: true}), t: t}
	opts := session.Options{
		Region: awstest.Region, AccessKeyID: awstest.Key, SecretAccessKey: "secret", Endpoint: w.URL, HTTPClient: w.HTTP,
	}
	if actions != nil {
		opts.AccessKeyID = "root"
		opts.Role = &session.Role{ARN: role, SessionName: "test"}
		if err := w.PutRole(iam.Role{ARN: role, TrustPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`, Policies: map[string]string{
			"read": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`}}); err != nil {
			t.Fatal(err)
		}
	}
	w.Reader = New(Options{
		Local: func(_ context.Context, source string) (string, error) { return "of " + source, nil },
		File: func(_ context.Context, name string) ([]byte, error) {
			if name != "terraform.tfstate" {
				return nil, errors.New("read " + name + ": no such file")
			}
			return []byte(stateText), nil
		},
		Session: func(ctx context.Context) (*session.Session, error) {
			w.opened++
			return session.Open(ctx, opts)
		},
	})
	return w
}

const stateText = `{"version": 4, "outputs": {"a": {"value": "one"}, "secret": {"value": "hunter22", "sensitive": true}, "empty": {"value": ""}}, "resources": []}`

func (w *world) parameter(name, value string, kind ssmtypes.ParameterType) {
	w.t.Helper()
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: aws.Bool(true), Tier: ssmtypes.ParameterTierAdvanced}
	if _, err := ssm.NewFromConfig(w.Config(awstest.Region, awstest.Key)).PutParameter(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) secret(name string, in secretsmanager.CreateSecretInput) {
	w.t.Helper()
	in.Name = &name
	if _, err := secretsmanager.NewFromConfig(w.Config(awstest.Region, awstest.Key)).CreateSecret(w.t.Context(), &in); err != nil {
		w.t.Fatal(err)
	}
}

// read parses the sources and reads them.
func (w *world) read(sources ...string) []Result {
	w.t.Helper()
	parsed := make([]Source, len(sources))
	for i, text := range sources {
		var err error
		if parsed[i], err = Parse(text); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.Read(w.t.Context(), parsed)
}

// calls are the operations that were called, but for those about who calls.
func (w *world) calls() []string {
	var out []string
	for _, c := range w.Calls() {
		if c.Service != "sts" && !strings.HasPrefix(c.Operation, "Put") && !strings.HasPrefix(c.Operation, "Create") && !strings.HasPrefix(c.Operation, "Label") {
			out = append(out, c.Operation)
		}
	}
	slices.Sort(out)
	return out
}

func TestValuesAreReadFromTheirPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.parameter("/app/url", "one", ssmtypes.ParameterTypeString)
	w.parameter("/app/url", "two", ssmtypes.ParameterTypeString)
	w.parameter("/app/hosts", "a,b", ssmtypes.ParameterTypeStringList)
	w.parameter("/app/key", "hunter22", ssmtypes.ParameterTypeSecureString)
	label := &ssm.LabelParameterVersionInput{Name: aws.String("/app/url"), ParameterVersion: aws.Int64(1), Labels: []string{"stable"}}
	if _, err := ssm.NewFromConfig(w.Config(awstest.Region, awstest.Key)).LabelParameterVersion(t.Context(), label); err != nil {
		t.Fatal(err)
	}
	w.secret("db", secretsmanager.CreateSecretInput{SecretString: aws.String(`{"user":"u","port":5432,"nested":{"a": [1]},"none":null}`)})
	w.secret("plain", secretsmanager.CreateSecretInput{SecretString: aws.String("old")})
	put := &secretsmanager.PutSecretValueInput{SecretId: aws.String("plain"), SecretString: aws.String("new")}
	if _, err := secretsmanager.NewFromConfig(w.Config(awstest.Region, awstest.Key)).PutSecretValue(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:ssm:us-east-1:000000000000:parameter/app/url"
	want := map[string]Result{
		"env:HOME":                                {Text: "of env:HOME"},
		"file:a/b":                                {Text: "of file:a/b"},
		"ssm:/app/url":                            {Text: "two"},
		"ssm:/app/url:1":                          {Text: "one"},
		"ssm:/app/url:stable":                     {Text: "one"},
		"ssm:" + arn:                              {Text: "two"},
		"ssm:" + arn + ":1":                       {Text: "one"},
		"ssm:/app/hosts":                          {Text: "a,b"},
		"ssm:/app/key":                            {Text: "hunter22", Secret: true},
		"secretsmanager:plain":                    {Text: "new", Secret: true},
		"secretsmanager:plain?stage=AWSPREVIOUS":  {Text: "old", Secret: true},
		"secretsmanager:db#user":                  {Text: "u", Secret: true},
		"secretsmanager:db#port":                  {Text: "5432", Secret: true},
		"secretsmanager:db#nested":                {Text: `{"a":[1]}`, Secret: true},
		"tfstate:terraform.tfstate#output.a":      {Text: "one"},
		"tfstate:terraform.tfstate#output.secret": {Text: "hunter22", Secret: true},
	}
	var sources []string
	for source := range want {
		sources = append(sources, source)
	}
	for i, got := range w.read(sources...) {
		if got != want[sources[i]] {
			t.Errorf("%s: %+v, want %+v", sources[i], got, want[sources[i]])
		}
	}
}

func TestEachPlaceIsReadOnceAndManyAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var sources []string
	for i := range 23 {
		name := fmt.Sprintf("/p/%d", i)
		w.parameter(name, name, ssmtypes.ParameterTypeString)
		sources = append(sources, "ssm:"+name)
	}
	// A second version of a parameter goes into another call.
	sources = append(sources, "ssm:/p/0:1")
	w.secret("s", secretsmanager.CreateSecretInput{SecretString: aws.String(`{"a":"1","b":"2"}`)})
	awstest.CreateBucket(t, w.S3(), "states")
	awstest.PutObject(t, w.S3(), "states", "a/terraform.tfstate", []byte(stateText))
	sources = append(sources, "secretsmanager:s#a", "secretsmanager:s#b", "tfstate:s3://states/a/terraform.tfstate#output.a", "tfstate:s3://states/a/terraform.tfstate#output.secret")
	w.ResetCalls()
	for range 2 {
		for i, got := range w.read(append(sources, sources...)...) {
			if got.Err != nil {
				t.Errorf("%s: %v", sources[i%len(sources)], got.Err)
			}
		}
	}
	if diff := cmp.Diff([]string{"GetObject", "GetParameters", "GetParameters", "GetParameters", "GetSecretValue"}, w.calls()); diff != "" {
		t.Error(diff)
	}
	if w.opened != 1 {
		t.Errorf("%d sessions", w.opened)
	}
}

func TestNothingInAWSNeedsNoSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.read("env:A", "file:b", "tfstate:terraform.tfstate#output.a")
	if w.opened != 0 {
		t.Error("a session was opened")
	}
}

func TestAVersionOfAStateIsReadFromS3(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	awstest.CreateBucket(t, w.S3(), "states")
	if _, err := w.S3().PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String("states"),
		VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	first := awstest.PutObject(t, w.S3(), "states", "t", []byte(stateText))
	awstest.PutObject(t, w.S3(), "states", "t", []byte(strings.Replace(stateText, "one", "two", 1)))
	got := w.read("tfstate:s3://states/t#output.a", "tfstate:s3://states/t?versionId="+aws.ToString(first.VersionId)+"#output.a")
	if got[0].Text != "two" || got[1].Text != "one" {
		t.Errorf("%+v", got)
	}
}

func TestAValueThatCannotBeReadSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.parameter("/there", "x", ssmtypes.ParameterTypeString)
	w.secret("binary", secretsmanager.CreateSecretInput{SecretBinary: []byte{0, 159, 146, 150}})
	w.secret("text", secretsmanager.CreateSecretInput{SecretString: aws.String("hunter22")})
	w.secret("json", secretsmanager.CreateSecretInput{SecretString: aws.String(`{"password":"hunter22","none":null}`)})
	awstest.CreateBucket(t, w.S3(), "states")
	awstest.PutObject(t, w.S3(), "states", "code.zip", []byte("PK"))
	for source, want := range map[string]string{
		"ssm:/lost":                              "Parameter Store in us-east-1 has no parameter /lost",
		"ssm:/there:9":                           "has no parameter /there, or none with the version or label 9",
		"secretsmanager:lost":                    "Secrets Manager in us-east-1 has no secret lost with a value",
		"secretsmanager:text?stage=OTHER":        "has no secret text, or none with the version OTHER",
		"secretsmanager:binary":                  "the secret binary is binary (4 bytes), and a value is text",
		"secretsmanager:binary#key":              "the secret binary is binary (4 bytes), and a value is text",
		"secretsmanager:text#key":                `the secret is not a JSON object, so it has no key "key": leave out #key`,
		"secretsmanager:json#pasword":            `the secret has no key "pasword" (did you mean "password"?)`,
		"secretsmanager:json#user":               `the secret has no key "user" (it has none, password)`,
		"secretsmanager:json#none":               "the value is empty",
		"tfstate:lost.tfstate#output.a":          "read lost.tfstate: no such file",
		"tfstate:terraform.tfstate#output.b":     `terraform.tfstate: the state has no output "b"`,
		"tfstate:terraform.tfstate#output.empty": "the value is empty",
		"tfstate:s3://states/lost#output.a":      "s3://states/lost: there is no such bucket, object or version",
		"tfstate:s3://none/lost#output.a":        "s3://none/lost: there is no such bucket, object or version",
		"tfstate:s3://states/code.zip#output.a":  "s3://states/code.zip: it is not Terraform's state",
	} {
		got := w.read("ssm:/there", source)
		if got[0].Err != nil || got[1].Err == nil || !strings.Contains(got[1].Err.Error(), want) {
			t.Errorf("%s: %+v, want %s", source, got, want)
		}
		if got[1].Err != nil && strings.Contains(got[1].Err.Error(), "hunter22") {
			t.Errorf("%s: shows a value: %v", source, got[1].Err)
		}
	}
}

func TestAMissingPermissionIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "lambda:GetFunction")
	w.parameter("/a", "x", ssmtypes.ParameterTypeString)
	w.parameter("/b", "x", ssmtypes.ParameterTypeString)
	w.secret("s", secretsmanager.CreateSecretInput{SecretString: aws.String("hunter22")})
	awstest.CreateBucket(t, w.S3(), "states")
	awstest.PutObject(t, w.S3(), "states", "t", []byte(stateText))
	sources := []string{"ssm:/a", "ssm:/b", "secretsmanager:s", "tfstate:s3://states/t#output.a", "tfstate:s3://states/t?versionId=null#output.a"}
	wants := []string{
		"ssm:GetParameters on arn:aws:ssm:us-east-1:000000000000:parameter/a", "ssm:GetParameters on arn:aws:ssm:us-east-1:000000000000:parameter/b",
		"secretsmanager:GetSecretValue on arn:aws:secretsmanager:us-east-1:000000000000:secret:s", "s3:GetObject on arn:aws:s3:::states/t", "s3:GetObjectVersion on arn:aws:s3:::states/t",
	}
	for i, got := range w.read(sources...) {
		var denied session.Denied
		if !errors.As(got.Err, &denied) || !strings.Contains(got.Err.Error(), wants[i]) {
			t.Errorf("%s: %v, want %s", sources[i], got.Err, wants[i])
		}
	}
}

// Ten thousand characters are more than a function's environment takes, but what a
// value is for is not this package's business.
func TestALongValueComesWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("0123456789", 1000)
	w.secret("long", secretsmanager.CreateSecretInput{SecretString: &long})
	w.parameter("/long", long[:8192], ssmtypes.ParameterTypeSecureString)
	got := w.read("secretsmanager:long", "ssm:/long")
	if got[0].Text != long || got[1].Text != long[:8192] {
		t.Errorf("%d and %d characters: %v, %v", len(got[0].Text), len(got[1].Text), got[0].Err, got[1].Err)
	}
}

func TestASourceIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Source{
		"env:A":                                 Local("env:A"),
		"file:/a:b":                             Local("file:/a:b"),
		"ssm:/a/b:3":                            Parameter("/a/b:3"),
		"secretsmanager:a/b":                    Secret{ID: "a/b"},
		"secretsmanager:a#k.e#y":                Secret{ID: "a", Key: "k.e#y"},
		"secretsmanager:a?stage=S#k":            Secret{ID: "a", Stage: "S", Key: "k"},
		"secretsmanager:a?version=V":            Secret{ID: "a", Version: "V"},
		"tfstate:a/b.tfstate#output.x":          State{"a/b.tfstate", "output.x"},
		"tfstate:s3://b/k?versionId=V#a.b['#']": State{"s3://b/k?versionId=V", "a.b['#']"},
	} {
		got, err := Parse(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %#v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"ssm:":                         "nothing follows ssm:",
		"consul:a":                     "consul: is not a source of values",
		"secretsmanager:#k":            "names no secret",
		"secretsmanager:a#":            "no key follows #",
		"secretsmanager:a#k?stage=S":   "write what begins with ? before #",
		"secretsmanager:a?stag=S":      "after ? write stage=STAGE or version=ID",
		"tfstate:terraform.tfstate":    "write tfstate:FILE#ADDRESS",
		"tfstate:https://a/b#output.x": "a state is read from a file or from s3://",
		"tfstate:file://a/b#output.x":  "write the path alone",
		"tfstate:s3://bucket#output.x": "write s3://BUCKET/KEY",
		"tfstate:s3:///k#output.x":     "write s3://BUCKET/KEY",
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %s", text, got, err, want)
		}
	}
}
