package cli

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// shape makes one kind of function.
type shape struct {
	name  string
	build func(*bench, *lambda.CreateFunctionInput)
	// here is set where another account may not use what the function uses.
	here bool
	// after changes the function once it exists.
	after func(*bench, *lambda.Client)
	// args are added to init.
	args []string
	// says is what one of the files must hold.
	says string
}

type request = lambda.CreateFunctionInput

// sets is a shape that only changes the request.
func sets(name string, set func(*request)) shape {
	return shape{name: name, build: func(_ *bench, in *request) { set(in) }}
}

const fn = "lambda-rollout-shape"

// initShapes are forty functions: every field of CreateFunction's that Lambda keeps is
// set at least once.
func initShapes() []shape {
	text := func(s string) *string { return &s }
	number := func(n int32) *int32 { return &n }
	all := []shape{
		sets("minimal", func(*request) {}),
		sets("description", func(in *request) { in.Description = text("true: \"a # b\"") }),
		sets("timeout", func(in *request) { in.Timeout = number(900) }),
		sets("memory", func(in *request) { in.MemorySize = number(1769) }),
		sets("arm64", func(in *request) { in.Architectures = []types.Architecture{types.ArchitectureArm64} }),
		sets("another runtime", func(in *request) { in.Runtime, in.Handler = types.RuntimePython312, text("app.main") }),
		sets("provided", func(in *request) { in.Runtime, in.Handler = types.RuntimeProvidedal2023, text("bootstrap") }),
		sets("java with a snapshot", func(in *request) {
			in.Runtime, in.Handler = types.RuntimeJava21, text("a.B::c")
			in.SnapStart = &types.SnapStart{ApplyOn: types.SnapStartApplyOnPublishedVersions}
		}),
		sets("environment", func(in *request) { in.Environment = &types.Environment{Variables: map[string]string{"STAGE": "prod"}} }),
		sets("no variables", func(in *request) { in.Environment = &types.Environment{} }),
		sets("vpc", func(in *request) {
			in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-1", "subnet-2"}, SecurityGroupIds: []string{"sg-1"}}
		}),
		sets("vpc with IPv6", func(in *request) {
			in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}, Ipv6AllowedForDualStack: aws.Bool(true)}
		}),
		sets("dead letters", func(in *request) {
			in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: text("arn:aws:sqs:eu-central-1:000000000000:dead")}
		}),
		sets("key", func(in *request) { in.KMSKeyArn = text("arn:aws:kms:eu-central-1:000000000000:key/1") }),
		sets("tracing", func(in *request) { in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive} }),
		sets("no tracing", func(in *request) { in.TracingConfig = &types.TracingConfig{Mode: types.TracingModePassThrough} }),
		sets("file system", func(in *request) {
			in.FileSystemConfigs = []types.FileSystemConfig{{Arn: text("arn:aws:elasticfilesystem:eu-central-1:000000000000:access-point/fsap-0123456789abcdef0"), LocalMountPath: text("/mnt/a")}}
			in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}
		}),
		sets("file system in S3", func(in *request) {
			in.MemorySize = number(512)
			in.FileSystemConfigs = []types.FileSystemConfig{{
				Arn: text("arn:aws:s3files:eu-central-1:000000000000:file-system/fs-0123456789abcdef0/access-point/fsap-0123456789abcdef0"), LocalMountPath: text("/mnt/s3"),
				S3FilesConfig: &types.S3FilesConfig{DirectS3Read: types.DirectS3ReadDisabled},
			}}
			in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}
		}),
		sets("disk", func(in *request) { in.EphemeralStorage = &types.EphemeralStorage{Size: number(1024)} }),
		sets("usual disk", func(in *request) { in.EphemeralStorage = &types.EphemeralStorage{Size: number(512)} }),
		sets("JSON logs", func(in *request) { in.LoggingConfig = &types.LoggingConfig{LogFormat: types.LogFormatJson} }),
		sets("log levels", func(in *request) {
			in.LoggingConfig = &types.LoggingConfig{LogFormat: types.LogFormatJson, ApplicationLogLevel: types.ApplicationLogLevelDebug, SystemLogLevel: types.SystemLogLevelWarn}
		}),
		sets("log group", func(in *request) { in.LoggingConfig = &types.LoggingConfig{LogGroup: text("/shop/all")} }),
		sets("own log group", func(in *request) { in.LoggingConfig = &types.LoggingConfig{LogGroup: text("/aws/lambda/" + fn)} }),
		sets("tags", func(in *request) { in.Tags = map[string]string{"team": "shop", "cost center": "12", "yes": "no"} }),
		sets("durable", func(in *request) { in.DurableConfig = &types.DurableConfig{ExecutionTimeout: number(3600)} }),
		sets("durable for longer", func(in *request) {
			in.DurableConfig = &types.DurableConfig{ExecutionTimeout: number(3600), RetentionPeriodInDays: number(30), KMSKeyArn: text("arn:aws:kms:eu-central-1:000000000000:key/3")}
		}),
		sets("tenants", func(in *request) {
			in.TenancyConfig = &types.TenancyConfig{TenantIsolationMode: types.TenantIsolationModePerTenant}
		}),
		sets("no snapshot", func(in *request) { in.SnapStart = &types.SnapStart{ApplyOn: types.SnapStartApplyOnNone} }),
		sets("managed instances", func(in *request) {
			in.MemorySize = number(2048)
			in.CapacityProviderConfig = &types.CapacityProviderConfig{LambdaManagedInstancesCapacityProviderConfig: &types.LambdaManagedInstancesCapacityProviderConfig{
				CapacityProviderArn: text("arn:aws:lambda:eu-central-1:000000000000:capacity-provider:p"), PerExecutionEnvironmentMaxConcurrency: number(10), ExecutionEnvironmentMemoryGiBPerVCpu: aws.Float64(4),
			}}
		}),
		sets("key of the zip", func(in *request) { in.Code.SourceKMSKeyArn = text("arn:aws:kms:eu-central-1:000000000000:key/2") }),
		{name: "layers", here: true, build: func(b *bench, in *request) { in.Layers = []string{b.layer("one"), b.layer("two")} }},
		{name: "code signing", here: true, build: func(b *bench, in *request) {
			c, err := lambda.NewFromConfig(b.config()).CreateCodeSigningConfig(b.t.Context(), &lambda.CreateCodeSigningConfigInput{
				AllowedPublishers:   &types.AllowedPublishers{SigningProfileVersionArns: []string{"arn:aws:signer:eu-central-1:000000000000:/signing-profiles/p/abcdefghij"}},
				CodeSigningPolicies: &types.CodeSigningPolicies{UntrustedArtifactOnDeployment: types.CodeSigningPolicyWarn},
			})
			if err != nil {
				b.t.Fatal(err)
			}
			in.CodeSigningConfigArn = c.CodeSigningConfig.CodeSigningConfigArn
		}},
		{name: "object", here: true, build: func(_ *bench, in *request) {
			in.Code = &types.FunctionCode{S3Bucket: text("code"), S3Key: text("app.zip")}
		}},
		{name: "image", here: true, build: func(_ *bench, in *request) { ofImage(in, image+":latest") }},
		{name: "image with settings", here: true, build: func(_ *bench, in *request) {
			ofImage(in, image+":latest")
			in.ImageConfig = &types.ImageConfig{Command: []string{"a", "b c"}, EntryPoint: []string{"/run"}, WorkingDirectory: text("/srv")}
		}},
	}
	return append(all, shapesOfFiles()...)
}

