package awslocal_test

import (
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func init() {
	play("TestLambdaLayer", map[string]func(*replay){
		"test_layer_compatibilities":          playLayerCompatibilities,
		"test_layer_exceptions":               playLayerExceptions,
		"test_layer_function_exceptions":      playLayerFunctionExceptions,
		"test_layer_function_quota_exception": playLayerQuota,
		"test_layer_lifecycle":                playLayerLifecycle,
		"test_layer_s3_content":               playLayerS3,
		"test_layer_policy_exceptions":        playLayerPolicyExceptions,
		"test_layer_policy_lifecycle":         playLayerPolicy,
	})
}

// layerInput is a request of PublishLayerVersion.
func (r *replay) layerInput(name string, more ...args) args {
	return with(args{"LayerName": name, "Content": args{"ZipFile": awstest.Zip(r.t, "layer.py", "")}}, merged(more))
}

func only(runtimes, architectures []string) args {
	return args{"CompatibleRuntimes": runtimes, "CompatibleArchitectures": architectures}
}

var python = only([]string{"python3.12"}, []string{"x86_64"})

func playLayerCompatibilities(r *replay) {
	recorded := r.want["publish_result"].(args)
	r.same("publish_result", "PublishLayerVersion", r.layerInput("layer", args{
		"CompatibleRuntimes": recorded["CompatibleRuntimes"], "CompatibleArchitectures": []string{"arm64", "x86_64"}}))
}

func playLayerExceptions(r *replay) {
	made := r.same("publish_result", "PublishLayerVersion", r.layerInput("layer", python))
	arn := text(made, "LayerArn")
	version := func(name string, n int) args { return args{"LayerName": name, "VersionNumber": n} }
	r.same("list_layers_exc_compatibleruntime_invalid", "ListLayers", args{"CompatibleRuntime": "runtimedoesnotexist"})
	r.same("list_layers_exc_compatiblearchitecture_invalid", "ListLayers", args{"CompatibleArchitecture": "archdoesnotexist"})
	r.same("list_nonexistent_layer", "ListLayerVersions", args{"LayerName": "layerdoesnotexist"})
	r.same("get_layer_version_exc_layer_doesnotexist", "GetLayerVersion", version("layerdoesnotexist", 1))
	r.same("get_layer_version_exc_layer_version_doesnotexist_negative", "GetLayerVersion", version("layer", -1))
	r.same("get_layer_version_exc_layer_version_doesnotexist_zero", "GetLayerVersion", version("layer", 0))
	r.same("get_layer_version_exc_layer_version_doesnotexist_2", "GetLayerVersion", version("layer", 2))
	r.same("get_layer_version_by_arn_exc_invalidarn", "GetLayerVersionByArn", args{"find": "LayerVersion", "Arn": arn})
	r.same("get_layer_version_by_arn_exc_nonexistentversion", "GetLayerVersionByArn", args{"find": "LayerVersion", "Arn": arn + ":2"})
	r.same("delete_nonexistent_response", "DeleteLayerVersion", version("layerdoesnotexist", 1))
	r.same("delete_nonexistent_version_response", "DeleteLayerVersion", version("layer", 2))
	r.same("delete_layer_response", "DeleteLayerVersion", version("layer", 1))
	r.same("delete_layer_again_response", "DeleteLayerVersion", version("layer", 1))
	r.same("delete_layer_version_exc_layerversion_invalid_version", "DeleteLayerVersion", version("layer", -1))
	r.same("publish_empty_result", "PublishLayerVersion", r.layerInput("layer-empty", only([]string{}, []string{})))
	r.same("publish_layer_version_exc_invalid_runtime_arch", "PublishLayerVersion",
		r.layerInput("layer-2", only([]string{"invalidruntime"}, []string{"invalidarch"})))
	r.same("publish_layer_version_exc_partially_invalid_values", "PublishLayerVersion",
		r.layerInput("layer-2", only([]string{"invalidruntime", "invalidruntime2", "nodejs20.x"}, []string{"invalidarch", "x86_64"})))
}

func playLayerFunctionExceptions(r *replay) {
	input := r.layerInput("layer", only([]string{}, []string{"x86_64"}))
	made := r.same("publish_result", "PublishLayerVersion", input)
	r.same("publish_result_2", "PublishLayerVersion", input)
	r.same("publish_result_3", "PublishLayerVersion", input)
	r.create("fn")
	r.same("get_fn_result", "GetFunction", args{"FunctionName": "fn"})
	arn := text(made, "LayerArn")
	for key, layers := range map[string][]string{
		"two_layer_versions_single_function_exc":           {arn + ":1", arn + ":2"},
		"three_layer_versions_single_function_exc":         {arn + ":1", arn + ":2", arn + ":3"},
		"two_identical_layer_versions_single_function_exc": {arn + ":1", arn + ":1"},
		"add_nonexistent_layer_exc":                        {strings.Replace(arn, ":layer:layer", ":layer:doesnotexist", 1) + ":1"},
		"add_nonexistent_layer_version_exc":                {arn + ":9"},
		"add_layer_arn_without_version_exc":                {arn},
	} {
		r.same(key, "UpdateFunctionConfiguration", args{"FunctionName": "fn", "Layers": layers})
	}
	elsewhere := r.call("PublishLayerVersion", with(input, args{"@region": "eu-west-1"}))
	r.match("create_function_with_layer_in_different_region", r.plain("other", args{"Layers": []string{text(elsewhere, "LayerVersionArn")}}))
}

func playLayerQuota(r *replay) {
	var arns []string
	for _, name := range strings.Fields("a b c d e f") {
		arns = append(arns, text(r.call("PublishLayerVersion", r.layerInput("layer-"+name)), "LayerVersionArn"))
	}
	r.match("create_function_with_six_layers", r.plain("fn", args{"Layers": arns}))
}

func playLayerLifecycle(r *replay) {
	fn := args{"FunctionName": "fn"}
	input := r.layerInput("layer", python, args{"LicenseInfo": "licenseinfo-1", "Description": "description-1"})
	version := func(n int) args { return args{"LayerName": "layer", "VersionNumber": n} }
	r.create("fn")
	r.same("get_fn_result", "GetFunction", fn)
	r.same("get_fn_config_result", "GetFunctionConfiguration", fn)
	made := r.same("publish_result", "PublishLayerVersion", input)
	r.same("publish_result_2", "PublishLayerVersion", input)
	r.same("update_fn_config", "UpdateFunctionConfiguration", with(fn, args{"Layers": []string{text(made, "LayerVersionArn")}}))
	r.settle()
	r.same("get_fn_config", "GetFunctionConfiguration", fn)
	r.same("get_layer_ver_result", "GetLayerVersion", version(1))
	r.same("get_layer_by_arn_version", "GetLayerVersionByArn", args{"find": "LayerVersion", "Arn": text(made, "LayerVersionArn")})
	r.same("list_layer_versions_predelete", "ListLayerVersions", args{"LayerName": "layer"})
	r.same("delete_layer_1", "DeleteLayerVersion", version(1))
	r.same("get_fn_config_postdelete", "GetFunctionConfiguration", fn)
	r.same("delete_layer_2", "DeleteLayerVersion", version(2))
	r.same("list_layer_versions_postdelete", "ListLayerVersions", args{"LayerName": "layer"})
	r.same("publish_result_3", "PublishLayerVersion", input)
}

func playLayerS3(r *replay) {
	r.bucket("layers")
	r.object("layers", "layercontent.zip", awstest.Zip(r.t, "layer.py", ""))
	r.same("publish_layer_result", "PublishLayerVersion", args{"LayerName": "layer", "Content": args{"S3Bucket": "layers", "S3Key": "layercontent.zip"}})
}

// readable is a request that lets everybody read a layer version.
func readable(name string, version int, sid string, more ...args) args {
	return with(args{"LayerName": name, "VersionNumber": version, "StatementId": sid, "Action": "lambda:GetLayerVersion", "Principal": "*"}, merged(more))
}

func playLayerPolicyExceptions(r *replay) {
	at := func(name string, version int) args { return args{"LayerName": name, "VersionNumber": version} }
	remove := func(name string, version int, sid string) args {
		return with(at(name, version), args{"StatementId": sid})
	}
	r.same("publish_result", "PublishLayerVersion", r.layerInput("layer", python))
	r.same("layer_permission_nopolicy_get", "GetLayerVersionPolicy", at("layer", 1))
	r.same("add_layer_permission_result", "AddLayerVersionPermission", readable("layer", 1, "s1"))
	r.same("layer_permission_action_invalid", "AddLayerVersionPermission", readable("layer", 1, "s-x", args{"Action": "*"}))
	r.same("layer_permission_duplicate_statement", "AddLayerVersionPermission", readable("layer", 1, "s1"))
	r.same("layer_permission_wrong_revision", "AddLayerVersionPermission", readable("layer", 1, "s2", args{"RevisionId": "wrong"}))
	r.same("layer_permission_layername_doesnotexist_add", "AddLayerVersionPermission", readable("layer-doesnotexist", 1, "s-x"))
	r.same("layer_permission_layername_doesnotexist_get", "GetLayerVersionPolicy", at("layer-doesnotexist", 1))
	r.same("layer_permission_layername_doesnotexist_remove", "RemoveLayerVersionPermission", remove("layer-doesnotexist", 1, "s1"))
	r.same("layer_permission_layerversion_doesnotexist_add", "AddLayerVersionPermission", readable("layer", 2, "s-x"))
	r.same("layer_permission_layerversion_doesnotexist_get", "GetLayerVersionPolicy", at("layer", 2))
	r.same("layer_permission_layerversion_doesnotexist_remove", "RemoveLayerVersionPermission", remove("layer", 2, "s1"))
	r.same("layer_permission_statementid_doesnotexist_remove", "RemoveLayerVersionPermission", remove("layer", 1, "doesnotexist"))
	r.same("layer_permission_wrong_revision_remove", "RemoveLayerVersionPermission", with(remove("layer", 1, "s1"), args{"RevisionId": "wrong"}))
}

func playLayerPolicy(r *replay) {
	at := args{"LayerName": "layer", "VersionNumber": 1}
	r.same("publish_result", "PublishLayerVersion", r.layerInput("layer", python))
	r.same("add_policy_s1", "AddLayerVersionPermission", readable("layer", 1, "s1"))
	one := r.same("get_layer_version_policy", "GetLayerVersionPolicy", at)
	r.same("add_policy_s2", "AddLayerVersionPermission", readable("layer", 1, "s2", args{"RevisionId": text(one, "RevisionId")}))
	two := r.same("get_layer_version_policy_postadd2", "GetLayerVersionPolicy", at)
	r.same("remove_s2", "RemoveLayerVersionPermission", with(at, args{"StatementId": "s2", "RevisionId": text(two, "RevisionId")}))
	r.same("get_layer_version_policy_postdeletes2", "GetLayerVersionPolicy", at)
}
