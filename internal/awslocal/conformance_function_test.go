package awslocal_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func init() {
	play("TestLambdaFunction", map[string]func(*replay){
		"test_function_lifecycle":                     playFunctionLifecycle,
		"test_redundant_updates":                      playRedundantUpdates,
		"test_ops_with_arn_qualifier_mismatch":        playQualifierMismatch,
		"test_ops_on_nonexisting_version":             playMissingVersion,
		"test_delete_on_nonexisting_version":          playDeleteMissingVersion,
		"test_ops_on_nonexisting_fn":                  playMissingFunction,
		"test_get_function_wrong_region":              playWrongRegion,
		"test_lambda_code_location_zipfile":           playCodeLocationZip,
		"test_lambda_code_location_s3":                playCodeLocationS3,
		"test_lambda_code_location_s3_errors":         playCodeLocationS3Errors,
		"test_function_arns":                          playFunctionARNs,
		"test_create_lambda_exceptions":               playCreateExceptions,
		"test_update_lambda_exceptions":               playUpdateExceptions,
		"test_list_functions":                         playListFunctions,
		"test_vpc_config":                             playVPCConfig,
		"test_invalid_invoke":                         playInvalidInvoke,
		"test_lambda_concurrent_code_updates":         playConcurrentCode,
		"test_lambda_concurrent_config_updates":       playConcurrentConfig,
		"test_function_name_and_qualifier_validation": playNameValidation,
	})
}