// shapesOfFiles are those that differ in aliases, versions or how init is asked.
func shapesOfFiles() []shape {
	publish := func(b *bench, c *lambda.Client, alias string) {
		v, err := c.PublishVersion(b.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String(fn)})
		if err == nil {
			_, err = c.CreateAlias(b.t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(fn), Name: &alias, FunctionVersion: v.Version, Description: aws.String("what callers use")})
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	nothing := func(*bench, *request) {}
	variables := func(_ *bench, in *request) {
		in.Environment = &types.Environment{Variables: map[string]string{"DB_URL": "postgres://u:p@h/db?<+x>", "EMPTY": "", "LINES": "a\nb\n", "FLAG": "true"}}
	}
	return []shape{
		{name: "alias", build: nothing, after: func(b *bench, c *lambda.Client) { publish(b, c, "live") }},
		{name: "old alias", build: nothing, after: func(b *bench, c *lambda.Client) {
			publish(b, c, "old")
			if _, err := c.UpdateFunctionConfiguration(b.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(fn), Timeout: aws.Int32(9)}); err != nil {
				b.t.Fatal(err)
			}
			publish(b, c, "live")
		}},
		{name: "JSON", build: nothing, args: []string{"--file-format", "json"}, after: func(b *bench, c *lambda.Client) { publish(b, c, "live") }},
		{name: "Harness", build: nothing, args: []string{"--harness"}, after: func(b *bench, c *lambda.Client) { publish(b, c, "live") }},
		{name: "settings", build: nothing, after: func(b *bench, c *lambda.Client) {
			publish(b, c, "live")
			b.everySetting(c)
		}},
		{name: "settings in JSON, for Harness", build: nothing, args: []string{"--file-format=json", "--harness"}, after: func(b *bench, c *lambda.Client) {
			publish(b, c, "live")
			b.everySetting(c)
		}},
		{name: "provisioned versions", build: nothing, says: "onVersion: true", after: func(b *bench, c *lambda.Client) {
			publish(b, c, "live")
			publish(b, c, "beta")
			_, err := c.PutProvisionedConcurrencyConfig(b.t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: aws.String(fn), Qualifier: aws.String("1"), ProvisionedConcurrentExecutions: aws.Int32(2)})
			if err != nil {
				b.t.Fatal(err)
			}
		}},
		{name: "values", build: variables, args: []string{"--with-environment"}},
		{name: "values in JSON", build: variables, args: []string{"--with-environment", "--file-format=json"}},
	}
}

