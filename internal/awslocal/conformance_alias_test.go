package awslocal_test

func init() {
	play("TestLambdaAlias", map[string]func(*replay){
		"test_alias_lifecycle":                     playAliasLifecycle,
		"test_alias_naming":                        playAliasNaming,
		"test_non_existent_alias_deletion":         playAliasMissingDeletion,
		"test_non_existent_alias_update":           playAliasMissingUpdate,
		"test_notfound_and_invalid_routingconfigs": playRoutingExceptions,
	})
}

func testenv(value string) args {
	return args{"Environment": args{"Variables": args{"testenv": value}}}
}

func weights(w args) args {
	return args{"RoutingConfig": args{"AdditionalVersionWeights": w}}
}

func playAliasLifecycle(r *replay) {
	fn := args{"FunctionName": "fn"}
	alias := func(name string) args { return with(fn, args{"Name": name}) }
	custom := args{"Description": "custom-alias"}
	r.match("create_response", r.plain("fn", testenv("staging")))
	r.same("publish_v1", "PublishVersion", fn)
	r.call("UpdateFunctionConfiguration", with(fn, testenv("prod")))
	r.settle()
	r.same("publish_v2", "PublishVersion", fn)

	made := r.same("create_alias_1_1", "CreateAlias", with(alias("aliasname1_1"), custom, args{"FunctionVersion": "1"}, weights(args{"2": 0.2})))
	r.same("get_alias_1_1", "GetAlias", alias("aliasname1_1"))
	r.same("get_function_alias_1_1", "GetFunction", with(fn, args{"Qualifier": "aliasname1_1"}))
	r.same("get_function_byarn_alias_1_1", "GetFunction", args{"FunctionName": text(made, "AliasArn")})
	r.same("get_function_alias_notfound_exc", "GetFunction", with(fn, args{"Qualifier": "aliasdoesnotexist"}))
	r.same("get_function_alias_byarn_notfound_exc", "GetFunction", args{"FunctionName": r.arn("fn:aliasdoesnotexist")})
	for _, a := range []struct {
		key, name string
		more      args
	}{
		{"1_2", "aliasname1_2", with(custom, args{"FunctionVersion": "1"})},
		{"1_3", "aliasname1_3", args{"FunctionVersion": "1"}},
		{"2", "aliasname2", with(custom, args{"FunctionVersion": "2"})},
	} {
		r.same("create_alias_"+a.key, "CreateAlias", with(alias(a.name), a.more))
		r.same("get_alias_"+a.key, "GetAlias", alias(a.name))
	}
	r.match("list_aliases_for_fnname", r.all("ListAliases", "Aliases", fn))
	r.same("update_alias_1_1", "UpdateAlias", with(alias("aliasname1_1"), weights(args{})))
	r.same("get_alias_1_1_after_update", "GetAlias", alias("aliasname1_1"))
	r.same("list_aliases_for_fnname_after_update", "ListAliases", fn)
	r.same("update_alias_1_2", "UpdateAlias", alias("aliasname1_2"))
	r.same("get_alias_1_2_after_update", "GetAlias", alias("aliasname1_2"))
	r.same("list_aliases_for_fnname_after_update_2", "ListAliases", fn)
	r.same("list_aliases_for_version", "ListAliases", with(fn, args{"FunctionVersion": "1"}))
	r.same("delete_alias_response", "DeleteAlias", alias("aliasname1_1"))
	r.same("list_aliases_for_fnname_afterdelete", "ListAliases", fn)
}

func playAliasNaming(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.match("create_response", r.plain("fn", testenv("staging")))
	r.same("publish_v1", "PublishVersion", fn)
	alias := with(fn, args{"Name": "2024-01-02", "FunctionVersion": "1", "Description": "custom-alias"})
	r.same("create_alias_date", "CreateAlias", alias)
	r.same("get_alias_date", "GetAlias", with(fn, args{"Name": "2024-01-02"}))
	r.same("create_alias_number_exception", "CreateAlias", with(alias, args{"Name": "2024"}))
}

func playAliasMissingDeletion(r *replay) {
	r.match("create_response", r.plain("fn", testenv("staging")))
	r.same("delete_alias_response", "DeleteAlias", args{"FunctionName": "fn", "Name": "non-existent"})
}

func playAliasMissingUpdate(r *replay) {
	r.match("create_response", r.plain("fn", testenv("staging")))
	r.same("update_alias_response", "UpdateAlias", args{"FunctionName": "fn", "Name": "non-existent", "Description": "new-description"})
}

func playRoutingExceptions(r *replay) {
	fn := args{"FunctionName": "fn"}
	r.match("create_response", r.plain("fn", testenv("staging"), args{"Publish": true}))
	r.same("publish_v1", "PublishVersion", fn)
	r.call("UpdateFunctionConfiguration", with(fn, testenv("prod")))
	r.settle()
	r.same("publish_v2", "PublishVersion", fn)
	custom := with(fn, args{"Name": "custom", "FunctionVersion": "1"})
	half := weights(args{"2": 0.5})
	for key, in := range map[string]args{
		"routing_config_exc_toomany":              weights(args{"1": 0.8, "2": 0.2}),
		"routing_config_exc_toohigh":              weights(args{"2": 2}),
		"routing_config_exc_subzero":              weights(args{"2": -1}),
		"routing_config_exc_sameversion":          weights(args{"1": 0.5}),
		"target_version_doesnotexist":             with(half, args{"FunctionVersion": "10"}),
		"routing_config_exc_version_doesnotexist": weights(args{"10": 0.5}),
		"target_version_exc_version_latest":       with(weights(args{"1": 0.5}), args{"FunctionVersion": "$LATEST"}),
		"routing_config_exc_version_latest":       weights(args{"$LATEST": 0.5}),
		"routing_config_exc_fn_doesnotexist":      with(half, args{"FunctionName": "fn-unknown"}),
	} {
		r.same(key, "CreateAlias", with(custom, in))
	}
	r.same("create-alias-latest", "CreateAlias", with(fn, args{"Name": "custom-latest", "FunctionVersion": "$LATEST"}))
	r.same("create_alias_empty_routingconfig", "CreateAlias", with(custom, args{"Name": "custom-empty-routingconfig"}, weights(args{})))
	r.same("create_alias_response", "CreateAlias", with(custom, half))
	r.same("routing_config_exc_already_exist", "CreateAlias", with(custom, half))
	r.same("alias_does_not_exist_esc", "GetAlias", with(fn, args{"Name": "non-existent"}))
}
