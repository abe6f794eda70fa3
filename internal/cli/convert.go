package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/adopt"
	"github.com/lambda-rollout/lambda-rollout/internal/convert"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lambroll"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/values"
)

// convert prints or writes what other tools' files are converted to: the first that is
// named, a file or a folder. What has no equivalent goes to the log.
func (a *app) convert(ctx context.Context) (err error) {
	files, closeFiles, err := service.OpenFiles(ctx, a.host.Workspace())
	if err != nil {
		return notStarted(err)
	}
	defer func() { err = errors.Join(err, closeFiles()) }()
	names := a.in.List("files")
	if len(names) == 0 {
		return diag.List{{Message: "nothing to convert", Hint: "lambda-rollout convert pipeline.yaml [FILE …], convert FOLDER of lambroll, or convert a workflow"}}
	}
	var result convert.Result
	var problems diag.List
	if base := path.Base(filepath.ToSlash(names[0])); slices.Contains(convert.LambrollFiles[:2], base) {
		names[0] = filepath.Dir(names[0])
	}
	if a.isFolder(names[0]) {
		result, problems = a.convertFolder(ctx, files, names[0], names[1:])
	} else {
		var contents []service.File
		if contents, problems = files.Read(names); problems.Err() == nil && len(contents) > 0 {
			result, problems = convertFiles(contents)
		}
	}
	if err := problems.Err(); err != nil {
		return err
	}
	a.warnings(problems)
	if err := a.deliver(result); err != nil || result.Stops == 0 {
		return err
	}
	return fmt.Errorf("the result is not complete: it stops at %d place(s) without an equivalent, which are listed above and in it", result.Stops)
}

// convertible are the kinds of files that have a conversion, and those whose shape says
// nothing.
var convertible = []string{"", "a Harness pipeline", "a GitHub workflow", "the metadata of a GitHub action", "a CI pipeline", "a Compose file"}

func convertFiles(contents []service.File) (convert.Result, diag.List) {
	if what, hint := service.Describe(contents[0].Content); !slices.Contains(convertible, what) {
		return convert.Result{}, diag.List{{File: contents[0].Name, Message: "is " + what + ", which needs no conversion or has none", Hint: hint}}
	}
	documents := make([]convert.File, len(contents))
	for i, c := range contents {
		documents[i] = convert.File{Name: c.Name, Content: c.Content}
	}
	return convert.Convert(documents[0], documents[1:])
}

func (a *app) isFolder(name string) bool {
	info, err := os.Stat(a.inWorkspace(name))
	return err == nil && info.IsDir()
}

func (a *app) inWorkspace(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.host.Workspace(), name)
}

// convertFolder converts a folder of lambroll, with the option file that is named
// behind it or in LAMBROLL_OPTION.
func (a *app) convertFolder(ctx context.Context, files service.Files, folder string, more []string) (convert.Result, diag.List) {
	functions := lambroll.New(lambroll.Options{
		Env: a.lookupEnv, Later: later,
		Read:     func(values.Source) values.Result { return values.Result{Err: errOfOptions} },
		Identity: func() (lambroll.Identity, error) { return lambroll.Identity{}, errOfOptions },
		Layer:    func(string, string) (string, error) { return "", errOfOptions },
	})
	f := convert.Folder{Name: path.Clean(filepath.ToSlash(folder)), Env: a.lookupEnv, Functions: functions}
	f.Jsonnet = func(file convert.File) ([]byte, *diag.Problem) {
		return evaluateJsonnet(lambroll.Jsonnet{Import: func(name string) ([]byte, error) { return a.host.ReadFile(ctx, name) }}, file.Name, file.Content, functions)
	}
	var patterns []string
	for _, name := range convert.LambrollFiles {
		if _, err := os.Stat(a.inWorkspace(path.Join(f.Name, name))); !errors.Is(err, fs.ErrNotExist) {
			patterns = append(patterns, path.Join(f.Name, name))
		}
	}
	if option, set := a.lookupEnv("LAMBROLL_OPTION"); set && option != "" && len(more) == 0 {
		more = []string{path.Join(f.Name, option)}
	}
	contents, problems := files.Read(append(patterns, more...))
	if problems.Err() != nil {
		return convert.Result{}, problems
	}
	if len(more) > 1 {
		return convert.Result{}, diag.List{{File: more[1], Message: "is one file too many: a folder of lambroll is converted with one option file"}}
	}
	for i, c := range contents {
		if len(more) == 1 && i == len(contents)-1 {
			f.Option = convert.File{Name: c.Name, Content: c.Content}
			continue
		}
		f.Files = append(f.Files, convert.File{Name: c.Name, Content: c.Content})
	}
	return convert.Lambroll(f)
}

var errOfOptions = errors.New("an option file may use only env and must_env: write its value in the workflow")

// later writes what a workflow has in place of environment variables.
func later(names []string, otherwise string) string {
	terms := make([]string, len(names))
	for i, name := range names {
		terms[i] = "vars." + name
	}
	if otherwise != "" {
		terms = append(terms, expression.QuoteGitHub(otherwise))
	}
	return "${{ " + strings.Join(terms, " || ") + " }}"
}

// convertDocument is what --output json prints of convert.
type convertDocument struct {
	Files []convertedFile `json:"files"`
	// Stops is at how many places what was made fails, because there is no equivalent.
	Stops int `json:"stops"`
}

type convertedFile struct {
	Name    string `json:"name"`
	Content string `json:"content"`
}

// deliver prints the files, or writes them where output-dir is given.
func (a *app) deliver(result convert.Result) error {
	doc := convertDocument{Stops: result.Stops}
	var text strings.Builder
	var written []string
	for _, f := range result.Files {
		name := path.Base(f.Name)
		if filepath.IsLocal(f.Name) {
			name = path.Clean(filepath.ToSlash(f.Name))
		}
		doc.Files = append(doc.Files, convertedFile{name, string(f.Content)})
		if len(result.Files) > 1 {
			text.WriteString("==> " + name + " <==\n")
		}
		text.Write(f.Content)
	}
	if a.in.Given("output-dir") {
		var err error
		if written, err = a.writeConverted(doc.Files); err != nil {
			return err
		}
		text.Reset()
		for _, name := range written {
			text.WriteString(name + "\n")
		}
	}
	if a.json() {
		return a.printJSON(doc)
	}
	return a.print(text.String())
}

// writeConverted writes the files below output-dir, all or none.
func (a *app) writeConverted(files []convertedFile) (written []string, err error) {
	root, prefix, dir, err := a.outputFolder()
	if err != nil {
		return nil, notStarted(err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var existing []string
	for _, f := range files {
		if err := adopt.Inside(root, path.Dir(path.Join(dir, f.Name))); err != nil {
			return nil, notStarted(err)
		}
		if _, err := root.Lstat(path.Join(dir, f.Name)); !errors.Is(err, fs.ErrNotExist) {
			existing = append(existing, path.Join(prefix, dir, f.Name))
		}
	}
	if len(existing) > 0 && !a.in.Bool("force") {
		return nil, notStarted(fmt.Errorf("%s exist already: nothing was written; --force overwrites", strings.Join(existing, ", ")))
	}
	for _, f := range files {
		name := path.Join(dir, f.Name)
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.Name, err)
		}
		if err := adopt.Create(root, name, bytes.NewReader([]byte(f.Content)), 0o644); err != nil {
			return nil, fmt.Errorf("write %s: %w", f.Name, err)
		}
		written = append(written, path.Join(prefix, name))
	}
	return written, nil
}
