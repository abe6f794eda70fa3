package definition

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// CodeListing is what a zip holds, as CheckCode looks at it.
type CodeListing interface {
	// Names are the entries, in any order.
	Names() []string
	// Stat gives an entry's mode and its unzipped size in bytes.
	Stat(name string) (mode fs.FileMode, size int64, ok bool)
	// Open reads an entry.
	Open(name string) (io.ReadCloser, error)
}

// maxUnzipped is Lambda's limit of the unzipped code with all its layers
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxUnzipped = 262_144_000

// CheckCode holds a zip to the definition: paths that stay inside, Lambda's
// size, the handler's file, an executable bootstrap of the right architecture.
// What a layer could bring is only a warning where layers are named. The
// document gives those faults their places that a field of it could mend, and
// may be nil; faults of the zip alone have no place.
func CheckCode(f Function, code CodeListing, doc Document) diag.List {
	c := codeChecker{placer: placer{doc: doc, loose: true}, code: code, function: f}
	c.entries()
	if f.Handler != nil && f.Runtime != nil {
		c.handler(*f.Runtime, *f.Handler)
	}
	return c.faults
}

type codeChecker struct {
	placer
	code     CodeListing
	function Function
}

func (c *codeChecker) entries() {
	var total int64
	for _, name := range slices.Sorted(slices.Values(c.code.Names())) {
		switch {
		case strings.HasPrefix(name, "/"):
			c.fault("", "make the zip from inside the folder", "the zip's entry %q has an absolute path", name)
		case slices.Contains(strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' }), ".."):
			c.fault("", "make the zip from inside the folder", "the zip's entry %q points outside of it", name)
		case strings.Contains(name, `\`):
			c.warn("", "make the zip with a tool that writes /", "the zip's entry %q has a backslash, which is part of its name on Linux", name)
		}
		if _, size, ok := c.code.Stat(name); ok {
			total += size
		}
	}
	if total > maxUnzipped {
		c.fault("", "move what is large into a container image or a file system", "the zip holds %d bytes unzipped, but Lambda takes at most %d", total, int64(maxUnzipped))
	}
}

// handler checks what can be known without running the code; of a runtime that
// is not known it checks nothing.
func (c *codeChecker) handler(runtime, handler string) {
	switch {
	case strings.HasPrefix(handler, "/opt/"):
		// The handler of a layer.
	case strings.HasPrefix(runtime, "nodejs"):
		c.nodejs(handler)
	case strings.HasPrefix(runtime, "python"):
		c.python(handler)
	case strings.HasPrefix(runtime, "ruby"):
		if file, _, ok := strings.Cut(handler, "."); c.dotted(ok, handler) {
			c.need(handler, file+".rb")
		}
	case strings.HasPrefix(runtime, "java"):
		c.java(handler)
	case strings.HasPrefix(runtime, "dotnet"):
		assembly, _, _ := strings.Cut(handler, "::")
		c.need(handler, assembly+".dll")
	case strings.HasPrefix(runtime, "provided"):
		c.executable("bootstrap")
	case runtime == "go1.x":
		c.executable(handler)
	}
}

func (c *codeChecker) dotted(ok bool, handler string) bool {
	if !ok {
		c.fault("Handler", "", "handler %q must be file.function", handler)
	}
	return ok
}

// nodejs follows the runtime's loader: the file is what stands before the
// first dot of the last part of the path.
func (c *codeChecker) nodejs(handler string) {
	dir, base := path.Split(handler)
	if file, _, ok := strings.Cut(base, "."); c.dotted(ok, handler) {
		module := path.Join(dir, file)
		c.need(handler, module+".js", module+".mjs", module+".cjs", module)
	}
}

// python follows the runtime's loader: all before the last dot is a module,
// whose parts are separated by dots or slashes.
func (c *codeChecker) python(handler string) {
	i := strings.LastIndexByte(handler, '.')
	if !c.dotted(i > 0, handler) {
		return
	}
	module := strings.ReplaceAll(handler[:i], ".", "/")
	for _, name := range c.code.Names() {
		if strings.HasPrefix(name, module+".") && (strings.HasSuffix(name, ".so") || strings.HasSuffix(name, ".pyc")) {
			return
		}
	}
	c.need(handler, module+".py", module+"/__init__.py")
}

// java looks for the class; a class inside one of the zip's jars is not looked
// for.
func (c *codeChecker) java(handler string) {
	if slices.ContainsFunc(c.code.Names(), func(name string) bool { return strings.HasSuffix(name, ".jar") }) {
		return
	}
	class, _, _ := strings.Cut(handler, "::")
	c.need(handler, strings.ReplaceAll(class, ".", "/")+".class")
}

// need reports the handler unless one of the files is there.
func (c *codeChecker) need(handler string, files ...string) {
	if slices.ContainsFunc(files, c.has) {
		return
	}
	message := fmt.Sprintf("handler %q needs %s, which is not in the zip", handler, files[0])
	if len(files) > 1 {
		message = fmt.Sprintf("handler %q needs %s (or %s), which is not in the zip", handler, files[0], strings.Join(files[1:], ", "))
	}
	if len(c.function.Layers) > 0 {
		c.warn("Handler", "one of the layers must bring it", "%s", message)
		return
	}
	c.fault("Handler", c.below(files, ", or name it in the handler"), "%s", message)
}

// below finds the file one or more folders too deep, the usual slip of
// zipping a folder instead of what it holds.
func (c *codeChecker) below(files []string, or string) string {
	for _, name := range slices.Sorted(slices.Values(c.code.Names())) {
		for _, file := range files {
			if dir, is := strings.CutSuffix(name, "/"+file); is && !strings.Contains(dir, "node_modules") {
				return "it is in the folder " + dir + ": make the zip from inside it" + or
			}
		}
	}
	return ""
}

func (c *codeChecker) has(name string) bool {
	_, _, ok := c.code.Stat(name)
	return ok
}

// executable checks the program that Lambda starts itself.
func (c *codeChecker) executable(name string) {
	mode, _, ok := c.code.Stat(name)
	if !ok {
		c.missingExecutable(name)
		return
	}
	if mode&fs.ModeSymlink != 0 {
		return
	}
	if mode&0o111 == 0 {
		c.fault("", "chmod +x "+name+" before it is zipped", "%s is not executable: its mode in the zip is %s", name, mode.Perm())
	}
	r, err := c.code.Open(name)
	if err != nil {
		c.fault("", "", "%s cannot be read: %s", name, err)
		return
	}
	defer r.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		c.fault("", "", "%s cannot be read: %s", name, err)
		return
	}
	c.program(name, head[:n])
}

func (c *codeChecker) missingExecutable(name string) {
	message := fmt.Sprintf("the zip holds no file %s, which runtime %s starts", name, *c.function.Runtime)
	if len(c.function.Layers) > 0 {
		c.warn("Runtime", "one of the layers must bring it", "%s", message)
		return
	}
	c.fault("Runtime", c.below([]string{name}, ""), "%s", message)
}

// program looks at a program's first bytes.
func (c *codeChecker) program(name string, head []byte) {
	switch {
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		c.machine(name, head)
	case bytes.HasPrefix(head, []byte("#!")):
		if line, _, _ := bytes.Cut(head, []byte("\n")); bytes.HasSuffix(line, []byte("\r")) {
			c.fault("", "write it with Unix line ends", "%s ends its first line with a carriage return, so Linux looks for an interpreter of that name", name)
		}
	case bytes.HasPrefix(head, []byte("MZ")):
		c.fault("", "build it for Linux", "%s is a program for Windows", name)
	case slices.ContainsFunc(machO, func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }):
		c.fault("", "build it for Linux", "%s is a program for macOS", name)
	default:
		c.warn("", "begin a script with #! and its interpreter", "%s is neither a Linux program nor a script", name)
	}
}

var machO = []string{"\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xca\xfe\xba\xbe"}

// machine compares the ELF header's machine with the architecture.
func (c *codeChecker) machine(name string, head []byte) {
	const at = 18 // e_machine's place in the header, of 32 and 64 bits alike
	if len(head) < at+2 {
		c.fault("", "", "%s is cut off", name)
		return
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	machine := elf.Machine(order.Uint16(head[at:]))
	built := strings.TrimPrefix(machine.String(), "EM_")
	switch machine {
	case elf.EM_X86_64:
		built = "x86_64"
	case elf.EM_AARCH64:
		built = "arm64"
	}
	switch {
	case len(c.function.Architectures) == 1 && c.function.Architectures[0] != built:
		c.fault("Architectures", "build it for "+c.function.Architectures[0]+", or change architectures", "%s is built for %s, but the function is %s", name, built, c.function.Architectures[0])
	case len(c.function.Architectures) == 0 && built == "arm64":
		c.warn("", "name architectures: [arm64]", "%s is built for arm64, but a new function is x86_64 unless architectures says otherwise", name)
	case len(c.function.Architectures) == 0 && built != "x86_64":
		c.fault("", "build it for x86_64 or arm64", "%s is built for %s", name, built)
	}
}
