package service

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// The documents as they are written. Their texts are rendered later, once for
// each target.
type (
	serviceDocument struct {
		entity
		manifests  []manifest
		primaryRef document.Text
		// unchosen is set where the choice of a source is missing and was reported.
		unchosen  bool
		sources   []source
		variables []variable
		// short is set where it was made of the short inputs; folder is what they
		// are relative to.
		short  bool
		folder string
	}

	// entity is what every document has.
	entity struct {
		doc                                *expression.Document
		node                               *yaml.Node
		identifier, name, typ, description document.Text
		org, project                       document.Text
		tags                               []tag
	}

	tag struct {
		key   string
		value document.Text
	}

	// manifest is a definition in a file.
	manifest struct {
		identifier, typ string
		node            *yaml.Node
		doc             *expression.Document
		paths           []document.Text
		content         document.Text
		// byInput marks a file that an input names: its path may be absolute.
		byInput bool
		// lacking is set where the path is a runtime input without a value, which
		// was reported.
		lacking bool
	}

	source struct {
		identifier, typ string
		node            *yaml.Node
		doc             *expression.Document
		spec            map[string]*document.Text
		template        bool
	}

	variable struct {
		name         string
		typ          string
		value, deflt document.Text
		required     bool
		// final is set where no expression in the value is evaluated.
		final bool
		node  *yaml.Node
		doc   *expression.Document
	}
)

// secretType is the type of a variable that holds a secret.
const secretType = "Secret"

// What Harness' own schema knows beside what we read.
const (
	entityKeys   = "orgIdentifier projectIdentifier accountIdentifier accountId yaml version icon"
	manifestKeys = "valuesPaths paramsPaths skipResourceVersioning enableDeclarativeRollback optionalValuesYaml source"
	storeKeys    = "connectorRef connectorUrl gitFetchType branch commitId repoName repo region bucketName secretFiles " +
		"extractionScript delegateSelectors urls manifestPath repositoryName artifactPaths " +
		"artifactBundleType deployableUnitPath"
)

// reader reads the parts that several kinds of documents hold.
type reader struct {
	document.Reader
	lacking lacking
}

// reader warns of keys that Harness does not know. The key metadata occurs at
// every level of its schema.
func (l *loader) reader(doc *expression.Document) reader {
	unknown := func(key, _ *yaml.Node, what string, known []string) {
		if key.Value == "metadata" {
			return
		}
		name := doc.Text(key)
		f := doc.Problem(key, what+" has no key "+quoted(name)+"; it is ignored", diag.DidYouMean(name, known))
		f.Warning = true
		l.report(f)
	}
	return reader{document.Reader{Doc: doc, Report: l.report, Unknown: unknown, Null: l.lacks}, l.lacking}
}

// eval renders a text.
func (l *loader) eval(t document.Text, e *expression.Evaluator) (string, bool) {
	if !t.Set() {
		return "", true
	}
	v, f := t.Doc.Value(t.Node, e)
	if f != nil {
		l.report(*f)
		return "", false
	}
	if strings.Contains(v.Text(), expression.Unknown) {
		return "", true
	}
	return v.Text(), true
}

func (l *loader) readService(doc *expression.Document, n *yaml.Node) {
	r := l.reader(doc)
	s := &serviceDocument{entity: entity{doc: doc, node: n}}
	need := r.entity(&s.entity)
	need["serviceDefinition"] = func(n *yaml.Node) {
		r.Mapping(n, "serviceDefinition", document.Fields{
			"type": r.Text(&s.typ, "type"),
			"spec": func(n *yaml.Node) { r.serviceSpec(s, n) },
		}, "")
	}
	r.Mapping(n, "a service", need, entityKeys+" gitOpsEnabled useFromStage")
	if typ := s.typ.Raw(); typ != "AwsLambda" && s.typ.Set() {
		l.report(s.typ.Problem("serviceDefinition.type is "+typ+", but only AwsLambda is deployed here", ""))
	}
	l.named(s.entity, "the service")
	l.needed = slices.DeleteFunc(l.needed, func(missing lack) bool { return !l.needs(s, missing.path) })
	for i, missing := range l.needed {
		if missing.path == choicePath {
			s.unchosen = true
			l.needed[i].problem.Hint = giveIt(choicePath, s.identifiers())
		}
	}
	l.services = append(l.services, s)
}

