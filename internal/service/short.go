package service

import (
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/glob"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// short makes Services of the short inputs: each function definition is one,
// named after its file.
func (l *loader) short() {
	names, problems := l.opts.Files.expand(l.opts.Definitions)
	l.report(problems...)
	if len(names) > 0 && len(l.opts.Services) > 0 {
		l.report(diag.Problem{File: "input function-definition", Message: "cannot be combined with the input service", Hint: "a service names its definition itself: give one of the two"})
		return
	}
	l.expectTemplates(names, functionInputs)
	several := len(l.opts.Definitions) > 1 || slices.ContainsFunc(l.opts.Definitions, glob.IsPattern)
	for _, name := range names {
		l.services = append(l.services, shortService(name, several))
	}
}

// expectTemplates shows the files whose templates are evaluated. What cannot be read
// is reported where it is rendered.
func (l *loader) expectTemplates(names []string, inputs string) {
	var files []File
	for _, name := range names {
		if !l.templated(name, inputs) {
			continue
		}
		if content, f := l.opts.Files.readRegular(name); f == nil {
			files = append(files, File{name, content})
		}
	}
	if len(files) > 0 {
		l.opts.Templates.Expect(files)
	}
}

// templated reports whether the templates of a file are evaluated.
func (l *loader) templated(name, inputs string) bool {
	t := l.opts.Templates
	return inputs == functionInputs && t.In != nil && t.In(name) || inputs == settingsInputs && t.InSettings != nil && t.InSettings(name)
}

// scan finds the expressions of a file that an input names, and the templates of a
// definition.
func (l *loader) scan(name string, content []byte, inputs string) (*expression.Source, *diag.Problem) {
	if l.templated(name, inputs) {
		return l.opts.Templates.Source(name, content)
	}
	return expression.Scan(name, content), nil
}

// shortService is the Service of one definition. Several definitions, or a glob,
// however many files it matches today, take relative paths of other inputs from
// each definition's folder.
func shortService(name string, several bool) *serviceDocument {
	id := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if several {
		id = strings.ReplaceAll(strings.TrimSuffix(name, path.Ext(name)), "/", "_")
	}
	identifier := document.Of(name, id)
	file := document.Of("input function-definition", name)
	s := &serviceDocument{short: true, entity: entity{doc: identifier.Doc, node: identifier.Node, identifier: identifier}}
	s.manifests = []manifest{{
		typ: "AwsLambdaFunctionDefinition", identifier: "function-definition",
		node: file.Node, doc: file.Doc, paths: []document.Text{file}, byInput: true,
	}}
	if several {
		s.folder = path.Dir(name)
	}
	return s
}

// inFolder is a path of an input, relative to a definition's folder where there
// is one.
func inFolder(folder, name string) string {
	if folder == "" || path.IsAbs(name) {
		return name
	}
	return path.Join(folder, name)
}

// documentName is a name that files have whose content is a document.
var documentName = lazyregexp.New(`\.(ya?ml|json|jsonnet|tf|tfstate)$`)

// isNoCode refuses an artifact that is a document.
func (l *loader) isNoCode(name string) {
	if strings.Contains(name, "://") || !documentName.MatchString(name) {
		return
	}
	content, wrong := l.opts.Files.readRegular(name)
	if wrong != nil {
		return // the artifact says so itself
	}
	what, hint := Describe(content)
	if what == "" {
		what = "a document"
	}
	l.report(diag.Problem{File: name, Message: "is " + what + ", not code: the input artifact takes a zip, a jar, a folder, s3://BUCKET/KEY or an image", Hint: hint})
}

// named is the name of an alias as if it stood in a definition.
type named struct{ *expression.Document }

func (n named) Root() *yaml.Node {
	name := n.Document.Root()
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "name", Line: name.Line, Column: name.Column}
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, name}, Line: name.Line, Column: name.Column}
}

// inputAliases adds the aliases of the inputs alias (names) and
// alias-definition (files), which replace the manifests.
func (l *loader) inputAliases(t *Target, folder string, e *expression.Evaluator) {
	for _, name := range l.opts.Aliases {
		if documentName.MatchString(name) {
			l.report(diag.Problem{File: "input alias", Message: name + " is the name of a file, not of an alias", Hint: "set it with the input alias-definition"})
			continue
		}
		doc := expression.NewScalar("input alias", name)
		if problems := doc.Render(doc.Root(), e); len(problems) > 0 {
			l.report(problems...)
			continue
		}
		l.alias(t, named{doc})
	}
	patterns := make([]string, len(l.opts.AliasDefinitions))
	for i, pattern := range l.opts.AliasDefinitions {
		patterns[i] = inFolder(folder, pattern)
	}
	names, problems := l.opts.Files.expand(patterns)
	l.report(problems...)
	for _, name := range names {
		if doc := l.renderFile(name, aliasInputs, e); doc != nil {
			l.alias(t, doc)
		}
	}
}
