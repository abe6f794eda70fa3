package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// shapes are function.json files as lambroll's users write them, one for each way of
// writing that a public definition has, in words of our own. ENV is dev, WORLD is a.
var shapes = []string{
	// Plain.
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "nodejs22.x"}`,
	`{"FunctionName": "f", "Handler": "index.handler", "MemorySize": 128, "Role": "ROLE", "Runtime": "python3.13", "Timeout": 3, "TracingConfig": {"Mode": "PassThrough"}}`,
	`{"Architectures": ["arm64"], "FunctionName": "f", "Handler": "bootstrap", "Role": "ROLE", "Runtime": "provided.al2023", "Timeout": 30}`,
	`{"Description": "", "EphemeralStorage": {"Size": 512}, "FunctionName": "f", "Handler": "app.handler", "Role": "ROLE", "Runtime": "python3.12", "SnapStart": {"ApplyOn": "None"}}`,
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "ruby3.3", "Tags": {"Env": "dev", "Owner": "me"}}`,
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "nodejs22.x", "Tags": {}}`,
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "nodejs22.x", "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "INFO", "LogGroup": "/aws/lambda/f_json"}}`,
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "nodejs22.x", "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}}`,
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "nodejs22.x", "Environment": {"Variables": {"TZ": "Asia/Tokyo"}},}`,
	"{\n\t\"FunctionName\": \"f\",\n\t\"Handler\": \"index.handler\",\n\t\"Role\": \"ROLE\",\n\t\"Runtime\": \"java21\"\n}\n",
	// The environment.
	"{\"FunctionName\": \"{{ must_env `ENV` }}-f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\"}",
	`{"FunctionName": "{{ must_env "ENV" }}-f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "nodejs22.x"}`,
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"arn:aws:iam::{{ must_env `ACCOUNT` }}:role/f\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"FOO\": \"{{ env `UNSET` `a default` }}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"FOO\": \"{{ env `UNSET` `` }}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"JSON_TEXT\": \"{{ env `JSON` | json_escape }}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"JSON_TEXT\": \"{{ must_env `JSON` | json_escape }}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"MemorySize\": {{ env `MEM` `256` }}, \"Timeout\": {{ env `UNSET` `30` }}}",
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "nodejs22.x", "MemorySize": {{env "MEM" "128"}}}`,
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Description\": \"of {{ env `ENV` }} in {{ env `ENV` }}\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Description\": \"{{ printf `%s-%s` (env `ENV`) (env `WORLD`) }}\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Tags\": {\"{{ env `ENV` }}\": \"yes\"}}",
	"{\n  {{- /* who runs it */ -}}\n  \"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\"}",
	"{{/* of lambroll */}}\n{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"NAME\": \"{{ `{{` }}name}}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"HOST\": \"{{ or (env `UNSET` ``) (tfstate `output.host`) }}\"}}}",
	// Parameters.
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"KEY\": \"{{ ssm `/app/key` }}\", \"URL\": \"{{ ssm `/app/a` }}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"KEY\": \"{{ ssm `/app/key` | json_escape }}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"VpcConfig\": {\"SubnetIds\": [\"{{ ssm `/app/subnets` 0 }}\", \"{{ ssm `/app/subnets` 1 }}\"], \"SecurityGroupIds\": [\"sg-1\"]}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"URL\": \"{{ ssm (printf `/%s/a` `app`) }}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"URL\": \"{{ printf `/%s/a` `app` | ssm }}\"}}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"PASSWORD\": \"{{ secretsmanager `b` `key` }}\"}}}",
	// Terraform's state.
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"{{ tfstate `data.aws_iam_role.f.arn` }}\", \"Runtime\": \"nodejs22.x\"}",
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "{{ tfstate "aws_iam_role.f.arn" }}", "Runtime": "nodejs22.x"}`,
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"{{ tfstate `module.iam.aws_iam_role.f[0].arn` }}\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"{{ tfstate `output.role` }}\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"VpcConfig\": {\"SubnetIds\": [\"{{ tfstate `aws_subnet.f['a'].id` }}\", \"{{ tfstate `aws_subnet.f[\"b\"].id` }}\"], \"SecurityGroupIds\": [\"{{ tfstatef `aws_security_group.f['%s'].id` (must_env `WORLD`) }}\"]}}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"VpcConfig\": {\"SubnetIds\": {{ tfstate `output.subnets` }}, \"SecurityGroupIds\": [\"sg-1\"]}}",
	"{\"FunctionName\": \"{{ tfstate `aws_lambda_function.f.function_name` }}\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"{{ first_tfstate `output.role` }}\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"{{ first_tfstatef `data.aws_iam_role.%s.arn` `f` }}\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Description\": \"{{ tfstate `output.empty` }}\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"FileSystemConfigs\": [{\"Arn\": \"{{ tfstate `output.access_point` }}\", \"LocalMountPath\": \"/mnt/data\"}]}",
	// AWS.
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"arn:aws:iam::{{ caller_identity.Account }}:role/f\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"arn:aws:iam::{{ (caller_identity).Account }}:role/f\", \"Runtime\": \"nodejs22.x\"}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Layers\": [\"{{ layer_arn `base` `latest` }}\"]}",
	"{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"ROLE\", \"Runtime\": \"nodejs22.x\", \"Layers\": [\"{{ layer_arn `base` `1` }}\"]}",
	// Images.
	"{\"FunctionName\": \"f\", \"PackageType\": \"Image\", \"Role\": \"ROLE\", \"Code\": {\"ImageUri\": \"IMAGE:latest\"}}",
	"{\"FunctionName\": \"f\", \"PackageType\": \"Image\", \"Role\": \"ROLE\", \"Code\": {\"ImageUri\": \"{{ must_env `REPOSITORY` }}:{{ env `UNSET` `latest` }}\"}, \"ImageConfig\": {\"Command\": [\"app.handler\"], \"EntryPoint\": [\"/entry\"], \"WorkingDirectory\": \"/app\"}}",
	"{\"Architectures\": [\"arm64\"], \"Code\": {\"ImageUri\": \"{{ tfstate `aws_lambda_function.f.image_uri` }}\"}, \"FunctionName\": \"f\", \"MemorySize\": 256, \"PackageType\": \"Image\", \"Role\": \"ROLE\", \"Timeout\": 7}",
	// Written by hand: few fields, and marks without blanks.
	`{"FunctionName": "f", "Runtime": "nodejs22.x", "Handler": "dist/index.handler", "Role": "ROLE", "Environment": {"Variables": {}}}`,
	"{\"FunctionName\": \"f\", \"Runtime\": \"provided.al2023\", \"Handler\": \"io.example.Stream::handle\", \"Role\": \"ROLE\", \"Publish\": true, \"PackageType\": \"Zip\", \"Environment\": {\"Variables\": {\"LEVEL\": \"{{ env `UNSET` `debug`}}\", \"PLACE\": \"s3://{{must_env `ENV`}}/hook/\"}}}",
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "java21", "SnapStart": {"ApplyOn": "PublishedVersions"}}`,
	// Jsonnet.
	"{\n  Architectures: [\n    'arm64',\n  ],\n  FunctionName: '{{ must_env `ENV` }}-f',\n  Handler: 'run.sh', // the runtime's own\n  Role: 'ROLE',\n  Runtime: 'provided.al2023',\n  SnapStart: {\n    ApplyOn: 'None',\n  },\n  Tags: {\n    Service: '{{ must_env `ENV` }}',\n  },\n}\n",
	"local caller = std.native('caller_identity')();\n{ FunctionName: 'f', Handler: 'index.handler', Role: 'arn:aws:iam::%s:role/f' % [caller.Account], Runtime: 'nodejs22.x' }",
	"local env = std.native('env');\nlocal words(s) = std.join(' ', std.flattenArrays([std.split(line, ',') for line in std.split(s, ';')]));\n{ FunctionName: std.native('must_env')('ENV'), Handler: 'index.handler', Role: 'ROLE', Runtime: 'python3.13', Environment: { Variables: { MODEL: env('UNSET', 'small'), WORDS: words('a,b;c') } } }",
	"local tfstate = std.native('tfstate');\n{ FunctionName: tfstate('aws_lambda_function.f.function_name'), Handler: 'index.handler', Role: tfstate('aws_iam_role.f.arn'), Runtime: 'nodejs22.x', LoggingConfig: { LogFormat: 'Text', LogGroup: '/aws/lambda/' + tfstate('aws_lambda_function.f.function_name') } }",
	"{ FunctionName: 'f', PackageType: 'Image', Role: '{{ tfstate `aws_iam_role.f.arn` }}', Code: { ImageUri: '{{ tfstate `aws_lambda_function.f.image_uri` }}' }, VpcConfig: { SubnetIds: [\"{{ tfstate `aws_subnet.f['a'].id` }}\"], SecurityGroupIds: [\"{{ tfstatef `aws_security_group.f['%s'].id` (must_env `WORLD`) }}\"] } }",
	// What lambroll uploads to.
	`{"FunctionName": "f", "Handler": "index.handler", "Role": "ROLE", "Runtime": "nodejs22.x", "Code": {"S3Bucket": "zips", "S3Key": "f.zip"}}`,
}

const lambrollState = `{"version": 4, "outputs": {"role": {"value": "arn:aws:iam::000000000000:role/f"}, "host": {"value": "db.example"}, "empty": {"value": ""}, "subnets": {"value": ["subnet-1", "subnet-2"]},
 "access_point": {"value": "arn:aws:elasticfilesystem:eu-central-1:000000000000:access-point/fsap-12345678901234567"}}, "resources": [
 {"mode": "data", "type": "aws_iam_role", "name": "f", "instances": [{"attributes": {"arn": "arn:aws:iam::000000000000:role/f"}}]},
 {"mode": "managed", "type": "aws_iam_role", "name": "f", "instances": [{"attributes": {"arn": "arn:aws:iam::000000000000:role/f"}}]},
 {"module": "module.iam", "mode": "managed", "type": "aws_iam_role", "name": "f", "instances": [{"index_key": 0, "attributes": {"arn": "arn:aws:iam::000000000000:role/f"}}]},
 {"mode": "managed", "type": "aws_subnet", "name": "f", "instances": [{"index_key": "a", "attributes": {"id": "subnet-a"}}, {"index_key": "b", "attributes": {"id": "subnet-b"}}]},
 {"mode": "managed", "type": "aws_security_group", "name": "f", "instances": [{"index_key": "a", "attributes": {"id": "sg-a"}}]},
 {"mode": "managed", "type": "aws_lambda_function", "name": "f", "instances": [{"attributes": {"function_name": "dev-f", "image_uri": "` + image + `:latest"}}]}]}`

// lambrollBench has everything that the shapes ask for.
func lambrollBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, awslocal.Options{})
	b.values()
	subnets := &ssm.PutParameterInput{Name: aws.String("/app/subnets"), Value: aws.String("subnet-1,subnet-2"), Type: ssmtypes.ParameterTypeStringList}
	if _, err := ssm.NewFromConfig(b.config()).PutParameter(t.Context(), subnets); err != nil {
		t.Fatal(err)
	}
	b.object("app.zip", "1")
	b.layer("base")
	b.image("1")
	b.put("states", "terraform.tfstate", "eu-central-1", []byte(lambrollState))
	b.write("first.tfstate", lambrollState)
	b.write("src/index.js", "exports.handler = async () => 1\n")
	for _, name := range []string{"app.py", "index.py", "index.rb", "index/handler.class", "dist/index.js", "bootstrap"} {
		b.write("src/"+name, "#!/bin/sh\n")
	}
	if err := os.Chmod(b.dir+"/src/bootstrap", 0o755); err != nil {
		t.Fatal(err)
	}
	b.env = append(b.env, "ENV=dev", "WORLD=a", "ACCOUNT=000000000000", "MEM=512", "REPOSITORY="+image, `JSON={"a": "b\nc"}`)
	return b
}

var lambrollStates = []string{"--tfstate", "s3://states/terraform.tfstate", "--prefixed-tfstate", "first_=first.tfstate"}

// A definition that leaves the role, or everything but the image, to the function that
// exists, changes that one; for a new function one sentence says what is missing.
func TestADefinitionMayLeaveTheRoleToTheFunction(t *testing.T) {
	t.Parallel()
	b := lambrollBench(t)
	for first, then := range map[string]string{
		`{"FunctionName": "zip", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/f", "Runtime": "nodejs22.x"}`:            `{"FunctionName": "zip", "Handler": "index.handler", "Runtime": "nodejs22.x", "Timeout": 30}`,
		`{"FunctionName": "image", "PackageType": "Image", "Role": "arn:aws:iam::000000000000:role/f", "Code": {"ImageUri": "IMAGE:latest"}}`: `{"FunctionName": "image", "PackageType": "Image", "Code": {"ImageUri": "IMAGE:latest"}}`,
	} {
		args := []string{"deploy", "--function-definition", "function.json", "--alias", "current"}
		if !strings.Contains(first, "IMAGE") {
			args = append(args, "--artifact", "src")
		}
		b.write("function.json", strings.ReplaceAll(then, "IMAGE", image))
		if code, log, errs := b.run(args...); code != exitInput || !strings.Contains(log+errs, "does not exist yet, and a new one needs a role") {
			t.Errorf("exit %d\n%s%s", code, log, errs)
		}
		b.write("function.json", strings.ReplaceAll(first, "IMAGE", image))
		b.must(args...)
		b.write("function.json", strings.ReplaceAll(then, "IMAGE", image))
		b.must(args...)
	}
}

