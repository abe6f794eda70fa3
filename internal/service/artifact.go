package service

import (
	"path"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// artifactSource is the artifact of one service, not rendered yet: a source of
// its document, or the input artifact.
type artifactSource struct {
	source *source
	given  document.Text
	folder string
	// lambroll is the folder of a definition of lambroll.
	lambroll string
	// inDefinition is set where only the definition can name it: Code.ImageUri, as
	// lambroll has it.
	inDefinition bool
}

// chosen picks the service's artifact: the input's, the one that
// primaryArtifactRef names, or the only one.
func (l *loader) chosen(s *serviceDocument) (artifactSource, bool) {
	if l.opts.Artifact != "" {
		l.isNoCode(inFolder(s.folder, l.opts.Artifact))
		return artifactSource{given: document.Of("input artifact", l.opts.Artifact), folder: s.folder, lambroll: l.lambrollFolder(s)}, true
	}
	identifiers := s.identifiers()
	list := strings.Join(identifiers, ", ")
	ref := s.primaryRef.Raw()
	switch {
	case len(s.sources) == 0 && s.short:
		return artifactSource{inDefinition: true}, true
	case len(s.sources) == 0:
		l.report(s.doc.Problem(s.node, "the service has no artifact", "name one below artifacts.primary.sources, or with the input artifact"))
		return artifactSource{}, false
	case ref == "" && len(s.sources) == 1:
		return artifactSource{source: &s.sources[0]}, true
	case ref == "" && s.unchosen:
		return artifactSource{}, false
	case ref == "":
		l.report(s.doc.Problem(s.node, "the service has several artifact sources and none is chosen: "+list, "name one below artifacts.primary.primaryArtifactRef"))
		return artifactSource{}, false
	}
	i := slices.Index(identifiers, ref)
	if i < 0 {
		l.report(s.primaryRef.Problem("there is no artifact source "+quoted(ref)+": the service has "+list, ""))
		return artifactSource{}, false
	}
	return artifactSource{source: &s.sources[i]}, true
}

// lambrollFolder is the folder of the service's definition if that is one of lambroll.
func (l *loader) lambrollFolder(s *serviceDocument) string {
	if s.short && l.templated(s.manifests[0].paths[0].Raw(), functionInputs) {
		return path.Dir(s.manifests[0].paths[0].Raw())
	}
	return ""
}

// kindsOfSources are the fields that each type of source needs; of those
// joined by | one.
var kindsOfSources = map[string]struct {
	kind ArtifactKind
	need []string
}{
	"AmazonS3": {S3, []string{"bucketName", "filePath|filePathRegex"}},
	"Ecr":      {ECR, []string{"region", "imagePath", "tag|digest"}},
	"Local":    {Local, []string{"path"}},
}

// render evaluates the artifact's fields.
func (a artifactSource) render(l *loader, e *expression.Evaluator) (Artifact, bool) {
	if a.source == nil {
		value, ok := l.eval(a.given, e)
		if ok && strings.TrimSpace(value) == "" {
			l.report(a.given.Problem("the artifact is empty", ""))
			ok = false
		}
		if registry, is := awsfacts.ForeignRegistry(value); is {
			l.report(a.given.Problem(foreignImage(value, registry)))
			return Artifact{}, false
		}
		if !strings.Contains(value, "://") && !strings.Contains(value, ".dkr.ecr") {
			value = inFolder(a.folder, value)
		}
		return Artifact{Kind: Reference, Identifier: "primary", Reference: value, Lambroll: a.lambroll}, ok
	}
	kind, known := kindsOfSources[a.source.typ]
	if a.source.template {
		return Artifact{}, false
	}
	if !known {
		l.report(a.source.doc.Problem(a.source.node, "artifacts of type "+quoted(a.source.typ)+" cannot be deployed to Lambda", "AmazonS3, Ecr and Local can"))
		return Artifact{}, false
	}
	values, ok := map[string]string{}, true
	for key, t := range a.source.spec {
		value, good := l.eval(*t, e)
		values[key], ok = strings.TrimSpace(value), ok && good
	}
	if !ok || !a.complete(l, kind.need, values) || !l.checkRegion(*a.source.spec["region"], values["region"]) {
		return Artifact{}, false
	}
	if registry, is := awsfacts.ForeignRegistry(values["imagePath"]); is && kind.kind == ECR {
		l.report(a.source.spec["imagePath"].Problem(foreignImage(values["imagePath"], registry)))
		return Artifact{}, false
	}
	return Artifact{
		Kind: kind.kind, Identifier: a.source.identifier,
		Path:   values["path"],
		Bucket: values["bucketName"], Key: values["filePath"], KeyPattern: values["filePathRegex"], Region: values["region"],
		RegistryID: values["registryId"], ImagePath: values["imagePath"], Tag: values["tag"], Digest: values["digest"],
		ConnectorRef: values["connectorRef"], Role: l.role(*a.source.spec["connectorRef"], values["connectorRef"]),
	}, true
}

// foreignImage says what to do about an image that Lambda does not take.
func foreignImage(image, registry string) (message, hint string) {
	return "the image " + quoted(image) + " is in the registry " + registry + ": Lambda takes images from private ECR repositories of its own Region only",
		"copy it into one and name it as 123456789012.dkr.ecr.REGION.amazonaws.com/repository:tag"
}

// complete lists the fields that are missing.
func (a artifactSource) complete(l *loader, need []string, values map[string]string) bool {
	ok := true
	for _, field := range need {
		if !slices.ContainsFunc(strings.Split(field, "|"), func(f string) bool { return values[f] != "" }) {
			ok = false
			hint := ""
			if t := a.source.spec["tagRegex"]; t != nil && t.Set() && strings.HasPrefix(field, "tag") {
				hint = "a tagRegex is not searched for: name the tag or the digest"
			}
			l.report(a.source.doc.Problem(a.source.node, "the artifact source "+quoted(a.source.identifier)+" has no "+strings.ReplaceAll(field, "|", " and no "), hint))
		}
	}
	return ok
}

// names are the paths artifact.x.
func (a artifactSource) names() names {
	if a.source == nil {
		return referenceNames(a.given)
	}
	n := names{
		"identifier": expression.NewString(a.source.identifier),
		"type":       expression.NewString(a.source.typ),
	}
	for key, t := range a.source.spec {
		if t.Raw() != "" {
			n[key] = t.Template()
		}
	}
	if path, ok := n["filePath"]; ok {
		n["path"] = path
	}
	metadata := names{}
	if digest, ok := n["digest"]; ok {
		metadata["SHA"] = digest
	}
	if _, ok := n["imagePath"]; ok {
		n["image"] = expression.NewTemplate(imageTemplate(a.source.spec), nil)
		metadata["image"] = n["image"]
	}
	if tag, ok := n["tag"]; ok {
		metadata["tag"] = tag
	}
	n["metadata"] = metadata.value()
	return n
}

// imageTemplate writes the image as Harness does: with its registry where that
// is known without asking AWS.
func imageTemplate(spec map[string]*document.Text) string {
	field := func(name string) string {
		if t := spec[name]; t != nil {
			return t.Raw()
		}
		return ""
	}
	image := field("imagePath")
	if id, region := field("registryId"), field("region"); id != "" && region != "" {
		image = awsfacts.PartitionOf(region).Registry(id, region) + "/" + image
	}
	if digest := field("digest"); digest != "" {
		return image + "@" + digest
	}
	return image + ":" + field("tag")
}

// referenceNames are artifact.x of the input artifact.
func referenceNames(t document.Text) names {
	ref := t.Raw()
	if !t.Set() || strings.Contains(ref, "<+") {
		return names{}
	}
	n := names{"identifier": expression.NewString("primary"), "metadata": names{}.value()}
	set := func(key, value string) { n[key] = expression.NewString(value) }
	if address, ok := strings.CutPrefix(ref, "s3://"); ok {
		address, _, _ = strings.Cut(address, "?")
		bucket, key, _ := strings.Cut(address, "/")
		set("type", "AmazonS3")
		set("bucketName", bucket)
		set("filePath", key)
		set("path", key)
		return n
	}
	registry, image, _ := strings.Cut(ref, "/")
	if !strings.Contains(registry, ".dkr.ecr") {
		set("type", "Local")
		set("path", ref)
		return n
	}
	set("type", "Ecr")
	set("image", ref)
	image, digest, pinned := strings.Cut(image, "@")
	image, tag, tagged := strings.Cut(image, ":")
	set("imagePath", image)
	if tagged {
		set("tag", tag)
	}
	if pinned {
		set("digest", digest)
		n["metadata"] = names{"SHA": expression.NewString(digest)}.value()
	}
	return n
}
