package definition

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// decode reads a definition that must have no problem but warnings.
func decode(t *testing.T, src string) Function {
	t.Helper()
	f, problems := decodeText(src)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return *f
}

func decodeText(src string) (*Function, diag.List) {
	doc, problems := parse("function.yaml", []byte(src), nil)
	if doc == nil {
		return nil, problems
	}
	return Decode(doc)
}

// parse reads a file as the program does, with service variables.
func parse(file string, src []byte, values map[string]string) (Document, diag.List) {
	docs, problems := expression.Scan(file, src).Documents()
	if len(docs) != 1 || problems.Err() != nil {
		return nil, append(problems, diag.Problem{File: file, Message: "is not one document"})
	}
	known := names{}
	for name, value := range values {
		known[name] = expression.NewString(value)
	}
	problems = docs[0].Render(docs[0].Root(), expression.NewEvaluator(expression.Env{
		Names:   names{"serviceVariables": expression.NewObject(known)},
		Secrets: map[string]string{"password": "hush"},
	}))
	if problems.Err() != nil {
		return nil, problems
	}
	return docs[0], nil
}

type names map[string]expression.Value

func (n names) Get(name string) (expression.Value, bool) { v, ok := n[name]; return v, ok }
func (n names) Names() []string                          { return slices.Sorted(maps.Keys(n)) }

const minimal = `
functionName: hello
role: arn:aws:iam::123456789012:role/hello
runtime: provided.al2023
handler: bootstrap
`

