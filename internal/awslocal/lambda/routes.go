package lambda

import (
	"net/http"
	"net/url"
	"strings"
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

var routes = []route{
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
}

// match finds the operation of a request and its path's variables. A slash at
// the end, which older models have, means nothing.
func match(r *http.Request) (*route, map[string]string) {
	segments := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for i := range routes {
		t := &routes[i]
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
