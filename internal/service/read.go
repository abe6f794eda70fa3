package service

import (
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// https://developer.harness.io/docs/platform/variables-and-expressions/add-a-variable
var variableName = lazyregexp.New(`^[a-zA-Z_][0-9a-zA-Z_.$-]{0,127}$`)

// kinds are the documents by the key at their root, with what a path of a
// runtime input in them begins with.
var kinds = map[string]struct {
	path string
	read func(*loader, *expression.Document, *yaml.Node)
}{
	"service":                  {"", (*loader).readService},
	"environment":              {"env", (*loader).readEnvironment},
	"infrastructureDefinition": {"infra", (*loader).readInfrastructure},
	"overrides":                {"overrides", (*loader).readOverride},
	"serviceOverrides":         {"overrides", (*loader).readOverride},
	"inputSet":                 {"", nil},
	"pipeline":                 {"", nil},
}

// parsed is a document with the input that named its file and, out of a
// Terraform resource, that resource's attributes.
type parsed struct {
	input, file string
	doc         *expression.Document
	attributes  map[string]string
}

// read reads all documents; what they refer to is looked at per target.
func (l *loader) read() {
	var files []parsed
	for _, set := range []struct {
		input string
		names []string
	}{
		{"service", l.opts.Services},
		{"environment", l.opts.Environments},
		{"infrastructure", l.opts.Infrastructures},
		{"overrides", l.opts.Overrides},
		{"inputs", l.opts.InputSets},
	} {
		names, problems := l.opts.Files.expand(set.names)
		l.report(problems...)
		for _, name := range names {
			files = append(files, parsed{input: set.input, file: name})
		}
	}
	documents := make([][]parsed, len(files))
	l.each(len(files), func(l *loader, i int) { documents[i] = l.parse(files[i]) })
	all := slices.Concat(documents...)
	// The values of runtime inputs are needed before the first document is
	// taken apart.
	l.inputs = l.readInputs(all)
	services := slices.ContainsFunc(all, func(p parsed) bool { return hasKey(p.doc.Root(), "service") })
	for _, docs := range documents {
		if l.fitsInput(docs, services) {
			for _, p := range docs {
				l.readDocument(p)
			}
		}
	}
	l.short()
	l.checkOverrides()
	l.checkVariableNames()
}

func (l *loader) checkVariableNames() {
	for _, name := range l.inputNames() {
		if !variableName.MatchString(name) {
			l.report(diag.Problem{
				File: "input variables", Message: "the name " + quoted(name) + " is not one of a variable",
				Hint: "it begins with a letter or _ and holds letters, digits, _ . $ - only, at most 128",
			})
		}
	}
}

// parse returns the documents of a file: YAML, JSON, or Terraform with YAML in
// it.
func (l *loader) parse(from parsed) []parsed {
	name := from.file
	content, f := l.opts.Files.read(name)
	if f != nil {
		l.report(*f)
		return nil
	}
	before := len(l.problems)
	resources := []resource{{yaml: content}}
	if path.Ext(name) == ".tf" {
		resources = l.terraform(name, content)
	}
	var out []parsed
	for _, res := range resources {
		docs, problems := expression.Scan(name, res.yaml).Documents()
		l.report(problems...)
		for _, doc := range docs {
			if f := document.TooLarge(doc); f != nil {
				l.report(*f)
				continue
			}
			doc.Hide(sensitive(doc.Root())...)
			out = append(out, parsed{from.input, name, doc, res.attributes})
		}
	}
	if len(out) == 0 && len(l.problems) == before {
		f := diag.Problem{File: name, Message: "holds no document"}
		if path.Ext(name) == ".tf" {
			f = diag.Problem{File: name, Message: "is HCL, Terraform's language, and holds no Harness document", Hint: "documents are read from resources named harness_platform_…; " + existing}
		}
		l.report(f)
	}
	return out
}

// taken are the keys at the root of the documents that each input takes.
var taken = map[string]struct {
	keys []string
	what string
}{
	"service":        {[]string{"service"}, "a Harness Service"},
	"environment":    {[]string{"environment"}, "a Harness Environment"},
	"infrastructure": {[]string{"infrastructureDefinition"}, "a Harness Infrastructure"},
	"overrides":      {[]string{"overrides", "serviceOverrides"}, "Harness overrides"},
	"inputs":         {[]string{"inputSet", "pipeline"}, "an input set"},
}

// fitsInput refuses a file that holds nothing of what its input takes, and
// something else that is known: that was given to the wrong input. Beside
// services the input service takes pipelines and input sets, for their values.
func (l *loader) fitsInput(docs []parsed, services bool) bool {
	if len(docs) == 0 {
		return false
	}
	want := taken[docs[0].input]
	if services && docs[0].input == "service" {
		want.keys = append(slices.Clone(want.keys), taken["inputs"].keys...)
	}
	for _, p := range docs {
		kind, known := recognize(p.doc.Root())
		harness := !known || strings.Contains(kind.what, "Harness")
		if harness && hasKey(document.Resolved(p.doc.Root()), want.keys...) || p.attributes["env_id"] != "" {
			return true
		}
	}
	for _, p := range docs {
		if kind, ok := recognize(p.doc.Root()); ok {
			l.report(p.doc.Problem(p.doc.Root(), "is "+kind.what+", not "+want.what, kind.hint))
			return false
		}
	}
	return true
}

// readDocument reads a document of any kind, whichever input named its file: a
// file may hold a service with its environment.
func (l *loader) readDocument(p parsed) {
	doc, root := p.doc, p.doc.Root()
	if root.Kind != yaml.MappingNode {
		l.report(doc.Problem(root, "is not a Harness document: its root must be a mapping", ""))
		return
	}
	known := false
	for i := 0; i+1 < len(root.Content); i += 2 {
		kind, ok := kinds[root.Content[i].Value]
		if !ok {
			continue
		}
		known = true
		if n := document.Resolved(root.Content[i+1]); kind.read != nil {
			l.lacking = l.fillInputs(doc, n, itemName(n), kind.path)
			kind.read(l, doc, n)
		}
	}
	switch {
	case known:
		l.tellLacking()
	case p.input == "overrides" || p.attributes["env_id"] != "":
		l.lacking = l.fillInputs(doc, root, itemName(root), "overrides")
		l.readOverride(doc, root)
		l.tellLacking()
		l.overrides[len(l.overrides)-1].refer(p.attributes)
	case hasKey(root, "functionName", "FunctionName"):
		l.report(doc.Problem(root, "is "+functionKind.what+", not a Harness document", functionKind.hint))
	default:
		l.report(doc.Problem(root, "is not a Harness document: its root has none of the keys "+strings.Join(slices.Sorted(maps.Keys(kinds)), ", "), ""))
	}
}

func hasKey(n *yaml.Node, names ...string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(names, n.Content[i].Value) {
			return true
		}
	}
	return false
}

