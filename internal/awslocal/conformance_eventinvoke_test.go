package awslocal_test

import "strings"

func init() {
	play("TestLambdaEventInvokeConfig", map[string]func(*replay){
		"test_lambda_eventinvokeconfig_lifecycle":  playEventInvoke,
		"test_lambda_eventinvokeconfig_exceptions": playEventInvokeExceptions,
	})
}

func playEventInvoke(r *replay) {
	fn := args{"FunctionName": "fn"}
	version := with(fn, args{"Qualifier": "1"})
	r.create("fn")
	r.same("put_invokeconfig_retries_0", "PutFunctionEventInvokeConfig", with(fn, args{"MaximumRetryAttempts": 0}))
	r.same("put_invokeconfig_eventage_60", "PutFunctionEventInvokeConfig", with(fn, args{"MaximumEventAgeInSeconds": 60}))
	r.same("update_invokeconfig_eventage_nochange", "UpdateFunctionEventInvokeConfig", with(fn, args{"MaximumEventAgeInSeconds": 60}))
	r.same("update_invokeconfig_retries", "UpdateFunctionEventInvokeConfig", with(fn, args{"MaximumRetryAttempts": 1}))
	r.same("get_invokeconfig", "GetFunctionEventInvokeConfig", fn)
	r.same("get_invokeconfig_latest", "GetFunctionEventInvokeConfig", with(fn, args{"Qualifier": "$LATEST"}))
	r.same("list_single_invokeconfig", "ListFunctionEventInvokeConfigs", fn)
	r.same("publish_version_result", "PublishVersion", fn)
	r.same("get_invokeconfig_postpublish", "GetFunctionEventInvokeConfig", version)
	r.same("put_published_invokeconfig", "PutFunctionEventInvokeConfig", with(version, args{"MaximumEventAgeInSeconds": 120}))
	r.same("get_published_invokeconfig", "GetFunctionEventInvokeConfig", version)
	if n := len(r.all("ListFunctionEventInvokeConfigs", "FunctionEventInvokeConfigs", fn)["FunctionEventInvokeConfigs"].([]any)); n != 2 {
		r.t.Errorf("%d configurations in pages, want 2", n)
	}
	r.call("DeleteFunctionEventInvokeConfig", fn)
	r.same("list_paging_nolimit_postdelete", "ListFunctionEventInvokeConfigs", fn)
}

func playEventInvokeExceptions(r *replay) {
	r.create("fn")
	r.create("fn2")
	r.same("fn_version_result", "PublishVersion", args{"FunctionName": "fn"})
	r.same("fn_alias_result", "CreateAlias", args{"FunctionName": "fn", "Name": "eventinvokealias", "FunctionVersion": "1"})
	r.eventDestinations()
	r.eventQualifiers()
	r.eventOverwrites()
	r.eventDeletions()
}

// putEvent puts a configuration for a function by name.
func (r *replay) putEvent(key, name string, more args) {
	r.t.Helper()
	r.same(key, "PutFunctionEventInvokeConfig", with(args{"FunctionName": name}, more))
}

func (r *replay) eventDestinations() {
	once := args{"MaximumRetryAttempts": 1}
	r.putEvent("put_functionname_name_notfound", "doesnotexist", once)
	r.putEvent("put_functionname_arn_notfound", r.arn("doesnotexist"), once)
	r.putEvent("put_functionname_nootherargs", "doesnotexist", args{})
	to := func(kind, arn string) args {
		return args{"DestinationConfig": args{kind: args{"Destination": arn}}}
	}
	r.putEvent("put_destination_lambda_doesntexist", "fn", to("OnSuccess", r.arn("doesnotexist")))
	r.putEvent("put_destination_recursive", "fn", to("OnSuccess", r.arn("fn")))
	r.putEvent("put_destination_other_lambda", "fn", to("OnSuccess", r.arn("fn2")))
	r.putEvent("put_destination_invalid_service_arn", "fn", to("OnSuccess", strings.Replace(r.arn("fn"), ":lambda:", ":iam:", 1)))
	r.putEvent("put_destination_success_no_destination_arn", "fn", args{"DestinationConfig": args{"OnSuccess": args{}}})
	r.putEvent("put_destination_failure_no_destination_arn", "fn", args{"DestinationConfig": args{"OnFailure": args{}}})
	r.putEvent("put_destination_invalid_arn_pattern", "fn", to("OnFailure", strings.Replace(r.arn("fn"), ":lambda:", ":_-/!lambda:", 1)))
}

