package lambroll

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"

	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/values"
)

// Jsonnet is how definitions in Jsonnet are evaluated (https://jsonnet.org).
type Jsonnet struct {
	// ExtStr and ExtCode are the values of std.extVar: texts, and Jsonnet.
	ExtStr, ExtCode map[string]string
	// Import reads a file that is imported, by its path in the workspace.
	Import func(name string) ([]byte, error)
	// Secret gets each value that is one, before it is part of the result.
	Secret func(text string)
}

// JsonnetError is a problem of a program, at a place of it where Line is not 0.
type JsonnetError struct {
	File      string
	Line, Col int
	Message   string
}

func (e *JsonnetError) Error() string { return e.Message }

// Evaluate returns the JSON that a program comes to, with its templates, which are
// evaluated afterwards, as lambroll does. What a function returned is final: {{ and
// <+ in it are escaped.
func (j Jsonnet) Evaluate(name string, content []byte, f Functions) ([]byte, error) {
	vm := jsonnet.MakeVM()
	vm.Importer(&importer{file: name, read: j.Import, known: map[string]jsonnet.Contents{}})
	for key, value := range j.ExtStr {
		vm.ExtVar(key, value)
	}
	for key, code := range j.ExtCode {
		vm.ExtCode(key, code)
	}
	for function, params := range natives(f) {
		vm.NativeFunction(&jsonnet.NativeFunction{Name: function, Params: params, Func: func(args []any) (any, error) {
			return j.native(function, args, f)
		}})
	}
	text, err := vm.EvaluateAnonymousSnippet(name, string(content))
	if err != nil {
		return nil, problemOf(err)
	}
	return []byte(text), nil
}

// natives are the functions with their parameters, all of which a call gives.
func natives(f Functions) map[string]ast.Identifiers {
	all := map[string]ast.Identifiers{
		"env": {"name", "default"}, "must_env": {"name"}, "ssm": {"name"}, "ssm_list": {"name", "index"},
		"tfstate": {"address"}, "caller_identity": {}, "layer_arn": {"name", "version"}, "secretsmanager": {"id", "key"},
	}
	for prefix := range f.opts.Prefixed {
		all[prefix+"tfstate"] = ast.Identifiers{"address"}
	}
	return all
}

func (j Jsonnet) native(name string, args []any, f Functions) (any, error) {
	texts := make([]expression.Value, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			texts[i] = expression.NewString(original.Replace(arg))
		case float64:
			texts[i] = expression.NewString(strconv.FormatFloat(arg, 'f', -1, 64))
		default:
			return nil, fmt.Errorf("%s: argument %d is neither a text nor a number", name, i+1)
		}
	}
	if name == "ssm_list" {
		name = "ssm"
	}
	if strings.HasSuffix(name, "tfstate") && len(texts) == 1 {
		return j.state(name, texts[0].Text(), f)
	}
	v, err := f.Call(name, texts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if v.IsSecret() {
		j.Secret(v.Text())
	}
	if name == "caller_identity" {
		var id map[string]any
		err := json.Unmarshal([]byte(v.Text()), &id)
		return id, err
	}
	return escaped.Replace(v.Text()), nil
}

// state is a value of a state, with its type.
func (j Jsonnet) state(name, address string, f Functions) (any, error) {
	file, _, err := f.stateOf(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := f.result(values.State{File: file, Address: address})
	if r.Err != nil {
		return nil, fmt.Errorf("%s: %w", name, r.Err)
	}
	if r.Secret {
		j.Secret(r.Text)
	}
	if !r.JSON {
		return escaped.Replace(r.Text), nil
	}
	var value any
	err = json.Unmarshal([]byte(escaped.Replace(r.Text)), &value)
	return value, err
}

// escaped writes what begins an expression as a template that comes to it, original
// takes that back.
var (
	escaped  = strings.NewReplacer("{{", "{{`{{`}}", "<+", "{{`<+`}}")
	original = strings.NewReplacer("{{`{{`}}", "{{", "{{`<+`}}", "<+")
)

// importer reads what a program imports, from the folder of the file that does.
type importer struct {
	// file is the program, which the library does not name where it imports something.
	file  string
	read  func(name string) ([]byte, error)
	known map[string]jsonnet.Contents
}

func (i *importer) Import(from, name string) (jsonnet.Contents, string, error) {
	if !path.IsAbs(name) {
		name = path.Join(path.Dir(cmp.Or(from, i.file)), name)
	}
	if known, ok := i.known[name]; ok {
		return known, name, nil
	}
	content, err := i.read(name)
	if err != nil {
		return jsonnet.Contents{}, "", err
	}
	i.known[name] = jsonnet.MakeContentsRaw(content)
	return i.known[name], name, nil
}

var at = lazyregexp.New(`([^\s:()]+):\(?(\d+):(\d+)`)

// problemOf takes the first place out of the library's text.
func problemOf(err error) error {
	message, trace, _ := strings.Cut(err.Error(), "\n")
	e := &JsonnetError{Message: strings.TrimPrefix(message, "RUNTIME ERROR: ")}
	where := trace
	if !strings.HasPrefix(message, "RUNTIME ERROR: ") {
		where = message
		_, e.Message, _ = strings.Cut(message, " ")
	}
	if m := at.FindStringSubmatch(where); m != nil {
		e.File = m[1]
		e.Line, _ = strconv.Atoi(m[2])
		e.Col, _ = strconv.Atoi(m[3])
	}
	if e.Message == "" {
		return errors.New(message)
	}
	return e
}
