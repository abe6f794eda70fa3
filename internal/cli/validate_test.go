package cli

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it): %s", path, diff)
	}
}

// entry is a file of a zip.
type entry struct {
	name, content string
	mode          fs.FileMode
}

func zipOf(t *testing.T, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode | 0o644)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(e.content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// program is the head of a program for a machine.
func program(machine elf.Machine) string {
	head := make([]byte, 64)
	copy(head, elf.ELFMAG)
	head[elf.EI_CLASS], head[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	binary.LittleEndian.PutUint16(head[18:], uint16(machine))
	return string(head)
}

// Each check of validate has its message in a golden file, and none of them
// makes a call.
func TestValidateSaysWhatIsWrongOffline(t *testing.T) {
	t.Parallel()
	const role = "role: arn:aws:iam::123456789012:role/hello\n"
	function := func(runtime, handler, more string) string {
		return "functionName: hello\nruntime: " + runtime + "\nhandler: " + handler + "\n" + role + more
	}
	js := entry{name: "index.js", content: "1"}
	for name, tc := range map[string]struct {
		function string
		zip      []entry
	}{
		"valid":                      {function("nodejs22.x", "index.handler", ""), []entry{js}},
		"nodejs handler not in zip":  {function("nodejs22.x", "app.handler", ""), []entry{js}},
		"nodejs handler in a folder": {function("nodejs22.x", "index.handler", ""), []entry{{name: "dist/index.mjs"}}},
		"python handler not in zip":  {function("python3.13", "app.main.handler", ""), []entry{{name: "app/other.py"}}},
		"bootstrap not there":        {function("provided.al2023", "bootstrap", ""), []entry{js}},
		"bootstrap not executable":   {function("provided.al2023", "bootstrap", ""), []entry{{name: "bootstrap", content: "#!/bin/sh\n"}}},
		"bootstrap of another machine": {function("provided.al2023", "bootstrap", "architectures: [x86_64]\n"),
			[]entry{{name: "bootstrap", content: program(elf.EM_AARCH64), mode: 0o755}}},
		"bootstrap with Windows line ends": {function("provided.al2023", "bootstrap", ""), []entry{{name: "bootstrap", content: "#!/bin/sh\r\n", mode: 0o755}}},
		"paths that leave the zip":         {function("nodejs22.x", "index.handler", ""), []entry{js, {name: "/etc/passwd"}, {name: "../up.js"}}},
		"environment too large":            {function("nodejs22.x", "index.handler", "environment: {variables: {LARGE: \""+strings.Repeat("x", 4096)+"\"}}\n"), []entry{js}},
		"reserved keys":                    {function("nodejs22.x", "index.handler", "environment: {variables: {AWS_REGION: eu-west-1, LAMBDA_TASK_ROOT: /x}}\n"), []entry{js}},
		"deprecated runtime":               {function("nodejs14.x", "index.handler", ""), []entry{js}},
		"refused runtime":                  {function("nodejs12.x", "index.handler", ""), []entry{js}},
		"unknown runtime":                  {function("nodejs99.x", "index.handler", ""), []entry{js}},
		"fields that no update carries":    {function("nodejs22.x", "index.handler", "tenancyConfig: {tenantIsolationMode: PER_TENANT}\ndurableConfig: {executionTimeout: 60}\n"), []entry{js}},
		"several files":                    {function("nodejs22.x", "app.handler", "timeout: 5\n"), []entry{js}},
		"several at once":                  {function("python3.13", "app.handler", "memorysize: 128\ntimeout: 901\n"), []entry{js}},
		"artifact not there":               {function("nodejs22.x", "index.handler", ""), nil},
		"artifact no zip":                  {function("nodejs22.x", "index.handler", ""), []entry{{mode: fs.ModeIrregular}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awslocal.Options{})
			b.write("function.yaml", tc.function)
			switch {
			case len(tc.zip) == 0:
			case tc.zip[0].mode == fs.ModeIrregular:
				b.write("code.zip", "not a zip")
			default:
				b.write("code.zip", zipOf(t, tc.zip...))
			}
			files := "function.yaml"
			if name == "several files" {
				// The code of a good definition is looked at beside a bad one.
				b.write("other.yaml", "functionName: other\ntimeout: 901\n")
				files = "function.yaml,other.yaml"
			}
			code, out, errs := b.run("validate", "--function-definition", files, "--artifact", "code.zip")
			if calls := b.aws.Calls(); len(calls) > 0 {
				t.Errorf("validate made %d calls", len(calls))
			}
			golden(t, "validate/"+strings.ReplaceAll(name, " ", "-")+".txt", strings.ReplaceAll(out+errs, b.dir, "WORKSPACE")+"exit "+string(rune('0'+code))+"\n")
		})
	}
}

// What is of another Region than the run's is refused offline, as plan refuses it;
// nothing is said where the Region is not known.
func TestValidateComparesRegions(t *testing.T) {
	t.Parallel()
	const of = "arn:aws:lambda:us-east-1:123456789012:"
	for name, tc := range map[string]struct {
		function, layer, image string
		args                   []string
		environment            string
		says                   string
	}{
		"an image, by environment":     {image: "us-east-1", environment: "eu-central-1", says: "image 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:1 is in us-east-1, the function in eu-central-1"},
		"an image, by input":           {image: "us-east-1", args: []string{"--aws-region", "eu-west-1"}, environment: "us-east-1", says: "the function in eu-west-1"},
		"an image, by ARN":             {image: "eu-west-1", function: of + "function:shop", environment: "eu-west-1", says: "the function in us-east-1"},
		"an image of the Region":       {image: "us-east-1", environment: "us-east-1"},
		"an image, nothing is known":   {image: "us-east-1"},
		"a layer, by environment":      {layer: of + "layer:tools:1", environment: "eu-central-1", says: "layers[0] is in us-east-1, but the function is in eu-central-1"},
		"a layer, by ARN":              {layer: of + "layer:tools:1", function: "arn:aws:lambda:eu-west-1:123456789012:function:shop", says: "the function is in eu-west-1"},
		"a layer of the Region":        {layer: of + "layer:tools:1", environment: "us-east-1"},
		"a function of another Region": {function: of + "function:shop", args: []string{"--aws-region", "eu-west-1"}, says: "it is in Region us-east-1, but eu-west-1 is requested"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, awslocal.Options{})
			if tc.function == "" {
				tc.function = "shop"
			}
			text := "functionName: " + tc.function + "\nrole: arn:aws:iam::123456789012:role/shop\n"
			artifact := "code"
			if tc.image == "" {
				text += "runtime: nodejs22.x\nhandler: index.handler\n"
				b.write("code/index.js", "1")
			} else {
				artifact = "123456789012.dkr.ecr." + tc.image + ".amazonaws.com/shop:1"
			}
			if tc.layer != "" {
				text += "layers: [" + tc.layer + "]\n"
			}
			b.write("function.yaml", text)
			b.env = slices.DeleteFunc(b.env, func(kv string) bool { return strings.HasPrefix(kv, "AWS_REGION=") })
			b.env = append(b.env, "AWS_REGION="+tc.environment)
			code, out, errs := b.run(append([]string{"validate", "--function-definition", "function.yaml", "--artifact", artifact}, tc.args...)...)
			if refused := code == exitInput; refused != (tc.says != "") || !strings.Contains(errs, tc.says) {
				t.Errorf("exit code %d, want it to say %q\n%s%s", code, tc.says, out, errs)
			}
			if code, out, errs := b.run(append([]string{"plan", "--function-definition", "function.yaml", "--artifact", artifact}, tc.args...)...); tc.says != "" && (code != exitInput || !strings.Contains(errs, tc.says)) {
				t.Errorf("plan: exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

// A deployment makes the same checks, before any call that changes something.
func TestDeployRefusesCodeThatCannotRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, awslocal.Options{})
	inputs := b.minimal()
	b.write("function.yaml", strings.Replace(minimal, "index.handler", "app.handler", 1))
	code, out, errs := b.run(append([]string{"deploy"}, inputs...)...)
	if code != 3 || !strings.Contains(errs, `handler "app.handler" needs app.js`) || len(b.changing()) > 0 {
		t.Errorf("exit %d, changes %v\n%s", code, b.changing(), out+errs)
	}
}
