package definition

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
)

// entry is a file of a zip: its content, or only a size.
type entry struct {
	mode    fs.FileMode
	content string
	size    int64
}

type zipped map[string]entry

func (z zipped) Names() []string { return slices.Collect(maps.Keys(z)) }

func (z zipped) Stat(name string) (fs.FileMode, int64, bool) {
	e, ok := z[name]
	return e.mode, max(e.size, int64(len(e.content))), ok
}

func (z zipped) Open(name string) (io.ReadCloser, error) {
	if z[name].content == "unreadable" {
		return nil, fs.ErrPermission
	}
	return io.NopCloser(strings.NewReader(z[name].content)), nil
}

// program is the head of an ELF file.
func program(machine uint16) string {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(head[18:], machine)
	return string(head)
}

const (
	amd64 = 62
	arm64 = 183
	s390  = 22
)

func TestCheckCodeFindsWhatLambdaWouldOnlyFindWhenCalled(t *testing.T) {
	t.Parallel()
	file := entry{mode: 0o644, content: "x"}
	tests := []struct {
		name       string
		definition string
		code       zipped
	}{
		{"nodejs", "runtime: nodejs24.x\nhandler: index.handler", zipped{"index.mjs": file}},
		{"nodejs in a folder", "runtime: nodejs24.x\nhandler: src/app.v2.handler", zipped{"src/app.cjs": file}},
		{"nodejs without the file", "runtime: nodejs24.x\nhandler: app.handler", zipped{"index.js": file}},
		{"nodejs one folder too deep", "runtime: nodejs24.x\nhandler: index.handler", zipped{"hello/index.js": file, "hello/node_modules/a/index.js": file}},
		{"nodejs without a dot", "runtime: nodejs24.x\nhandler: index", zipped{"index.js": file}},
		{"a handler of a layer", "runtime: nodejs24.x\nhandler: /opt/nodejs/node_modules/wrapper/index.handler", zipped{"index.js": file}},
		{"a handler that a layer may bring", "runtime: python3.14\nhandler: wrapper.handler\nlayers: [\"arn:aws:lambda:us-east-1:123456789012:layer:a:1\"]", zipped{"app.py": file}},
		{"python", "runtime: python3.14\nhandler: app.handler", zipped{"app.py": file}},
		{"python module in a package", "runtime: python3.14\nhandler: src.app.main.handler", zipped{"src/app/main.py": file}},
		{"python package", "runtime: python3.14\nhandler: src/app.handler", zipped{"src/app/__init__.py": file}},
		{"python compiled", "runtime: python3.14\nhandler: app.handler", zipped{"app.cpython-314-x86_64-linux-gnu.so": file}},
		{"python without the file", "runtime: python3.14\nhandler: src.app.handler", zipped{"src/main.py": file}},
		{"python without a dot", "runtime: python3.14\nhandler: handler", zipped{"handler.py": file}},
		{"ruby", "runtime: ruby3.4\nhandler: app.Hello::World.call", zipped{"app.rb": file}},
		{"ruby without the file", "runtime: ruby3.4\nhandler: app.call", zipped{"main.rb": file}},
		{"java class", "runtime: java25\nhandler: example.Hello::handle", zipped{"example/Hello.class": file}},
		{"java jar", "runtime: java25\nhandler: example.Hello::handle", zipped{"lib/hello.jar": file}},
		{"java without the class", "runtime: java25\nhandler: example.Hello::handle", zipped{"example/World.class": file}},
		{"dotnet", "runtime: dotnet10\nhandler: Hello::Hello.Function::Handle", zipped{"Hello.dll": file}},
		{"dotnet without the assembly", "runtime: dotnet10\nhandler: Hello::Hello.Function::Handle", zipped{"World.dll": file}},
		{"a runtime that is not known", "runtime: cobol1\nhandler: hello", zipped{"x": file}},
		{"bootstrap", "architectures: [x86_64]", zipped{"bootstrap": {mode: 0o755, content: program(amd64)}}},
		{"bootstrap script", "", zipped{"bootstrap": {mode: 0o755, content: "#!/bin/sh\necho\n"}}},
		{"bootstrap by symlink", "", zipped{"bootstrap": {mode: 0o777 | fs.ModeSymlink, content: "bin/hello"}}},
		{"bootstrap missing", "", zipped{"hello": {mode: 0o755, content: program(amd64)}}},
		{"bootstrap in a folder", "", zipped{"bin/bootstrap": {mode: 0o755, content: program(amd64)}}},
		{"bootstrap from a layer", "layers: [\"arn:aws:lambda:us-east-1:123456789012:layer:a:1\"]", zipped{"hello.sh": file}},
		{"bootstrap without execute bit", "", zipped{"bootstrap": {mode: 0o644, content: program(amd64)}}},
		{"bootstrap of the wrong architecture", "architectures: [x86_64]", zipped{"bootstrap": {mode: 0o755, content: program(arm64)}}},
		{"bootstrap for arm64 by accident", "", zipped{"bootstrap": {mode: 0o755, content: program(arm64)}}},
		{"bootstrap for another machine", "", zipped{"bootstrap": {mode: 0o755, content: program(s390)}}},
		{"bootstrap with Windows line ends", "", zipped{"bootstrap": {mode: 0o755, content: "#!/bin/sh\r\necho\r\n"}}},
		{"bootstrap for Windows", "", zipped{"bootstrap": {mode: 0o755, content: "MZ\x90"}}},
		{"bootstrap for macOS", "", zipped{"bootstrap": {mode: 0o755, content: "\xcf\xfa\xed\xfe"}}},
		{"bootstrap of text", "", zipped{"bootstrap": {mode: 0o755, content: "echo hello"}}},
		{"bootstrap cut off", "", zipped{"bootstrap": {mode: 0o755, content: "\x7fELF\x02\x01"}}},
		{"bootstrap that cannot be read", "", zipped{"bootstrap": {mode: 0o755, content: "unreadable"}}},
		{"go1.x", "runtime: go1.x\nhandler: main", zipped{"main": {mode: 0o755, content: program(amd64)}}},
		{"an absolute path", "", zipped{"/bootstrap": file, "bootstrap": {mode: 0o755, content: program(amd64)}}},
		{"a path outside", "", zipped{"a/../../b": file, "..c": file, "bootstrap": {mode: 0o755, content: program(amd64)}}},
		{"a path of Windows", "", zipped{`a\b`: file, "bootstrap": {mode: 0o755, content: program(amd64)}}},
		{"too large", "", zipped{"model": {mode: 0o644, size: 262_144_000}, "bootstrap": {mode: 0o755, content: program(amd64)}}},
	}
	var out bytes.Buffer
	for _, tc := range tests {
		src := minimal + tc.definition + "\n"
		if strings.Contains(tc.definition, "handler:") {
			src = "functionName: hello\nrole: arn:aws:iam::123456789012:role/hello\n" + tc.definition + "\n"
		}
		doc, _ := parse("function.yaml", []byte(src), nil)
		f, faults := Decode(doc)
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "== %s\n", tc.name)
		if err := CheckCode(*f, tc.code, doc).Print(&out); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "testdata/code.out", out.Bytes())
}
