package service

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestARelativeArtifactHasOneMeaningHoweverManyFilesAGlobMatches(t *testing.T) {
	t.Parallel()
	definition := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("functionName: " + name + "\nrole: arn:aws:iam::123456789012:role/f\nruntime: nodejs24.x\nhandler: a.b\n")}
	}
	one := fstest.MapFS{"fn/a/function.yaml": definition("a"), "fn/a/alias.yaml": {Data: []byte("name: live\n")}}
	two := fstest.MapFS{"fn/a/function.yaml": definition("a"), "fn/a/alias.yaml": {Data: []byte("name: live\n")}, "fn/b/function.yaml": definition("b"), "fn/b/alias.yaml": {Data: []byte("name: live\n")}}
	for _, tc := range []struct {
		name        string
		workspace   fstest.MapFS
		definitions []string
		alias       string
		want        []string
	}{
		{"a glob with one match", one, []string{"fn/*/function.yaml"}, "alias.yaml", []string{"fn/a/build"}},
		{"a glob with two", two, []string{"fn/*/function.yaml"}, "alias.yaml", []string{"fn/a/build", "fn/b/build"}},
		{"two paths", two, []string{"fn/a/function.yaml", "fn/b/function.yaml"}, "alias.yaml", []string{"fn/a/build", "fn/b/build"}},
		{"one path", one, []string{"fn/a/function.yaml"}, "fn/a/alias.yaml", []string{"build"}},
	} {
		set, problems := Load(Options{
			Files: Files{Workspace: tc.workspace}, Definitions: tc.definitions, AliasDefinitions: []string{tc.alias}, Artifact: "build", Serialised: true,
		})
		if problems.Err() != nil {
			t.Errorf("%s: %v", tc.name, problems)
		}
		var got []string
		for _, target := range set.Targets {
			got = append(got, target.Artifact.Reference)
		}
		if strings.Join(got, " ") != strings.Join(tc.want, " ") {
			t.Errorf("%s: artifacts %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestWhatCannotBeDeployedIsRefusedWhereItStands(t *testing.T) {
	t.Parallel()
	source := func(kind, spec string) fstest.MapFS {
		return fstest.MapFS{
			"function.yaml":       {Data: []byte(functionYAML)},
			"service.yaml":        {Data: []byte(strings.Replace(serviceYAML, "spec: {manifests", "spec: {artifacts: {primary: {sources: [{identifier: a, type: "+kind+", spec: {"+spec+"}}]}}, manifests", 1))},
			"infrastructure.yaml": {Data: []byte(infrastructureYAML)},
			"wrong.yaml":          {Data: []byte(strings.Replace(infrastructureYAML, "eu-central-1", "Frankfurt", 1))},
			"name.yaml":           {Data: []byte(strings.Replace(infrastructureYAML, "eu-central-1", "AWS_REGION", 1))},
		}
	}
	s3 := source("AmazonS3", "bucketName: b, filePath: f.zip, region: eu-central-1")
	for _, tc := range []struct {
		name                     string
		workspace                fstest.MapFS
		infrastructure, artifact string
		want                     string
	}{
		{"right", s3, "infrastructure.yaml", "", ""},
		{"a Region by its place", s3, "wrong.yaml", "", `wrong.yaml:1:94: "Frankfurt" is not the name of an AWS Region, such as eu-central-1; did you mean eu-central-1?`},
		{"a Region by a variable's name", s3, "name.yaml", "", "is it the name of a variable"},
		{"an artifact's Region", source("AmazonS3", "bucketName: b, filePath: f.zip, region: nowhere"), "infrastructure.yaml", "", `"nowhere" is not the name of an AWS Region`},
		{"an image of another registry", s3, "infrastructure.yaml", "ghcr.io/acme/shop:1", `input artifact:1:1: the image "ghcr.io/acme/shop:1" is in the registry ghcr.io`},
		{"a public image", s3, "infrastructure.yaml", "public.ecr.aws/lambda/nodejs:24", "private ECR repositories of its own Region only"},
		{"an image of Docker Hub", s3, "infrastructure.yaml", "acme/shop:1", "is in the registry docker.io"},
		{"a source of another registry", source("Ecr", "imagePath: ghcr.io/acme/shop, tag: '1', region: eu-central-1"), "infrastructure.yaml", "", `the image "ghcr.io/acme/shop" is in the registry ghcr.io`},
	} {
		_, problems := Load(Options{
			Files: Files{Workspace: tc.workspace}, Services: []string{"service.yaml"}, Infrastructures: []string{tc.infrastructure}, Artifact: tc.artifact, Serialised: true,
		})
		errs := problems.Errors()
		if tc.want == "" && len(errs) == 0 {
			continue
		}
		if len(errs) != 1 || !strings.Contains(errs.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q alone", tc.name, errs, tc.want)
		}
	}
}
