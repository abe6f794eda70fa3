package definition

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// CodeListing is what a zip holds, as CheckCode looks at it.
type CodeListing interface {
	// Names are the files and symlinks, in any order.
	Names() []string
	// Stat returns the mode and the unzipped size in bytes of a file, a symlink,
	// or a folder that has an entry of its own.
	Stat(name string) (mode fs.FileMode, size int64, ok bool)
	// Open reads a file, or what a symlink points to.
	Open(name string) (io.ReadCloser, error)
}

// maxUnzipped is Lambda's limit of the unzipped code with all its layers
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxUnzipped = 262_144_000

// CheckCode checks a zip against the definition: paths that stay inside,
// Lambda's size, modes that let Lambda's user read, symlinks that lead
// somewhere, the handler's file, an executable bootstrap of the right
// architecture. What layers or search paths of the environment could bring is
// only a warning where there are any. The document provides the
// places of problems that one of its fields could fix, and may be nil; problems of
// the zip alone have no place.
func CheckCode(f Function, code CodeListing, doc Document) diag.List {
	c := codeChecker{placer: placer{doc: doc, loose: true}, tree: newTree(code), function: f, started: map[string]bool{}}
	c.entries()
	if f.Handler != nil && f.Runtime != nil {
		c.handler(*f.Runtime, *f.Handler)
	}
	c.modes()
	c.links()
	return c.problems
}

type codeChecker struct {
	placer
	*tree
	function Function
	// started are the files that Lambda opens first and that were checked.
	started map[string]bool
}

