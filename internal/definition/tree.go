package definition

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// taskRoot is where Lambda unpacks the code.
const taskRoot = "/var/task/"

// lambdaFolders exist in Lambda beside the code, so that a symlink may point
// there (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
var lambdaFolders = []string{"/opt/", "/tmp/", "/mnt/", "/var/runtime/", "/var/lang/", "/dev/", "/proc/"}

// tree is a zip as Lambda unpacks it: with the folders that no entry names, and
// with symlinks that can be followed.
type tree struct {
	code  CodeListing
	names []string
	// folders are those that hold something, without a slash at the end.
	folders map[string]bool
}

func newTree(code CodeListing) *tree {
	t := &tree{code: code, names: slices.Sorted(slices.Values(code.Names())), folders: map[string]bool{".": true}}
	for _, name := range t.names {
		for dir := path.Dir(name); !t.folders[dir] && dir != "/"; dir = path.Dir(dir) {
			t.folders[dir] = true
		}
	}
	return t
}

// presence is what is found under a name.
type presence int

const (
	missing presence = iota
	file
	folder
	// broken is a symlink whose target is neither in the zip nor in Lambda.
	broken
	// elsewhere is a symlink to a folder of Lambda's own.
	elsewhere
)

// found is the result of a look-up.
type found struct {
	presence
	// name is where a file or folder is after all symlinks, or the symlink that
	// leads nowhere.
	name string
	// target is what that symlink names.
	target string
}

// maxLinks is how many symlinks Linux follows in one name.
const maxLinks = 40

// look finds a name as Linux would below /var/task.
func (t *tree) look(name string) found {
	nothing := found{presence: missing}
	at, rest := ".", strings.Split(path.Clean(name), "/")
	for links := 0; len(rest) > 0; {
		step := path.Join(at, rest[0])
		if rest = rest[1:]; step == ".." {
			return nothing
		}
		mode, _, ok := t.code.Stat(step)
		switch {
		case ok && mode&fs.ModeSymlink != 0:
			link := found{broken, step, t.target(step)}
			if links == 0 {
				nothing = link
			}
			inside, where := resolveLink(at, link.target)
			if links++; links > maxLinks || where == broken {
				return link
			}
			if where == elsewhere {
				link.presence = elsewhere
				return link
			}
			at, rest = ".", append(strings.Split(inside, "/"), rest...)
		case ok && !mode.IsDir() && len(rest) == 0:
			return found{presence: file, name: step}
		case t.folders[step] || ok && mode.IsDir():
			at = step
		default:
			return nothing
		}
	}
	return found{presence: folder, name: at}
}

// resolveLink is a symlink's target as a name in the zip; where is file if it is
// one, else broken or elsewhere.
func resolveLink(dir, target string) (inside string, where presence) {
	if rest, ok := strings.CutPrefix(target, taskRoot); ok {
		return path.Clean(rest), file
	}
	if path.IsAbs(target) {
		for _, folder := range lambdaFolders {
			if strings.HasPrefix(path.Clean(target)+"/", folder) {
				return "", elsewhere
			}
		}
		return "", broken
	}
	inside = path.Join(dir, target)
	if target == "" || inside == ".." || strings.HasPrefix(inside, "../") {
		return "", broken
	}
	return inside, file
}

// maxTarget is the longest target of a symlink that Linux knows (PATH_MAX).
const maxTarget = 4096

// target reads what a symlink names; "" where it cannot be read.
func (t *tree) target(name string) string {
	text, _ := t.read(name, maxTarget)
	return string(text)
}

func (t *tree) read(name string, limit int64) ([]byte, error) {
	r, err := t.code.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

// shut reports why Lambda's user, who owns nothing of the code, may not use a
// file: the name of the folder or file that keeps it out, and its mode.
func (t *tree) shut(name string, want fs.FileMode) (at string, mode fs.FileMode, is bool) {
	for i := range name {
		if name[i] != '/' {
			continue
		}
		if mode, _, ok := t.code.Stat(name[:i]); ok && mode.IsDir() && mode&0o001 == 0 {
			return name[:i], mode.Perm(), true
		}
	}
	if mode, _, ok := t.code.Stat(name); ok && mode&want != want {
		return name, mode.Perm(), true
	}
	return "", 0, false
}