// Fifty ways of writing a definition are valid and deploy as they are, and a second
// deploy has nothing to do. Without -full one in five is deployed.
func TestLambrollsDefinitionsDeployAsTheyAre(t *testing.T) {
	t.Parallel()
	if len(shapes) < 50 {
		t.Errorf("%d shapes", len(shapes))
	}
	for i, shape := range shapes {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			b := lambrollBench(t)
			name := "function.json"
			if strings.Contains(shape, "FunctionName: ") {
				name = "function.jsonnet"
			}
			b.write(name, strings.NewReplacer("ROLE", "arn:aws:iam::000000000000:role/f", "IMAGE", image).Replace(shape))
			args := append([]string{"--function-definition", name, "--alias", "current"}, lambrollStates...)
			if !strings.Contains(shape, "ImageUri") {
				args = append(args, "--artifact", "src")
			}
			b.must(append([]string{"validate"}, args...)...)
			if !*full && i%5 > 0 {
				return
			}
			out := b.must(append([]string{"deploy"}, args...)...)
			if warnings := regexp.MustCompile(`(?m)^.*warning.*$`).FindAllString(out, -1); len(warnings) > 0 && !strings.Contains(shape, "S3Key") && !strings.Contains(shape, "EntryPoint") {
				t.Errorf("%s\n%s", shape, warnings)
			}
			b.must(append([]string{"plan", "--exit-code"}, args...)...)
		})
	}
}

