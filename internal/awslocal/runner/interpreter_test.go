package runner

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// handlerTest is one handler and what an invocation of it gives.
type handlerTest struct {
	handler string
	files   []file
	want    string // the answer, or the error's type and message
	log     string
}

// kind is what comes of the handler: an answer, an error of its own or one of the runtime.
func (h handlerTest) kind() string {
	switch {
	case !strings.Contains(h.want, "errorType"):
		return "answer"
	case strings.Contains(h.want, `"Runtime.`):
		return "runtime"
	}
	return "function"
}

// runHandlers runs the handlers of a runtime: one of each kind, and all with -full.
func runHandlers(t *testing.T, runtime, program string, tests map[string]handlerTest) {
	sampled := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		test := tests[name]
		if !*full && sampled[test.kind()] {
			continue
		}
		sampled[test.kind()] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needs(t, program)
			f := function(t, runtime, test.handler, test.files...)
			r := invoke(t, pool(t, Options{}), f, `{"name":"ä"}`)
			got := string(r.Payload)
			if r.FunctionError != "" {
				got, _, _ = strings.Cut(got, `,"trace"`)
				got, _, _ = strings.Cut(got, `, "requestId"`)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s\nlog:\n%s", diff, r.Log)
			}
			if !strings.Contains(string(r.Log), test.log) {
				t.Errorf("log lacks %q:\n%s", test.log, r.Log)
			}
		})
	}
}

func TestNodeHandlers(t *testing.T) {
	t.Parallel()
	one := func(name, body string) []file { return []file{{name, body, 0o644}} }
	runHandlers(t, "nodejs22.x", "node", map[string]handlerTest{
		"CommonJS async":   {"index.handler", one("index.js", `exports.handler = async (e, c) => { console.log("hi %s", e.name); return {name: e.name, fn: c.functionName, left: c.getRemainingTimeInMillis() > 0} }`), `{"name":"ä","fn":"hello","left":true}`, "\tINFO\thi ä\n"},
		"ES module":        {"index.handler", one("index.mjs", `export const handler = async () => "esm"`), `"esm"`, ""},
		"package's type":   {"src/app/index.main.run", append(one("src/app/index.js", `export const main = {run: async () => 1}`), file{"package.json", `{"type":"module"}`, 0o644}), `1`, ""},
		"callback":         {"index.handler", one("index.js", `exports.handler = (e, c, done) => setTimeout(() => done(null, "later"), 5)`), `"later"`, ""},
		"neither":          {"index.handler", one("index.js", `exports.handler = () => 5`), `null`, ""},
		"top-level await":  {"index.handler", one("index.mjs", `const x = await Promise.resolve(7); export const handler = async () => x`), `7`, ""},
		"throws":           {"index.handler", one("index.js", `exports.handler = async () => { throw new TypeError("broken") }`), `{"errorType":"TypeError","errorMessage":"broken"`, "Invoke Error"},
		"callback's error": {"index.handler", one("index.js", `exports.handler = (e, c, done) => done("text")`), `{"errorType":"string","errorMessage":"text"`, ""},
		"crash":            {"index.handler", one("index.js", `exports.handler = () => new Promise(() => setTimeout(() => { throw new Error("out") }, 1))`), `{"errorType":"Error","errorMessage":"out"`, "Uncaught"},
		"no module":        {"lost.handler", one("index.js", ``), `{"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module 'lost'"`, ""},
		"no handler":       {"index.lost", one("index.js", `exports.handler = 1`), `{"errorType":"Runtime.HandlerNotFound","errorMessage":"index.lost is undefined or not exported"`, ""},
		"no function":      {"index.handler", one("index.js", `exports.handler = 1`), `{"errorType":"Runtime.HandlerNotFound","errorMessage":"index.handler is not a function"`, ""},
		"bad name":         {"index", one("index.js", ``), `{"errorType":"Runtime.MalformedHandlerName","errorMessage":"Bad handler"`, ""},
		"does not parse":   {"index.handler", one("index.js", `exports.handler = )`), `{"errorType":"Runtime.UserCodeSyntaxError","errorMessage":"SyntaxError: Unexpected token ')'"`, ""},
	})
}

func TestPythonHandlers(t *testing.T) {
	t.Parallel()
	one := func(name, body string) []file { return []file{{name, body, 0o644}} }
	runHandlers(t, "python3.13", "python3", map[string]handlerTest{
		"plain":          {"app.handler", one("app.py", "def handler(e, c):\n    print('hi', e['name'])\n    return {'name': e['name'], 'fn': c.function_name, 'left': c.get_remaining_time_in_millis() > 0}"), `{"name": "ä", "fn": "hello", "left": true}`, "hi ä\n"},
		"nested":         {"src/app.handler", one("src/app.py", "def handler(e, c): return 1"), `1`, ""},
		"dotted":         {"src.app.handler", one("src/app.py", "def handler(e, c): return 2"), `2`, ""},
		"raises":         {"app.handler", one("app.py", "def handler(e, c): raise KeyError('x')"), `{"errorMessage": "'x'", "errorType": "KeyError"`, "[ERROR] KeyError"},
		"not JSON":       {"app.handler", one("app.py", "def handler(e, c): return {1}"), `{"errorMessage": "Unable to marshal response: Object of type set is not JSON serializable", "errorType": "Runtime.MarshalError"`, ""},
		"exits":          {"app.handler", one("app.py", "import os\ndef handler(e, c): os._exit(4)"), `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Error: Runtime exited with error: exit status 4"}`, "Runtime.ExitError"},
		"no module":      {"lost.handler", one("app.py", ""), `{"errorMessage": "Unable to import module 'lost': No module named 'lost'", "errorType": "Runtime.ImportModuleError"`, ""},
		"no handler":     {"app.lost", one("app.py", ""), `{"errorMessage": "Handler 'lost' missing on module 'app'", "errorType": "Runtime.HandlerNotFound"`, ""},
		"does not parse": {"app.handler", one("app.py", "def"), `{"errorMessage": "Syntax error in module 'app': invalid syntax (app.py, line 1)", "errorType": "Runtime.UserCodeSyntaxError"`, ""},
	})
}
