package service

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// targets makes one Target of each service in each place, in the order of the
// inputs.
func (l *loader) targets(set *Set) {
	if len(l.services) == 0 {
		if l.errors == 0 && !l.opts.DocumentsOnly {
			l.report(diag.Problem{Message: "there is nothing to deploy", Hint: "name a file with the input service or function-definition"})
		}
		return
	}
	places := l.places()
	targets := make([]*Target, len(places))
	l.each(len(places), func(l *loader, i int) { targets[i] = l.target(places[i]) })
	for _, t := range targets {
		if t != nil {
			set.Targets = append(set.Targets, *t)
		}
	}
	l.warnOfDuplicates()
	l.warnOfUnused(places)
}

// places are each service with each infrastructure that takes it.
func (l *loader) places() []place {
	environment := l.environment()
	var out []place
	for _, s := range l.services {
		if len(l.infrastructures) == 0 {
			out = append(out, place{s, environment, nil})
			continue
		}
		before := len(out)
		for _, i := range l.infrastructures {
			if i.admits(s) {
				out = append(out, place{s, environment, i})
			}
		}
		if len(out) == before {
			l.report(s.doc.Problem(s.node, "no infrastructure is scoped to the service "+quoted(s.id()), "see scopedServices"))
		}
	}
	return out
}

// environment is the one environment of the run.
func (l *loader) environment() *environmentDocument {
	if len(l.environments) == 0 {
		return nil
	}
	for _, other := range l.environments[1:] {
		l.report(other.doc.Problem(other.node, "a second environment: a run deploys to one", "run once for each environment"))
	}
	e := l.environments[0]
	for _, i := range l.infrastructures {
		if ref := i.environmentRef.Raw(); ref != "" && unscoped(ref) != e.id() {
			l.report(i.environmentRef.Problem("the infrastructure belongs to the environment "+quoted(ref)+", but the run deploys to "+quoted(e.id()), ""))
		}
	}
	return e
}

func (i *infrastructureDocument) admits(s *serviceDocument) bool {
	return len(i.scoped) == 0 || slices.ContainsFunc(i.scoped, func(t document.Text) bool { return unscoped(t.Raw()) == s.id() })
}

// warnOfDuplicates names services that are there twice: the second would deploy
// over the first.
func (l *loader) warnOfDuplicates() {
	seen := map[string]string{}
	for _, s := range l.services {
		if other, ok := seen[s.id()]; ok {
			l.report(s.doc.Problem(s.node, "the service "+quoted(s.id())+" is also in "+other, "give each service an identifier of its own"))
		}
		seen[s.id()] = s.doc.File
	}
}

// target renders one service in one place; nil when that brings up an error.
func (l *loader) target(p place) *Target {
	art, chosen := l.chosen(p.service)
	variables := l.variables(p)
	e := l.evaluator(p, variables, art)
	defer func() {
		for _, secret := range e.Secrets() {
			l.secret(secret)
		}
	}()
	t := Target{Service: l.entity(p.service.entity, e), Infrastructure: l.infrastructure(p, e)}
	t.Service.Type = "AwsLambda"
	if p.environment != nil {
		t.Environment = l.entity(p.environment.entity, e)
	}
	t.Variables = l.rendered(variables, e)
	if chosen && !art.inDefinition {
		t.Artifact, chosen = art.render(l, e)
	}
	l.definitions(&t, p, e, art.inDefinition)
	if art.inDefinition {
		chosen = t.Artifact != Artifact{}
	}
	if !chosen || t.Function == nil || l.errors > 0 {
		return nil
	}
	if !l.fitToArtifact(&t) {
		return nil
	}
	return &t
}

func (l *loader) entity(e entity, ev *expression.Evaluator) Entity {
	out := Entity{Identifier: e.id(), Type: e.typ.Raw()}
	out.Name, _ = l.eval(e.name, ev)
	out.Description, _ = l.eval(e.description, ev)
	if out.Name == "" {
		out.Name = out.Identifier
	}
	return out
}

// infrastructure renders where the target goes, and warns of what nobody
// keeps from running twice at once.
func (l *loader) infrastructure(p place, e *expression.Evaluator) Infrastructure {
	if p.infrastructure == nil {
		return Infrastructure{}
	}
	i := p.infrastructure
	out := Infrastructure{Identifier: i.id(), AllowSimultaneous: l.truth(i.allowSimultaneous, "allowSimultaneousDeployments", e)}
	out.Name, _ = l.eval(i.name, e)
	out.Region, _ = l.eval(i.region, e)
	l.checkRegion(i.region, out.Region)
	out.ConnectorRef, _ = l.eval(i.connectorRef, e)
	out.Role = l.role(i.connectorRef, out.ConnectorRef)
	if !out.AllowSimultaneous && !l.opts.Serialised {
		f := i.doc.Problem(i.node, "allowSimultaneousDeployments is false, but this host may run two deployments at once",
			"under GitHub give the job a concurrency group")
		f.Warning = true
		l.report(f)
	}
	return out
}

