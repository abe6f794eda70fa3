package awslocal_test

import (
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func init() {
	play("TestLambdaVersions", map[string]func(*replay){
		"test_publish_version_on_create":     playPublishOnCreate,
		"test_version_lifecycle":             playVersionLifecycle,
		"test_publish_with_wrong_sha256":     playPublishWrongSHA,
		"test_publish_with_wrong_revisionid": playPublishWrongRevision,
		"test_publish_with_update":           playPublishWithUpdate,
	})
	play("TestLambdaRevisions", map[string]func(*replay){
		"test_function_revisions_basic":             playRevisionsBasic,
		"test_function_revisions_version_and_alias": playRevisionsVersionAndAlias,
		"test_function_revisions_permissions":       playRevisionsPermissions,
	})
	play("TestLambdaImages", map[string]func(*replay){
		"test_lambda_image_crud":                  playImageCRUD,
		"test_lambda_zip_file_to_image":           playZipToImage,
		"test_lambda_image_and_image_config_crud": playImageConfig,
		"test_lambda_image_versions":              playImageVersions,
	})
}

func playPublishOnCreate(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.match("create_response", r.plain("fn", args{"Publish": true}))
	r.same("get_function_result", "GetFunction", fn)
	r.same("get_function_version_result", "GetFunction", with(fn, args{"Qualifier": "1"}))
	r.same("get_function_latest_result", "GetFunction", with(fn, args{"Qualifier": "$LATEST"}))
	r.same("list_versions_result", "ListVersionsByFunction", fn)
	r.same("repeated_publish_response", "PublishVersion", with(fn, args{"Description": "Repeated version description :)"}))
	r.same("list_versions_result_after_publish", "ListVersionsByFunction", fn)
}

func playVersionLifecycle(r *replay) {
	fn := args{"FunctionName": "fn"}
	first := with(fn, args{"Qualifier": "1"})
	r.match("create_response", r.plain("fn", args{"Description": "No version :("}))
	r.same("get_function_result", "GetFunction", fn)
	r.same("list_versions_result", "ListVersionsByFunction", fn)
	r.same("first_update_response", "UpdateFunctionConfiguration", with(fn, args{"Description": "First version :)"}))
	r.settle()
	r.same("first_update_get_function", "GetFunction", fn)
	r.same("first_publish_response", "PublishVersion", with(fn, args{"Description": "First version description :)"}))
	r.same("first_publish_get_function", "GetFunction", first)
	r.same("first_publish_get_function_config", "GetFunctionConfiguration", first)
	r.same("second_update_response", "UpdateFunctionConfiguration", with(fn, args{"Description": "Second version :))"}))
	r.settle()
	r.same("first_publish_get_function_after_update", "GetFunction", first)
	r.same("second_publish_response", "PublishVersion", fn)
	r.same("third_publish_response", "PublishVersion", with(fn, args{"Description": "Third version description :)))"}))
	r.same("list_versions_result_after_third_publish", "ListVersionsByFunction", fn)
	r.call("DeleteFunction", first)
	r.same("list_versions_result_after_deletion_of_first_version", "ListVersionsByFunction", fn)
}

func playPublishWrongSHA(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.match("create_response", r.plain("fn"))
	got := r.same("get_fn_response", "GetFunction", fn)
	r.same("publish_wrong_sha256_exc", "PublishVersion", with(fn, args{"CodeSha256": "somenonexistentsha256"}))
	r.same("publish_result", "PublishVersion", with(fn, args{"CodeSha256": text(got, "Configuration", "CodeSha256")}))
}

func playPublishWrongRevision(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.older("create_response", "get_fn_response", "publish_result")
	r.match("create_response", r.plain("fn", args{"Runtime": "python3.9"}))
	got := r.same("get_fn_response", "GetFunction", fn)
	r.same("publish_wrong_revisionid_exc", "PublishVersion", with(fn, args{"RevisionId": "doesntexist"}))
	r.same("publish_result", "PublishVersion", with(fn, args{"RevisionId": text(got, "Configuration", "RevisionId")}))
}

// older adds what configurations recorded before 2023 did not show yet.
func (r *replay) older(names ...string) {
	for _, name := range names {
		c := r.want[name].(args)
		if inner, ok := c["Configuration"].(args); ok {
			c = inner
		}
		c["SnapStart"] = args{"ApplyOn": "None", "OptimizationStatus": "Off"}
		c["RuntimeVersionConfig"] = args{"RuntimeVersionArn": "<runtime>"}
		c["LoggingConfig"] = args{"LogFormat": "Text", "LogGroup": "/aws/lambda/<function-name:1>"}
	}
}

func playPublishWithUpdate(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.match("create_response", r.plain("fn"))
	r.same("get_function_result", "GetFunction", fn)
	r.same("update_function_code_result", "UpdateFunctionCode", with(fn, args{"ZipFile": awstest.Zip(r.t, "index.py", "2"), "Publish": true}))
	r.same("get_function_version_result", "GetFunction", with(fn, args{"Qualifier": "1"}))
	r.same("get_function_latest_result", "GetFunction", with(fn, args{"Qualifier": "$LATEST"}))
}

func playRevisionsBasic(r *replay) {
	fn := args{"FunctionName": "fn"}
	code := awstest.Zip(r.t, "handler.py", "def handler(event, context): return event\n")
	r.match("create_function_response_rev1", r.create("fn", args{"Handler": "index.handler"}))
	rev2 := text(r.same("get_function_response_rev2", "GetFunction", fn), "Configuration", "RevisionId")
	r.same("update_function_revision_exception", "UpdateFunctionCode", with(fn, args{"ZipFile": code, "RevisionId": "wrong"}))
	r.same("update_function_code_response_rev3", "UpdateFunctionCode", with(fn, args{"ZipFile": code, "RevisionId": rev2}))
	r.settle()
	rev4 := text(r.same("get_function_response_rev4", "GetFunction", fn), "Configuration", "RevisionId")
	runtime := with(fn, args{"Runtime": "python3.8"})
	r.same("update_function_configuration_revision_exception", "UpdateFunctionConfiguration", with(runtime, args{"RevisionId": "wrong"}))
	r.same("update_function_configuration_response_rev5", "UpdateFunctionConfiguration", with(runtime, args{"RevisionId": rev4}))
	r.settle()
	r.same("get_function_response_rev6", "GetFunction", fn)
}

func playRevisionsVersionAndAlias(r *replay) {
	fn := args{"FunctionName": "fn"}
	version := with(fn, args{"Qualifier": "1"})
	alias := with(fn, args{"Name": "revision_alias"})
	r.match("create_function_response_rev1", r.create("fn"))
	rev2 := text(r.same("get_function_active_rev2", "GetFunction", fn), "Configuration", "RevisionId")
	r.same("publish_version_revision_exception", "PublishVersion", with(fn, args{"RevisionId": "wrong"}))
	r.same("publish_version_response_rev_v1", "PublishVersion", with(fn, args{"RevisionId": rev2}))
	r.same("get_function_published_version_rev_v2", "GetFunction", version)
	r.same("get_function_latest_rev3", "GetFunction", fn)
	a1 := text(r.same("create_alias_response_rev_a1", "CreateAlias", with(alias, args{"FunctionVersion": "1"})), "RevisionId")
	r.same("get_function_latest_rev4", "GetFunction", fn)
	r.same("get_function_published_version_rev_v3", "GetFunction", version)
	r.same("update_alias_revision_exception", "UpdateAlias", with(alias, args{"RevisionId": "wrong"}))
	r.same("update_alias_response_rev_a2", "UpdateAlias", with(alias, args{"Description": "something changed", "RevisionId": a1}))
}

func playRevisionsPermissions(r *replay) {
	r.create("fn")
	permission := args{"FunctionName": "fn", "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
	r.same("add_permission_revision_exception", "AddPermission", with(permission, args{"RevisionId": "wrong"}))
	revision := func() string {
		return text(r.call("GetFunction", args{"FunctionName": "fn"}), "Configuration", "RevisionId")
	}
	before := revision()
	r.call("AddPermission", with(permission, args{"RevisionId": before}))
	after := revision()
	if policy := text(r.call("GetPolicy", args{"FunctionName": "fn"}), "RevisionId"); before == after || policy != after {
		r.t.Errorf("revisions: %s, then %s of the function and %s of the policy", before, after, policy)
	}
}

// image is a function's input for an image.
func image(repository string) args {
	return args{"Code": args{"ImageUri": repository + ":latest"}, "PackageType": "Image",
		"Environment": args{"Variables": args{"CUSTOM_ENV": "test"}}}
}

// imageFunction makes a function of an image.
func (r *replay) imageFunction(repository string, more ...args) args {
	r.pushImage(repository)
	out := r.call("CreateFunction", with(args{"FunctionName": "fn", "Role": r.role}, image(repository), merged(more)))
	r.settle()
	return out
}

func repositoryURI(name string) string {
	return replayAccount + ".dkr.ecr.us-east-1.amazonaws.com/" + name
}

// both reads a function in two ways.
func (r *replay) both(code, config string) {
	r.t.Helper()
	r.same(code, "GetFunction", args{"FunctionName": "fn"})
	r.same(config, "GetFunctionConfiguration", args{"FunctionName": "fn"})
}

func playImageCRUD(r *replay) {
	one, two := repositoryURI("one"), repositoryURI("two")
	r.bound["<repo_uri>"], r.bound["<repo_uri_2>"] = one, two
	r.match("create-image-response", r.imageFunction(one))
	r.both("get-function-code-response", "get-function-config-response")
	r.same("image-to-zipfile-error", "UpdateFunctionCode", args{"FunctionName": "fn", "ZipFile": awstest.Zip(r.t, "handler.py", "1")})
	r.pushImage(two)
	r.same("update-function-code-response", "UpdateFunctionCode", args{"FunctionName": "fn", "ImageUri": two + ":latest"})
	r.settle()
	r.both("get-function-code-response-after-update", "get-function-config-response-after-update")
}

func playZipToImage(r *replay) {
	r.match("create-image-response", r.plain("fn", args{"Handler": "handler.handler"}))
	r.both("get-function-code-response", "get-function-config-response")
	r.same("zipfile-to-image-error", "UpdateFunctionCode", args{"FunctionName": "fn", "ImageUri": repositoryURI("one") + ":latest"})
	r.both("get-function-code-response-after-update", "get-function-config-response-after-update")
}

func playImageConfig(r *replay) {
	one := repositoryURI("one")
	r.bound["<repo_uri>"] = one
	config := args{"EntryPoint": []string{"sh"}, "Command": []string{"-c", "echo test"}, "WorkingDirectory": "/app1"}
	r.match("create-image-with-config-response", r.imageFunction(one, args{"ImageConfig": config}))
	r.both("get-function-code-with-config-response", "get-function-config-with-config-response")
	update := func(key string, config args) {
		r.same("update-function-code-"+key+"response", "UpdateFunctionConfiguration", args{"FunctionName": "fn", "ImageConfig": config})
		r.settle()
	}
	update("", args{"Command": []string{"-c", "echo test1"}, "WorkingDirectory": "/app1"})
	r.both("get-function-code-response-after-update", "get-function-config-response-after-update")
	update("delete-imageconfig-", args{})
	r.both("get-function-code-response-after-delete-imageconfig", "get-function-config-response-after-delete-imageconfig")
}

func playImageVersions(r *replay) {
	fn := args{"FunctionName": "fn"}
	one := repositoryURI("one")
	r.bound["<repo_uri>"] = one
	r.match("create_image_response", r.imageFunction(one, args{"Publish": true}))
	got := r.same("get_function_result", "GetFunction", fn)
	r.same("list_versions_result", "ListVersionsByFunction", fn)
	update := func(key, description string) {
		r.same(key+"_update_response", "UpdateFunctionConfiguration", with(fn, args{"Description": description}))
		r.settle()
		r.same(key+"_update_get_function", "GetFunction", fn)
	}
	update("first", "Second version :)")
	publish := with(fn, args{"Description": "Second version description :)"})
	r.same("invalid_sha_publish", "PublishVersion", with(publish, args{"CodeSha256": strings.Repeat("a", 64)}))
	r.same("first_publish_response", "PublishVersion", with(publish, args{"CodeSha256": text(got, "Configuration", "CodeSha256")}))
	update("second", "Third version :)")
	r.same("second_publish_response", "PublishVersion", with(fn, args{"Description": "Third version description :)"}))
}

// pushImage puts an image of its own into a repository.
func (r *replay) pushImage(uri string) {
	r.t.Helper()
	name := path.Base(uri)
	c := ecr.New(ecr.Options{BaseEndpoint: &r.URL, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(replayAccount, "s", "")})
	if _, err := c.CreateRepository(r.t.Context(), &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		r.t.Fatal(err)
	}
	manifest := `{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": {"digest": "sha256:` +
		strings.Repeat("0", 64) + `"}, "layers": [], "annotations": {"name": "` + name + `"}}`
	if _, err := c.PutImage(r.t.Context(), &ecr.PutImageInput{RepositoryName: &name, ImageManifest: &manifest, ImageTag: aws.String("latest")}); err != nil {
		r.t.Fatal(err)
	}
}
