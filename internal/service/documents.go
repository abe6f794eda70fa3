package service

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// The documents as they are written. Their texts are rendered later, once for
// each target.
type (
	serviceDocument struct {
		entity
		manifests  []manifest
		primaryRef text
		sources    []source
		variables  []variable
		// short says that it was made of the short inputs; folder is what they
		// are relative to.
		short  bool
		folder string
	}

	// entity is what every document has.
	entity struct {
		doc                                *expression.Document
		node                               *yaml.Node
		identifier, name, typ, description text
		tags                               []tag
	}

	tag struct {
		key   string
		value text
	}

	// manifest is a definition that stands in a file.
	manifest struct {
		identifier, typ string
		node            *yaml.Node
		doc             *expression.Document
		store           string
		paths           []text
		content         text
		// byInput marks a file that an input names: its path may be absolute.
		byInput bool
	}

	source struct {
		identifier, typ string
		node            *yaml.Node
		doc             *expression.Document
		spec            map[string]*text
		template        bool
	}

	variable struct {
		name         string
		typ          string
		value, deflt text
		required     bool
		node         *yaml.Node
		doc          *expression.Document
	}
)

// What Harness' own schema knows beside what we read.
const (
	entityKeys   = "orgIdentifier projectIdentifier accountIdentifier accountId yaml version icon"
	manifestKeys = "valuesPaths paramsPaths skipResourceVersioning enableDeclarativeRollback optionalValuesYaml source"
	storeKeys    = "connectorRef gitFetchType branch commitId repoName repo region bucketName secretFiles"
)

func (l *loader) reader(doc *expression.Document) reader { return reader{doc, l.fault} }

func (l *loader) readService(doc *expression.Document, n *yaml.Node) {
	r := l.reader(doc)
	s := &serviceDocument{entity: entity{doc: doc, node: n}}
	need := r.entity(&s.entity)
	need["serviceDefinition"] = func(n *yaml.Node) {
		r.mapping(n, "serviceDefinition", fields{
			"type": r.text(&s.typ, "type"),
			"spec": func(n *yaml.Node) { r.serviceSpec(s, n) },
		}, "")
	}
	r.mapping(n, "a service", need, entityKeys+" gitOpsEnabled useFromStage")
	if typ := s.typ.raw(); typ != "AwsLambda" && s.typ.set() {
		l.fault(s.typ.fault("serviceDefinition.type is "+typ+", but only AwsLambda is deployed here", ""))
	}
	l.named(s.entity, "the service")
	l.services = append(l.services, s)
}

// entity gives the readers of the keys that every document has.
func (r reader) entity(e *entity) fields {
	return fields{
		"name":        r.text(&e.name, "name"),
		"identifier":  r.text(&e.identifier, "identifier"),
		"description": r.text(&e.description, "description"),
		"tags":        r.tags(&e.tags),
	}
}

// id is what other documents call the entity: Harness makes the identifier of
// the name where it is missing.
func (e entity) id() string {
	if e.identifier.set() {
		return e.identifier.raw()
	}
	return strings.NewReplacer(" ", "_", "-", "_").Replace(e.name.raw())
}

func (l *loader) named(e entity, what string) {
	if !e.identifier.set() && !e.name.set() {
		l.fault(e.doc.Fault(e.node, what+" has neither identifier nor name", ""))
	}
}

func (r reader) serviceSpec(s *serviceDocument, n *yaml.Node) {
	r.mapping(n, "serviceDefinition.spec", fields{
		"manifests": func(n *yaml.Node) { r.manifests(&s.manifests, n) },
		"artifacts": func(n *yaml.Node) { r.artifacts(s, n) },
		"variables": func(n *yaml.Node) { r.variables(&s.variables, n) },
	}, "configFiles manifestConfigurations hooks environmentType")
}

func (r reader) tags(tags *[]tag) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolved(n)
		if n.Kind != yaml.MappingNode {
			if !isNull(n) {
				r.wrong(n, "tags", "a mapping")
			}
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			t := tag{key: n.Content[i].Value}
			r.text(&t.value, "a tag")(n.Content[i+1])
			*tags = append(*tags, t)
		}
	}
}

// manifests reads the list; each item wraps its content in the key manifest.
func (r reader) manifests(list *[]manifest, n *yaml.Node) {
	r.items(n, "manifests", func(item *yaml.Node) {
		r.mapping(item, "an item of manifests", fields{"manifest": func(n *yaml.Node) {
			m := manifest{node: resolved(n), doc: r.doc}
			var identifier, typ text
			r.mapping(n, "a manifest", fields{
				"identifier": r.text(&identifier, "identifier"),
				"type":       r.text(&typ, "type"),
				"spec": func(n *yaml.Node) {
					r.mapping(n, "a manifest's spec", fields{
						"store": func(n *yaml.Node) { r.store(&m, n) },
					}, manifestKeys)
				},
			}, "")
			m.identifier, m.typ = identifier.raw(), typ.raw()
			*list = append(*list, m)
		}}, "")
	})
}