// inputVariables lays the input variables over everything; new names are added
// in the order of the alphabet.
func (l *loader) inputVariables(list []layered) []layered {
	for _, name := range l.inputNames() {
		v := variable{name: name}
		text := l.opts.Variables[name]
		if given, ok := l.opts.Given[name]; ok {
			v.final, text = true, given.Text
			if given.Secret {
				v.typ = secretType
			}
		}
		v.value = document.Of("input variables", text)
		v.doc, v.node = v.value.Doc, v.value.Node
		list = replaceVariable(list, layered{v, layerInput})
	}
	return list
}

// inputNames are the variables that the inputs set.
func (l *loader) inputNames() []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(l.opts.Variables)), maps.Keys(l.opts.Given))
	slices.Sort(all)
	return slices.Compact(all)
}

// sensitive are the nodes of a Harness document that may hold values of a
// function's environment: definitions inside it, and a document that is
// no mapping.
func sensitive(root *yaml.Node) []*yaml.Node {
	if root = document.Resolved(root); root.Kind != yaml.MappingNode {
		return []*yaml.Node{root}
	}
	var out []*yaml.Node
	var look func(n *yaml.Node)
	look = func(n *yaml.Node) {
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 {
				switch n.Content[i-1].Value {
				case "content":
					out = append(out, child)
					continue
				case "variables":
					for _, variable := range child.Content {
						out = append(out, secretParts(variable)...)
					}
				}
			}
			look(child)
		}
	}
	look(root)
	return out
}

// secretParts are the values that may be a secret in a variable that is no String
// or Number: those of value, default and a misspelt key, and any where the type is
// misspelt. At value belongs the id of a secret, but it may be the secret itself.
func secretParts(variable *yaml.Node) []*yaml.Node {
	if variable.Kind != yaml.MappingNode {
		return nil
	}
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(variable.Content); i += 2 {
		values[variable.Content[i].Value] = variable.Content[i+1]
	}
	shown := []string{"name", "type", "required", "description", "identifier"}
	switch typ := values["type"]; {
	case typ == nil || typ.Value == "String" || typ.Value == "Number":
		return nil
	case typ.Value != "Secret":
		shown = shown[:2]
	}
	var parts []*yaml.Node
	for key, value := range values {
		if !slices.Contains(shown, key) {
			parts = append(parts, value)
		}
	}
	return parts
}