func TestATemplateCannotChangeItsDefinition(t *testing.T) {
	t.Parallel()
	b := lambrollBench(t)
	value := `", "MemorySize": 4096, "X": "{{ env ` + "`ENV`" + ` }} <+service.name>`
	b.env = append(b.env, "EVIL="+value)
	b.write("function.json", "{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"arn:aws:iam::000000000000:role/f\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"EVIL\": \"{{ env `EVIL` }}\"}}}")
	b.must("deploy", "--function-definition", "function.json", "--artifact", "src", "--alias", "current")
	f, err := lambda.NewFromConfig(b.config()).GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("f")})
	if err != nil || *f.MemorySize != 128 || f.Environment.Variables["EVIL"] != value {
		t.Errorf("%+v, %v", f, err)
	}
}

// Each place is asked once, whatever number of templates and files asks.
func TestWhatTemplatesAskForIsReadAtOnce(t *testing.T) {
	t.Parallel()
	b := lambrollBench(t)
	for _, name := range []string{"one", "two"} {
		b.write(name+"/function.json", "{\"FunctionName\": \""+name+"\", \"Handler\": \"index.handler\", \"Role\": \"{{ tfstate `output.role` }}\", \"Runtime\": \"nodejs22.x\", \"Environment\": {\"Variables\": {\"AA\": \"{{ ssm `/app/a` }}\", \"BB\": \"{{ ssm `/app/key` }}\"}}}")
	}
	b.aws.ResetCalls()
	b.must(append([]string{"plan", "--function-definition", "*/function.json", "--artifact", b.dir + "/src", "--alias", "current"}, lambrollStates...)...)
	asked := map[string]int{}
	for _, c := range b.aws.Calls() {
		asked[c.Operation]++
	}
	if asked["GetParameters"] != 1 || asked["GetObject"] != 1 {
		t.Errorf("%v", asked)
	}
}

