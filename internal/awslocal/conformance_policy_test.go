package awslocal_test

import "strconv"

func init() {
	play("TestLambdaPermissions", map[string]func(*replay){
		"test_permission_exceptions":              playPermissionExceptions,
		"test_add_lambda_permission_aws":          playAddPermission,
		"test_lambda_permission_fn_versioning":    playPermissionVersioning,
		"test_add_lambda_permission_fields":       playPermissionFields,
		"test_remove_multi_permissions":           playRemovePermissions,
		"test_create_multiple_lambda_permissions": playTwoPermissions,
	})
	play("TestLambdaTag", map[string]func(*replay){
		"test_create_tag_on_fn_create":  playTagOnCreate,
		"test_create_tag_on_esm_create": playTagOnMapping,
		"test_tag_lifecycle":            playTagCalls,
		"test_tag_nonexisting_resource": playTagMissing,
		"test_tag_exceptions":           playTagARNs,
	})
	play("TestLambdaTags", map[string]func(*replay){
		"test_tag_exceptions": playTagExceptions,
		"test_tag_limits":     playTagLimits,
		"test_tag_versions":   playTagVersions,
		"test_tag_lifecycle":  playTagLifecycle,
	})
}

func playTagOnMapping(r *replay) {
	r.create("fn")
	made := r.call("CreateEventSourceMapping", args{"FunctionName": "fn", "EventSourceArn": "arn:aws:sqs:us-east-1:" + replayAccount + ":queue", "Tags": args{"testtag": "custom"}})
	arn := text(made, "EventSourceMappingArn")
	r.match("get_event_source_mapping_with_tag", text(r.call("GetEventSourceMapping", args{"UUID": made["UUID"]}), "EventSourceMappingArn") == arn)
	r.same("list_tags_result", "ListTags", args{"Resource": arn})
}

// permission is a request of AddPermission for a principal.
func permission(sid, principal string, more ...args) args {
	return with(args{"FunctionName": "fn", "Action": "lambda:InvokeFunction", "StatementId": sid, "Principal": principal}, merged(more))
}

var fromBucket = args{"SourceArn": "arn:aws:s3:::test-bucket"}

func playPermissionExceptions(r *replay) {
	r.create("fn")
	s3 := permission("s3", "s3.amazonaws.com", fromBucket)
	r.same("add_permission_invalid_statement_id", "AddPermission", permission("example.com", "s3.amazonaws.com"))
	r.same("add_permission_fn_qualifier_mismatch", "AddPermission", with(s3, args{"FunctionName": "fn:alias-not-42", "Qualifier": "42"}))
	r.same("add_permission_fn_qualifier_latest", "AddPermission", with(s3, args{"FunctionName": "fn:$LATEST", "Qualifier": "$LATEST"}))
	r.same("add_permission_principal_invalid", "AddPermission", permission("lambda", "invalid.nonaws.com", args{"SourceAccount": replayAccount}))
	r.same("get_policy_fn_doesnotexist", "GetPolicy", args{"FunctionName": "doesnotexist"})
	r.same("get_policy_fn_version_doesnotexist", "GetPolicy", args{"FunctionName": "fn", "Qualifier": "77"})
	r.same("add_permission_fn_doesnotexist", "AddPermission", with(s3, args{"FunctionName": "doesnotexist"}))
	remove := args{"FunctionName": "fn", "StatementId": "s3"}
	r.same("remove_permission_policy_doesnotexist", "RemovePermission", remove)
	r.same("add_permission_fn_alias_doesnotexist", "AddPermission", with(s3, args{"FunctionName": "fn:alias-doesnotexist"}))
	r.same("add_permission_fn_version_doesnotexist", "AddPermission", with(s3, args{"Qualifier": "42"}))
	r.same("add_permission_fn_qualifier_invalid", "AddPermission", with(s3, args{"Qualifier": "invalid-qualifier-with-?-char"}))
	r.same("add_permission_fn_qualifier_valid_doesnotexist", "AddPermission", with(s3, args{"Qualifier": "valid-with-$-but-doesnotexist"}))
	r.call("AddPermission", s3)
	r.same("add_permission_conflicting_statement_id", "AddPermission", s3)
	r.same("remove_permission_fn_doesnotexist", "RemovePermission", with(remove, args{"FunctionName": "doesnotexist"}))
	r.same("remove_permission_fn_alias_doesnotexist", "RemovePermission", with(remove, args{"Qualifier": "alias-doesnotexist"}))
}

func playAddPermission(r *replay) {
	r.match("create_lambda", r.create("fn"))
	r.same("add_permission", "AddPermission", permission("s3", "s3.amazonaws.com", fromBucket))
	r.same("get_policy", "GetPolicy", args{"FunctionName": "fn"})
}

