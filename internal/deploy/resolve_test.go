package deploy

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/embedded"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
)

func TestCodeIsCheckedOfflineAgainstItsDefinition(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.write("wrong.yaml", strings.Replace(definitionOf("wrong", ""), "index.handler", "lost.handler", 1))
		offline := Offline{Folders: Folders{Workspace: f.dir, Temp: f.TempDir()}}
		if problems := CheckOffline(f.Context(), f.set("function.yaml"), offline); problems.Err() != nil {
			f.Errorf("the code fits: %v", problems)
		}
		if problems := CheckOffline(f.Context(), f.set("wrong.yaml"), offline); problems.Err() == nil || !strings.Contains(problems.Error(), "lost") {
			f.Errorf("the handler is not there: %v", problems)
		}
		f.artifact = filepath.Join(f.dir, "code")
		set := f.set("function.yaml")
		set.Targets[0].Artifact.Reference = "not built yet"
		if problems := CheckOffline(f.Context(), set, offline); problems.Err() != nil || len(problems) != 1 || !problems[0].Warning {
			f.Errorf("code that is not built yet is a warning: %v", problems)
		}
		set.Targets[0].Artifact.Reference = "s3://bucket"
		if problems := CheckOffline(f.Context(), set, offline); problems.Err() == nil {
			f.Error("a bucket is no object")
		}
		set.Targets[0].Artifact.Reference = "s3://bucket/key.zip"
		if problems := CheckOffline(f.Context(), set, offline); len(problems) > 0 {
			f.Errorf("an object is left to AWS: %v", problems)
		}
		if n := len(f.aws.Calls()); n > 0 {
			f.Errorf("%d calls", n)
		}
		_, err := f.deploy(f.Context(), "wrong.yaml")
		var problems diag.List
		if !errors.As(err, &problems) {
			f.Errorf("ends with %v", err)
		}
	})
}

func TestCodeIsFoundInS3AndECR(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		awstest.CreateBucket(f, f.aws.S3(), "code")
		awstest.PutObject(f, f.aws.S3(), "code", "v1.zip", awstest.Zip(f, "index.js", "1"))
		time.Sleep(time.Second) // S3's times have no fractions
		awstest.PutObject(f, f.aws.S3(), "code", "v2.zip", awstest.Zip(f, "index.js", "2"))
		digest := f.push("1")
		for name, tc := range map[string]struct {
			from   service.Artifact
			pinned string
			kind   artifact.Kind
		}{
			"object":  {service.Artifact{Kind: service.S3, Bucket: "code", Key: "v1.zip"}, "s3://code/v1.zip", artifact.S3},
			"pattern": {service.Artifact{Kind: service.S3, Bucket: "code", KeyPattern: `v.*\.zip`}, "s3://code/v2.zip", artifact.S3},
			"image":   {service.Artifact{Kind: service.ECR, ImagePath: "app", Tag: "latest", Region: awstest.Region}, digest, artifact.ECR},
			"folder":  {service.Artifact{Kind: service.Local, Path: "code"}, "code", artifact.Folder},
		} {
			set := f.set("function.yaml")
			set.Targets[0].Artifact = tc.from
			targets, err := Resolve(f.Context(), f.connect(), set, Options{MaxParallel: 1, Folders: Folders{Workspace: f.dir, Temp: f.TempDir()}, Environment: "replace"})
			if err != nil {
				f.Errorf("%s: %v", name, err)
				continue
			}
			if got := targets[0]; !strings.Contains(got.Pinned(), tc.pinned) || got.Artifact.Kind != tc.kind {
				f.Errorf("%s: %s, %s", name, got.Pinned(), got.Artifact.Kind)
			}
			planned, err := Plan(f.Context(), targets, f.work())
			if err != nil {
				f.Errorf("%s: %v", name, err)
				continue
			}
			p := planned[0].PolicyTarget(false).Artifact
			switch name {
			case "pattern":
				if !p.Listed || p.Prefix != "v" || p.Bucket != "code" || p.Pinned {
					f.Errorf("%s: %+v", name, p)
				}
			case "image":
				if p.Repository != "app" || p.RegistryAccount != awstest.Account {
					f.Errorf("%s: %+v", name, p)
				}
			}
		}
	})
}