func TestATemplateThatFailsIsAProblemOfItsFile(t *testing.T) {
	t.Parallel()
	const start = "{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"arn:aws:iam::000000000000:role/f\", \"Runtime\": \"nodejs22.x\",\n \"Description\": \""
	for template, want := range map[string]string{
		"{{ must_env `UNSET` }}":          "function.json:2:21: must_env: the environment variable UNSET is not set",
		"{{ tfstate `output.role` }}":     "function.json:2:21: tfstate: no state is named: give the input tfstate, a file or s3://bucket/key",
		"{{ my_tfstate `output.role` }}":  "function.json:2:21: my_tfstate: no state is named: give the input prefixed-tfstate, my_=FILE",
		"{{ ssm `/lost` }}":               "function.json:2:21: ssm: Parameter Store in eu-central-1 has no parameter /lost",
		"{{ ssm `/app/subnets` 7 }}":      "function.json:2:21: ssm: the parameter has 2 items, and none with the number 7",
		"{{ layer_arn `lost` `latest` }}": "function.json:2:21: layer_arn: there is no layer lost in eu-central-1",
		"{{ cfn_output `a` `b` }}":        "function.json:2:21: templates have no function cfn_output",
		"{{ if env `A` }}x{{ end }}":      "function.json:2:21: conditions, loops, variables and data of templates are not evaluated",
		"{{ env `A` | must_env `B` }}":    "function.json:2:31: must_env: it takes 1 argument(s), not 2",
		"{{ printf `%x` `a` }}":           "function.json:2:21: printf: the verb %x of a format is not known here",
		"${{ secrets.NAME }}":             "function.json:2:17: the value is an expression of GitHub",
	} {
		t.Run(template, func(t *testing.T) {
			t.Parallel()
			b := lambrollBench(t)
			b.write("function.json", start+template+"\"}")
			code, _, errs := b.run("plan", "--function-definition", "function.json", "--artifact", "src", "--alias", "current")
			if code != exitInput || !strings.Contains(errs, want) {
				t.Errorf("exit %d, want %s\n%s", code, want, errs)
			}
		})
	}
}