func ofImage(in *request, uri string) {
	in.PackageType, in.Runtime, in.Handler = types.PackageTypeImage, "", nil
	in.Code = &types.FunctionCode{ImageUri: &uri}
}

// What init writes of a function is what the function is: a plan of it is empty,
// and a deployment of it elsewhere makes the same function.
func TestInitWritesTheFilesOfFortyShapes(t *testing.T) {
	t.Parallel()
	all := initShapes()
	if len(all) < 40 {
		t.Fatalf("%d shapes", len(all))
	}
	seen := &fieldsSeen{paths: map[string]bool{}}
	t.Cleanup(func() {
		if seen.shapes == len(all) {
			seen.check(t)
		}
	})
	for i, s := range all {
		if !*full && i%5 > 0 && s.name != "settings" && s.says == "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.try(t, fmt.Sprintf("%012d", 100+i), seen)
		})
	}
}

// fieldsSeen are the fields of CreateFunction that some shape sets.
type fieldsSeen struct {
	mu     sync.Mutex
	shapes int
	paths  map[string]bool
}

// notKept are fields that say how the call is made, or that Lambda keeps nowhere.
var notKept = []string{"Publish", "PublishTo", "Code.S3ObjectVersion", "Code.S3ObjectStorageMode"}

func (f *fieldsSeen) add(in *request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shapes++
	eachField("", reflect.ValueOf(in).Elem(), func(path string, set bool) {
		if set {
			f.paths[path] = true
		}
	})
}

// check finds the fields that no shape sets.
func (f *fieldsSeen) check(t *testing.T) {
	eachField("", filled(reflect.TypeFor[request]()), func(path string, _ bool) {
		if !f.paths[path] && !slices.Contains(notKept, path) {
			t.Errorf("no shape sets %s", path)
		}
	})
}

