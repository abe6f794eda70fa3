package awslocal_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"maps"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
)

func init() {
	play("TestCodeSigningConfig", map[string]func(*replay){
		"test_function_code_signing_config": playCodeSigning,
		"test_code_signing_not_found_excs":  playCodeSigningMissing,
	})
	play("TestLambdaAccountSettings", map[string]func(*replay){
		"test_account_settings":                               playAccountSettings,
		"test_account_settings_total_code_size":               playTotalCodeSize,
		"test_account_settings_total_code_size_config_update": playTotalCodeSizeConfig,
	})
	play("TestLambdaSnapStart", map[string]func(*replay){
		"test_snapstart_lifecycle":                     playSnapStart,
		"test_snapstart_update_function_configuration": playSnapStartUpdate,
		"test_snapstart_exceptions":                    playSnapStartExceptions,
	})
	play("TestLoggingConfig", map[string]func(*replay){
		"test_function_advanced_logging_configuration":                playLogging,
		"test_advanced_logging_configuration_format_switch":           playLoggingSwitch,
		"test_function_partial_advanced_logging_configuration_update": playLoggingPartial,
	})
	play("TestLambdaSizeLimits", map[string]func(*replay){
		"test_lambda_envvars_near_limit_succeeds":    playEnvironmentFits,
		"test_large_environment_variables_fails":     playEnvironmentTooLarge,
		"test_large_environment_fails_multiple_keys": playEnvironmentTooLargeKeys,
		"test_large_lambda":                          playLargeFunction,
		"test_oversized_lambda":                      playUnzippedTooLarge,
		"test_oversized_unzipped_lambda":             playUnzippedTooLarge,
		"test_oversized_request_create_lambda":       playRequestTooLarge,
		"test_oversized_zipped_create_lambda":        playZippedTooLarge,
	})
}

// signing is a request of CreateCodeSigningConfig.
var signing = args{"Description": "Testing CodeSigning Config", "CodeSigningPolicies": args{"UntrustedArtifactOnDeployment": "Enforce"},
	"AllowedPublishers": args{"SigningProfileVersionArns": []string{"arn:aws:signer:us-east-1:" + replayAccount + ":/signing-profiles/test"}}}

func playCodeSigning(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.create("fn")
	made := r.same("create_code_signing_config", "CreateCodeSigningConfig", signing)
	arn := args{"CodeSigningConfigArn": text(made, "CodeSigningConfig", "CodeSigningConfigArn")}
	r.same("update_code_signing_config", "UpdateCodeSigningConfig", with(arn, args{"CodeSigningPolicies": args{"UntrustedArtifactOnDeployment": "Warn"}}))
	r.same("get_code_signing_config", "GetCodeSigningConfig", arn)
	r.same("put_function_code_signing_config", "PutFunctionCodeSigningConfig", with(fn, arn))
	r.same("get_function_code_signing_config", "GetFunctionCodeSigningConfig", fn)
	r.match("list_code_signing_configs", r.call("ListCodeSigningConfigs", args{})["CodeSigningConfigs"].([]any)[0])
	r.same("list_functions_by_code_signing_config", "ListFunctionsByCodeSigningConfig", arn)
	r.same("delete_function_code_signing_config", "DeleteFunctionCodeSigningConfig", fn)
	r.same("delete_code_signing_config", "DeleteCodeSigningConfig", arn)
}

func playCodeSigningMissing(r *replay) {
	fn, nobody := args{"FunctionName": "fn"}, args{"FunctionName": "csc-test-doesnotexist"}
	r.create("fn")
	made := r.same("create_code_signing_config", "CreateCodeSigningConfig", signing)
	valid := text(made, "CodeSigningConfig", "CodeSigningConfigArn")
	r.bound["<csc_arn_invalid>"] = valid[:len(valid)-1] + "x"
	arn, wrong := args{"CodeSigningConfigArn": valid}, args{"CodeSigningConfigArn": r.bound["<csc_arn_invalid>"]}
	r.same("delete_csc_notfound", "DeleteCodeSigningConfig", wrong)
	r.same("nothing_to_delete_response", "DeleteFunctionCodeSigningConfig", fn)
	r.same("delete_function_csc_fnnotfound", "DeleteFunctionCodeSigningConfig", nobody)
	r.same("put_function_csc_invalid_fnname", "PutFunctionCodeSigningConfig", with(nobody, arn))
	r.same("put_function_csc_invalid_csc_arn", "PutFunctionCodeSigningConfig", with(fn, wrong))
	r.same("put_function_csc_invalid_both", "PutFunctionCodeSigningConfig", with(nobody, wrong))
	r.same("update_csc_invalid_csc_arn", "UpdateCodeSigningConfig", with(wrong, args{"Description": "new-description"}))
	r.same("update_csc_noupdates", "UpdateCodeSigningConfig", wrong)
	r.same("update_csc_noupdate_response", "UpdateCodeSigningConfig", arn)
	r.same("get_csc_invalid", "GetCodeSigningConfig", wrong)
	r.same("get_function_csc_fnwithoutcsc", "GetFunctionCodeSigningConfig", fn)
	r.same("get_function_csc_nonexistingfn", "GetFunctionCodeSigningConfig", nobody)
	r.same("list_functions_by_csc_fnwithoutcsc", "ListFunctionsByCodeSigningConfig", arn)
	r.same("list_functions_by_csc_invalid_cscarn", "ListFunctionsByCodeSigningConfig", wrong)
}