func TestLambrollsOwnVariablesAndFilesCount(t *testing.T) {
	t.Parallel()
	b := lambrollBench(t)
	b.write(".env1", "# of dev\nexport A_NAME=\"one\\ttwo\"\nENV=file # not dev\n")
	b.write(".env2", "OTHER='a #b'\n")
	b.env = append(b.env, "LAMBROLL_TFSTATE=s3://states/terraform.tfstate", "LAMBROLL_PREFIXED_TFSTATE=first_=first.tfstate;second_=first.tfstate", "LAMBROLL_ENVFILE=.env1,.env2", "LAMBROLL_OPTION=option.json")
	b.write("function.json", "{\"FunctionName\": \"{{ must_env `ENV` }}\", \"Handler\": \"index.handler\", \"Role\": \"{{ tfstate `output.role` }}\", \"Runtime\": \"nodejs22.x\", \"Description\": \"{{ must_env `A_NAME` }} {{ must_env `OTHER` }} {{ second_tfstate `output.host` }}\"}")
	out := b.must("render", "--function-definition", "function.json", "--artifact", "src", "--alias", "current")
	if !strings.Contains(out, `"functionName": "file"`) || !strings.Contains(out, `one\ttwo a #b db.example`) {
		t.Error(out)
	}
	_, log, errs := b.run("plan", "--function-definition", "function.json", "--artifact", "src")
	if !strings.Contains(log+errs, "LAMBROLL_OPTION: lambroll's option file is not read") {
		t.Error(log, errs)
	}
}

const lambrollJsonnet = `local env = std.native('env');
local tfstate = std.native('tfstate');
local caller = std.native('caller_identity')();
local lib = import 'lib/base.libsonnet';
lib {
  FunctionName: std.native('must_env')('ENV') + '-' + std.extVar('name'),
  MemorySize: std.extVar('memory'),
  Role: 'arn:aws:iam::%s:role/f' % caller.Account,
  VpcConfig: { SubnetIds: tfstate('output.subnets'), SecurityGroupIds: [tfstate('aws_security_group.f["%s"].id' % env('WORLD', 'b'))] },
  Layers: [std.native('layer_arn')('base', 'latest')],
  Environment: { Variables: {
    AA: std.native('ssm')('/app/a'),
    KEY: std.native('ssm')('/app/key'),
    SUBNET: std.native('ssm_list')('/app/subnets', 1),
    HOST: std.native('first_tfstate')('output.host') + tfstate('output.empty'),
    EVIL: env('EVIL', ''),
    LATER: '{{ must_env ` + "`ENV`" + ` }}',
  } },
}
`