func (c *codeChecker) entries() {
	var total int64
	for _, name := range c.names {
		switch {
		case strings.HasPrefix(name, "/"):
			c.problem("", "make the zip from inside the folder", "the zip's entry %q has an absolute path", name)
		case slices.Contains(strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' }), ".."):
			c.problem("", "make the zip from inside the folder", "the zip's entry %q points outside of it", name)
		case strings.Contains(name, `\`):
			c.warn("", "make the zip with a tool that writes /", "the zip's entry %q has a backslash, which is part of its name on Linux", name)
		}
		if _, size, ok := c.code.Stat(name); ok {
			total += size
		}
	}
	if total > maxUnzipped {
		c.problem("", "move what is large into a container image or a file system", "the zip holds %d bytes unzipped, but Lambda takes at most %d", total, int64(maxUnzipped))
	}
}

// windowsMode is what an entry comes to that was written without a Unix mode.
const windowsMode fs.FileMode = 0o666

const (
	// chmodHint applies to zips that somebody else made: this program's own have
	// readable modes.
	chmodHint = "run chmod -R a+rX before zipping, or name the folder as the artifact"
	// maxNamed is how many entries of the same kind are named one by one.
	maxNamed = 10
)

// modes warns once of all files that Lambda's user cannot read
// (https://repost.aws/knowledge-center/lambda-deployment-package-errors).
func (c *codeChecker) modes() {
	var names []string
	var first fs.FileMode
	for _, name := range c.names {
		mode, _, _ := c.code.Stat(name)
		if c.started[name] || mode&fs.ModeSymlink != 0 {
			continue
		}
		if _, mode, shut := c.shut(name, 0o004); shut {
			if len(names) == 0 {
				first = mode
			}
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 1:
		c.warn("", chmodHint, "Lambda's user cannot read %s: mode %s", names[0], first)
	case len(names) > 1:
		c.warn("", chmodHint, "Lambda's user cannot read %d files, %s among them: mode %s", len(names), names[0], first)
	}
}

// links warns of symlinks whose targets are not in the zip.
func (c *codeChecker) links() {
	count := 0
	for _, name := range c.names {
		if mode, _, _ := c.code.Stat(name); mode&fs.ModeSymlink == 0 || c.started[name] {
			continue
		}
		if at := c.look(name); at.presence == broken {
			if count++; count <= maxNamed {
				c.warn("", "", "%s is a symlink to %s, which is not in the zip", name, shown(c.target(name)))
			}
		}
	}
	if count > maxNamed {
		c.warn("", "", "%d more symlinks point to what is not in the zip", count-maxNamed)
	}
}

// below finds the file one or more folders too deep, the usual slip of
// zipping a folder instead of what it holds.
func (c *codeChecker) below(files []string, or string) string {
	for _, name := range c.names {
		for _, file := range files {
			if dir, is := strings.CutSuffix(name, "/"+file); is && !strings.Contains(dir, "node_modules") {
				return "it is in the folder " + dir + ": make the zip from inside it" + or
			}
		}
	}
	return ""
}

// executable checks the program that Lambda starts itself.
func (c *codeChecker) executable(name string) {
	at := c.look(name)
	if at.presence == missing || at.presence == folder {
		c.missingExecutable(name)
		return
	}
	c.started[name] = true
	if at.presence != file {
		c.brokenLink("Runtime", at)
		return
	}
	c.started[at.name] = true
	mode, _, _ := c.code.Stat(at.name)
	if mode&0o111 == 0 {
		hint := "chmod +x " + name + " before it is zipped"
		if mode.Perm() == windowsMode {
			hint += "; a zip made on Windows has no modes: name the folder as the artifact, or make it with build-lambda-zip"
		}
		c.problem("", hint, "%s is not executable: its mode in the zip is %s", name, mode.Perm())
	}
	head, err := c.read(at.name, 256)
	if err != nil {
		c.problem("", "", "%s cannot be read: %s", name, err)
		return
	}
	want := fs.FileMode(0o005)
	if bytes.HasPrefix(head, []byte(elf.ELFMAG)) {
		want = 0o001 // Linux reads a program for the user, but a script's interpreter reads it as the user.
	}
	if shut, mode, is := c.shut(at.name, want); is && mode&0o111 != 0 {
		c.problem("", chmodHint, "Lambda's user cannot run %s: the mode of %s is %s", name, shut, mode)
	}
	c.program(name, head)
}

func (c *codeChecker) missingExecutable(name string) {
	message := fmt.Sprintf("the zip holds no file %s, which runtime %s starts", name, *c.function.Runtime)
	if len(c.function.Layers) > 0 {
		c.warn("Runtime", layerHint, "%s", message)
		return
	}
	c.problem("Runtime", c.below([]string{name}, ""), "%s", message)
}

// program looks at a program's first bytes.
func (c *codeChecker) program(name string, head []byte) {
	switch {
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		c.machine(name, head)
	case bytes.HasPrefix(head, []byte("#!")):
		if line, _, _ := bytes.Cut(head, []byte("\n")); bytes.HasSuffix(line, []byte("\r")) {
			c.problem("", "write it with Unix line ends", "%s ends its first line with a carriage return, so Linux looks for an interpreter of that name", name)
		}
	case bytes.HasPrefix(head, []byte("MZ")):
		c.problem("", "build it for Linux", "%s is a program for Windows", name)
	case slices.ContainsFunc(machO, func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }):
		c.problem("", "build it for Linux", "%s is a program for macOS", name)
	default:
		c.warn("", "begin a script with #! and its interpreter", "%s is neither a Linux program nor a script", name)
	}
}

var machO = []string{"\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xca\xfe\xba\xbe"}

// machine compares the ELF header's machine with the architecture.
func (c *codeChecker) machine(name string, head []byte) {
	const at = 18 // e_machine's place in the header, of 32 and 64 bits alike
	if len(head) < at+2 {
		c.problem("", "", "%s is cut off", name)
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
		c.problem("Architectures", "build it for "+c.function.Architectures[0]+", or change architectures", "%s is built for %s, but the function is %s", name, built, c.function.Architectures[0])
	case len(c.function.Architectures) == 0 && built == "arm64":
		c.warn("", "name architectures: [arm64]", "%s is built for arm64, but a new function is x86_64 unless architectures says otherwise", name)
	case len(c.function.Architectures) == 0 && built != "x86_64":
		c.problem("", "build it for x86_64 or arm64", "%s is built for %s", name, built)
	}
}