func TestDecodeReadsBothSpellingsAndNumbersGivenAsStrings(t *testing.T) {
	t.Parallel()
	want := Function{
		FunctionName: "hello",
		Role:         new("arn:aws:iam::123456789012:role/hello"),
		Runtime:      new("provided.al2023"),
		Handler:      new("bootstrap"),
		Timeout:      new(int32(30)),
		KMSKeyArn:    new(""),
		Layers:       []string{},
		VpcConfig:    &VpcConfig{Ipv6AllowedForDualStack: new(true)},
		Environment:  &Environment{Variables: map[string]string{"RATE": "1.50", "ON": "yes", "PORT": "0080", "EMPTY": ""}},
	}
	for name, src := range map[string]string{
		"lowerCamelCase": minimal + `
timeout: "30"
kmsKeyArn: ""
memorySize: null
layers: []
vpcConfig: {ipv6AllowedForDualStack: "true"}
environment:
  variables: {RATE: 1.50, ON: yes, PORT: 0080, EMPTY: ""}
`,
		"PascalCase JSON": `{
	"FunctionName": "hello", "Role": "arn:aws:iam::123456789012:role/hello",
	"Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 30, "KMSKeyArn": "", "Layers": [],
	"VpcConfig": {"Ipv6AllowedForDualStack": true},
	"Environment": {"Variables": {"RATE": 1.50, "ON": "yes", "PORT": "0080", "EMPTY": ""}}
}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, decode(t, src)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAWholeExpressionFillsItsFieldAndNoOther(t *testing.T) {
	t.Parallel()
	src := minimal + `layers: <+serviceVariables.layers>
environment: {variables: <+serviceVariables.variables>}
timeout: <+serviceVariables.timeout>
description: "<+serviceVariables.description>"
`
	layer := "arn:aws:lambda:us-east-1:123456789012:layer:tools:1"
	bomb := "[" + strings.Repeat("[x,x,x,x,x,x,x,x,x,x,x],", 2000) + "]"
	tests := map[string]struct {
		values map[string]string
		want   []string
	}{
		"list, map, number, text": {map[string]string{
			"layers": `["` + layer + `"]`, "variables": `{"AB": "b", "CD": 1.50}`, "timeout": "30", "description": "null",
		}, nil},
		"JSON with all of its escapes": {map[string]string{
			"layers": `["` + strings.ReplaceAll(layer, ":", `\u003a`) + `"]`, "variables": `{"AB": "a\/b \ud83d\ude00"}`, "timeout": "30",
		}, nil},
		"no list": {map[string]string{"layers": layer}, []string{
			"function.yaml:6:9: layers must be a list, not a string (write [\"" + layer + "\"])",
		}},
		"no YAML": {map[string]string{"layers": "[a"}, []string{
			"function.yaml:6:9: layers: the expression's value is neither a list nor a map (the value must be JSON or YAML)",
		}},
		"nothing": {map[string]string{"layers": ""}, []string{
			"function.yaml:6:9: layers: the expression's value is neither a list nor a map (the value must be JSON or YAML)",
		}},
		"without end": {map[string]string{"layers": bomb}, []string{
			"function.yaml:6:9: layers: the expression's value expands to more than 20000 values",
		}},
		"a problem inside stands at the expression": {map[string]string{"variables": "\n\n\n- AB"}, []string{
			"function.yaml:7:26: environment.variables must be a mapping, not a list",
		}},
		"a bad key inside": {map[string]string{"variables": "{\n\n\nA-B: c}"}, []string{
			"function.yaml:7:26: environment.variables: the key \"A-B\" must be a letter, then one or more letters, digits or underscores",
		}},
		"a value cannot add a field": {map[string]string{"description": "x\nrole: y"}, nil},
	}
	defaults := map[string]string{"layers": "[]", "variables": "{}", "timeout": "3", "description": ""}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := map[string]string{}
			for key, value := range defaults {
				values[key] = value
				if v, is := tc.values[key]; is {
					values[key] = v
				}
			}
			doc, problems := parse("function.yaml", []byte(src), values)
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			f, problems := Decode(doc)
			var got []string
			for _, f := range problems {
				got = append(got, f.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if tc.want == nil && deref(f.Description) != values["description"] {
				t.Errorf("description %q", *f.Description)
			}
			if name == "list, map, number, text" {
				want := map[string]string{"AB": "b", "CD": "1.50"}
				if diff := cmp.Diff(want, f.Environment.Variables); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff([]string{layer}, f.Layers); diff != "" || *f.Timeout != 30 {
					t.Error(diff, *f.Timeout)
				}
			}
		})
	}
}

// The table drives everything through the names of the Go fields.
func TestTheTableAndTheStructsNameTheSameFields(t *testing.T) {
	t.Parallel()
	// What a definition does not say, but a resolved artifact or AWS does.
	found := map[reflect.Type][]string{
		reflect.TypeFor[Alias](): {"Version", "Weights"},
		reflect.TypeFor[Code]():  {"ZipPath", "S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri", "Sha256", "Size"},
	}
	var check func(at string, fields []field, of reflect.Type)
	check = func(at string, fields []field, of reflect.Type) {
		var rows, structs []string
		types := map[kind]string{text: "*string", integer: "*int32", number: "*float64", boolean: "*bool", list: "[]string", stringMap: "map[string]string"}
		for i := range fields {
			f := &fields[i]
			if f.ignored {
				continue
			}
			rows = append(rows, f.name)
			member, is := of.FieldByName(f.name)
			if !is {
				t.Errorf("%s%s is no field of %s", at, f.name, of)
				continue
			}
			if want := types[f.kind]; want != "" && member.Type.String() != want && !(f.kind == text && member.Type.String() == "string") {
				t.Errorf("%s%s is %s, want %s", at, f.name, member.Type, want)
			}
			if f.doc == "" {
				t.Errorf("%s%s has no description", at, f.name)
			}
			if f.kind == object || f.kind == objects {
				check(at+f.name+".", f.members, member.Type.Elem())
			}
		}
		for i := range of.NumField() {
			if name := of.Field(i).Name; !slices.Contains(found[of], name) {
				structs = append(structs, name)
			}
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(structs)), slices.Sorted(slices.Values(rows))); diff != "" {
			t.Errorf("%s: struct (-) and table (+):\n%s", at, diff)
		}
	}
	check("", functionFields, reflect.TypeFor[Function]())
	check("", aliasFields, reflect.TypeFor[Alias]())
}

func TestFunctionNamesAreTakenApart(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Name{
		"hello":                       {Name: "hello"},
		"function:hello":              {Name: "hello"},
		"123456789012:function:hello": {Account: "123456789012", Name: "hello"},
		"123456789012:hello":          {Account: "123456789012", Name: "hello"},
		"us-gov-west-1:123456789012:function:hello":                      {Region: "us-gov-west-1", Account: "123456789012", Name: "hello"},
		"arn:aws:lambda:us-east-2:123456789012:function:test-lambda_10":  {"aws", "us-east-2", "123456789012", "test-lambda_10"},
		"arn:aws-cn:lambda:cn-north-1:123456789012:function:hello":       {"aws-cn", "cn-north-1", "123456789012", "hello"},
		"arn:aws-eusc:lambda:eusc-de-east-1:123456789012:function:hello": {"aws-eusc", "eusc-de-east-1", "123456789012", "hello"},
		"arn:aws-iso-b:lambda:us-isob-east-1:123456789012:function:a":    {"aws-iso-b", "us-isob-east-1", "123456789012", "a"},
	} {
		got, err := ParseFunctionName(s)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", s, got, err)
			continue
		}
		if again, err := ParseFunctionName(got.String()); err != nil || again != want {
			t.Errorf("%s prints as %s, which is %+v, %v", s, got, again, err)
		}
	}
	for _, s := range []string{
		"", "a b", "hello:1", "hello:$LATEST", "123456789012:function:hello:live", "12345:function:hello", "arn:aws:lambda:us-east-1:123456789012:function:",
		"arn:aws:lambda:us-east-1:123456789012:function:hello:live", "arn:aws:lambda:us-east-1:123456789012:layer:hello", "arn:aws:lambda::123456789012:function:hello", "hello.world", strings.Repeat("a", 65),
	} {
		if got, err := ParseFunctionName(s); err == nil {
			t.Errorf("%q is taken for %+v", s, got)
		}
	}
}

func TestCheckPackageHoldsTheDefinitionToItsArtifact(t *testing.T) {
	t.Parallel()
	layers := `layers: ["arn:aws:lambda:us-east-1:123456789012:layer:tools:1"]` + "\n"
	nothing := "functionName: hello\nrole: arn:aws:iam::123456789012:role/hello\n"
	tests := map[string]struct {
		src, kind string
		want      []string
	}{
		"zip":                       {minimal, "Zip", nil},
		"zip that says so":          {minimal + "packageType: Zip\nimageConfig: {}\n", "Zip", nil},
		"zip with an image's field": {minimal + "imageConfig: {command: [app]}\n", "Zip", []string{"function.yaml:6:1: imageConfig belongs to a container image, but the artifact is a zip (remove it)"}},
		"zip for an image":          {minimal + "packageType: Image\n", "Zip", []string{"function.yaml:6:1: packageType is Image, but the artifact is a zip (remove packageType: it follows from the artifact)"}},
		"image":                     {nothing, "Image", nil},
		"image for a zip":           {nothing + "PackageType: Zip\n", "Image", []string{"function.yaml:3:1: packageType is Zip, but the artifact is a container image (remove packageType: it follows from the artifact)"}},
		"image with a zip's fields": {minimal + layers, "Image", []string{
			"function.yaml:4:1: warning: runtime is left out beside a container image (remove it: the image brings its own)",
			"function.yaml:5:1: warning: handler is left out beside a container image (remove it: the image brings its own)",
			"function.yaml:6:1: warning: layers is left out beside a container image (remove it: the image brings its own)",
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, _ := parse("function.yaml", []byte(tc.src), nil)
			f, problems := Decode(doc)
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			out, problems := CheckPackage(*f, tc.kind, doc)
			var got []string
			for _, f := range problems {
				got = append(got, f.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if tc.kind == "Image" && (out.Runtime != nil || out.Handler != nil || out.Layers != nil) {
				t.Errorf("%+v", out)
			}
			if _, without := CheckPackage(*f, tc.kind, nil); len(without) != len(problems) {
				t.Errorf("without a document: %v", without)
			}
		})
	}
}

func TestAKeyThatIsAComment(t *testing.T) {
	t.Parallel()
	f, problems := decodeText(`{"FunctionName": "f", "_comment": "x", "_LoggingConfig": {"LogFormat": 7}, "//": "y", "TracingConfig": {"Mode": "Active", "#why": 1}}`)
	if problems.Err() != nil || len(problems) != 4 || *f.TracingConfig.Mode != "Active" {
		t.Errorf("%v", problems)
	}
	if _, problems = decodeText(`{"FunctionName": "f", "comment": "x"}`); problems.Err() == nil {
		t.Error("a key that is no comment is left out")
	}
}

func TestAListThatCannotBeReadIsNotMissing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"SubnetIds": ["subnet-1"]}`:                             "name securityGroupIds too",
		`{"SecurityGroupIds": ["sg-1"]}`:                          "name subnetIds too",
		`{"SubnetIds": ["subnet-1"], "SecurityGroupIds": null}`:   "name securityGroupIds too",
		`{"SubnetIds": ["subnet-1"], "SecurityGroupIds": [{}]}`:   "",
		`{"SubnetIds": ["subnet-1"], "SecurityGroupIds": "sg-1"}`: "",
		`{"SubnetIds": [7, {}], "SecurityGroupIds": ["sg-1"]}`:    "",
	} {
		_, problems := decodeText(`{"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "VpcConfig": ` + text + `}`)
		var hints []string
		for _, p := range problems {
			if strings.HasPrefix(p.Hint, "name s") {
				hints = append(hints, p.Hint)
			}
		}
		if got := strings.Join(hints, "; "); got != want {
			t.Errorf("%s: %q, want %q\n%v", text, got, want, problems)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, dir := range []string{"ok", "err"} {
		entries, err := os.ReadDir("testdata/" + dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			src, err := os.ReadFile(fmt.Sprintf("testdata/%s/%s", dir, e.Name()))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, _ := parse("f", src, nil)
		if doc == nil {
			return
		}
		function, problems := Decode(doc)
		if function == nil && problems.Err() == nil {
			t.Fatal("no function and no problem")
		}
		alias, _ := DecodeAlias(doc)
		if function == nil || alias == nil || problems.Err() != nil {
			return
		}
		text := Render(*function, false)
		if bytes.Contains(text, []byte("<+")) {
			return
		}
		again, problems := decodeText(string(text))
		if err := problems.Err(); err != nil {
			t.Fatalf("what is rendered is not read again: %v", err)
		}
		if diff := cmp.Diff(function, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
