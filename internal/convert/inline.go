package convert

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// A pipeline of format v1 may hold its services itself: name, description,
// deployment_type, artifacts, manifests, config_files and variables
// (https://developer.harness.io/3k-docs/platform/getting-started/pipelines/services, read
// on 2026-11-29). Such a service becomes a file of the older format beside the workflow.
// The page shows Kubernetes; Lambda's kinds of manifests and artifacts are those of the
// older format (https://developer.harness.io/continuous-delivery/3.0/use-deployments/overview-4/lambda-services),
// whatever their spelling.

var inlineKeys = []string{"artifacts", "manifests", "variables", "config_files"}

// isInline reports whether a service is written where it is used.
func isInline(n *yaml.Node) bool {
	return slices.ContainsFunc(inlineKeys, func(key string) bool { return get(n, key) != nil })
}

// inlineService makes a file of a service and returns what refers to it.
func (f *flatReader) inlineService(n *yaml.Node, name document.Text) document.Text {
	id := named(name, "service")
	service, spec := newMapping(), newMapping()
	var description document.Text
	f.Mapping(n, "a service", document.Fields{
		"description":  f.Text(&description, "description"),
		"manifests":    func(n *yaml.Node) { put(spec, "manifests", f.inlineManifests(n)) },
		"artifacts":    func(n *yaml.Node) { put(spec, "artifacts", f.inlineArtifacts(n)) },
		"variables":    func(n *yaml.Node) { put(spec, "variables", f.inlineVariables(n)) },
		"config_files": func(n *yaml.Node) { f.noteNode(f.Doc, n, "configuration files have no equivalent here", "") },
	}, "id name ref type deployment_type with")
	put(service, "name", scalar(cmp.Or(name.Raw(), id)))
	put(service, "identifier", scalar(id))
	put(service, "description", scalar(description.Raw()))
	definition := newMapping()
	put(definition, "type", scalar("AwsLambda"))
	put(definition, "spec", spec)
	put(service, "serviceDefinition", definition)
	return textAt(f.Doc, n, f.addService(id, service))
}

// named is the identifier that a name makes.
func named(name document.Text, otherwise string) string {
	if name.Raw() == "" {
		return otherwise
	}
	return identifier(name.Raw())
}

// addService adds a file of a service, and returns its identifier: another one where
// another service has it.
func (f *flatReader) addService(id string, service *yaml.Node) string {
	for i, first := 1, id; ; i++ {
		if i > 1 {
			id = fmt.Sprintf("%s_%d", first, i)
			put(service, "identifier", scalar(id))
		}
		root := newMapping()
		put(root, "service", service)
		root.HeadComment = "The service of " + path.Base(f.Doc.File) + ", which holds it itself."
		var text bytes.Buffer
		if err := encode(&text, root); err != nil {
			f.report(f.Doc.Problem(service, "cannot be written as a file: "+err.Error(), ""))
			return id
		}
		file := File{path.Join(".harness", id+".yaml"), text.Bytes()}
		at := slices.IndexFunc(f.inline, func(other File) bool { return other.Name == file.Name })
		switch {
		case at >= 0 && bytes.Equal(f.inline[at].Content, file.Content):
			return id
		case at < 0 && find(f.references.services, id) == nil:
			f.inline = append(f.inline, file)
			f.read(file)
			return id
		}
	}
}

// olderKinds are the names of kinds in the older format, by what is left of them without
// signs and capitals.
var olderKinds = map[string]string{
	"awslambdafunctiondefinition": "AwsLambdaFunctionDefinition", "functiondefinition": "AwsLambdaFunctionDefinition",
	"awslambdafunctionaliasdefinition": "AwsLambdaFunctionAliasDefinition", "awslambdaaliasdefinition": "AwsLambdaFunctionAliasDefinition",
	"functionaliasdefinition": "AwsLambdaFunctionAliasDefinition", "aliasdefinition": "AwsLambdaFunctionAliasDefinition",
	"ecr": "Ecr", "s3": "AmazonS3", "amazons3": "AmazonS3", "awss3": "AmazonS3",
	"git": "Git", "github": "Github", "gitlab": "GitLab", "bitbucket": "Bitbucket", "harness": "Harness", "inline": "Inline",
}

// olderKeys are the keys of sources and stores, likewise.
var olderKeys = map[string]string{
	"connector": "connectorRef", "connectorref": "connectorRef", "region": "region",
	"image": "imagePath", "imagepath": "imagePath", "tag": "tag", "digest": "digest", "registryid": "registryId",
	"bucket": "bucketName", "bucketname": "bucketName", "filepath": "filePath", "key": "filePath", "filepathregex": "filePathRegex",
	"paths": "paths", "files": "files", "content": "content", "folderpath": "folderPath",
	"branch": "branch", "repo": "repoName", "reponame": "repoName", "commitid": "commitId", "gitfetchtype": "gitFetchType",
}

// plain is a name without signs and capitals.
func plain(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}

// kind reads the type of a manifest, a source or a store.
func (f *flatReader) kind(into **yaml.Node) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var t document.Text
		f.Text(&t, "type")(n)
		*into = scalar(cmp.Or(olderKinds[plain(t.Raw())], t.Raw()))
	}
}

