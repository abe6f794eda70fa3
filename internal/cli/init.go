package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/adopt"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// initDocument is what --output json prints of init.
type initDocument struct {
	Functions []initFunction `json:"functions"`
}

type initFunction struct {
	Function string   `json:"function"`
	Region   string   `json:"region"`
	Files    []string `json:"files"`
	// Arguments are what plan and deploy take.
	Arguments []string `json:"arguments"`
	Notes     []string `json:"notes"`
}

// init writes the files of functions that exist. All are read, and looked at for
// what would be overwritten, before the first file is written.
func (a *app) init(ctx context.Context) error {
	pattern := a.in.String("function")
	if pattern == "" {
		return diag.List{{Message: "no function is named", Hint: "lambda-rollout init --function NAME, or a pattern: --function 'shop-*'"}}
	}
	name, _ := definition.ParseFunctionName(pattern) // a pattern is no name
	c, err := a.connect(ctx, name.Region)
	if err != nil {
		return err
	}
	root, o, err := a.outputRoot()
	if err != nil {
		return notStarted(err)
	}
	defer root.Close()
	return a.withTemp(func(folders deploy.Folders) error {
		sources, err := deploy.ReadFunctions(ctx, c, pattern, folders.Temp, a.in.Int("max-parallel"))
		if err != nil {
			return err
		}
		var all []*adopt.Files
		for _, s := range sources {
			f, err := adopt.Make(s, o)
			if err != nil {
				return notStarted(err)
			}
			if a.in.Bool("local") {
				f.Arguments = append(f.Arguments, "--local")
			}
			if dir := a.in.String("local-dir"); a.in.Bool("local") && a.in.Given("local-dir") {
				f.Arguments = append(f.Arguments, "--local-dir", dir)
			}
			all = append(all, f)
		}
		return a.writeFiles(ctx, root, all)
	})
}

// outputRoot is the folder below which init writes: the workspace, or the folder
// of an absolute output-dir.
func (a *app) outputRoot() (*os.Root, adopt.Options, error) {
	o := adopt.Options{YAML: a.in.String("file-format") == "yaml", Harness: a.in.Bool("harness"), Environment: a.in.Bool("with-environment")}
	var root *os.Root
	var err error
	root, o.Prefix, o.Dir, err = a.outputFolder()
	return root, o, err
}

// outputFolder opens the folder below which files are written: the workspace, with the
// folder in it; or the folder of an absolute output-dir, which is the prefix then.
func (a *app) outputFolder() (root *os.Root, prefix, dir string, err error) {
	dir = filepath.ToSlash(filepath.Clean(a.in.String("output-dir")))
	open := a.host.Workspace()
	switch {
	case filepath.IsAbs(dir):
		open, prefix, dir = dir, dir, "."
		if err := os.MkdirAll(open, 0o755); err != nil {
			return nil, prefix, dir, err
		}
	case !filepath.IsLocal(dir):
		return nil, "", dir, fmt.Errorf("input output-dir: %s is outside of the workspace: name it by an absolute path", dir)
	}
	if root, err = os.OpenRoot(open); err != nil {
		return nil, prefix, dir, err
	}
	if err := adopt.Inside(root, dir); err != nil {
		return nil, prefix, dir, errors.Join(fmt.Errorf("input output-dir: %w", err), root.Close())
	}
	return root, prefix, dir, nil
}

func (a *app) writeFiles(ctx context.Context, root *os.Root, all []*adopt.Files) error {
	var existing []string
	for _, f := range all {
		found, err := f.Existing(root)
		if err != nil {
			return notStarted(err)
		}
		existing = append(existing, found...)
	}
	if len(existing) > 0 && !a.in.Bool("force") {
		return notStarted(fmt.Errorf("%s exist already: nothing was written; --force overwrites", strings.Join(existing, ", ")))
	}
	doc := initDocument{Functions: []initFunction{}}
	for _, f := range all {
		if err := f.Write(ctx, root); err != nil {
			return fmt.Errorf("write the files of %s: %w", f.Function, err)
		}
		doc.Functions = append(doc.Functions, initFunction{
			Function: f.Function, Region: f.Region, Files: f.Written, Arguments: f.Arguments, Notes: append([]string{}, f.Notes...),
		})
	}
	if a.json() {
		return a.printJSON(doc)
	}
	return a.printFitted(initText(doc))
}

func initText(doc initDocument) string {
	var b strings.Builder
	for _, f := range doc.Functions {
		fmt.Fprintf(&b, "%s in %s\n", f.Function, f.Region)
		for _, name := range f.Files {
			fmt.Fprintf(&b, "  %s\n", name)
		}
		for _, note := range f.Notes {
			fmt.Fprintf(&b, "  Note: %s\n", note)
		}
		b.WriteString("  Nothing needs to be deployed yet, as this shows:\n    lambda-rollout plan")
		for _, argument := range f.Arguments {
			b.WriteString(" " + shellWord(argument))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// plainWord needs no quotes in a shell.
var plainWord = lazyregexp.New(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord is an argument as one word of a POSIX shell.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
