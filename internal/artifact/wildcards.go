package artifact

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// rules say what of a folder is left out of its zip.
type rules interface {
	Match(path string, isDir bool) bool
}

// wildcards are patterns as lambroll has them: each is compared with a file's path and
// with its last name, * stands for any text, slashes included, and ? for one character
// (https://github.com/fujiwara/lambroll/blob/v1.5.2/archive.go, and wildcard beside it).
type wildcards []string

func (w wildcards) Match(name string, isDir bool) bool {
	return !isDir && slices.ContainsFunc(w, func(pattern string) bool {
		return wild(pattern, name) || wild(pattern, path.Base(name))
	})
}

// wild reports whether a name is a pattern's.
func wild(p, n string) bool {
	pattern, name := []rune(p), []rune(n)
	// star is where the last * is, and from where it takes one more character.
	star, from := -1, 0
	i, j := 0, 0
	for j < len(name) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, from = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == name[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(string(pattern[i:]), "*") == ""
}

// lambrollLeavesOut are the files that lambroll never zips.
const lambrollLeavesOut = ".lambdaignore\nfunction.json\nfunction.jsonnet\nfunction_url.json\nfunction_url.jsonnet\nfunction.zip\n.git/*\n.terraform/*\nterraform.tfstate\n"

// besideLambroll are the rules for a folder that a definition of lambroll deploys: what
// lambroll never zips, and the .lambdaignore of the folder, else that of the
// definition's folder, else that of the workspace, where lambroll has its own. Lines that
// only gitignore has a meaning for are warned of.
func besideLambroll(folder, definition, workspace string) (rules, diag.List, error) {
	if !filepath.IsAbs(definition) {
		definition = filepath.Join(workspace, definition)
	}
	for _, dir := range []string{folder, definition, workspace} {
		text, err := ignoreText(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		file := filepath.Join(dir, IgnoreFile)
		if relative, err := filepath.Rel(workspace, file); err == nil && filepath.IsLocal(relative) {
			file = filepath.ToSlash(relative)
		}
		own, problems := parseWildcards(file, text)
		never, _ := parseWildcards("", lambrollLeavesOut)
		return append(never, own...), problems, nil
	}
	never, _ := parseWildcards("", lambrollLeavesOut)
	return never, nil, nil
}

func ignoreText(dir string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	return readIgnoreText(root)
}

func parseWildcards(file, text string) (out wildcards, problems diag.List) {
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number++
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		out = append(out, line)
		if hint := meant(line); hint != "" {
			problems = append(problems, diag.Problem{
				File: file, Line: number, Col: indent + 1, Warning: true, Hint: hint,
				Message: strconv.Quote(line) + " leaves out nothing: beside a definition of lambroll, a pattern is compared with a file's whole path and with its base name",
			})
		}
	}
	return out, problems
}

// meant says what to write for a line that no path is like: none begins or ends with a
// slash, and ! takes nothing back.
func meant(line string) string {
	switch path := strings.Trim(line, "/"); {
	case line[0] == '!':
		return "write the patterns so that this file is not left out"
	case strings.HasSuffix(line, "/"):
		return "write " + path + "/*"
	case line[0] == '/':
		return "write " + path
	}
	return ""
}