// filled is a struct with all its pointers to structs and one item in each list of
// structs, so that eachField sees every field.
func filled(of reflect.Type) reflect.Value {
	v := reflect.New(of).Elem()
	for i := range of.NumField() {
		field := v.Field(i)
		switch {
		case !of.Field(i).IsExported():
		case field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct:
			field.Set(filled(field.Type().Elem()).Addr())
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			field.Set(reflect.Append(field, filled(field.Type().Elem())))
		}
	}
	return v
}

func eachField(prefix string, v reflect.Value, see func(path string, set bool)) {
	for i := range v.NumField() {
		field, path := v.Field(i), prefix+v.Type().Field(i).Name
		switch {
		case !v.Type().Field(i).IsExported():
		case field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct:
			if !field.IsNil() {
				eachField(path+".", field.Elem(), see)
			}
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			for n := range field.Len() {
				eachField(path+".", field.Index(n), see)
			}
		default:
			see(path, !field.IsZero())
		}
	}
}

func (s shape) try(t *testing.T, elsewhere string, seen *fieldsSeen) {
	b := newBench(t, awslocal.Options{})
	b.object("app.zip", "exports.handler = async () => 1\n")
	b.image("app")
	client := lambda.NewFromConfig(b.config())
	in := &request{
		FunctionName: aws.String(fn), Runtime: types.RuntimeNodejs22x, Handler: aws.String("index.handler"),
		Role: aws.String("arn:aws:iam::000000000000:role/r"),
		Code: &types.FunctionCode{ZipFile: []byte(zipOf(t, entry{name: "index.js", content: "1"}, entry{name: "app.py", content: "1"}, entry{name: "a/B.class", content: "1"}, entry{name: "bootstrap", content: "#!/bin/sh\n", mode: 0o755}))},
	}
	s.build(b, in)
	seen.add(in)
	if _, err := client.CreateFunction(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if s.after != nil {
		s.after(b, client)
	}
	want := described(t, client)
	var doc initDocument
	b.document(0, &doc, append([]string{"init", "--function", fn, "--output", "json"}, s.args...)...)
	if len(doc.Functions) != 1 {
		t.Fatalf("%+v", doc)
	}
	arguments := doc.Functions[0].Arguments
	if code, out, errs := b.run(append([]string{"plan", "--exit-code"}, arguments...)...); code != 0 {
		t.Fatalf("plan %v: exit %d\n%s%s", arguments, code, out, errs)
	}
	s.described(t, b, doc)
	s.elsewhere(t, b, elsewhere, append([]string{"deploy"}, arguments...), want)
}

// described makes sure that the settings are in the files, which would be in no plan
// otherwise.
func (s shape) described(t *testing.T, b *bench, doc initDocument) {
	t.Helper()
	if s.says != "" && len(b.holding(s.says)) == 0 {
		t.Errorf("no file holds %q", s.says)
	}
	if !strings.HasPrefix(s.name, "settings") {
		return
	}
	var kinds []string
	for _, file := range doc.Functions[0].Files {
		if !strings.Contains(file, "/settings.") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(b.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"reservedConcurrency", "provisionedConcurrency", "functionUrl", "permissions", "eventInvokeConfig", "recursiveLoop", "runtimeManagement"} {
			if strings.Contains(string(text), kind) {
				kinds = append(kinds, kind)
			}
		}
		if strings.Contains(string(text), "lambda-url") {
			t.Errorf("the address of a URL is in the file:\n%s", text)
		}
	}
	if len(kinds) != 7 || strings.Contains(strings.Join(doc.Functions[0].Notes, " "), "settings") {
		t.Errorf("the files describe %q: %q", kinds, doc.Functions[0].Notes)
	}
}

// elsewhere deploys the files to another account, or, where the function may only
// be in this one, again after the function was deleted.
func (s shape) elsewhere(t *testing.T, b *bench, account string, deploy []string, want *lambda.GetFunctionOutput) {
	cfg := b.config()
	if s.here {
		if _, err := lambda.NewFromConfig(cfg).DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String(fn)}); err != nil {
			t.Fatal(err)
		}
	} else {
		cfg.Credentials = credentials.NewStaticCredentialsProvider(account, "secret", "")
		b.env = append(b.env, "AWS_ACCESS_KEY_ID="+account)
	}
	b.must(deploy...)
	if want.Configuration.Environment != nil && !slices.Contains(s.args, "--with-environment") {
		want.Configuration.Environment = nil // no file has the values
	}
	got := described(t, lambda.NewFromConfig(cfg))
	if diff := cmp.Diff(configurationOf(t, want), configurationOf(t, got)); diff != "" {
		t.Errorf("the function elsewhere (-want +got):\n%s", diff)
	}
	delete(got.Tags, "lambda-rollout:run")
	if diff := cmp.Diff(want.Tags, got.Tags, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("its tags:\n%s", diff)
	}
}