// store reads where a manifest's files lie. Whatever its type, they are read
// from the workspace, which is the repository; Inline carries them itself.
func (r reader) store(m *manifest, n *yaml.Node) {
	var typ, folder text
	r.mapping(n, "store", fields{
		"type": r.text(&typ, "type"),
		"spec": func(n *yaml.Node) {
			r.mapping(n, "store.spec", fields{
				"paths":      r.texts(&m.paths, "paths"),
				"files":      r.texts(&m.paths, "files"),
				"folderPath": r.text(&folder, "folderPath"),
				"content":    r.text(&m.content, "content"),
			}, storeKeys)
		},
	}, "")
	m.store = typ.raw()
	if len(m.paths) == 0 && folder.set() {
		m.paths = []text{folder}
	}
}

// artifacts reads the primary artifact: its sources and which of them to use,
// or the older form without a list.
func (r reader) artifacts(s *serviceDocument, n *yaml.Node) {
	r.mapping(n, "artifacts", fields{"primary": func(n *yaml.Node) {
		single := source{identifier: "primary", node: resolved(n), doc: r.doc}
		var typ text
		r.mapping(n, "artifacts.primary", fields{
			"primaryArtifactRef": r.text(&s.primaryRef, "primaryArtifactRef"),
			"sources": func(n *yaml.Node) {
				r.items(n, "sources", func(item *yaml.Node) { s.sources = append(s.sources, r.source(item)) })
			},
			"type": r.text(&typ, "type"),
			"spec": func(n *yaml.Node) { single.spec = r.sourceSpec(n) },
		}, "")
		if single.typ = typ.raw(); single.typ != "" {
			s.sources = append(s.sources, single)
		}
	}}, "sidecars")
}

func (r reader) source(n *yaml.Node) source {
	src := source{node: n, doc: r.doc}
	var identifier, typ text
	r.mapping(n, "an artifact source", fields{
		"identifier": r.text(&identifier, "identifier"),
		"type":       r.text(&typ, "type"),
		"spec":       func(n *yaml.Node) { src.spec = r.sourceSpec(n) },
		"template": func(n *yaml.Node) {
			src.template = true
			r.fault(r.doc.Fault(n, "artifact source templates cannot be read from here", "write the template's spec in its place"))
		},
	}, "name")
	src.identifier, src.typ = identifier.raw(), typ.raw()
	return src
}

// sourceKeys are the keys of all kinds of sources; which of them a kind needs
// is checked when it is rendered.
var sourceKeys = strings.Fields("connectorRef bucketName region filePath filePathRegex imagePath tag tagRegex digest registryId path")

func (r reader) sourceSpec(n *yaml.Node) map[string]*text {
	spec, need := map[string]*text{}, fields{}
	for _, key := range sourceKeys {
		spec[key] = new(text)
		need[key] = r.text(spec[key], key)
	}
	r.mapping(n, "an artifact source's spec", need, "enableDeclarativeRollback")
	return spec
}

func (r reader) variables(list *[]variable, n *yaml.Node) {
	r.items(n, "variables", func(item *yaml.Node) {
		v := variable{node: item, doc: r.doc}
		var name, typ, description text
		r.mapping(item, "a variable", fields{
			"name":        r.text(&name, "name"),
			"type":        r.text(&typ, "type"),
			"value":       r.text(&v.value, "value"),
			"default":     r.text(&v.deflt, "default"),
			"required":    r.boolean(&v.required, "required"),
			"description": r.text(&description, "description"),
		}, "identifier")
		v.name, v.typ = name.raw(), typ.raw()
		r.checkVariable(v, name, typ)
		*list = append(*list, v)
	})
}

func (r reader) checkVariable(v variable, name, typ text) {
	switch {
	case !name.set():
		r.fault(r.doc.Fault(v.node, "the variable has no name", ""))
	case !variableName.MatchString(v.name):
		r.fault(name.fault("a variable's name begins with a letter or _ and holds letters, digits, _ . $ - only, at most 128", ""))
	}
	switch v.typ {
	case "", "String", "Number", "Secret":
	default:
		r.fault(typ.fault("a variable's type is String, Number or Secret, not "+v.typ, ""))
	}
}
