package convert

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// references are the documents that a pipeline may refer to.
type references struct {
	services, environments, infrastructures []*entity
	overrides                               []*entity
	// secrets and variables are what the files' expressions ask for.
	secrets, variables []string
}

// entity is a document with what a workflow needs of it.
type entity struct {
	file                                 string
	doc                                  *expression.Document
	node                                 *yaml.Node
	identifier, name, typ                document.Text
	environmentRef, connectorRef, region document.Text
	allowSimultaneous                    bool
	variables                            []variable
	// sources are the identifiers of a service's artifacts, connectors theirs.
	sources    []document.Text
	connectors []document.Text
	// aliased is set where a service has an alias manifest.
	aliased bool
}

func (e *entity) id() string {
	if e.identifier.Set() {
		return e.identifier.Raw()
	}
	return strings.NewReplacer(" ", "_", "-", "_").Replace(e.name.Raw())
}

// find returns the document with an identifier; Harness writes account. or org.
// before those of a higher scope.
func find(list []*entity, ref string) *entity {
	for _, scope := range []string{"account.", "org."} {
		ref = strings.TrimPrefix(ref, scope)
	}
	i := slices.IndexFunc(list, func(e *entity) bool { return e.id() == ref })
	if i < 0 {
		return nil
	}
	return list[i]
}

// service is the document that a serviceRef means; the only service that was
// given is meant even if the pipeline's only one is called something else.
func (c *converter) service(ref string) *entity {
	if e := find(c.references.services, ref); e != nil || len(c.references.services) != 1 || c.pipeline.services() != 1 {
		return e
	}
	return c.references.services[0]
}

var (
	secretCall   = lazyregexp.New(`secrets\.getValue\(\s*\\?["']([^"'\\]+)\\?["']`)
	variablePath = lazyregexp.New(`<\+\s*(?:pipeline|stage)\.variables\.([A-Za-z_][\w$]*)`)
)

// read takes one file of the repository in; what is no document of Harness (a
// definition) is looked through for expressions alone.
func (c *converter) read(f File) {
	for _, m := range secretCall.FindAllSubmatch(f.Content, -1) {
		c.references.secrets = append(c.references.secrets, string(m[1]))
	}
	for _, m := range variablePath.FindAllSubmatch(f.Content, -1) {
		c.references.variables = append(c.references.variables, string(m[1]))
	}
	for _, doc := range c.parse(f) {
		root := doc.Root()
		for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
			c.readEntity(doc, root.Content[i].Value, document.Resolved(root.Content[i+1]))
		}
	}
}

func (c *converter) readEntity(doc *expression.Document, kind string, n *yaml.Node) {
	list := map[string]*[]*entity{
		"service": &c.references.services, "environment": &c.references.environments,
		"infrastructureDefinition": &c.references.infrastructures,
		"overrides":                &c.references.overrides, "serviceOverrides": &c.references.overrides,
	}[kind]
	if list == nil {
		return
	}
	e := &entity{file: doc.File, doc: doc, node: n}
	// The documents are checked when they are deployed; here they are only
	// looked into.
	r := document.Reader{Doc: doc, Report: func(...diag.Problem) {}, Unknown: func(_, _ *yaml.Node, _ string, _ []string) {}}
	r.Mapping(n, kind, document.Fields{
		"identifier":                   r.Text(&e.identifier, "identifier"),
		"name":                         r.Text(&e.name, "name"),
		"type":                         r.Text(&e.typ, "type"),
		"environmentRef":               r.Text(&e.environmentRef, "environmentRef"),
		"allowSimultaneousDeployments": r.Bool(&e.allowSimultaneous, "allowSimultaneousDeployments"),
		"variables":                    func(n *yaml.Node) { e.variables = readVariables(r, n) },
		"spec": func(n *yaml.Node) {
			r.Mapping(n, "spec", document.Fields{
				"connectorRef": r.Text(&e.connectorRef, "connectorRef"),
				"region":       r.Text(&e.region, "region"),
				"variables":    func(n *yaml.Node) { e.variables = readVariables(r, n) },
			}, "")
		},
		"serviceDefinition": func(n *yaml.Node) {
			r.Mapping(n, "serviceDefinition", document.Fields{"spec": func(n *yaml.Node) {
				r.Mapping(n, "spec", document.Fields{
					"variables": func(n *yaml.Node) { e.variables = readVariables(r, n) },
					"artifacts": func(n *yaml.Node) { e.readArtifacts(r, n) },
					"manifests": func(n *yaml.Node) { e.readManifests(r, n) },
				}, "")
			}}, "")
		},
	}, "")
	*list = append(*list, e)
}