// Jsonnet has lambroll's functions, types and templates, and a value is final there
// as well.
func TestDefinitionsInJsonnetDeploy(t *testing.T) {
	t.Parallel()
	b := lambrollBench(t)
	evil := "{{ env `ENV` }} <+service.name>"
	b.env = append(b.env, "EVIL="+evil)
	b.write("function.jsonnet", lambrollJsonnet)
	b.write("lib/base.libsonnet", "{ Handler: 'index.handler', Runtime: 'nodejs22.x', Timeout: 3 * 2 }")
	args := append([]string{"--function-definition", "function.jsonnet", "--artifact", "src", "--alias", "current", "--ext-str", "name=f", "--ext-code", "memory=128 * 2"}, lambrollStates...)
	b.aws.ResetCalls()
	out := b.must(append([]string{"deploy"}, args...)...)
	asked := 0
	for _, c := range b.aws.Calls() {
		if c.Operation == "GetParameters" {
			asked++
		}
	}
	if asked != 1 || strings.Contains(out, "value-of-key") {
		t.Errorf("%d calls for parameters\n%s", asked, out)
	}
	f, err := lambda.NewFromConfig(b.config()).GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("dev-f")})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"AA": "value-of-a <+service.name>", "KEY": "value-of-key <+service.name>", "SUBNET": "subnet-2", "HOST": "db.example", "EVIL": evil, "LATER": "dev"}
	if diff := cmp.Diff(want, f.Environment.Variables); diff != "" || *f.MemorySize != 256 || *f.Timeout != 6 || len(f.VpcConfig.SubnetIds) != 2 || len(f.Layers) != 1 {
		t.Errorf("%+v\n%s", f, diff)
	}
	b.must(append([]string{"plan", "--exit-code"}, args...)...)
	b.must(append([]string{"validate"}, args...)...)
	for program, want := range map[string]string{
		"{\n a: std.extVar('lost') }":              "function.jsonnet:2:5: Undefined external variable: lost",
		"{\n a b }":                                "function.jsonnet:2:4: Expected",
		"{\n a: std.native('must_env')('UNSET') }": "function.jsonnet:2:5: must_env: the environment variable UNSET is not set",
		"{ FunctionName: 'f', Memory: 1 }":         "function.jsonnet (as JSON):3:",
		"import 'lost.libsonnet'":                  "function.jsonnet:1:1: ",
	} {
		b.write("function.jsonnet", program)
		code, log, errs := b.run(append([]string{"plan"}, args...)...)
		if code != exitInput || !strings.Contains(log+errs, want) {
			t.Errorf("%s: exit %d, want %s\n%s%s", program, code, want, log, errs)
		}
	}
}

// A function URL has the functions of a definition, in both of its forms, and none
// under another name.
func TestFunctionURLsOfLambrollDeploy(t *testing.T) {
	t.Parallel()
	b := lambrollBench(t)
	b.env = append(b.env, "AUTH=NONE")
	b.write("function.json", "{\"FunctionName\": \"f\", \"Handler\": \"index.handler\", \"Role\": \"arn:aws:iam::000000000000:role/f\", \"Runtime\": \"nodejs22.x\"}")
	b.write("function_url.json", "{\"Config\": {\"AuthType\": \"{{ env `AUTH` `AWS_IAM` }}\", \"Cors\": {\"AllowOrigins\": [\"https://{{ tfstate `output.host` }}\"]}}}")
	b.write("function_url.jsonnet", "{ Config: { AuthType: std.native('env')('UNSET', 'NONE'), Cors: { AllowOrigins: ['https://' + std.native('ssm')('/app/a')] } } }")
	b.write("url.json", "{\"Config\": {\"AuthType\": \"NONE\", \"Cors\": {\"AllowOrigins\": [\"{{ env `ENV` }}\"]}}}")
	args := []string{"--function-definition", "function.json", "--artifact", "src", "--alias", "current", "--settings"}
	for _, tc := range []struct{ file, origin string }{
		{"function_url.json", "https://db.example"}, {"function_url.jsonnet", "https://value-of-a <+service.name>"}, {"url.json", "{{ env `ENV` }}"},
	} {
		more := append(args[:len(args):len(args)], tc.file)
		if tc.file == "function_url.json" {
			more = append(more, lambrollStates...)
			b.must(append([]string{"validate"}, more...)...)
		}
		out := b.must(append([]string{"deploy"}, more...)...)
		if warned := strings.Contains(out, "is a template of lambroll"); warned != (tc.file == "url.json") {
			t.Errorf("%s: warned: %v\n%s", tc.file, warned, out)
		}
		url, err := lambda.NewFromConfig(b.config()).GetFunctionUrlConfig(t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: aws.String("f")})
		if err != nil || url.AuthType != "NONE" || url.Cors.AllowOrigins[0] != tc.origin {
			t.Errorf("%s: %+v, %v", tc.file, url, err)
		}
	}
}