// configurationOf is what Lambda shows of a function's configuration, but for what
// is another's of each function.
func configurationOf(t *testing.T, out *lambda.GetFunctionOutput) (fields map[string]any) {
	t.Helper()
	text, err := json.Marshal(out.Configuration)
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"LastModified", "RevisionId", "FunctionArn", "State", "StateReason", "StateReasonCode"} {
		delete(fields, name)
	}
	return fields
}

func described(t *testing.T, c *lambda.Client) *lambda.GetFunctionOutput {
	t.Helper()
	out, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(fn)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Values are written only when asked for, for the owner alone, and nothing is
// overwritten unless that is asked for, too.
func TestInitKeepsValuesAndFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	for _, name := range []string{"shop-a", "shop-b", "other"} {
		_, err := lambda.NewFromConfig(b.config()).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: &name, Runtime: types.RuntimeNodejs22x, Handler: aws.String("index.handler"), Role: aws.String("arn:aws:iam::000000000000:role/r"),
			Code:        &types.FunctionCode{ZipFile: archiveOf(t, "index.js", "1")},
			Environment: &types.Environment{Variables: map[string]string{"TOKEN": "hunter2-hunter2"}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if out := b.must("init", "--function", "shop-*"); !strings.Contains(out, "shop-a/function.yaml") || !strings.Contains(out, "shop-b/function.yaml") || strings.Contains(out, "other in") {
		t.Errorf("of a pattern:\n%s", out)
	}
	if where := b.holding("hunter2"); where != nil {
		t.Errorf("values are in %q", where)
	}
	code, _, errs := b.run("init", "--function", "shop-a", "--with-environment")
	if code != exitInput || !strings.Contains(errs, "exist already") || b.holding("hunter2") != nil {
		t.Errorf("over files that exist: exit %d\n%s", code, errs)
	}
	b.must("init", "--function", "shop-a", "--with-environment", "--force")
	where := b.holding("hunter2")
	if diff := cmp.Diff([]string{"shop-a/environment.json"}, where); diff != "" {
		t.Fatalf("values are in %s", diff)
	}
	info, err := os.Stat(filepath.Join(b.dir, where[0]))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the values' mode: %v %v", info.Mode(), err)
	}
	if ignored, err := os.ReadFile(filepath.Join(b.dir, "shop-a/.gitignore")); err != nil || string(ignored) != "/environment.json\n" {
		t.Errorf("ignored: %q %v", ignored, err)
	}
}

// holding are the files of the workspace with a text in them.
func (b *bench) holding(text string) (found []string) {
	err := fs.WalkDir(os.DirFS(b.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(b.dir, name))
		if err == nil && strings.Contains(string(content), text) {
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// What init prints as JSON is what the contract says.
func TestInitPrintsWhatPlanTakes(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(initDocument{Functions: []initFunction{{Function: "f", Files: []string{"a"}, Arguments: []string{"b"}}}})
	if err != nil || !strings.HasPrefix(string(text), `{"functions":[{"function":"f"`) || !strings.Contains(string(text), `"files":["a"],"arguments":["b"]`) {
		t.Errorf("%s %v", text, err)
	}
}