// What a definition's Code says beside the place goes with the artifact.
func TestTheDefinitionsCodeGoesWithTheArtifact(t *testing.T) {
	t.Parallel()
	a := Artifact{named: &definition.Code{S3ObjectStorageMode: "REFERENCE", SourceKMSKeyArn: "key"}}
	if got := a.withNamed(definition.Code{S3Bucket: "b"}); got.S3ObjectStorageMode != "REFERENCE" || got.SourceKMSKeyArn != "key" {
		t.Errorf("object: %+v", got)
	}
	if got := a.withNamed(definition.Code{ZipPath: "z"}); got.S3ObjectStorageMode != "" || got.SourceKMSKeyArn != "key" {
		t.Errorf("zip: %+v", got)
	}
}

func TestTheStagingBucketIsNamedForAccountAndRegion(t *testing.T) {
	t.Parallel()
	var target Target
	target.At.Region, target.At.Account, target.StagingBucket = "eu-west-1", "123456789012", "stage-{region}-{account}"
	if got := target.StagingBucketName(); got != "stage-eu-west-1-123456789012" {
		t.Error(got)
	}
	p := Planned{Target: target}
	p.Want.Code.Size = artifact.InlineLimit + 1
	if got := p.PolicyTarget(true); got.StagingBucket != "" || !got.KeepNewFunction {
		t.Errorf("nothing is sent: %+v", got)
	}
}

func TestTheFirstRegionOfTheFilesIsAHintForSTS(t *testing.T) {
	t.Parallel()
	named := func(name, region string) service.Target {
		return service.Target{Function: &definition.Function{FunctionName: name}, Infrastructure: service.Infrastructure{Region: region}}
	}
	for want, targets := range map[string][]service.Target{
		"":          {named("f", "")},
		"eu-west-1": {named("f", ""), named("g", "eu-west-1"), named("h", "us-east-1")},
		"us-east-2": {named("arn:aws:lambda:us-east-2:123456789012:function:f", "")},
	} {
		if got := STSRegionHint(&service.Set{Targets: targets}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A run whose files name all Regions needs no default one, and none of them
// becomes a default.
func TestARegionHintIsNoDefault(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.access.Session.Region = ""
		c, err := Connect(f.Context(), f.access, "eu-west-1")
		if err != nil {
			f.Fatal(err)
		}
		if id, err := c.Session().Identity(f.Context()); err != nil || id.Account != awstest.Account {
			f.Errorf("%+v, %v", id, err)
		}
		if _, err := c.regionOf("", ""); err == nil {
			f.Error("the hint became a default")
		}
	})
}

// The embedded AWS needs no credentials and has a default Region.
func TestALocalDeploymentIsRolledBackWhereItWas(t *testing.T) {
	t.Parallel()
	pool := embedded.NewPool(embedded.Options{})
	f := &fixture{T: t, dir: t.TempDir(), log: &safeLog{}, aliases: []string{"live"}}
	f.defaults()
	f.access.Local, f.access.LocalDir, f.access.Embedded = f.dir+"/aws", f.dir+"/aws", pool
	f.access.Session.LookupEnv = f.env
	f.write("function.yaml", definitionOf("shop", ""))
	f.write("code/index.js", "1")
	first := f.mustDeploy()[0]
	if first.At.Endpoint != "local:"+f.dir+"/aws" || first.At.Region != embedded.Region {
		t.Errorf("%+v", first.At)
	}
	if second := f.deployCode("2"); second.Version != "2" {
		t.Errorf("%+v", second)
	}
	restored, err := f.rollback()
	if err != nil || len(restored) != 1 || len(restored[0].Changes) == 0 {
		t.Fatalf("%v, %v", restored, err)
	}
	if got := f.plan("function.yaml")[0].Before; got.Served.Version != "1" || got.Latest.CodeSha256 != got.Served.CodeSha256 {
		t.Errorf("%+v", got.Served)
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
}