// An option file has its templates, and may be in Jsonnet: what it asks the environment
// for are variables of the workflow.
func TestConvertReadsTheTemplatesOfAnOptionFile(t *testing.T) {
	t.Parallel()
	b := lambrollBench(t)
	b.write("fn/function.json", "{\"FunctionName\": \"f\"}")
	b.write("fn/lib.libsonnet", "{ region: 'eu-central-1' }")
	for name, content := range map[string]string{
		"option.json":    "{\"region\": \"eu-central-1\", \"tfstate\": \"s3://{{ must_env `BUCKET` }}/{{ env `STAGE` `it's` }}.tfstate\"}",
		"option.jsonnet": "(import 'lib.libsonnet') + { tfstate: 's3://' + std.native('must_env')('BUCKET') + '/' + std.native('env')('STAGE', \"it's\") + '.tfstate' }",
	} {
		b.write("fn/"+name, content)
		code, out, errs := b.run("convert", "fn", "fn/"+name)
		if code != 0 || !strings.Contains(out, "tfstate: s3://${{ vars.BUCKET }}/${{ vars.STAGE || 'it''s' }}.tfstate\n") || !strings.Contains(out, "aws-region: eu-central-1\n") || !strings.Contains(errs, "set the variable BUCKET") {
			t.Errorf("%s: exit %d\n%s\n%s", name, code, out, errs)
		}
	}
	for content, want := range map[string]string{
		"{\n\"region\": \"{{ ssm `/a` }}\"}":   "fn/option.json:2:15: ssm: an option file may use only env and must_env",
		"{\n\"region\": \"{{ cfn_output }}\"}": "fn/option.json:2:15: ",
		"{}\n---\n{}":                          "fn/option.json: holds 2 documents",
	} {
		b.write("fn/option.json", content)
		if code, out, errs := b.run("convert", "fn", "fn/option.json"); code != exitInput || out != "" || !strings.Contains(errs, want) {
			t.Errorf("exit %d, want %s\n%s\n%s", code, want, out, errs)
		}
	}
	b.write("fn/option.jsonnet", "{\n region: }")
	if code, _, errs := b.run("convert", "fn", "fn/option.jsonnet"); code != exitInput || !strings.Contains(errs, "fn/option.jsonnet:2:") {
		t.Errorf("exit %d\n%s", code, errs)
	}
}

// Elsewhere {{ is text, and a call of lambroll's there is a warning.
func TestATemplateInAnotherFileStaysAsItIs(t *testing.T) {
	t.Parallel()
	b := lambrollBench(t)
	b.write("other.yaml", minimal+"environment: {variables: {NAME: '{{ env `ENV` }}'}}\n")
	args := []string{"deploy", "--function-definition", "other.yaml", "--artifact", "src", "--alias", "current"}
	_, log, errs := b.run(args...)
	if !strings.Contains(log+errs, "warning: the value is a template of lambroll, and stays as it is") {
		t.Error(log, errs)
	}
	get := func() string {
		f, err := lambda.NewFromConfig(b.config()).GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("hello")})
		if err != nil {
			t.Fatal(err)
		}
		return f.Environment.Variables["NAME"]
	}
	if got := get(); got != "{{ env `ENV` }}" {
		t.Errorf("%q", got)
	}
	b.write(".env", "X=1\n")
	b.must(append(args, "--envfile", ".env")...)
	if got := get(); got != "dev" {
		t.Errorf("with an input of lambroll's: %q", got)
	}
}
