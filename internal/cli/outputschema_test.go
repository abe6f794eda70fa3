package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/input"
	"github.com/lambda-rollout/lambda-rollout/internal/logs"
	"github.com/lambda-rollout/lambda-rollout/internal/notify"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// outputs are what commands print with --output json: the schemas in docs/schema/output
// are made of these types. Several types of one command are alternatives.
var outputs = map[string][]any{
	"convert":     {convertDocument{}},
	"deploy":      {[]resultDocument{}},
	"failure":     {failedDocument{}},
	"history":     {report.History{}, comparison{}},
	"init":        {initDocument{}},
	"invoke":      {[]invokeDocument{}},
	"list":        {[]listedFunction{}},
	"local":       {localDocument{}},
	"logs":        {logDocument{}},
	"logs-follow": {logs.Event{}},
	"notify":      {notify.Event{}},
	"plan":        {[]report.Diff{}},
	"policy":      {policy.Set{}, []policy.Set{}},
	"prune":       {[]pruneDocument{}},
	"rehearse":    {rehearsalDocument{}},
	"render":      {[]renderDocument{}},
	"report":      {report.RunDocument{}},
	"rollback":    {[]restoredDocument{}, []report.Diff{}},
	"shift":       {[]resultDocument{}, []report.Diff{}},
	"status":      {[]report.Status{}},
	"validate":    {validateDocument{}},
	"version":     {versionDocument{}},
}

// noDocument are the commands whose output is a text in a form of its own, or JSON of
// another's form.
var noDocument = map[string]string{"completion": "a shell's script", "schema": "a JSON Schema"}

// schemaNode is the part of JSON Schema (draft 2020-12) that Go's types need.
type schemaNode struct {
	Schema               string                 `json:"$schema,omitempty"`
	Title                string                 `json:"title,omitempty"`
	AnyOf                []*schemaNode          `json:"anyOf,omitempty"`
	Ref                  string                 `json:"$ref,omitempty"`
	Type                 any                    `json:"type,omitempty"`
	Format               string                 `json:"format,omitempty"`
	Properties           map[string]*schemaNode `json:"properties,omitempty"`
	Required             []string               `json:"required,omitempty"`
	Items                *schemaNode            `json:"items,omitempty"`
	AdditionalProperties any                    `json:"additionalProperties,omitempty"`
}

// schemaOf is the schema of what encoding/json makes of a type. Where nullable is set,
// an empty slice, map or pointer is null.
func schemaOf(t reflect.Type, nullable bool) *schemaNode {
	named := func(name string) *schemaNode {
		if nullable {
			return &schemaNode{Type: []string{name, "null"}}
		}
		return &schemaNode{Type: name}
	}
	if t == reflect.TypeFor[time.Time]() {
		return &schemaNode{Type: "string", Format: "date-time"}
	}
	if t == reflect.TypeFor[json.RawMessage]() || t.Kind() == reflect.Interface || t.Implements(reflect.TypeFor[json.Marshaler]()) {
		return &schemaNode{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), nullable)
	case reflect.String:
		return &schemaNode{Type: "string"}
	case reflect.Bool:
		return &schemaNode{Type: "boolean"}
	case reflect.Float64:
		return &schemaNode{Type: "number"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return &schemaNode{Type: "integer"}
	case reflect.Slice:
		n := named("array")
		n.Items = schemaOf(t.Elem(), false)
		return n
	case reflect.Map:
		n := named("object")
		n.AdditionalProperties = schemaOf(t.Elem(), false)
		return n
	case reflect.Struct:
		n := named("object")
		n.Properties, n.AdditionalProperties = map[string]*schemaNode{}, false
		addFields(n, t)
		slices.Sort(n.Required)
		return n
	}
	panic("no schema of " + t.String())
}

func addFields(n *schemaNode, t reflect.Type) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			addFields(n, f.Type)
			continue
		case name == "-" || !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		n.Properties[name] = schemaOf(f.Type, !optional && slices.Contains([]reflect.Kind{reflect.Slice, reflect.Map, reflect.Pointer}, f.Type.Kind()))
		if !optional {
			n.Required = append(n.Required, name)
		}
	}
}

func outputSchema(name string) *schemaNode {
	var all []*schemaNode
	for _, v := range outputs[name] {
		all = append(all, schemaOf(reflect.TypeOf(v), false))
	}
	title := "lambda-rollout " + name + " --output json"
	switch name {
	case "notify":
		title = "CloudEvent that lambda-rollout posts to notify"
	case "failure":
		title = "What --output json prints of a command that failed"
	default:
		all = append(all, &schemaNode{Ref: "failure.json"})
	}
	root := all[0]
	if len(all) > 1 {
		root = &schemaNode{AnyOf: all}
	}
	root.Schema, root.Title = "https://json-schema.org/draft/2020-12/schema", title
	return root
}

