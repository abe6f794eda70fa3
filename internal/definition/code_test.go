package definition

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
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

func (z zipped) Names() []string {
	var names []string
	for name, e := range z {
		if !e.mode.IsDir() {
			names = append(names, name)
		}
	}
	return names
}

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

// link is a symlink.
func link(target string) entry { return entry{mode: fs.ModeSymlink | 0o777, content: target} }

const (
	amd64 = 62
	arm64 = 183
	s390  = 22
)

func TestCheckCodeFindsWhatLambdaWouldOnlyFindWhenCalled(t *testing.T) {
	t.Parallel()
	file, private := entry{mode: 0o644, content: "x"}, entry{mode: 0o600, content: "x"}
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
		{"nodejs from an index file", "runtime: nodejs22.x\nhandler: lib.handler", zipped{"lib/index.js": file}},
		{"nodejs from a file without an ending", "runtime: nodejs22.x\nhandler: app.handler", zipped{"app": file}},
		{"nodejs by package.json", "runtime: nodejs22.x\nhandler: lib.handler", zipped{"lib/package.json": {mode: 0o644, content: `{"main": "dist/app"}`}, "lib/dist/app.js": file}},
		{"nodejs by package.json with a folder", "runtime: nodejs22.x\nhandler: lib.handler", zipped{"lib/package.json": {mode: 0o644, content: `{"main": "./dist"}`}, "lib/dist/index.js": file}},
		{"nodejs by package.json whose main is not there", "runtime: nodejs22.x\nhandler: lib.handler", zipped{"lib/package.json": {mode: 0o644, content: `{"main": "dist/app.js"}`}, "lib/x.js": file}},
		{"nodejs from node_modules", "runtime: nodejs22.x\nhandler: wrap.handler", zipped{"node_modules/wrap/index.js": file}},
		{"nodejs from a package with exports", "runtime: nodejs22.x\nhandler: wrap.handler", zipped{"node_modules/wrap/package.json": {mode: 0o644, content: `{"exports": "./x.mjs"}`}}},
		{"nodejs from a folder's node_modules", "runtime: nodejs22.x\nhandler: lib/wrap.handler", zipped{"lib/node_modules/wrap.js": file}},
		{"nodejs from the root by NODE_PATH", "runtime: nodejs22.x\nhandler: lib/handler.run", zipped{"handler.js": file, "lib/x.js": file}},
		{"nodejs from a folder without an index", "runtime: nodejs22.x\nhandler: lib.handler", zipped{"lib/util.js": file}},
		{"nodejs from a folder with only an index.mjs", "runtime: nodejs22.x\nhandler: lib.handler", zipped{"lib/index.mjs": file}},
		{"nodejs with a folder before a module", "runtime: nodejs22.x\nhandler: lib.handler", zipped{"lib/util.js": file, "lib.mjs": file}},
		{"nodejs with a folder beside a file", "runtime: nodejs22.x\nhandler: lib.handler", zipped{"lib/util.js": file, "lib.js": file}},
		{"nodejs of the root itself", "runtime: nodejs22.x\nhandler: .handler", zipped{"index.js": file}},
		{"nodejs by an absolute path", "runtime: nodejs22.x\nhandler: /var/task/src/app.handler", zipped{"src/app.js": file}},
		{"nodejs with a nested function", "runtime: nodejs22.x\nhandler: ./src/app.api.get", zipped{"src/app.mjs": file}},
		{"nodejs out of the root", "runtime: nodejs22.x\nhandler: ../app.handler", zipped{"app.js": file}},
		{"nodejs without a function", "runtime: nodejs22.x\nhandler: app.", zipped{"app.js": file}},
		{"typescript for node 24", "runtime: nodejs24.x\nhandler: app.handler", zipped{"app.ts": file}},
		{"typescript for node 22", "runtime: nodejs22.x\nhandler: app.handler", zipped{"app.ts": file}},
		{"nodejs by a search path of the environment", "runtime: nodejs22.x\nhandler: app.handler\nenvironment: {variables: {NODE_PATH: /var/task/src}}", zipped{"src/app.js": file}},
		{"python package that is compiled", "runtime: python3.14\nhandler: app.handler", zipped{"app/__init__.abi3.so": file}},
		{"python bytecode in the cache alone", "runtime: python3.14\nhandler: app.handler", zipped{"__pycache__/app.cpython-314.pyc": file}},
		{"python with a relative path", "runtime: python3.14\nhandler: ./app.handler", zipped{"app.py": file}},
		{"python's own module", "runtime: python3.14\nhandler: time.handler", zipped{"time.py": file}},
		{"ruby from a gem", "runtime: ruby3.4\nhandler: wrapper.Wrapper.call", zipped{"vendor/bundle/ruby/3.4.0/gems/wrapper-1.0/lib/wrapper.rb": file}},
		{"ruby with too many parts", "runtime: ruby3.4\nhandler: app.A.B.call", zipped{"app.rb": file}},
		{"java jar where Lambda does not look", "runtime: java25\nhandler: example.Hello::handle", zipped{"hello.jar": file}},
		{"dotnet with a main method", "runtime: dotnet10\nhandler: Hello", zipped{"Hello.dll": file}},
		{"dotnet native", "runtime: dotnet10\nhandler: Hello", zipped{"Hello": {mode: 0o755, content: program(amd64)}}},
		{"dotnet with a handler that names the dll", "runtime: dotnet10\nhandler: Hello.dll", zipped{"Hello.dll": file}},
		{"handler that Lambda's user cannot read", "runtime: python3.14\nhandler: app.handler", zipped{"app.py": private, "a.py": private, "b.py": private}},
		{"handler in a folder that Lambda's user cannot enter", "runtime: nodejs24.x\nhandler: src/app.handler", zipped{"src": {mode: fs.ModeDir | 0o700}, "src/app.js": file, "src/util.js": file}},
		{"handler in a folder of mode 0000", "runtime: nodejs24.x\nhandler: src/app.handler", zipped{"src": {mode: fs.ModeDir}, "src/app.js": file}},
		{"other files that Lambda's user cannot read", "runtime: python3.14\nhandler: app.handler", zipped{"app.py": file, "a.py": private}},
		{"bootstrap that Lambda's user cannot run", "", zipped{"bootstrap": {mode: 0o700, content: program(amd64)}}},
		{"bootstrap that Lambda's user may run and not read", "", zipped{"bootstrap": {mode: 0o711, content: program(amd64)}}},
		{"bootstrap script that Lambda's user cannot read", "", zipped{"bootstrap": {mode: 0o711, content: "#!/bin/sh\n"}}},
		{"bootstrap of a zip that Windows made", "", zipped{"bootstrap": {mode: 0o666, content: program(amd64)}}},
		{"handler by an absolute symlink", "runtime: python3.14\nhandler: app.handler", zipped{"app.py": link("/home/me/app.py")}},
		{"handler by a dangling symlink", "runtime: python3.14\nhandler: app.handler", zipped{"app.py": link("src/app.py")}},
		{"handler by a symlink out of the zip", "runtime: nodejs24.x\nhandler: index.handler", zipped{"index.js": link("../index.js")}},
		{"handler by a symlink in a circle", "runtime: nodejs24.x\nhandler: index.handler", zipped{"index.js": link("b.js"), "b.js": link("index.js")}},
		{"handler by a symlink that leads to it", "runtime: nodejs24.x\nhandler: a/index.handler", zipped{"a": link("b/c"), "b/c/index.js": link("../../x.js"), "x.js": file}},
		{"handler by a symlink below /var/task", "runtime: nodejs24.x\nhandler: index.handler", zipped{"index.js": link("/var/task/x.js"), "x.js": file}},
		{"handler by a symlink into a layer", "runtime: nodejs24.x\nhandler: index.handler", zipped{"index.js": link("/opt/index.js")}},
		{"bootstrap by an absolute symlink", "", zipped{"bootstrap": link("/usr/local/bin/hello")}},
		{"bootstrap by a symlink that leads to it", "", zipped{"bootstrap": link("bin/hello"), "bin/hello": {mode: 0o755, content: program(amd64)}}},
		{"other symlinks", "runtime: nodejs24.x\nhandler: index.handler", zipped{"index.js": file, "a": link("/etc/app.conf"), "b": link("gone"), "c": link("../x"), "d": link("/tmp/cache"), "e": link("index.js")}},
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
		f, problems := Decode(doc)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "== %s\n", tc.name)
		if err := CheckCode(*f, tc.code, doc).Print(&out); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "testdata/code.out", out.Bytes())
}