func playAccountSettings(r *replay) {
	out := r.call("GetAccountSettings", args{})
	for _, member := range []string{"AccountLimit", "AccountUsage"} {
		out[member] = slices.Sorted(maps.Keys(out[member].(args)))
	}
	r.match("acc_settings_modded", out)
}

// codeSize is how much code the account holds.
func (r *replay) codeSize() float64 {
	return r.call("GetAccountSettings", args{})["AccountUsage"].(args)["TotalCodeSize"].(float64)
}

// sized is a zip of so many bytes.
func sized(t testing.TB, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err := w.Create("a")
	if err = errors.Join(err, w.Flush(), w.SetComment(strings.Repeat("x", size-len(emptyZip(t)))), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func emptyZip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err := w.Create("a")
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func playTotalCodeSize(r *replay) {
	before := r.codeSize()
	step := func(key string) {
		r.t.Helper()
		now := r.codeSize()
		r.match("total_code_size_diff_"+key, now-before)
		before = now
	}
	code := sized(r.t, 276)
	r.create("fn", args{"Code": args{"ZipFile": code}})
	step("create_function")
	r.call("UpdateFunctionCode", args{"FunctionName": "fn", "ZipFile": code, "Publish": true})
	step("update_function")
	content := args{"LayerName": "layer", "Content": args{"ZipFile": sized(r.t, 169)}}
	r.call("PublishLayerVersion", content)
	step("publish_layer")
	r.call("PublishLayerVersion", content)
	step("publish_layer_version")
}

func playTotalCodeSizeConfig(r *replay) {
	before := r.codeSize()
	r.create("fn", args{"Code": args{"ZipFile": sized(r.t, 368)}})
	created := r.codeSize()
	r.match("is_total_code_size_diff_create_function_more_than_200", created-before > 200)
	r.call("UpdateFunctionConfiguration", args{"FunctionName": "fn", "Runtime": "nodejs18.x"})
	r.settle()
	updated := r.codeSize()
	r.match("total_code_size_diff_update_function_configuration", updated-created)
	r.call("PublishVersion", args{"FunctionName": "fn"})
	r.match("is_total_code_size_diff_publish_version_after_config_update_more_than_200", r.codeSize()-updated > 200)
}

// snapStartFunction makes a function of the runtime that a recording is of, as
// the recording shows it.
func (r *replay) snapStartFunction(more ...args) args {
	recorded := r.want["create_function_response"].(args)
	out := r.call("CreateFunction", with(args{"FunctionName": "fn", "Role": r.role, "Runtime": r.param, "Handler": recorded["Handler"],
		"MemorySize": 1024, "Timeout": 5, "Code": args{"ZipFile": awstest.Zip(r.t, "handler.py", "1")}}, merged(more)))
	r.settle()
	return out
}

func playSnapStart(r *replay) {
	fn := args{"FunctionName": "fn"}
	more := args{}
	if apply := text(r.want["create_function_response"].(args), "SnapStart", "ApplyOn"); apply != "None" {
		more["SnapStart"] = args{"ApplyOn": apply}
	}
	r.match("create_function_response", r.snapStartFunction(more))
	r.call("PublishVersion", with(fn, args{"Description": "version1"}))
	r.settle()
	r.same("get_function_response_latest", "GetFunction", fn)
	r.same("get_function_response_version_1", "GetFunction", args{"FunctionName": "fn:1"})
}

func playSnapStartUpdate(r *replay) {
	r.match("create_function_response", r.snapStartFunction())
	r.same("update_function_response", "UpdateFunctionConfiguration", args{"FunctionName": "fn", "SnapStart": args{"ApplyOn": "PublishedVersions"}})
}

func playSnapStartExceptions(r *replay) {
	r.match("create_function_invalid_snapstart_apply", r.plain("fn", args{"Runtime": "java21", "SnapStart": args{"ApplyOn": "invalidOption"}}))
}

func logging(config args) args { return args{"LoggingConfig": config} }

// loggingFunction makes the function of the recordings of TestLoggingConfig.
func (r *replay) loggingFunction(config args) {
	more := args{"MemorySize": 256, "Timeout": 5}
	if config != nil {
		more["LoggingConfig"] = config
	}
	r.match("create_response", r.create("fn", more))
	r.both("get_function_response", "function_config")
}

// updateLogging changes the logging and reads it back.
func (r *replay) updateLogging(suffix string, config args) {
	r.same("updated_config"+suffix, "UpdateFunctionConfiguration", with(args{"FunctionName": "fn"}, logging(config)))
	r.settle()
	r.same("received_config"+suffix, "GetFunctionConfiguration", args{"FunctionName": "fn"})
}

func playLogging(r *replay) {
	r.loggingFunction(args{"LogFormat": "JSON"})
	r.updateLogging("", args{"LogFormat": "JSON", "LogGroup": "cool_lambda"})
}

func playLoggingSwitch(r *replay) {
	r.loggingFunction(nil)
	r.updateLogging("", args{"LogFormat": "JSON"})
	r.updateLogging("_v2", args{"LogFormat": "Text"})
}

func playLoggingPartial(r *replay) {
	r.loggingFunction(nil)
	r.updateLogging("", map[string]args{
		"partial_config0": {"LogFormat": "JSON"},
		"partial_config1": {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
		"partial_config2": {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"},
		"partial_config3": {"LogGroup": "cool_lambda"},
	}[r.param])
}

func environment(variables args) args { return args{"Environment": args{"Variables": variables}} }

func playEnvironmentFits(r *replay) {
	r.match("successful_create_fn_result", r.create("fn", environment(args{"LARGE_VAR": strings.Repeat("x", 4096-7-9)})))
}

func playEnvironmentTooLarge(r *replay) {
	r.match("failed_create_fn_result", r.plain("fn", environment(args{"LARGE_VAR": strings.Repeat("x", 4096-6-9)})))
}

func playEnvironmentTooLargeKeys(r *replay) {
	r.match("failured_create_fn_result_multi_key", r.plain("fn", args{"Environment": args{"Variables": json.RawMessage(
		`{"SMALL_VAR": "ok", "LARGE_VAR": "` + strings.Repeat("x", 4064) + `"}`)}}))
}

// unzipped is a zip that unpacks to so many bytes: files of the same
// compressed bytes, which are made once.
func unzipped(t testing.TB, size int64) []byte {
	t.Helper()
	const files = 40
	var deflated, b bytes.Buffer
	compress, err := flate.NewWriter(&deflated, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	crc := crc32.NewIEEE()
	_, err = io.CopyN(io.MultiWriter(compress, crc), same{}, size/files)
	err = errors.Join(err, compress.Close())
	w := zip.NewWriter(&b)
	for i := range files {
		f, createErr := w.CreateRaw(&zip.FileHeader{Name: strconv.Itoa(i), Method: zip.Deflate, CRC32: crc.Sum32(),
			CompressedSize64: uint64(deflated.Len()), UncompressedSize64: uint64(size / files)})
		if err = errors.Join(err, createErr); err == nil {
			_, err = f.Write(deflated.Bytes())
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// same reads as 'A' without end.
type same struct{}

func (same) Read(p []byte) (int, error) {
	n := copy(p, "A")
	for n > 0 && n < len(p) {
		n += copy(p[n:], p[:n])
	}
	return n, nil
}

// fromBucket makes a function of a zip in S3.
func (r *replay) fromBucket(code []byte) args {
	r.bucket("code")
	r.object("code", "test_lambda.zip", code)
	return r.plain("fn", args{"Handler": "handler.handler", "Timeout": 10, "Code": args{"S3Bucket": "code", "S3Key": "test_lambda.zip"}})
}

func playLargeFunction(r *replay) {
	r.match("create_function_large_zip", r.fromBucket(unzipped(r.t, 262144000-1000)))
}

func playUnzippedTooLarge(r *replay) {
	r.match("invalid_param_exc", r.fromBucket(unzipped(r.t, 262144000)))
}

// createStreamed is CreateFunction with a body that is made while the server reads it.
func (r *replay) createStreamed(body io.Reader, size int64) args {
	req := r.request("CreateFunction", args{})
	req.Body, req.ContentLength = io.NopCloser(body), size
	w := httptest.NewRecorder()
	r.Server.ServeHTTP(w, req)
	return r.answer("CreateFunction", w.Result())
}

func playRequestTooLarge(r *replay) {
	// As long as the recording's body: 52427776 bytes of code in base64, and 18 MB of
	// environment. Its length is enough for the refusal.
	r.match("invalid_param_exc", r.createStreamed(io.LimitReader(same{}, 89_000_000), 89_000_000))
}

func playZippedTooLarge(r *replay) {
	const head, tail = `{"FunctionName": "fn", "Role": "arn:aws:iam::` + replayAccount + `:role/lambda-role", "Runtime": "python3.12", "Handler": "index.handler", "Code": {"ZipFile": "`, `"}}`
	size := int64(base64.StdEncoding.EncodedLen(52428800 + 100))
	r.match("invalid_param_exc", r.createStreamed(io.MultiReader(strings.NewReader(head), io.LimitReader(same{}, size), strings.NewReader(tail)), size+int64(len(head+tail))))
}