// checkRegion reports a text that cannot be the name of a Region.
func (l *loader) checkRegion(t document.Text, region string) bool {
	if region == "" {
		return true
	}
	err := awsfacts.CheckRegion(region)
	if err != nil {
		l.report(t.Problem(err.Error(), ""))
	}
	return err == nil
}

// truth is a text that says true or false; false where it is not there.
func (l *loader) truth(t document.Text, what string, e *expression.Evaluator) bool {
	value, ok := l.eval(t, e)
	if !ok || value == "" {
		return false
	}
	truth, err := strconv.ParseBool(value)
	if err != nil {
		l.report(t.Problem(what+" must be true or false, not "+quoted(value), ""))
	}
	return truth
}

// role is what the input connectors has for a connector; a connector that is
// not among them is most often misspelt.
func (l *loader) role(t document.Text, ref string) string {
	role, ok := l.opts.Connectors[ref]
	if !ok && ref != "" && len(l.opts.Connectors) > 0 {
		f := t.Problem("the connector "+quoted(ref)+" has no role in the input connectors: the current credentials are used",
			diag.DidYouMean(ref, slices.Sorted(maps.Keys(l.opts.Connectors))))
		f.Warning = true
		l.report(f)
	}
	return role
}

// rendered evaluates the variables for those who list them; one that cannot be
// evaluated is a problem only where it is used.
func (l *loader) rendered(variables []layered, e *expression.Evaluator) []Variable {
	var out []Variable
	for _, v := range variables {
		if v.required && v.value.Raw() == "" && v.deflt.Raw() == "" {
			l.report(v.doc.Problem(v.node, "the variable "+v.name+" is required and has no value", "set it with the input variables: "+v.name+"=…"))
			continue
		}
		value, err := e.Variable("serviceVariables", v.name)
		if err != nil {
			continue
		}
		out = append(out, Variable{Name: v.name, Value: value.Text(), Secret: value.IsSecret(), Layer: v.layer.String()})
	}
	return out
}

// definitions reads, renders and decodes the manifests: the first file of the
// first function definition, and the first file of each alias definition.
// withArtifact asks for the artifact, too.
func (l *loader) definitions(t *Target, p place, e *expression.Evaluator, withArtifact bool) {
	found := false
	replaced := len(l.opts.Aliases)+len(l.opts.AliasDefinitions) > 0
	for _, m := range l.manifests(p) {
		switch m.typ {
		case "AwsLambdaFunctionDefinition":
			if found {
				continue
			}
			found = true
			if doc := l.manifestDocument(m, e); doc != nil {
				if withArtifact {
					t.Artifact, _ = l.imageOf(doc.File, doc)
				}
				f, problems := definition.Decode(doc)
				l.report(doc.Apart(problems)...)
				t.Function = f
				t.Source, t.Document = doc.File, doc
			}
		case "AwsLambdaFunctionAliasDefinition":
			if replaced {
				continue
			}
			if doc := l.manifestDocument(m, e); doc != nil {
				l.alias(t, doc)
			}
		case settingsManifest:
			if len(l.opts.Settings) > 0 {
				continue
			}
			if doc := l.manifestDocument(m, e); doc != nil {
				l.settings(t, doc)
			}
		default:
			l.report(m.doc.Problem(m.node, "manifests of type "+quoted(m.typ)+" are not read", "AwsLambdaFunctionDefinition, AwsLambdaFunctionAliasDefinition and "+settingsManifest+" are"))
		}
	}
	if !found {
		l.report(p.service.doc.Problem(p.service.node, "the service "+quoted(p.service.id())+" has no manifest of type AwsLambdaFunctionDefinition", ""))
	}
	l.inputAliases(t, p.service.folder, e)
	l.inputSettings(t, p.service.folder, e)
}

// rendered is a definition that may lack values whose problems were reported.
type rendered interface {
	definition.Document
	Apart(diag.List) diag.List
}

func (l *loader) alias(t *Target, doc rendered) {
	a, problems := definition.DecodeAlias(doc)
	l.report(doc.Apart(problems)...)
	if a == nil || a.Name == "" {
		return
	}
	if slices.ContainsFunc(t.Aliases, func(other definition.Alias) bool { return other.Name == a.Name }) {
		l.report(doc.Apart(diag.List{doc.Problem(doc.Root(), "the alias "+quoted(a.Name)+" is defined twice", "")})...)
		return
	}
	t.Aliases = append(t.Aliases, *a)
}