func (f *flatReader) inlineManifests(n *yaml.Node) *yaml.Node {
	list := newList()
	f.Items(n, "manifests", func(item *yaml.Node) {
		if inner := get(item, "manifest"); inner != nil {
			item = document.Resolved(inner)
		}
		manifest, typ := newMapping(), (*yaml.Node)(nil)
		var id document.Text
		store := newMapping()
		f.Mapping(item, "a manifest", document.Fields{
			"id": f.Text(&id, "id"), "identifier": f.Text(&id, "identifier"), "name": f.Text(&id, "name"),
			"type": f.kind(&typ),
			"spec": func(n *yaml.Node) {
				f.Mapping(n, "a manifest's spec", document.Fields{"store": func(n *yaml.Node) { f.inlineKind(store, n, "a store") }}, "")
			},
		}, "")
		put(manifest, "identifier", scalar(named(id, fmt.Sprintf("manifest%d", len(list.Content)+1))))
		put(manifest, "type", typ)
		spec := newMapping()
		put(spec, "store", store)
		put(manifest, "spec", spec)
		outer := newMapping()
		put(outer, "manifest", manifest)
		list.Content = append(list.Content, outer)
	})
	return list
}

// inlineKind reads a type with its spec.
func (f *flatReader) inlineKind(into, n *yaml.Node, what string) {
	var typ *yaml.Node
	spec := newMapping()
	var id document.Text
	f.Mapping(n, what, document.Fields{
		"id": f.Text(&id, "id"), "identifier": f.Text(&id, "identifier"), "name": f.Text(&id, "name"),
		"type": f.kind(&typ),
		"spec": func(n *yaml.Node) {
			fields := document.Fields{}
			for content := document.Pairs(document.Resolved(n)); len(content) > 1; content = content[2:] {
				if key := olderKeys[plain(content[0].Value)]; key != "" {
					fields[content[0].Value] = func(n *yaml.Node) { put(spec, key, f.copied(n)) }
				}
			}
			f.Mapping(n, what+"'s spec", fields, "")
		},
	}, "")
	if id.Set() {
		put(into, "identifier", scalar(named(id, "")))
	}
	put(into, "type", typ)
	put(into, "spec", spec)
}

// inlineArtifacts reads the primary artifact, alone or as a list of sources.
func (f *flatReader) inlineArtifacts(n *yaml.Node) *yaml.Node {
	primary, sources := newMapping(), newList()
	add := func(n *yaml.Node) {
		one := newMapping()
		put(one, "identifier", scalar(fmt.Sprintf("source%d", len(sources.Content)+1)))
		f.inlineKind(one, n, "an artifact source")
		sources.Content = append(sources.Content, one)
	}
	f.Mapping(n, "artifacts", document.Fields{"primary": func(n *yaml.Node) {
		n = document.Resolved(n)
		list := get(n, "sources")
		if list == nil {
			add(n)
			return
		}
		chosen := func(n *yaml.Node) { put(primary, "primaryArtifactRef", f.copied(n)) }
		f.Mapping(n, "artifacts.primary", document.Fields{
			"sources": func(n *yaml.Node) { f.Items(n, "sources", add) },
			"ref":     chosen, "primary_artifact_ref": chosen, "primaryArtifactRef": chosen,
		}, "")
	}}, "sidecars")
	if len(sources.Content) == 1 {
		put(primary, "primaryArtifactRef", get(sources.Content[0], "identifier"))
	}
	put(primary, "sources", sources)
	artifacts := newMapping()
	put(artifacts, "primary", primary)
	return artifacts
}

// inlineVariables reads name and value, or the older list.
func (f *flatReader) inlineVariables(n *yaml.Node) *yaml.Node {
	n = document.Resolved(n)
	if n.Kind != yaml.MappingNode {
		return f.copied(n)
	}
	list := newList()
	for content := document.Pairs(n); len(content) > 1; content = content[2:] {
		var value document.Text
		f.Text(&value, "a variable")(content[1])
		one := newMapping()
		put(one, "name", scalar(f.Doc.Text(content[0])))
		put(one, "type", scalar("String"))
		one.Content = append(one.Content, scalar("value"), scalar(olderText(value.Raw())))
		list.Content = append(list.Content, one)
	}
	return list
}

// copied is a value with its expressions in the older format.
func (f *flatReader) copied(n *yaml.Node) *yaml.Node {
	n = document.Resolved(n)
	if n.Kind == yaml.ScalarNode {
		if n.Tag != "!!str" && !strings.Contains(f.Doc.Text(n), "<+") {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: n.Tag, Value: n.Value}
		}
		return scalar(olderText(f.Doc.Text(n)))
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag}
	for _, child := range n.Content {
		out.Content = append(out.Content, f.copied(child))
	}
	return out
}

var (
	innerSpan = lazyregexp.New(`<\+[^<>]*>`)
	// pathOrText is a path, or a text in quotes, which is no path.
	pathOrText = lazyregexp.New(`"[^"]*"|'[^']*'|[A-Za-z_]\w*(?:\.[A-Za-z_][\w-]*)+`)
)

// olderText is a text with the paths of its expressions as the older format calls them.
func olderText(text string) string {
	return innerSpan.ReplaceAllStringFunc(text, func(span string) string {
		return pathOrText.ReplaceAllStringFunc(span, func(at string) string {
			if id, ok := strings.CutPrefix(at, "secrets."); ok && id != "getValue" {
				return `secrets.getValue("` + id + `")`
			}
			return older(at)
		})
	})
}
