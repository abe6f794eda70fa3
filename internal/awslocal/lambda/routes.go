package lambda

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// route is one operation of the API model.
type route struct {
	method    string
	path      []string // {Name} is a variable
	query     string   // a query parameter that must be there, with its value
	operation string
	handle    func(*Service, *request) (answer, error)
	raw       func(*Service, *request, http.ResponseWriter) // instead of handle: writes its own answer
}

// on makes a route from "METHOD /path".
func on(pattern, operation string, handle func(*Service, *request) (answer, error)) route {
	method, path, _ := strings.Cut(pattern, " ")
	path, query, _ := strings.Cut(path, "?")
	return route{method: method, path: strings.Split(path[1:], "/"), query: query, operation: operation, handle: handle}
}

// routes are made on the first use.
var routes = sync.OnceValue(func() []route {
	return []route{
		on("POST /2015-03-31/functions", "CreateFunction", (*Service).createFunction),
		on("GET /2015-03-31/functions", "ListFunctions", (*Service).listFunctions),
		on("GET /2015-03-31/functions/{FunctionName}", "GetFunction", (*Service).getFunction),
		on("DELETE /2015-03-31/functions/{FunctionName}", "DeleteFunction", (*Service).deleteFunction),
		on("GET /2015-03-31/functions/{FunctionName}/configuration", "GetFunctionConfiguration", (*Service).getFunctionConfiguration),
		on("PUT /2015-03-31/functions/{FunctionName}/configuration", "UpdateFunctionConfiguration", (*Service).updateFunctionConfiguration),
		on("PUT /2015-03-31/functions/{FunctionName}/code", "UpdateFunctionCode", (*Service).updateFunctionCode),
		on("POST /2015-03-31/functions/{FunctionName}/versions", "PublishVersion", (*Service).publishVersion),
		on("GET /2015-03-31/functions/{FunctionName}/versions", "ListVersionsByFunction", (*Service).listVersionsByFunction),

		on("POST /2015-03-31/functions/{FunctionName}/aliases", "CreateAlias", (*Service).createAlias),
		on("GET /2015-03-31/functions/{FunctionName}/aliases", "ListAliases", (*Service).listAliases),
		on("GET /2015-03-31/functions/{FunctionName}/aliases/{Name}", "GetAlias", (*Service).getAlias),
		on("PUT /2015-03-31/functions/{FunctionName}/aliases/{Name}", "UpdateAlias", (*Service).updateAlias),
		on("DELETE /2015-03-31/functions/{FunctionName}/aliases/{Name}", "DeleteAlias", (*Service).deleteAlias),

		on("GET /2017-03-31/tags/{Resource}", "ListTags", (*Service).listTags),
		on("POST /2017-03-31/tags/{Resource}", "TagResource", (*Service).tagResource),
		on("DELETE /2017-03-31/tags/{Resource}", "UntagResource", (*Service).untagResource),

		on("POST /2015-03-31/functions/{FunctionName}/policy", "AddPermission", (*Service).addPermission),
		on("GET /2015-03-31/functions/{FunctionName}/policy", "GetPolicy", (*Service).getPolicy),
		on("DELETE /2015-03-31/functions/{FunctionName}/policy/{StatementId}", "RemovePermission", (*Service).removePermission),
		on("GET /2025-12-01/functions/{FunctionName}/durable-executions", "ListDurableExecutionsByFunction", (*Service).listDurableExecutions),

		on("PUT /2017-10-31/functions/{FunctionName}/concurrency", "PutFunctionConcurrency", (*Service).putFunctionConcurrency),
		on("GET /2019-09-30/functions/{FunctionName}/concurrency", "GetFunctionConcurrency", (*Service).getFunctionConcurrency),
		on("DELETE /2017-10-31/functions/{FunctionName}/concurrency", "DeleteFunctionConcurrency", (*Service).deleteFunctionConcurrency),

		on("GET /2019-09-30/functions/{FunctionName}/provisioned-concurrency?List=ALL", "ListProvisionedConcurrencyConfigs", (*Service).listProvisionedConcurrencyConfigs),
		on("PUT /2019-09-30/functions/{FunctionName}/provisioned-concurrency", "PutProvisionedConcurrencyConfig", (*Service).putProvisionedConcurrencyConfig),
		on("GET /2019-09-30/functions/{FunctionName}/provisioned-concurrency", "GetProvisionedConcurrencyConfig", (*Service).getProvisionedConcurrencyConfig),
		on("DELETE /2019-09-30/functions/{FunctionName}/provisioned-concurrency", "DeleteProvisionedConcurrencyConfig", (*Service).deleteProvisionedConcurrencyConfig),

		on("POST /2021-10-31/functions/{FunctionName}/url", "CreateFunctionUrlConfig", (*Service).createFunctionURLConfig),
		on("GET /2021-10-31/functions/{FunctionName}/url", "GetFunctionUrlConfig", (*Service).getFunctionURLConfig),
		on("PUT /2021-10-31/functions/{FunctionName}/url", "UpdateFunctionUrlConfig", (*Service).updateFunctionURLConfig),
		on("DELETE /2021-10-31/functions/{FunctionName}/url", "DeleteFunctionUrlConfig", (*Service).deleteFunctionURLConfig),
		on("GET /2021-10-31/functions/{FunctionName}/urls", "ListFunctionUrlConfigs", (*Service).listFunctionURLConfigs),

		on("PUT /2019-09-25/functions/{FunctionName}/event-invoke-config", "PutFunctionEventInvokeConfig", (*Service).putFunctionEventInvokeConfig),
		on("POST /2019-09-25/functions/{FunctionName}/event-invoke-config", "UpdateFunctionEventInvokeConfig", (*Service).updateFunctionEventInvokeConfig),
		on("GET /2019-09-25/functions/{FunctionName}/event-invoke-config", "GetFunctionEventInvokeConfig", (*Service).getFunctionEventInvokeConfig),
		on("DELETE /2019-09-25/functions/{FunctionName}/event-invoke-config", "DeleteFunctionEventInvokeConfig", (*Service).deleteFunctionEventInvokeConfig),
		on("GET /2019-09-25/functions/{FunctionName}/event-invoke-config/list", "ListFunctionEventInvokeConfigs", (*Service).listFunctionEventInvokeConfigs),

		on("POST /2020-04-22/code-signing-configs", "CreateCodeSigningConfig", (*Service).createCodeSigningConfig),
		on("GET /2020-04-22/code-signing-configs", "ListCodeSigningConfigs", (*Service).listCodeSigningConfigs),
		on("GET /2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "GetCodeSigningConfig", (*Service).getCodeSigningConfig),
		on("PUT /2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "UpdateCodeSigningConfig", (*Service).updateCodeSigningConfig),
		on("DELETE /2020-04-22/code-signing-configs/{CodeSigningConfigArn}", "DeleteCodeSigningConfig", (*Service).deleteCodeSigningConfig),
		on("GET /2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions", "ListFunctionsByCodeSigningConfig", (*Service).listFunctionsByCodeSigningConfig),
		on("PUT /2020-06-30/functions/{FunctionName}/code-signing-config", "PutFunctionCodeSigningConfig", (*Service).putFunctionCodeSigningConfig),
		on("GET /2020-06-30/functions/{FunctionName}/code-signing-config", "GetFunctionCodeSigningConfig", (*Service).getFunctionCodeSigningConfig),
		on("DELETE /2020-06-30/functions/{FunctionName}/code-signing-config", "DeleteFunctionCodeSigningConfig", (*Service).deleteFunctionCodeSigningConfig),

		on("GET /2018-10-31/layers?find=LayerVersion", "GetLayerVersionByArn", (*Service).getLayerVersionByARN),
		on("GET /2018-10-31/layers", "ListLayers", (*Service).listLayers),
		on("POST /2018-10-31/layers/{LayerName}/versions", "PublishLayerVersion", (*Service).publishLayerVersion),
		on("GET /2018-10-31/layers/{LayerName}/versions", "ListLayerVersions", (*Service).listLayerVersions),
		on("GET /2018-10-31/layers/{LayerName}/versions/{VersionNumber}", "GetLayerVersion", (*Service).getLayerVersion),
		on("DELETE /2018-10-31/layers/{LayerName}/versions/{VersionNumber}", "DeleteLayerVersion", (*Service).deleteLayerVersion),
		on("POST /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy", "AddLayerVersionPermission", (*Service).addLayerVersionPermission),
		on("GET /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy", "GetLayerVersionPolicy", (*Service).getLayerVersionPolicy),
		on("DELETE /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}", "RemoveLayerVersionPermission", (*Service).removeLayerVersionPermission),

		on("GET /2016-08-19/account-settings", "GetAccountSettings", (*Service).getAccountSettings),
		on("PUT /2021-07-20/functions/{FunctionName}/runtime-management-config", "PutRuntimeManagementConfig", (*Service).putRuntimeManagementConfig),
		on("GET /2021-07-20/functions/{FunctionName}/runtime-management-config", "GetRuntimeManagementConfig", (*Service).getRuntimeManagementConfig),
		on("PUT /2024-08-31/functions/{FunctionName}/recursion-config", "PutFunctionRecursionConfig", (*Service).putFunctionRecursionConfig),
		on("GET /2024-08-31/functions/{FunctionName}/recursion-config", "GetFunctionRecursionConfig", (*Service).getFunctionRecursionConfig),
		on("PUT /2025-11-30/functions/{FunctionName}/function-scaling-config", "PutFunctionScalingConfig", (*Service).putFunctionScalingConfig),
		on("GET /2025-11-30/functions/{FunctionName}/function-scaling-config", "GetFunctionScalingConfig", (*Service).getFunctionScalingConfig),
		{method: "POST", path: []string{"2015-03-31", "functions", "{FunctionName}", "invocations"}, operation: "Invoke", raw: (*Service).invoke},

		on("POST /2015-03-31/event-source-mappings", "CreateEventSourceMapping", (*Service).createEventSourceMapping),
		on("GET /2015-03-31/event-source-mappings", "ListEventSourceMappings", (*Service).listEventSourceMappings),
		on("GET /2015-03-31/event-source-mappings/{UUID}", "GetEventSourceMapping", (*Service).getEventSourceMapping),
		on("PUT /2015-03-31/event-source-mappings/{UUID}", "UpdateEventSourceMapping", (*Service).updateEventSourceMapping),
		on("DELETE /2015-03-31/event-source-mappings/{UUID}", "DeleteEventSourceMapping", (*Service).deleteEventSourceMapping),
	}
})

// match finds the operation of a request and its path's variables. A slash at
// the end, which older models have, means nothing.
func match(r *http.Request) (*route, map[string]string) {
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	all := routes()
	for i := range all {
		t := &all[i]
		if t.method != r.Method || len(t.path) != len(segments) || !t.asked(r.URL) {
			continue
		}
		if vars, ok := t.bind(segments); ok {
			return t, vars
		}
	}
	return nil, nil
}

func (t *route) asked(u *url.URL) bool {
	if t.query == "" {
		return true
	}
	name, value, _ := strings.Cut(t.query, "=")
	return u.Query().Get(name) == value
}

func (t *route) bind(segments []string) (map[string]string, bool) {
	vars := map[string]string{}
	for i, want := range t.path {
		if !strings.HasPrefix(want, "{") {
			if want != segments[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		vars[strings.Trim(want, "{}")] = value
	}
	return vars, true
}