func (e *entity) readManifests(r document.Reader, n *yaml.Node) {
	r.Items(n, "manifests", func(item *yaml.Node) {
		r.Mapping(item, "an item", document.Fields{"manifest": func(n *yaml.Node) {
			var typ document.Text
			r.Mapping(n, "a manifest", document.Fields{"type": r.Text(&typ, "type")}, "")
			e.aliased = e.aliased || typ.Raw() == "AwsLambdaFunctionAliasDefinition"
		}}, "")
	})
}

func (e *entity) readArtifacts(r document.Reader, n *yaml.Node) {
	r.Mapping(n, "artifacts", document.Fields{"primary": func(n *yaml.Node) {
		r.Mapping(n, "primary", document.Fields{"sources": func(n *yaml.Node) {
			r.Items(n, "sources", func(item *yaml.Node) {
				var identifier, connector document.Text
				r.Mapping(item, "a source", document.Fields{
					"identifier": r.Text(&identifier, "identifier"),
					"spec": func(n *yaml.Node) {
						r.Mapping(n, "spec", document.Fields{"connectorRef": r.Text(&connector, "connectorRef")}, "")
					},
				}, "")
				e.sources = append(e.sources, identifier)
				if connector.Set() {
					e.connectors = append(e.connectors, connector)
				}
			})
		}}, "")
	}}, "")
}

// secretIDs are the secrets that the documents need: those that expressions
// name, and the values of Secret variables.
func (c *converter) secretIDs() []string {
	ids := slices.Clone(c.references.secrets)
	for _, list := range [][]*entity{c.references.services, c.references.environments, c.references.overrides} {
		for _, e := range list {
			for _, v := range e.variables {
				value := v.value.Raw()
				if v.typ.Raw() != "Secret" || value == "" || strings.Contains(value, "<+") {
					continue
				}
				if !secretID.MatchString(value) {
					c.noSecretID(v)
					continue
				}
				ids = append(ids, value)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// secretID is the form of a secret's id with its scope; older ids have hyphens
// (https://developer.harness.io/docs/platform/references/entity-identifier-reference).
var secretID = lazyregexp.New(`^(account\.|org\.)?[a-zA-Z_][0-9a-zA-Z_$-]{0,127}$`)

// noSecretID is about a Secret variable whose value may be the secret itself: it is
// neither shown nor carried over.
func (c *converter) noSecretID(v variable) {
	c.advise(v.value, "the value of the Secret variable "+v.name.Raw()+" is not the id of a secret, and is left out", "if it is the secret itself, set it as a secret of the repository, and write its id here")
}

// secretValues are the nodes of a document in which the id of a secret belongs, and
// may be the secret itself.
func secretValues(n *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	if n.Kind == yaml.MappingNode {
		secret := false
		var values []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			switch key, value := n.Content[i].Value, n.Content[i+1]; key {
			case "type":
				secret = strings.EqualFold(value.Value, "Secret")
			case "value", "default":
				values = append(values, value)
			}
		}
		if secret {
			return values
		}
	}
	for _, child := range n.Content {
		all = append(all, secretValues(child)...)
	}
	return all
}