// operationOf turns a method of the SDK for Python into an operation.
func operationOf(method string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(method, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func (r *replay) arn(name string) string {
	return "arn:aws:lambda:us-east-1:" + replayAccount + ":function:" + name
}

func playFunctionLifecycle(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.match("create_response", r.create("fn", args{"MemorySize": 256, "Timeout": 5}))
	r.same("get_function_response", "GetFunction", fn)
	r.same("update_func_conf_response", "UpdateFunctionConfiguration", with(fn, args{"Runtime": "python3.11", "Description": "Changed-Description",
		"MemorySize": 512, "Timeout": 10, "Environment": args{"Variables": args{"ENV_A": "a"}}}))
	r.settle()
	r.same("get_function_response_postupdate", "GetFunction", fn)
	r.same("update_code_response", "UpdateFunctionCode", with(fn, args{"ZipFile": awstest.Zip(r.t, "handler.py", "2")}))
	r.settle()
	r.same("get_function_response_postcodeupdate", "GetFunction", fn)
	r.same("delete_response", "DeleteFunction", fn)
	r.same("delete_postdelete", "DeleteFunction", fn)
}

func playRedundantUpdates(r *replay) {
	fn := args{"FunctionName": "fn"}
	update := with(fn, args{"Description": "1st update description"})
	r.match("create_response", r.create("fn", args{"Description": "Initial description"}))
	r.same("first_update_result", "UpdateFunctionConfiguration", update)
	r.settle()
	r.same("get_fn_config_result", "GetFunctionConfiguration", fn)
	r.same("get_fn_result", "GetFunction", fn)
	r.same("redundant_update_result", "UpdateFunctionConfiguration", update)
	r.settle()
	r.same("get_fn_result_after_redundant_update", "GetFunction", fn)
}

func playQualifierMismatch(r *replay) {
	op := operationOf(r.param)
	r.same("not_match_exception", op, args{"FunctionName": r.arn("some-function:1"), "Qualifier": "$LATEST"})
	r.same("match_exception", op, args{"FunctionName": r.arn("some-function:$LATEST"), "Qualifier": "$LATEST"})
}

func playMissingVersion(r *replay) {
	r.create("i-exist")
	r.same("version_not_found_exception", operationOf(r.param), args{"FunctionName": "i-exist", "Qualifier": "1221"})
}

func playDeleteMissingVersion(r *replay) {
	r.create("i-exist")
	version := args{"FunctionName": "i-exist", "Qualifier": "1233"}
	r.call("DeleteFunction", version)
	r.call("DeleteFunction", args{"FunctionName": "i-exist"})
	r.same("delete_function_response_non_existent", "DeleteFunction", args{"FunctionName": "i-exist"})
	r.same("delete_function_response_non_existent_with_qualifier", "DeleteFunction", version)
}

func playMissingFunction(r *replay) {
	r.same("not_found_exception", operationOf(r.param), args{"FunctionName": "i-dont-exist"})
}

func playWrongRegion(r *replay) {
	r.create("i-exist")
	r.same("wrong_region_exception", operationOf(r.param), args{"FunctionName": "arn:aws:lambda:eu-central-1:" + replayAccount + ":function:i-exist"})
}

func playCodeLocationZip(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.match("create-response-zip-file", r.plain("fn"))
	r.same("get-function-response", "GetFunction", fn)
	r.same("update-function-response", "UpdateFunctionCode", with(fn, args{"ZipFile": awstest.Zip(r.t, "index.py", "2")}))
	r.same("get-function-response-updated", "GetFunction", fn)
}

func playCodeLocationS3(r *replay) {
	fn := args{"FunctionName": "fn"}
	object := args{"S3Bucket": "code", "S3Key": "code/code-function.zip"}
	r.bucket("code")
	r.object("code", "code/code-function.zip", awstest.Zip(r.t, "index.py", "1"))
	r.match("create_response_s3", r.plain("fn", args{"Code": object}))
	r.same("get-function-response", "GetFunction", fn)
	r.object("code", "code/code-function.zip", awstest.Zip(r.t, "index.py", "2"))
	r.same("update-function-response", "UpdateFunctionCode", with(fn, object))
	r.same("get-function-response-updated", "GetFunction", fn)
}

func playCodeLocationS3Errors(r *replay) {
	r.bucket("code")
	r.plain("fn")
	for key, object := range map[string]args{
		"wrong-bucket": {"S3Bucket": "no-such-bucket", "S3Key": "code.zip"}, "wrong-key": {"S3Bucket": "code", "S3Key": "lost.zip"}} {
		r.match("create-error-"+key, r.plain("other", args{"Code": object}))
		r.same("update-error-"+key, "UpdateFunctionCode", with(args{"FunctionName": "fn"}, object))
	}
}

func playFunctionARNs(r *replay) {
	r.match("create-function-arn-response", r.create(r.arn("test-function-arn")))
	r.match("create-function-partial-arn-response", r.create(replayAccount+":function:test-partial-arn",
		args{"Code": args{"ZipFile": awstest.Zip(r.t, "handler.py", "2")}}))
	start := r.arn("")
	long := strings.Repeat("a", 140-len(start)+1)
	r.bound["<function-name>"] = long
	for key, name := range map[string]string{
		"invalid_function_name_exc": "invalid:function:name", "long_function_name_exc": strings.Repeat("a", 65), "long_function_arn_exc": start + long,
		"function_arn_other_region_exc":  "arn:aws:lambda:ap-southeast-1:" + replayAccount + ":function:test-function-arn",
		"function_arn_other_account_exc": "arn:aws:lambda:us-east-1:123456789012:function:test-function-arn"} {
		r.match(key, r.plain(name))
	}
}

func playCreateExceptions(r *replay) {
	delete(r.want, "empty_architectures") // the SDK for Python's own words; the request never left
	for key, more := range map[string]args{
		"invalid_role_arn_exc":   {"Role": "r1"},
		"invalid_runtime_exc":    {"Runtime": "non-existent-runtime"},
		"uppercase_runtime_exc":  {"Runtime": "PYTHON3.9"},
		"multiple_architectures": {"Architectures": []string{"x86_64", "arm64"}},
		"uppercase_architecture": {"Architectures": []string{"X86_64"}},
		"invalid_zip_exc":        {"Code": args{"ZipFile": []byte("this is not a zipfile, just a random string")}},
	} {
		r.match(key, r.plain("fn", more))
	}
}

func playUpdateExceptions(r *replay) {
	r.plain("fn")
	for key, more := range map[string]args{
		"invalid_role_arn_exc":  {"Role": "r1"},
		"invalid_runtime_exc":   {"Runtime": "non-existent-runtime"},
		"uppercase_runtime_exc": {"Runtime": "PYTHON3.9"},
	} {
		r.same(key, "UpdateFunctionConfiguration", with(args{"FunctionName": "fn"}, more))
	}
}

func playListFunctions(r *replay) {
	r.match("create_response_1", r.create("list-fn-1", args{"Publish": true}))
	r.match("create_response_2", r.create("list-fn-2", args{"Code": args{"ZipFile": awstest.Zip(r.t, "handler.py", "2")}}))
	r.same("list_functions_invalid_functionversion", "ListFunctions", args{"FunctionVersion": "invalid"})
	for key, in := range map[string]args{"list_all": {"FunctionVersion": "ALL"}, "list_default": {}} {
		out := r.all("ListFunctions", "Functions", in)
		sortBy(out["Functions"], "FunctionArn")
		r.match(key, out)
	}
}

// sortBy orders a list that has no order by a member of its items.
func sortBy(items any, member string) {
	if items, ok := items.([]any); ok {
		slices.SortFunc(items, func(a, b any) int { return cmp.Compare(text(a.(args), member), text(b.(args), member)) })
	}
}

func playVPCConfig(r *replay) {
	fn := args{"FunctionName": "fn"}
	vpc := func(ids ...string) args {
		subnets, groups := []string{}, []string{}
		for _, id := range ids {
			subnets, groups = append(subnets, "subnet-"+id), append(groups, "sg-"+id)
		}
		return args{"VpcConfig": args{"SubnetIds": subnets, "SecurityGroupIds": groups}}
	}
	r.match("create_response", r.create("fn", args{"MemorySize": 256, "Timeout": 5}, vpc("1")))
	r.same("get_function_response", "GetFunction", fn)
	r.same("update_vpcconfig_update_response", "UpdateFunctionConfiguration", with(fn, vpc("2")))
	r.settle()
	r.same("update_vpcconfig_get_function_response", "GetFunction", fn)
	r.same("delete_vpcconfig_update_response", "UpdateFunctionConfiguration", with(fn, vpc()))
	r.settle()
	r.same("delete_vpcconfig_get_function_response", "GetFunction", fn)
}

func playInvalidInvoke(r *replay) {
	r.same("invoke_function_name_pattern_exc", "Invoke", args{"FunctionName": "arn:aws:lambda:us-east-1:123400000000@function:myfn"})
}

func playConcurrentCode(r *replay) {
	r.match("create-function-response", r.plain("fn", args{"Handler": "handler.handler"}))
	update := args{"FunctionName": "fn", "ZipFile": awstest.Zip(r.t, "handler.py", "2")}
	r.call("UpdateFunctionCode", update)
	r.same("update-during-in-progress-update-exc", "UpdateFunctionCode", update)
}

func playConcurrentConfig(r *replay) {
	r.match("create-function-response", r.create("fn"))
	r.call("UpdateFunctionConfiguration", args{"FunctionName": "fn", "Timeout": 10})
	r.same("update-during-in-progress-update-exc", "UpdateFunctionConfiguration", args{"FunctionName": "fn", "Timeout": 11})
}

// namesToValidate are function name and qualifier of each case.
func namesToValidate(r *replay) map[string][2]string {
	long := strings.Repeat("a", 170)
	return map[string][2]string{
		"full_arn_and_qualifier_too_long_and_invalid_region": {"arn:aws:lambda:invalid-region:" + replayAccount + ":function:my-function-" + long, long[:129]},
		"full_arn_with_multiple_qualifiers":                  {r.arn("my-function:1:2"), ""},
		"function_name_and_qualifier_too_long":               {"my-function", long[:65]},
		"function_name_is_single_invalid":                    {"*", ""},
		"function_name_too_long":                             {long[:65], ""},
		"function_name_too_long_and_invalid_region":          {"arn:aws:lambda:invalid-region:" + replayAccount + ":function:my-function" + long, ""},
		"incomplete_arn":                                     {strings.TrimSuffix(r.arn(""), ":"), ""},
		"invalid_account_id_in_partial_arn":                  {"invalid-account:function:my-function", ""},
		"invalid_characters_in_function_name":                {"my-function!", ""},
		"invalid_characters_in_qualifier":                    {"my-function", "invalid!"},
		"invalid_region_in_arn":                              {"arn:aws:lambda:invalid-region:" + replayAccount + ":function:my-function", ""},
		"latest_version_with_additional_qualifier":           {r.arn("my-function:$LATEST"), "1"},
		"lowercase_latest_qualifier":                         {r.arn("my-function"), "$latest"},
		"missing_account_id_in_arn":                          {"arn:aws:lambda:us-east-1::function:my-function", ""},
		"missing_region_in_arn":                              {"arn:aws:lambda::" + replayAccount + ":function:my-function", ""},
		"misspelled_latest_in_arn":                           {r.arn("my-function:$LATES"), ""},
		"non_lambda_arn":                                     {"arn:aws:ec2:us-east-1:" + replayAccount + ":instance:i-1234567890abcdef0", ""},
		"partial_arn_with_extra_qualifier":                   {"function:my-function:$LATEST:extra", ""},
		"qualifier_too_long":                                 {"my-function", long[:129]},
		"qualifier_too_long0":                                {"my-function", long[:129]},
		"qualifier_too_long1":                                {"my-function", long[:65]},
	}
}

func playNameValidation(r *replay) {
	i := strings.LastIndexByte(r.param, '-')
	name, method := r.param[:i], r.param[i+1:]
	c := namesToValidate(r)[name]
	in := args{"FunctionName": c[0]}
	if c[1] != "" {
		in["Qualifier"] = c[1]
	}
	if method == "create_function" {
		given := c[0]
		if c[1] != "" {
			given += ":" + c[1]
		}
		r.match(method+"_exception", summary(r.plain(given)))
		return
	}
	r.match(method+"_exception", summary(r.call(operationOf(method), in)))
}

// summary is how these recordings keep an error: the constraints apart.
func summary(answer args) args {
	message := text(answer, "Error", "Message")
	out := args{"Code": text(answer, "Error", "Code"), "Message": message}
	count, errs, ok := strings.Cut(message, " detected: ")
	if !ok {
		return out
	}
	n, _ := strconv.Atoi(strings.Fields(count)[0])
	return args{"Code": out["Code"], "Count": n, "Errors": strings.Split(errs, "; ")}
}

// bucket and object put code into S3.
func (r *replay) bucket(name string) {
	c := r.S3In(awstest.Region, replayAccount)
	if _, err := c.CreateBucket(r.t.Context(), bucketInput(name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replay) object(bucket, key string, body []byte) {
	c := r.S3In(awstest.Region, replayAccount)
	if _, err := c.PutObject(r.t.Context(), objectInput(bucket, key, body)); err != nil {
		r.t.Fatal(err)
	}
}