func (r *replay) eventQualifiers() {
	for _, c := range []struct{ key, name, qualifier string }{
		{"put_destination_latest", "fn", ""},
		{"put_destination_latest_explicit_qualifier", "fn", "$LATEST"},
		{"put_destination_version", "fn", "1"},
		{"put_alias_functionname_qualifier", "fn", "eventinvokealias"},
		{"put_alias_doesnotexist", "fn", "eventinvokealiasdoesnotexist"},
		{"put_alias_qualifiedarn", r.arn("fn:eventinvokealias"), ""},
		{"put_alias_qualifiedarn_qualifier", r.arn("fn:eventinvokealias"), "eventinvokealias"},
		{"put_alias_qualifiedarn_qualifierconflict", r.arn("fn:eventinvokealias"), "eventinvokealiasdoesnotexist"},
		{"put_alias_shorthand", "fn:eventinvokealias", ""},
		{"put_alias_shorthand_qualifier", "fn:eventinvokealias", "eventinvokealias"},
		{"put_alias_shorthand_qualifierconflict", "fn:eventinvokealias", "eventinvokealiasdoesnotexist"},
		{"put_version_shorthand", "fn:1", ""},
		{"put_shorthand_qualifier_match", "fn:$LATEST", "$LATEST"},
		{"put_shorthand_qualifier_mismatch_1", "fn:1", "$LATEST"},
		{"put_shorthand_qualifier_mismatch_2", "fn:$LATEST", "1"},
		{"put_shorthand_qualifier_mismatch_3", "fn:1", "eventinvokealias"},
	} {
		in := args{"MaximumRetryAttempts": 1}
		if c.qualifier != "" {
			in["Qualifier"] = c.qualifier
		}
		r.putEvent(c.key, c.name, in)
	}
}

func (r *replay) eventOverwrites() {
	r.putEvent("put_maxevent_maxvalue_result", "fn", args{"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21600})
	both, none := args{"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60}, args{"MaximumRetryAttempts": 0}
	r.putEvent("put_pre_overwrite", "fn", both)
	r.putEvent("put_post_overwrite", "fn", none)
	r.putEvent("second_overwrite_existing_response", "fn", none)
	r.same("get_post_overwrite", "GetFunctionEventInvokeConfig", args{"FunctionName": "fn"})
	r.putEvent("pre_update_response", "fn", both)
	r.same("update_response", "UpdateFunctionEventInvokeConfig", with(none, args{"FunctionName": "fn"}))
	r.same("update_response_existing", "UpdateFunctionEventInvokeConfig", with(none, args{"FunctionName": "fn"}))
}

func (r *replay) eventDeletions() {
	fn := args{"FunctionName": "fn"}
	missing := args{"FunctionName": "doesnotexist"}
	none := args{"MaximumRetryAttempts": 0}
	out := r.call("ListFunctionEventInvokeConfigs", fn)
	sortBy(out["FunctionEventInvokeConfigs"], "FunctionArn")
	r.match("list_configs", out)
	for key, qualifier := range map[string]string{"latest": "$LATEST", "version": "1", "alias": "eventinvokealias"} {
		r.same("delete_"+key, "DeleteFunctionEventInvokeConfig", with(fn, args{"Qualifier": qualifier}))
	}
	r.same("list_configs_postdelete", "ListFunctionEventInvokeConfigs", fn)
	r.same("delete_function_not_found", "DeleteFunctionEventInvokeConfig", fn)
	r.same("delete_function_doesnotexist", "DeleteFunctionEventInvokeConfig", missing)
	r.same("list_function_doesnotexist", "ListFunctionEventInvokeConfigs", missing)
	r.same("get_function_doesnotexist", "GetFunctionEventInvokeConfig", missing)
	r.same("get_qualifier_doesnotexist", "GetFunctionEventInvokeConfig", with(fn, args{"Qualifier": "doesnotexist"}))
	r.same("update_eventinvokeconfig_function_doesnotexist", "UpdateFunctionEventInvokeConfig", with(missing, none))
	alias := args{"FunctionName": r.arn("fn:eventinvokealias")}
	r.same("get_eventinvokeconfig_doesnotexist", "GetFunctionEventInvokeConfig", alias)
	r.same("update_eventinvokeconfig_config_doesnotexist_with_qualifier", "UpdateFunctionEventInvokeConfig", with(alias, none))
	r.same("update_eventinvokeconfig_config_doesnotexist_without_qualifier", "UpdateFunctionEventInvokeConfig", with(args{"FunctionName": r.arn("fn")}, none))
}
