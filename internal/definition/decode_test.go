package definition

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lambda-rollout/lambda-rollout/internal/fault"
)

// decode reads a definition that must have no fault but warnings.
func decode(t *testing.T, src string) Function {
	t.Helper()
	f, faults := decodeText(src)
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return *f
}

func decodeText(src string) (*Function, fault.List) {
	doc, faults := Parse("function.yaml", []byte(src))
	if doc == nil {
		return nil, faults
	}
	return Decode(doc)
}

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
