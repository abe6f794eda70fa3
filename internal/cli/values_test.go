package cli

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// values puts a parameter /app/a, a secret b with a key, and a state with the
// output c into the embedded AWS.
func (b *bench) values() {
	b.t.Helper()
	parameters := ssm.NewFromConfig(b.config())
	for name, kind := range map[string]ssmtypes.ParameterType{"/app/a": ssmtypes.ParameterTypeString, "/app/key": ssmtypes.ParameterTypeSecureString} {
		value := "value-of-" + strings.TrimPrefix(name, "/app/") + " <+service.name>"
		if _, err := parameters.PutParameter(b.t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind}); err != nil {
			b.t.Fatal(err)
		}
	}
	_, err := secretsmanager.NewFromConfig(b.config()).CreateSecret(b.t.Context(),
		&secretsmanager.CreateSecretInput{Name: aws.String("b"), SecretString: aws.String(`{"key":"hunter22hunter22"}`)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.put("states", "t", "eu-central-1", []byte(`{"version":4,"outputs":{"c":{"value":"arn:of:c"},"mem":{"value":256},"d":{"value":"sensitive22","sensitive":true}}}`))
}

const fromEverywhere = minimal + `memorySize: <+serviceVariables.mem>
description: <+serviceVariables.a> in <+serviceVariables.c>
environment:
  variables:
    BB: <+secrets.getValue("b")>
    DD: <+serviceVariables.d>
    KEY: <+serviceVariables.key>
`

func (b *bench) fromEverywhere() []string {
	inputs := b.minimal()
	b.write("function.yaml", fromEverywhere)
	return append(inputs,
		"--variables-from", "a=ssm:/app/a\nkey=ssm:/app/key:1\nc=tfstate:s3://states/t#output.c\nd=tfstate:s3://states/t#output.d\nmem=tfstate:s3://states/t#output.mem",
		"--secrets-from", "b=secretsmanager:b#key")
}

// A value is final: an expression in it is text.
func TestValuesFromAWSAreDeployed(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.values()
	inputs := b.fromEverywhere()
	out := b.must(append([]string{"deploy"}, inputs...)...)
	f, err := lambda.NewFromConfig(b.config()).GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("hello"), Qualifier: aws.String("live")})
	if err != nil {
		t.Fatal(err)
	}
	if *f.MemorySize != 256 || !strings.Contains(out, "value-of-a") {
		t.Errorf("%+v\n%s", f, out)
	}
	for name, want := range map[string]string{"BB": "hunter22hunter22", "DD": "sensitive22", "KEY": "value-of-key <+service.name>"} {
		if f.Environment.Variables[name] != want {
			t.Errorf("%s: %q, want %q", name, f.Environment.Variables[name], want)
		}
		if strings.Contains(out, want) {
			t.Errorf("the log shows %s:\n%s", name, out)
		}
	}
	if out := b.must(append([]string{"plan", "--exit-code"}, inputs...)...); !strings.Contains(out, "hello") {
		t.Error(out)
	}
	if out := b.must(append([]string{"render"}, inputs...)...); !strings.Contains(out, `"memorySize": 256`) {
		t.Error(out)
	}
}

// validate is offline: a value that AWS keeps is neither asked for nor missed.
func TestValidateAsksForNoValue(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.must(append([]string{"validate"}, b.fromEverywhere()...)...)
	if calls := b.aws.Calls(); len(calls) > 0 {
		t.Errorf("%v", calls)
	}
	code, _, errs := b.run(append([]string{"validate", "--timeout", "1"}, b.fromEverywhere()...)...)
	if code != exitInput {
		t.Errorf("exit %d\n%s", code, errs)
	}
	code, _, errs = b.run(append([]string{"validate"}, append(b.minimal(), "--secrets-from", "b=secretsmanager:#key")...)...)
	if code != exitInput || !strings.Contains(errs, "input secrets-from: b: secretsmanager:#key names no secret") {
		t.Errorf("exit %d\n%s", code, errs)
	}
}

func TestEveryValueThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	b.values()
	inputs := append(b.minimal(), "--variables-from", "x=ssm:/app/lost\ny=tfstate:s3://states/t#output.lost", "--secrets-from", "z=secretsmanager:b#lost\nw=env:UNSET")
	code, out, errs := b.run(append([]string{"deploy"}, inputs...)...)
	if code != exitInput {
		t.Errorf("exit %d\n%s", code, out)
	}
	for _, want := range []string{
		"input variables-from: x: Parameter Store in eu-central-1 has no parameter /app/lost",
		`input variables-from: y: s3://states/t: the state has no output "lost"`,
		`input secrets-from: z: the secret has no key "lost" (it has key)`,
		"input secrets-from: w: the environment variable UNSET is not set",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("lacks %q:\n%s", want, errs)
		}
	}
	if len(b.changing()) > 6 {
		t.Errorf("%v", b.changing())
	}
}
