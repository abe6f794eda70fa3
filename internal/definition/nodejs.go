package definition

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// nodejs follows the runtime's loader
// (https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/blob/main/src/UserFunction.js).
// The module is what is before the first dot of the last part of the path.
// Where something of that very name is there, it is required, folders too; else
// .js, .mjs and .cjs are tried, from Node.js 24 on TypeScript's endings too; else
// Node.js searches its node_modules folders and NODE_PATH, which /var/task
// belongs to.
func (c *codeChecker) nodejs(runtime, handler string) {
	base := path.Base(handler)
	module, function, ok := strings.Cut(base, ".")
	switch {
	case strings.Contains(handler, ".."):
		c.problem("Handler", "write the path from the root of the code", "handler %q contains .., which the runtime refuses", handler)
		return
	case !ok || function == "":
		c.malformed(handler, "file.function")
		return
	}
	// As the runtime does: everything before the first place of the last part.
	root := handler[:strings.Index(handler, base)]
	style := path.Join(root, module)
	if at := c.look(style); at.presence != missing {
		c.loaded(handler, style)
		return
	}
	endings := []string{".js", ".mjs", ".cjs"}
	if nodeVersion(runtime) >= 24 {
		endings = append(endings, ".ts", ".mts", ".cts")
	}
	candidates := make([]string, len(endings))
	for i, ending := range endings {
		candidates[i] = style + ending
		if c.look(candidates[i]).presence != missing {
			c.need(handler, candidates[i])
			return
		}
	}
	if module == "" || !c.searched(handler, root, module) {
		c.needModule(handler, style, candidates)
	}
}

func (c *codeChecker) needModule(handler, style string, candidates []string) {
	if c.isFile(style + ".ts") {
		c.absent(fmt.Sprintf("handler %q needs %s.js, which is not in the zip", handler, style), style+".ts is there: compile it to JavaScript")
		return
	}
	c.need(handler, candidates[:3]...)
}

// nodeVersion is the major version of a runtime: 24 of nodejs24.x.
func nodeVersion(runtime string) int {
	digits, _, _ := strings.Cut(strings.TrimPrefix(runtime, "nodejs"), ".")
	n, _ := strconv.Atoi(digits)
	return n
}

// loaded reports a handler whose module is there but cannot be loaded.
func (c *codeChecker) loaded(handler, name string) {
	if c.require(name) {
		return
	}
	if at := c.look(name); at.presence != folder {
		c.started[at.name] = true
		c.brokenLink("Handler", at)
		return
	}
	message := fmt.Sprintf("handler %q: the runtime loads the folder %s, which has neither an index.js nor a package.json with main", handler, name)
	for _, ending := range []string{".mjs", ".cjs", ".ts"} {
		if c.isFile(name + ending) {
			c.warn("Handler", "rename one of the two", "%s; it does not look for %s%s then", message, name, ending)
			return
		}
	}
	c.absent(message, "")
}

// searched looks where Node.js looks for the name of a package.
func (c *codeChecker) searched(handler, root, module string) bool {
	for dir := path.Join(root); ; dir = path.Dir(dir) {
		if c.require(path.Join(dir, "node_modules", module)) {
			return true
		}
		if dir == "." || dir == "/" || dir == "" {
			break
		}
	}
	if !c.require(module) {
		return false
	}
	if path.Join(root) != "." && root != "" {
		c.warn("Handler", "", "handler %q: %s.js is not in the zip, so Node.js takes the module %s from the root of the code", handler, path.Join(root, module), module)
	}
	return true
}

// require finds a module as Node.js' require does
// (https://nodejs.org/api/modules.html#all-together) and checks that it can be
// read.
func (c *codeChecker) require(name string) bool {
	if c.requireFile(name) {
		return true
	}
	if c.look(name).presence != folder {
		return false
	}
	if at := c.look(path.Join(name, "package.json")); at.presence == file {
		var pkg struct {
			Main    string
			Exports json.RawMessage
		}
		text, err := c.read(at.name, maxPackage)
		if err != nil || json.Unmarshal(text, &pkg) != nil || len(pkg.Exports) > 0 {
			return true // Node.js decides.
		}
		if main := path.Join(name, pkg.Main); pkg.Main != "" && (c.requireFile(main) || c.requireIndex(main)) {
			return true
		}
	}
	return c.requireIndex(name)
}

// maxPackage is more than any package.json has, in bytes.
const maxPackage = 1 << 20

func (c *codeChecker) requireIndex(name string) bool {
	return c.look(name).presence == folder && c.requireFile(path.Join(name, "index"))
}

func (c *codeChecker) requireFile(name string) bool {
	for _, ending := range []string{"", ".js", ".json", ".node"} {
		if at := c.look(name + ending); at.presence == file {
			c.opened("Handler", at.name)
			return true
		}
	}
	return false
}