// choicePath is the path of the choice between several sources.
const choicePath = "artifacts.primary.primaryArtifactRef"

// identifiers are those of the artifact sources.
func (s *serviceDocument) identifiers() []string {
	out := make([]string, len(s.sources))
	for i, src := range s.sources {
		out[i] = src.identifier
	}
	return out
}

// needs reports whether a service needs the runtime input at a path: not what
// only the sources ask that are not chosen, and no choice where there is none.
func (l *loader) needs(s *serviceDocument, path string) bool {
	rest, ok := strings.CutPrefix(path, "artifacts.primary.")
	switch {
	case !ok:
		return true
	case l.opts.Artifact != "":
		return false
	case path == choicePath:
		return len(s.sources) > 1
	}
	source, ok := strings.CutPrefix(rest, "sources.")
	return !ok || !s.primaryRef.Set() || strings.HasPrefix(source, s.primaryRef.Raw()+".")
}

// entity returns the readers of the keys that every document has.
func (r reader) entity(e *entity) document.Fields {
	return document.Fields{
		"name":              r.Text(&e.name, "name"),
		"identifier":        r.Text(&e.identifier, "identifier"),
		"description":       r.Text(&e.description, "description"),
		"orgIdentifier":     r.Text(&e.org, "orgIdentifier"),
		"projectIdentifier": r.Text(&e.project, "projectIdentifier"),
		"tags":              r.tags(&e.tags),
	}
}

// id is what other documents call the entity: Harness makes the identifier of
// the name where it is missing.
func (e entity) id() string {
	if e.identifier.Set() {
		return e.identifier.Raw()
	}
	return strings.NewReplacer(" ", "_", "-", "_").Replace(e.name.Raw())
}

func (l *loader) named(e entity, what string) {
	if !e.identifier.Set() && !e.name.Set() {
		l.report(e.doc.Problem(e.node, what+" has neither identifier nor name", ""))
	}
}

func (r reader) serviceSpec(s *serviceDocument, n *yaml.Node) {
	r.Mapping(n, "serviceDefinition.spec", document.Fields{
		"manifests": func(n *yaml.Node) { r.manifests(&s.manifests, n) },
		"artifacts": func(n *yaml.Node) { r.artifacts(s, n) },
		"variables": func(n *yaml.Node) { r.variables(&s.variables, n) },
	}, "configFiles manifestConfigurations hooks environmentType")
}

func (r reader) tags(tags *[]tag) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = document.Resolved(n)
		if n.Kind != yaml.MappingNode {
			if !document.IsNull(n) {
				r.Wrong(n, "tags", "a mapping")
			}
			return
		}
		content := document.Pairs(n)
		for i := 0; i+1 < len(content); i += 2 {
			t := tag{key: content[i].Value}
			r.Text(&t.value, "a tag")(content[i+1])
			*tags = append(*tags, t)
		}
	}
}

// manifests reads the list; each item wraps its content in the key manifest.
func (r reader) manifests(list *[]manifest, n *yaml.Node) {
	r.Items(n, "manifests", func(item *yaml.Node) {
		r.Mapping(item, "an item of manifests", document.Fields{"manifest": func(n *yaml.Node) {
			m := manifest{node: document.Resolved(n), doc: r.Doc}
			var identifier, typ document.Text
			r.Mapping(n, "a manifest", document.Fields{
				"identifier": r.Text(&identifier, "identifier"),
				"type":       r.Text(&typ, "type"),
				"spec": func(n *yaml.Node) {
					r.Mapping(n, "a manifest's spec", document.Fields{
						"store": func(n *yaml.Node) { r.store(&m, n) },
					}, manifestKeys)
				},
			}, "")
			m.identifier, m.typ = identifier.Raw(), typ.Raw()
			*list = append(*list, m)
		}}, "")
	})
}

// store reads where a manifest's files lie. Whatever its type, they are read
// from the workspace, which is the repository; Inline carries them itself.
func (r reader) store(m *manifest, n *yaml.Node) {
	var typ, single document.Text
	fields := document.Fields{
		"paths":      r.Texts(&m.paths, "paths"),
		"files":      r.Texts(&m.paths, "files"),
		"folderPath": r.Text(&single, "folderPath"),
		"filePath":   r.Text(&single, "filePath"),
		"content":    r.Text(&m.content, "content"),
	}
	for key, read := range fields {
		fields[key] = func(n *yaml.Node) {
			_, lacks := r.lacking[document.Resolved(n)]
			m.lacking = m.lacking || lacks
			read(n)
		}
	}
	r.Mapping(n, "store", document.Fields{
		"type": r.Text(&typ, "type"),
		"spec": func(n *yaml.Node) { r.Mapping(n, "store.spec", fields, storeKeys) },
	}, "")
	if len(m.paths) == 0 && single.Set() {
		m.paths = []document.Text{single}
	}
}

