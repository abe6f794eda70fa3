package matrix

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// scenario is a state before, and a deployment over it.
type scenario struct {
	name   string
	before func(w *world)
	// files are the workspace; definition is function.json of the short way.
	definition string
	files      map[string]string
	// command is deploy where it is empty.
	command string
	args    []string
	// blind is as in world.
	blind *regexp.Regexp
	// oneIn is how many cuts one stands for with -full, without -grid; 0 where all are
	// tried.
	oneIn int
}

// definition with the fields that every scenario names.
func define(fields string) string {
	return `{"functionName": "f", "role": "` + role + `", "runtime": "provided.al2023", "handler": "bootstrap"` + fields + `}`
}

const newEnvironment = `, "environment": {"variables": {"SECRET": "` + canary + `-after"}}`

// published is a function with version 1 that alias live serves.
func published(w *world) {
	w.create("f", nil)
	w.alias("f", "live", w.publish("f"), nil)
}

func scenarios() []scenario {
	code := map[string]string{"code/bootstrap": "two"}
	same := map[string]string{"code/bootstrap": "one"}
	short := []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live"}
	return append([]scenario{
		{name: "first deploy", before: func(*world) {}, definition: define(newEnvironment), files: code, args: short},
		{name: "first deploy with two aliases and tags", before: func(*world) {},
			definition: define(`, "tags": {"team": "b"}`), files: code,
			args: []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live,beta"}},
		{name: "code", before: published, definition: define(""), files: code, args: short},
		{name: "configuration", before: published, definition: define(`, "memorySize": 256`), files: same, args: short},
		{name: "both with a new alias", before: published, definition: define(`, "timeout": 30`), files: code,
			args: []string{"--function-definition", "function.json", "--artifact", "code", "--alias", "live,beta"}},
		{name: "environment", before: published, definition: define(newEnvironment), files: same, args: short},
		{name: "layers, VPC, tracing, storage removed", before: removed, files: code, args: short,
			definition: define(`, "layers": [], "vpcConfig": {"subnetIds": [], "securityGroupIds": []}, "tracingConfig": {"mode": "PassThrough"}, "ephemeralStorage": {"size": 512}, "environment": {}, "description": ""`)},
		{name: "role change", before: published, files: same, args: short,
			definition: strings.Replace(define(""), "role/matrix", "role/other", 1)},
		{name: "tags", before: published, files: code, args: short,
			definition: define(`, "tags": {"team": "b", "new": "1"}`)},
		{name: "never published", before: func(w *world) { w.create("f", nil) }, definition: define(`, "memorySize": 256`), files: code, args: short},
		{name: "no alias named", before: published, definition: define(`, "memorySize": 256`), files: code, args: short[:4]},
		{name: "$LATEST ahead of the alias", before: ahead, definition: define(`, "memorySize": 256`), files: code, args: short},
		{name: "alias with weights", before: weighted, definition: define(`, "memorySize": 256`), files: code, args: short},
		{name: "alias on $LATEST", before: onLatest, definition: define(`, "memorySize": 256`), files: code, args: short},
		{name: "image", before: ofImage,
			definition: `{"functionName": "f", "role": "` + role + `", "packageType": "Image", "memorySize": 256, "imageConfig": {"command": ["serve"]}}`,
			args:       []string{"--function-definition", "function.json", "--artifact", registry + ":v2", "--alias", "live"}},
		{name: "REFERENCE storage", before: referenced,
			definition: define(`, "memorySize": 256, "code": {"s3ObjectStorageMode": "REFERENCE"}`),
			args:       []string{"--function-definition", "function.json", "--artifact", "s3://code/new.zip", "--alias", "live"}},
		{name: "provisioned concurrency on the alias", before: provisioned, definition: define(`, "memorySize": 256`), files: code, args: short},
		{name: "provisioned concurrency on the version, in stages", before: provisionedVersion, definition: define(`, "memorySize": 256`),
			files: map[string]string{"code/bootstrap": "two", "settings.json": versionSettings}, args: append(withSettings[:len(withSettings):len(withSettings)], "--traffic", "10%/5m")},
		{name: "provisioned concurrency from the alias to the version", before: provisioned, definition: define(`, "memorySize": 256`),
			files: map[string]string{"code/bootstrap": "two", "settings.json": versionSettings}, args: withSettings},
		{name: "provisioned concurrency from the version to the alias", before: provisionedVersion, definition: define(""),
			files: map[string]string{"code/bootstrap": "one", "settings.json": document(definition.ProvisionedConcurrencySetting, `{"qualifier": "live", "provisionedConcurrentExecutions": 4}`)}, args: withSettings},
		{name: "managed instances", before: managedPublished, definition: define(capacity + `, "timeout": 30`), files: code, args: short[:4]},
		{name: "managed instances, with an alias", before: managedPublished, definition: define(capacity), files: code, args: append(short[:len(short):len(short)], "--traffic", "10%/5m")},
		{name: "managed instances that nobody published", before: managed, definition: define(capacity), files: code, args: short[:4]},
		{name: "traffic in stages", before: published, definition: define(`, "tags": {"team": "b"}`), files: code,
			args: append(short, "--traffic", "10%/5m,50%/5m")},
		{name: "traffic that stays, over an earlier canary", before: weighted, definition: define(`, "memorySize": 256`), files: code,
			args: append(short, "--traffic", "10%")},
		{name: "traffic in stages from $LATEST", before: onLatest, definition: define(`, "memorySize": 256`), files: code,
			args: append(short, "--traffic", "10%/5m")},
		{name: "alarms that bake", before: alarmed, definition: define(""), files: code,
			args: append(short, "--traffic", "10%/1m", "--alarms", "errors", "--alarm-bake", "1m")},
		{name: "gates that take their time", before: published, definition: define(`, "memorySize": 256`), files: code,
			args: append(short, "--traffic", "10%/1m", "--gates", "before-wave=http://localhost/gate, before-traffic=http://localhost/gate, before-stage=http://localhost/gate, after-traffic=http://localhost/gate")},
		{name: "shift", before: weighted, command: "shift", args: []string{"--function", "f", "--alias", "live", "--traffic", "30%/5m,60%"}},
		{name: "shift of all traffic between provisioned versions", before: provisionedCanary, command: "shift", args: []string{"--function", "f", "--alias", "live", "--percentage", "100"}},
		{name: "verified before traffic", before: published, definition: define(`, "memorySize": 256`), files: code,
			args: append(short, "--verify", `{"id": 1}`, "--verify-expect", `{"ok": true}`)},
		{name: "traffic by CodeDeploy", before: handedOver, definition: define(`, "memorySize": 256, "tags": {"team": "b"}`), files: code,
			args: append(short, "--traffic", "codedeploy:app/{function}-{alias}")},
		{name: "three functions at once", before: three, files: threeFiles(),
			args: []string{"--function-definition", "*/function.json", "--artifact", "code", "--alias", "live"}},
	}, settingsScenarios()...)
}

func removed(w *world) {
	w.create("f", func(in *lambda.CreateFunctionInput) {
		in.Layers = []string{"arn:aws:lambda:us-east-1:999999999999:layer:tools:3"}
		in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-0a1b2c3d"}, SecurityGroupIds: []string{"sg-0a1b2c3d"}}
		in.TracingConfig = &types.TracingConfig{Mode: types.TracingModeActive}
		in.EphemeralStorage = &types.EphemeralStorage{Size: aws.Int32(1024)}
	})
	w.alias("f", "live", w.publish("f"), nil)
}

func ahead(w *world) {
	published(w)
	w.update("f", func(in *lambda.UpdateFunctionConfigurationInput) {
		in.Timeout, in.Description = aws.Int32(77), aws.String("edited by hand")
	})
}

func weighted(w *world) {
	w.create("f", nil)
	first := w.publish("f")
	w.update("f", func(in *lambda.UpdateFunctionConfigurationInput) { in.Timeout = aws.Int32(9) })
	second := w.publish("f")
	w.alias("f", "live", first, map[string]float64{second: 0.25})
}

func onLatest(w *world) {
	w.create("f", nil)
	w.publish("f")
	w.alias("f", "live", "$LATEST", nil)
}

func three(w *world) {
	for _, name := range []string{"f", "g"} {
		w.create(name, nil)
		w.alias(name, "live", w.publish(name), nil)
	}
	_, err := w.lambda.DeleteFunctionConcurrency(context.Background(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: aws.String("f")})
	w.must(err)
}

func threeFiles() map[string]string {
	files := map[string]string{}
	for _, name := range []string{"f", "g", "h"} {
		files[name+"/function.json"] = strings.Replace(define(`, "memorySize": 256`), `"f"`, `"`+name+`"`, 1)
		files[name+"/code/bootstrap"] = "two"
	}
	return files
}

func ofImage(w *world) {
	w.image("v1")
	w.image("v2")
	w.create("f", func(in *lambda.CreateFunctionInput) {
		in.PackageType, in.Runtime, in.Handler = types.PackageTypeImage, "", nil
		in.Code = &types.FunctionCode{ImageUri: aws.String(registry + ":v1")}
		in.ImageConfig = &types.ImageConfig{EntryPoint: []string{"/main"}}
	})
	w.alias("f", "live", w.publish("f"), nil)
}

func referenced(w *world) {
	version := w.object("old.zip", "one")
	w.object("new.zip", "two")
	w.create("f", func(in *lambda.CreateFunctionInput) {
		in.Code = &types.FunctionCode{
			S3Bucket: aws.String("code"), S3Key: aws.String("old.zip"), S3ObjectVersion: &version,
			S3ObjectStorageMode: types.S3ObjectStorageModeReference,
		}
	})
	w.alias("f", "live", w.publish("f"), nil)
}

func provisioned(w *world) {
	published(w)
	_, err := w.lambda.PutProvisionedConcurrencyConfig(context.Background(), &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: aws.String("f"), Qualifier: aws.String("live"), ProvisionedConcurrentExecutions: aws.Int32(2),
	})
	w.must(err)
	w.settle()
}

// versionSettings asks for provisioned concurrency on the version.
const versionSettings = `{"provisionedConcurrency": {"qualifier": "live", "provisionedConcurrentExecutions": 3, "onVersion": true}}`

// provisionedVersion is a function whose version 1 has provisioned concurrency of
// its own.
func provisionedVersion(w *world) {
	published(w)
	w.provision("1")
}

// provisionedCanary is a canary of which both versions have provisioned concurrency of
// their own.
func provisionedCanary(w *world) {
	weighted(w)
	w.provision("1", "2")
}

func (w *world) provision(versions ...string) {
	w.t.Helper()
	for _, version := range versions {
		_, err := w.lambda.PutProvisionedConcurrencyConfig(context.Background(), &lambda.PutProvisionedConcurrencyConfigInput{
			FunctionName: aws.String("f"), Qualifier: aws.String(version), ProvisionedConcurrentExecutions: aws.Int32(2),
		})
		w.must(err)
	}
	w.settle()
}

// managedPublished is a function on managed instances with a $LATEST.PUBLISHED.
func managedPublished(w *world) {
	managed(w)
	w.publishLatest("published before")
}