// manifestDocument reads and renders the file of a manifest; nil where it cannot
// be read.
func (l *loader) manifestDocument(m manifest, e *expression.Evaluator) *expression.Document {
	if m.content.Set() {
		content, ok := inline(m.content), true
		if strings.HasPrefix(m.content.Raw(), "<+") {
			content, ok = l.eval(m.content, e)
		}
		if !ok {
			return nil
		}
		return l.render(expression.Scan(m.doc.File, []byte(content)), m.inputPath(), e)
	}
	if len(m.paths) == 0 {
		if m.lacking {
			return nil
		}
		l.report(m.doc.Problem(m.node, "the manifest "+quoted(m.identifier)+" names no file", "write it below store.spec.paths"))
		return nil
	}
	name, ok := l.eval(m.paths[0], e)
	if !ok {
		return nil
	}
	if m.byInput {
		return l.renderFile(name, m.inputPath(), e)
	}
	// Harness' file store writes account:/folder/file; a repository's paths may
	// begin with /. Both mean the workspace.
	if _, rest, scoped := strings.Cut(name, ":/"); scoped {
		name = rest
	}
	name = strings.TrimLeft(name, "/")
	content, f := l.opts.Files.readRegular(name)
	if f != nil {
		l.report(m.paths[0].Problem("the file "+quoted(name)+": "+f.Message, f.Hint))
		return nil
	}
	return l.render(expression.Scan(name, content), m.inputPath(), e)
}

// inputPath is what the paths of runtime inputs in a definition begin with.
func (m manifest) inputPath() string {
	switch m.typ {
	case "AwsLambdaFunctionAliasDefinition":
		return aliasInputs
	case settingsManifest:
		return settingsInputs
	}
	return functionInputs
}

const (
	functionInputs = "functionDefinition"
	aliasInputs    = "aliasDefinition"
)

func (l *loader) renderFile(name, inputs string, e *expression.Evaluator) *expression.Document {
	content, f := l.opts.Files.read(name)
	if f != nil {
		l.report(*f)
		return nil
	}
	text, f := l.scan(name, content, inputs)
	if f != nil {
		l.report(*f)
		return nil
	}
	return l.render(text, inputs, e)
}

// render parses a definition and fills in its expressions.
func (l *loader) render(text *expression.Source, inputs string, e *expression.Evaluator) *expression.Document {
	name := text.File
	docs, problems := text.Documents()
	l.report(problems...)
	if len(problems) > 0 {
		return nil
	}
	if len(docs) != 1 {
		f := diag.Problem{File: name, Message: "is empty"}
		if len(docs) > 1 {
			f = docs[1].Problem(docs[1].Root(), "holds a second document", "one file is one definition")
		}
		l.report(f)
		return nil
	}
	doc := docs[0]
	if f := document.TooLarge(doc); f != nil {
		l.report(*f)
		return nil
	}
	sensitive, want := definition.Sensitive, functionKind
	switch inputs {
	case aliasInputs:
		sensitive, want = definition.SensitiveAlias, aliasKind
	case settingsInputs:
		sensitive, want = func(*yaml.Node) []*yaml.Node { return nil }, settingsKind
	}
	doc.Hide(sensitive(doc.Root())...)
	if kind, ok := recognize(doc.Root()); ok && kind != want {
		l.report(doc.Problem(doc.Root(), "is "+kind.what+", not "+want.what, kind.hint))
		return nil
	}
	l.checkTemplates(doc, doc.Root())
	for n, missing := range l.fillInputs(doc, doc.Root(), name, inputs) {
		l.report(missing.problem)
		expression.Forget(n)
	}
	l.report(doc.Render(doc.Root(), e)...)
	l.warnOfExposed(doc, sensitive(doc.Root()), e.Secrets())
	return doc
}

// fitToArtifact checks the definition against the kind of its artifact, and takes out
// what a container image brings itself.
func (l *loader) fitToArtifact(t *Target) bool {
	fitting, problems := definition.CheckPackage(*t.Function, t.Artifact.PackageType(), t.Document)
	if doc, ok := t.Document.(rendered); ok {
		problems = doc.Apart(problems)
	}
	l.report(problems...)
	t.Function = &fitting
	return len(problems.Errors()) == 0
}

func (l *loader) allSecrets() []string {
	out := slices.Collect(maps.Keys(l.secrets))
	slices.SortFunc(out, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return out
}