// artifacts reads the primary artifact: its sources and which of them to use,
// or the older form without a list.
func (r reader) artifacts(s *serviceDocument, n *yaml.Node) {
	r.Mapping(n, "artifacts", document.Fields{"primary": func(n *yaml.Node) {
		single := source{identifier: "primary", node: document.Resolved(n), doc: r.Doc}
		var typ document.Text
		r.Mapping(n, "artifacts.primary", document.Fields{
			"primaryArtifactRef": r.Text(&s.primaryRef, "primaryArtifactRef"),
			"sources": func(n *yaml.Node) {
				r.Items(n, "sources", func(item *yaml.Node) { s.sources = append(s.sources, r.source(item)) })
			},
			"type": r.Text(&typ, "type"),
			"spec": func(n *yaml.Node) { single.spec = r.sourceSpec(n) },
		}, "")
		if single.typ = typ.Raw(); single.typ != "" {
			s.sources = append(s.sources, single)
		}
	}}, "sidecars")
}

func (r reader) source(n *yaml.Node) source {
	src := source{node: n, doc: r.Doc}
	var identifier, typ document.Text
	r.Mapping(n, "an artifact source", document.Fields{
		"identifier": r.Text(&identifier, "identifier"),
		"type":       r.Text(&typ, "type"),
		"spec":       func(n *yaml.Node) { src.spec = r.sourceSpec(n) },
		"template": func(n *yaml.Node) {
			src.template = true
			r.Report(r.Doc.Problem(n, "artifact source templates cannot be read from here", "write the template's spec in its place"))
		},
	}, "name")
	src.identifier, src.typ = identifier.Raw(), typ.Raw()
	return src
}

// sourceKeys are the keys of all kinds of sources; which of them a kind needs
// is checked when it is rendered.
var sourceKeys = strings.Fields("connectorRef bucketName region filePath filePathRegex imagePath tag tagRegex digest registryId path")

func (r reader) sourceSpec(n *yaml.Node) map[string]*document.Text {
	spec, need := map[string]*document.Text{}, document.Fields{}
	for _, key := range sourceKeys {
		spec[key] = new(document.Text)
		need[key] = r.Text(spec[key], key)
	}
	r.Mapping(n, "an artifact source's spec", need, "enableDeclarativeRollback fileFilter")
	return spec
}

func (r reader) variables(list *[]variable, n *yaml.Node) {
	r.Items(n, "variables", func(item *yaml.Node) {
		v := variable{node: item, doc: r.Doc}
		var name, typ, description document.Text
		r.Mapping(item, "a variable", document.Fields{
			"name":        r.Text(&name, "name"),
			"type":        r.Text(&typ, "type"),
			"value":       r.Text(&v.value, "value"),
			"default":     r.Text(&v.deflt, "default"),
			"required":    r.Bool(&v.required, "required"),
			"description": r.Text(&description, "description"),
		}, "identifier")
		v.name, v.typ = name.Raw(), typ.Raw()
		r.checkVariable(v, name, typ)
		*list = append(*list, v)
	})
}

func (r reader) checkVariable(v variable, name, typ document.Text) {
	switch {
	case !name.Set():
		r.Report(r.Doc.Problem(v.node, "the variable has no name", ""))
	case !variableName.MatchString(v.name):
		r.Report(name.Problem("a variable's name begins with a letter or _ and holds letters, digits, _ . $ - only, at most 128", ""))
	}
	switch v.typ {
	case "", "String", secretType:
	case "Number":
		for _, t := range []document.Text{v.value, v.deflt} {
			if raw := t.Raw(); raw != "" && !strings.Contains(raw, "<+") && expression.Number(raw, t.Template()).Kind() == expression.String {
				r.Report(t.Problem("the variable "+v.name+" is a Number, but "+quoted(raw)+" is none", ""))
			}
		}
	default:
		r.Report(typ.Problem("a variable's type is String, Number or Secret, not "+v.typ, ""))
	}
}
