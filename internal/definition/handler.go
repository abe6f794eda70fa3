package definition

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const layerHint = "one of the layers must bring it"

// handler checks what can be known without running the code; of a runtime that
// is not known it checks nothing.
func (c *codeChecker) handler(runtime, handler string) {
	if rest, ok := strings.CutPrefix(handler, taskRoot); ok {
		handler = rest
	}
	switch {
	case strings.HasPrefix(handler, "/"):
		// The handler of a layer, most often.
	case strings.HasPrefix(runtime, "nodejs"):
		c.nodejs(runtime, handler)
	case strings.HasPrefix(runtime, "python"):
		c.python(handler)
	case strings.HasPrefix(runtime, "ruby"):
		c.ruby(handler)
	case strings.HasPrefix(runtime, "java"):
		c.java(handler)
	case strings.HasPrefix(runtime, "dotnet"):
		c.dotnet(handler)
	case strings.HasPrefix(runtime, "provided"):
		c.executable("bootstrap")
	case runtime == "go1.x":
		c.executable(handler)
	}
}

func (c *codeChecker) malformed(handler, form string) {
	c.problem("Handler", "", "handler %q must be %s", handler, form)
}

// python follows the runtime's loader
// (https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py):
// all before the last dot is a module, whose parts are separated by dots or
// slashes.
func (c *codeChecker) python(handler string) {
	i := strings.LastIndexByte(handler, '.')
	if i <= 0 || handler[0] == '.' || i == len(handler)-1 {
		c.malformed(handler, "module.function")
		return
	}
	module := strings.ReplaceAll(handler[:i], ".", "/")
	if first, _, _ := strings.Cut(module, "/"); slices.Contains(pythonBuiltins, first) {
		c.warn("Handler", "name the file otherwise", "handler %q: %s is one of Python's own modules, which the runtime refuses", handler, first)
	}
	for _, name := range c.names {
		rest, ok := strings.CutPrefix(name, module)
		if rest = strings.TrimPrefix(rest, "/__init__"); ok && strings.HasPrefix(rest, ".") && !strings.Contains(rest, "/") &&
			(strings.HasSuffix(rest, ".so") || rest == ".pyc") {
			c.opened("Handler", name)
			return
		}
	}
	c.need(handler, module+".py", module+"/__init__.py")
}

// pythonBuiltins are modules that every build of Python holds in itself.
var pythonBuiltins = []string{"atexit", "builtins", "errno", "gc", "itertools", "marshal", "posix", "pwd", "signal", "sys", "time"}

// ruby follows the runtime's loader: file.method or file.class.method, where the
// file is required by its name, so that a gem in vendor/bundle will do
// (https://docs.aws.amazon.com/lambda/latest/dg/ruby-handler.html).
func (c *codeChecker) ruby(handler string) {
	parts := strings.Split(strings.TrimPrefix(handler, "./"), ".")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		c.malformed(handler, "file.method or file.class.method")
		return
	}
	for _, name := range c.names {
		if strings.HasPrefix(name, "vendor/bundle/ruby/") && strings.HasSuffix(name, "/lib/"+parts[0]+".rb") {
			return
		}
	}
	c.need(handler, parts[0]+".rb", parts[0]+".so")
}

// java looks for the class: Lambda searches the root of the zip and the jars in
// lib, into which it is not looked
// (https://docs.aws.amazon.com/lambda/latest/dg/java-package.html).
func (c *codeChecker) java(handler string) {
	class, _, _ := strings.Cut(handler, "::")
	file := strings.ReplaceAll(class, ".", "/") + ".class"
	other := ""
	for _, name := range c.names {
		switch {
		case !strings.HasSuffix(name, ".jar"):
		case path.Dir(name) == "lib":
			return
		default:
			other = name
		}
	}
	if other != "" && c.look(file).presence == missing {
		c.warn("Handler", "move the jar into lib", "handler %q needs %s, which is not in the zip; Lambda searches jars in lib, not %s", handler, file, other)
		return
	}
	c.need(handler, file)
}

// dotnet follows the runtime's start script: with colons the assembly is
// before the first, without them the handler is an assembly with a main method,
// or a native program.
func (c *codeChecker) dotnet(handler string) {
	assembly, _, library := strings.Cut(handler, ":")
	dll := strings.TrimSuffix(assembly, ".dll") + ".dll"
	if library {
		c.need(handler, dll)
		return
	}
	c.need(handler, dll, assembly)
}

// need reports the handler unless one of the files is there; the first one found
// is the one that Lambda opens.
func (c *codeChecker) need(handler string, files ...string) {
	var link found
	for _, name := range files {
		switch at := c.look(name); at.presence {
		case file:
			c.started[name] = true
			c.opened("Handler", at.name)
			return
		case broken, elsewhere:
			if link.name == "" {
				link = at
			}
		}
	}
	if link.name != "" {
		c.started[link.name] = true
		c.brokenLink("Handler", link)
		return
	}
	message := fmt.Sprintf("handler %q needs %s, which is not in the zip", handler, files[0])
	if len(files) > 1 {
		message = fmt.Sprintf("handler %q needs %s (or %s), which is not in the zip", handler, files[0], strings.Join(files[1:], ", "))
	}
	c.absent(message, c.below(files, ", or name it in the handler"))
}

// absent reports a handler's file that is not in the zip: a warning where
// something else may bring it.
func (c *codeChecker) absent(message, hint string) {
	if bringer := c.bringer(); bringer != "" {
		c.warn("Handler", bringer, "%s", message)
		return
	}
	c.problem("Handler", hint, "%s", message)
}

// bringer says what could bring a file that the zip does not hold.
func (c *codeChecker) bringer() string {
	if len(c.function.Layers) > 0 {
		return layerHint
	}
	if c.function.Environment != nil {
		for _, name := range []string{"NODE_PATH", "PYTHONPATH", "RUBYLIB", "GEM_PATH", "AWS_LAMBDA_EXEC_WRAPPER"} {
			if _, ok := c.function.Environment.Variables[name]; ok {
				return "the variable " + name + " must lead to it"
			}
		}
	}
	return ""
}

// opened checks that Lambda's user can read what the runtime opens first.
func (c *codeChecker) opened(field, name string) {
	c.started[name] = true
	if at, mode, shut := c.shut(name, 0o004); shut {
		c.problem(field, chmodHint, "Lambda's user cannot read %s: the mode of %s in the zip is %s", name, at, mode)
	}
}

// brokenLink reports a symlink in the place of what Lambda opens first.
func (c *codeChecker) brokenLink(field string, link found) {
	if link.presence == elsewhere {
		c.warn(field, "", "%s is a symlink to %s, which the zip does not bring", link.name, shown(link.target))
		return
	}
	c.problem(field, "put the file itself in its place", "%s is a symlink to %s, which is not in the zip", link.name, shown(link.target))
}

// isFile reports a file, through symlinks too.
func (c *codeChecker) isFile(name string) bool { return c.look(name).presence == file }