func playPermissionVersioning(r *replay) {
	fn := args{"FunctionName": "fn"}
	s3 := permission("s3", "s3.amazonaws.com", fromBucket)
	r.create("fn")
	r.same("add_permission", "AddPermission", s3)
	r.same("get_policy", "GetPolicy", fn)
	r.same("publish_version_result", "PublishVersion", fn)
	r.same("get_function_result_after_publishing", "GetFunction", fn)
	r.same("get_policy_after_publishing_latest", "GetPolicy", fn)
	version := with(fn, args{"Qualifier": "1"})
	r.same("get_policy_after_publishing_new_version", "GetPolicy", version)
	r.call("AddPermission", with(s3, args{"FunctionName": "fn:1", "Qualifier": "1"}))
	r.same("get_policy_version", "GetPolicy", version)
	made := r.same("create_alias_response", "CreateAlias", with(fn, args{"Name": "permission-alias", "FunctionVersion": "1"}))
	r.same("get_alias", "GetAlias", with(fn, args{"Name": "permission-alias"}))
	onAlias := with(s3, args{"Qualifier": "permission-alias"})
	r.same("add_permission_alias_revision_exception", "AddPermission", with(onAlias, args{"RevisionId": "wrong"}))
	r.call("AddPermission", with(onAlias, args{"FunctionName": "fn:permission-alias", "RevisionId": text(made, "RevisionId")}))
	r.same("get_policy_alias", "GetPolicy", with(fn, args{"Qualifier": "permission-alias"}))
	policy := r.same("get_policy_after_adding_to_new_version", "GetPolicy", fn)
	r.call("AddPermission", with(s3, args{"StatementId": "s3_2", "RevisionId": text(policy, "RevisionId")}))
	r.same("get_policy_after_adding_2", "GetPolicy", fn)
}

func playPermissionFields(r *replay) {
	r.create("fn")
	ours := args{"SourceAccount": replayAccount}
	for key, in := range map[string]args{
		"principal_wildcard": permission("wilcard", "*", ours),
		"principal_service":  permission("lambda", "lambda.amazonaws.com", ours),
		"principal_account":  permission("account-id", replayAccount),
		"principal_arn":      permission("user-arn", "arn:aws:iam::"+replayAccount+":user/someone", ours),
		"optional_fields": permission("urlPermission", "*", fromBucket, ours,
			args{"Action": "lambda:InvokeFunctionUrl", "PrincipalOrgID": "o-1234567890", "FunctionUrlAuthType": "NONE"}),
		"alexa_skill": permission("alexaSkill", "*", args{"EventSourceToken": "amzn1.ask.skill.xxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"}),
	} {
		r.same("add_permission_"+key, "AddPermission", in)
	}
}

func playRemovePermissions(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.create("fn")
	r.same("add_permission_1", "AddPermission", permission("s3", "s3.amazonaws.com"))
	r.same("add_permission_2", "AddPermission", permission("sqs", "sqs.amazonaws.com", fromBucket))
	r.same("policy_after_2_add", "GetPolicy", fn)
	r.same("remove_permission_exception_nonexisting_sid", "RemovePermission", with(fn, args{"StatementId": "non-existent"}))
	r.call("RemovePermission", with(fn, args{"StatementId": "sqs"}))
	r.same("policy_after_removal", "GetPolicy", fn)
	last := r.same("policy_after_removal_attempt", "GetPolicy", fn)
	r.call("RemovePermission", with(fn, args{"StatementId": "s3", "RevisionId": text(last, "RevisionId")}))
	r.same("get_policy_exception_removed_all", "GetPolicy", fn)
}

func playTwoPermissions(r *replay) {
	r.create("fn")
	r.same("add_permission_response_1", "AddPermission", permission("logs", "logs.amazonaws.com"))
	r.same("add_permission_response_2", "AddPermission", permission("kinesis", "kinesis.amazonaws.com"))
	r.same("policy_after_2_add", "GetPolicy", args{"FunctionName": "fn"})
}

func playTagOnCreate(r *replay) {
	r.create("fn", args{"Tags": args{"testtag": "tag-1"}})
	r.same("get_function_result", "GetFunction", args{"FunctionName": "fn"})
	r.same("list_tags_result", "ListTags", args{"Resource": r.arn("fn")})
}

func playTagCalls(r *replay) {
	r.create("fn")
	on := args{"Resource": r.arn("fn")}
	for _, step := range []struct {
		key, operation string
		in             args
	}{
		{"tag_single", "TagResource", args{"Tags": args{"A": "tag-a"}}},
		{"tag_multiple", "TagResource", args{"Tags": args{"B": "tag-b", "C": "tag-c"}}},
		{"tag_overlap", "TagResource", args{"Tags": args{"C": "tag-c-newsuffix", "D": "tag-d"}}},
		{"untag_single", "UntagResource", args{"tagKeys": []string{"A"}}},
		{"untag_multiple", "UntagResource", args{"tagKeys": []string{"B", "C"}}},
		{"untag_nonexisting", "UntagResource", args{"tagKeys": []string{"F"}}},
		{"untag_existing_and_nonexisting", "UntagResource", args{"tagKeys": []string{"D", "F"}}},
	} {
		r.same(step.key+"_response", step.operation, with(on, step.in))
		r.same(step.key+"_response_listtags", "ListTags", on)
	}
}