func schemaFile(name string) string {
	return filepath.Join("..", "..", "docs", "schema", "output", name+".json")
}

// Every command has a schema of what it prints, and the schema is that of the types.
func TestEveryCommandHasASchemaOfItsOutput(t *testing.T) {
	t.Parallel()
	for name := range outputs {
		got, err := json.MarshalIndent(outputSchema(name), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		if *update {
			if err := os.WriteFile(schemaFile(name), got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(schemaFile(name))
		if err != nil || string(want) != string(got) {
			t.Errorf("%s (-update writes it): %v %s", schemaFile(name), err, cmp.Diff(string(want), string(got)))
		}
	}
	for _, command := range input.Commands() {
		if outputs[command.Name] == nil && noDocument[command.Name] == "" {
			t.Errorf("the output of %s has no schema", command.Name)
		}
	}
	files, err := filepath.Glob(schemaFile("*"))
	if err != nil || len(files) != len(outputs) {
		t.Errorf("%d schemas for %d outputs: %v", len(files), len(outputs), err)
	}
}

// check returns what of a document its schema does not allow.
func (n *schemaNode) check(at string, value any) (wrong []string) {
	if len(n.AnyOf) > 0 {
		for _, one := range n.AnyOf {
			found := one.check(at, value)
			if len(found) == 0 {
				return nil
			}
			if one.Ref == "" { // what is wrong with it as a failure says nothing
				wrong = append(wrong, found...)
			}
		}
		return wrong
	}
	if n.Ref != "" {
		return readSchema(n.Ref).check(at, value)
	}
	if n.Type == nil {
		return nil
	}
	types, _ := n.Type.([]any)
	if len(types) == 0 {
		types = []any{n.Type}
	}
	kind := kindOf(value)
	if !slices.Contains(types, any(kind)) && !(kind == "integer" && slices.Contains(types, any("number"))) {
		return []string{fmt.Sprintf("%s is %s, not %v", at, kind, n.Type)}
	}
	switch value := value.(type) {
	case []any:
		for i, item := range value {
			wrong = append(wrong, n.Items.check(fmt.Sprintf("%s[%d]", at, i), item)...)
		}
	case map[string]any:
		wrong = n.checkMembers(at, value)
	case string:
		if _, err := time.Parse(time.RFC3339Nano, value); n.Format == "date-time" && err != nil {
			wrong = append(wrong, at+" is not a time: "+value)
		}
	}
	return wrong
}

func (n *schemaNode) checkMembers(at string, value map[string]any) (wrong []string) {
	for _, name := range n.Required {
		if _, has := value[name]; !has {
			wrong = append(wrong, at+" has no "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		member := n.Properties[name]
		if rest, is := n.AdditionalProperties.(map[string]any); member == nil && is {
			text, _ := json.Marshal(rest)
			member = &schemaNode{}
			_ = json.Unmarshal(text, member)
		}
		if member == nil {
			wrong = append(wrong, at+" has an unknown "+name)
			continue
		}
		wrong = append(wrong, member.check(at+"."+name, value[name])...)
	}
	return wrong
}

func kindOf(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case float64:
		if value == float64(int64(value)) {
			return "integer"
		}
		return "number"
	}
	return "object"
}

// The checker finds each kind of mistake: a test that it cannot fail proves nothing.
func TestTheCheckerOfSchemasFindsMistakes(t *testing.T) {
	t.Parallel()
	good := `{"function":"f","region":"r","functionArn":"a","run":"1"}`
	for text, want := range map[string]string{
		"[" + good + "]": "",
		"{}":             ". is object, not array",
		`[{"function":"f","region":"r","functionArn":"a"}]`:                 ".[0] has no run",
		`[{"function":1,"region":"r","functionArn":"a","run":"1"}]`:         ".[0].function is integer, not string",
		`[{"function":"f","region":"r","functionArn":"a","run":"1","x":2}]`: ".[0] has an unknown x",
	} {
		if got := strings.Join(violations(t, "list", text), "; "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// violations are what of a document the schema in docs does not allow.
func violations(t *testing.T, name, text string) []string {
	t.Helper()
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&value); err != nil {
		return []string{"it is no JSON: " + err.Error()}
	}
	if decoder.More() {
		return []string{"more than one document"}
	}
	return readSchema(name+".json").check(".", value)
}

// readSchema is a schema in docs.
func readSchema(file string) *schemaNode {
	n := &schemaNode{}
	text, err := os.ReadFile(schemaFile(strings.TrimSuffix(file, ".json")))
	if err = errors.Join(err, json.Unmarshal(text, n)); err != nil {
		panic(err)
	}
	return n
}

// What commands print is one document, which its schema describes; the log is on stderr.
func TestWhatCommandsPrintIsWhatTheirSchemasSay(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{Handler: answers})
	files := b.minimal()
	tried := map[string]bool{"local": true, "logs-follow": true, "notify": true, "convert": true} // below, and in their own tests
	ask := func(want int, args ...string) {
		t.Helper()
		code, out, errs := b.run(append(args, "--output", "json")...)
		tried[args[0]] = true
		if wrong := violations(t, args[0], out); code != want || len(wrong) > 0 {
			t.Errorf("%q: exit %d\n%s\n%s%s", args, code, strings.Join(wrong, "\n"), out, errs)
		}
	}
	of := func(command string, more ...string) []string {
		return append(append([]string{command}, files...), more...)
	}
	ask(0, "version")
	ask(0, of("validate")...)
	ask(0, of("plan")...)
	ask(0, of("deploy")...)
	ask(0, of("render")...)
	b.write("code/index.js", "2")
	b.write("settings.yaml", "reservedConcurrency: 5\n")
	ask(0, of("plan", "--settings", "settings.yaml")...)
	ask(0, of("rehearse", only("whole:deploy")...)...)
	ask(0, of("policy", "--scope", "service")...)
	ask(0, of("deploy", "--traffic", "10%", "--settings", "settings.yaml")...)
	ask(0, of("status", "--settings", "settings.yaml")...)
	shift := []string{"shift", "--function", "hello", "--alias", "live", "--percentage", "100"}
	ask(0, append(shift, "--dry-run")...)
	ask(0, shift...)
	ask(0, "invoke", "--function", "hello", "--payload", "1 2")
	ask(0, "logs", "--function", "hello")
	ask(0, "logs", "--function", "hello", "--qualifier", "live")
	ask(0, "history", "--function", "hello")
	ask(0, "history", "--function", "hello", "--compare", "1..2")
	ask(0, "list")
	ask(0, "report")
	ask(0, "init", "--function", "hello", "--output-dir", "adopted")
	ask(0, "prune", "--function", "hello", "--keep-versions", "1")
	ask(0, "rollback", "--function", "hello", "--alias", "live", "--dry-run")
	ask(0, "rollback", "--function", "hello", "--alias", "live")
	ask(0, "status", "--function", "hello")
	b.write("function.yaml", "functionName: hello\ntimeout: long\n")
	ask(exitInput, of("validate")...)
	ask(exitInput, of("deploy")...)
	tried["failure"] = true
	for name := range outputs {
		if !tried[name] {
			t.Errorf("nothing tries the output of %s", name)
		}
	}
	event, err := json.Marshal(notify.Event{Time: time.Now(), Data: notify.Data{Stage: &notify.Stage{}, Functions: []notify.Function{{}}}})
	if wrong := violations(t, "notify", string(event)); err != nil || len(wrong) > 0 {
		t.Errorf("an event: %v %q", err, wrong)
	}
	line, err := json.Marshal(logs.Event{})
	if wrong := violations(t, "logs-follow", string(line)); err != nil || len(wrong) > 0 {
		t.Errorf("a line of a log: %v %q", err, wrong)
	}
}

// One thing has one name in all outputs.
func TestTheSameThingHasTheSameNameEverywhere(t *testing.T) {
	t.Parallel()
	// The outputs of a deploy have the names of the action's outputs, a policy has IAM's.
	// The name of a file in a zip, and of a source, is a name.
	others := map[string]string{"name": "function or alias", "functionName": "function", "qualifier": "version or alias", "url": "runUrl", "sha": "commit", "size": "codeSize", "arn": "functionArn", "codeSha": "codeSha256"}
	for command := range outputs {
		if slices.Contains([]string{"deploy", "shift", "convert", "policy"}, command) {
			continue
		}
		for name := range fieldNames(outputSchema(command)) {
			if better := others[name]; better != "" && !(name == "name" && slices.Contains([]string{"history", "plan", "rollback", "status"}, command)) {
				t.Errorf("%s calls something %s, which others call %s", command, name, better)
			}
		}
	}
}

func fieldNames(n *schemaNode) map[string]bool {
	all := map[string]bool{}
	for name, member := range n.Properties {
		all[name] = true
		maps.Copy(all, fieldNames(member))
	}
	for _, one := range n.AnyOf {
		maps.Copy(all, fieldNames(one))
	}
	if n.Items != nil {
		maps.Copy(all, fieldNames(n.Items))
	}
	return all
}