func playTagMissing(r *replay) {
	r.create("fn")
	r.same("pre_delete_get_function", "GetFunction", args{"FunctionName": r.arn("fn")})
	r.call("DeleteFunction", args{"FunctionName": r.arn("fn")})
	r.notFoundTags(r.arn("fn"))
}

func (r *replay) notFoundTags(arn string) {
	on := args{"Resource": arn}
	r.same("not_found_exception_tag", "TagResource", with(on, args{"Tags": args{"A": "B"}}))
	r.same("not_found_exception_untag", "UntagResource", with(on, args{"tagKeys": []string{"A"}}))
	r.same("not_found_exception_list", "ListTags", on)
}

func playTagARNs(r *replay) {
	r.create("fn")
	r.notFoundTags(r.arn("resource-name"))
	tags := args{"Tags": args{"A": "B"}}
	r.same("invalid_arn_exception", "TagResource", with(tags, args{"Resource": "arn:aws:lambda:us-east-1:" + replayAccount + ":foobar:resource-name"}))
	r.same("aliased_arn_exception", "TagResource", with(tags, args{"Resource": r.arn("fn:alias")}))
}

func playTagExceptions(r *replay) {
	r.create("fn")
	on := args{"Resource": r.arn("fn")}
	tags := args{"Tags": args{"key_a": "value_a"}}
	r.same("tag_lambda_invalidarn", "TagResource", with(tags, args{"Resource": "arn:aws:something"}))
	r.same("tag_lambda_doesnotexist", "TagResource", with(tags, args{"Resource": r.arn("doesnotexist")}))
	r.same("tag_lambda_qualifier_doesnotexist", "TagResource", with(tags, args{"Resource": r.arn("fn:v1")}))
	r.same("list_tag_lambda_empty", "ListTags", on)
	r.same("untag_nomatch", "UntagResource", with(on, args{"tagKeys": []string{"somekey"}}))
	r.same("untag_empty_keys", "UntagResource", on)
	r.same("tag_empty_tags", "TagResource", with(on, args{"Tags": args{}}))
}

// numbered makes n tags.
func numbered(n int) args {
	tags := args{}
	for i := range n {
		tags[strconv.Itoa(i)+"_key"] = strconv.Itoa(i) + "_value"
	}
	return args{"Tags": tags}
}

func playTagLimits(r *replay) {
	r.create("fn")
	on := args{"Resource": r.arn("fn")}
	r.same("tag_lambda_too_many_tags", "TagResource", with(on, numbered(51)))
	r.same("tag_response", "TagResource", with(on, numbered(50)))
	r.same("list_tags_response", "ListTags", on)
	r.same("get_fn_response", "GetFunction", args{"FunctionName": "fn"})
	r.same("tag_lambda_too_many_tags_additional", "TagResource", with(on, args{"Tags": args{"a_key": "a_value"}}))
	r.match("create_function_invalid_tags", r.plain("other", numbered(51)))
}

func playTagVersions(r *replay) {
	r.create("fn", args{"Tags": args{"key_a": "value_a"}})
	r.call("PublishVersion", args{"FunctionName": "fn"})
	tags := args{"Tags": args{"key_b": "value_b"}}
	r.same("tag_resource_exception", "TagResource", with(tags, args{"Resource": r.arn("fn:1")}))
	r.same("tag_resource_latest_exception", "TagResource", with(tags, args{"Resource": r.arn("fn:$LATEST")}))
}

func playTagLifecycle(r *replay) {
	on := args{"Resource": r.arn("fn")}
	shown := func(suffix string) {
		r.same("list_tags_response_"+suffix, "ListTags", on)
		r.same("get_fn_response_"+suffix, "GetFunction", args{"FunctionName": r.arn("fn")})
	}
	r.create("fn", args{"Tags": args{"key_a": "value_a"}})
	shown("postfncreate")
	r.same("tag_resource_response", "TagResource", with(on, args{"Tags": args{"key_b": "value_b", "key_c": "value_c", "key_d": "value_d", "key_e": "value_e"}}))
	shown("postaddtags")
	r.same("tag_resource_overwrite", "TagResource", with(on, args{"Tags": args{"key_b": "value_b", "key_c": "value_x"}}))
	shown("overwrite")
	r.call("UntagResource", with(on, args{"tagKeys": []string{"key_c", "key_d"}}))
	shown("postuntag")
	r.call("UntagResource", with(on, args{"tagKeys": []string{"key_a", "key_b", "key_e"}}))
	shown("postuntagall")
	r.call("DeleteFunction", args{"FunctionName": "fn"})
	r.same("list_tags_postdelete", "ListTags", on)
}
