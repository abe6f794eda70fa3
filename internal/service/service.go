// Package service reads what is to be deployed where: Harness' Service,
// Environment, Infrastructure, override and input-set documents as they are,
// or the short inputs, which build the same Service in memory. Either way the
// result is a list of Targets: one function in one Region, with every
// expression rendered and the definition decoded.
//
// The documents are those of
// https://developer.harness.io/docs/continuous-delivery/deploy-srv-diff-platforms/aws/aws-lambda-deployments,
// the precedence of overrides that of
// https://developer.harness.io/docs/continuous-delivery/x-platform-cd-features/overrides-v2.
//
// The package reads files only through Files, calls nobody, and never stops at
// the first mistake: all problems of all files come out together. A key that
// Harness knows and we do not need is ignored; one that Harness does not know
// is a warning; a wrong type is an error. The values of secrets are in
// Set.Secrets even when there are problems, so that a caller can mask them before
// it prints the first line.
package service

import (
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// Options is what a run names. Paths are relative to the workspace and may be
// globs (*, ?, [a-z], and ** for any depth).
type Options struct {
	Files Files
	// Services, Environments, Infrastructures and Overrides are document files.
	Services, Environments, Infrastructures, Overrides []string
	// Definitions are function definition files, the short way; without
	// Services each is a Service of its own.
	Definitions []string
	// Aliases and AliasDefinitions replace the alias manifests of every service.
	Aliases, AliasDefinitions []string
	// Settings are settings documents, for every service; they replace its settings
	// manifests.
	Settings []string
	// Artifact replaces the artifact of every service.
	Artifact string
	// Variables override every layer of variables.
	Variables map[string]string
	// Given are more variables of that layer, by name. Their values are final: no
	// expression in them is evaluated.
	Given map[string]Given
	// Inputs are the values of <+input> by path; InputSets are documents with
	// more of them, which Inputs overrule.
	Inputs    map[string]string
	InputSets []string
	// Templates evaluate {{ … }} in the files of Definitions and Settings.
	Templates Templates
	// Secrets are the values of <+secrets.getValue("id")>.
	Secrets map[string]string
	// Connectors are the roles of connectorRefs.
	Connectors map[string]string
	// Host is what the CI host knows, by its dotted name: pipeline.name,
	// pipeline.sequenceId, stage.name. Its values are never evaluated.
	Host map[string]string
	// Now is the clock of <+datetime.currentTime()>.
	Now func() time.Time
	// Serialised is set where the host runs one deployment at a time.
	Serialised bool
	// DocumentsOnly is set where the files count, not what they deploy: there may be
	// nothing to deploy.
	DocumentsOnly bool
}

// Templates are how {{ … }} is evaluated. Its zero value evaluates none.
type Templates struct {
	// Functions may be called side by side.
	Functions expression.Functions
	// In reports whether those of a file are evaluated.
	In func(file string) bool
	// InSettings reports it for a settings document.
	InSettings func(file string) bool
	// Source finds the templates of such a file, after its Jsonnet is evaluated.
	Source func(file string, content []byte) (*expression.Source, *diag.Problem)
	// Expect gets the files before the first of their templates is evaluated, to read
	// at once what they will ask for.
	Expect func(files []File)
}

// Given is the value of a variable that comes from somewhere else. A value with
// expression.Unknown in it is not known, and what is made of it is not checked.
type Given struct {
	Text   string
	Secret bool
}

// Target is one function in one Region.
type Target struct {
	// Service names what is deployed; Identifier is never empty.
	Service Entity
	// Environment names where; empty without an environment file.
	Environment Entity
	// Infrastructure is the account and Region; its zero value means the current
	// ones.
	Infrastructure Infrastructure
	// Function is the definition, rendered and checked.
	Function *definition.Function
	// Aliases are the alias definitions in the order of the manifests.
	Aliases []definition.Alias
	// Settings are what else is set around the function.
	Settings definition.Settings
	// Artifact is where the code comes from.
	Artifact Artifact
	// Variables are the service variables after all overrides.
	Variables []Variable
	// Source is the file of the function definition, Document what it holds: it
	// provides the places of later problems.
	Source   string
	Document definition.Document
}

// Entity is what an expression calls service or env.
type Entity struct {
	Identifier, Name, Type, Description string
}

// Infrastructure is one account and Region to deploy to.
type Infrastructure struct {
	Identifier, Name string
	// Region is empty where nothing names one.
	Region string
	// ConnectorRef is the connector as the file names it, Role the ARN that
	// the input connectors has for it; empty for the current credentials.
	ConnectorRef, Role string
	// AllowSimultaneous is what allowSimultaneousDeployments says.
	AllowSimultaneous bool
}

// ArtifactKind is where an Artifact is kept.
type ArtifactKind string

// The kinds of artifacts. Reference is the short input: s3://…, the URI of an
// image, or a path.
const (
	S3        ArtifactKind = "S3"
	ECR       ArtifactKind = "ECR"
	Local     ArtifactKind = "Local"
	Reference ArtifactKind = "Reference"
)

// Artifact names the code, rendered.
type Artifact struct {
	Kind       ArtifactKind
	Identifier string
	// Reference is the text of the short input.
	Reference string
	// Path is that of a Local artifact, relative to the workspace.
	Path string
	// Lambroll is the folder of the definition where that is one of lambroll, whose
	// rules say what of a folder is zipped.
	Lambroll string
	// Bucket, Key or KeyPattern, and Region name an object.
	Bucket, Key, KeyPattern, Region string
	// RegistryID (empty for the current account), ImagePath, Tag or Digest
	// name an image.
	RegistryID, ImagePath, Tag, Digest string
	// ConnectorRef and Role are as in Infrastructure.
	ConnectorRef, Role string
}

// IsImage reports whether the code is a container image.
func (a Artifact) IsImage() bool {
	return a.Kind == ECR || a.Kind == Reference && strings.Contains(a.Reference, ".dkr.ecr")
}

// PackageType is Image for a container image, else Zip.
func (a Artifact) PackageType() string {
	if a.IsImage() {
		return "Image"
	}
	return "Zip"
}

// Variable is a service variable after all overrides.
type Variable struct {
	Name, Value string
	Secret      bool
	// Layer is where the value came from: "service", "environment", ….
	Layer string
}

// Set is what a run deploys.
type Set struct {
	Targets []Target
	// Secrets are the values that no log may show, longest first.
	Secrets []string
}

// Load reads all files, renders them and checks them. The set is there even
// when there are problems, with the secrets and with the targets that have none.
func Load(opts Options) (*Set, diag.List) {
	l := &loader{opts: opts}
	for _, value := range opts.Secrets {
		l.secret(value)
	}
	l.read()
	set := &Set{}
	l.targets(set)
	set.Secrets = l.allSecrets()
	return set, l.problems.Sorted()
}

// loader holds the documents of one run while its targets are made.
type loader struct {
	opts            Options
	services        []*serviceDocument
	environments    []*environmentDocument
	infrastructures []*infrastructureDocument
	overrides       []*overrideDocument
	inputs          runtimeInputs
	// lacking and needed are of the document that is read.
	lacking lacking
	needed  []lack
	findings
}

// findings are what reading and rendering bring to light.
type findings struct {
	problems diag.List
	errors   int
	secrets  map[string]bool
	// asked are the paths at which there is a runtime input.
	asked []string
}

func (f *findings) report(problems ...diag.Problem) {
	f.problems = append(f.problems, problems...)
	for _, one := range problems {
		if !one.Warning {
			f.errors++
		}
	}
}

func (f *findings) secret(value string) {
	if value == "" || strings.Contains(value, expression.Unknown) {
		return
	}
	if f.secrets == nil {
		f.secrets = map[string]bool{}
	}
	f.secrets[value] = true
}

// each calls do for 0 to n-1, side by side, each with findings of its own,
// which are joined in order afterwards. What do reads of the loader it must
// not change.
func (l *loader) each(n int, do func(l *loader, i int)) {
	parts := make([]loader, n)
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				parts[i] = *l
				parts[i].findings = findings{}
				if l.opts.Files.ended() {
					parts[i].report(diag.Problem{Message: "not everything was read: the run was stopped"})
					continue
				}
				do(&parts[i], i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	for i := range parts {
		l.report(parts[i].problems...)
		l.asked = append(l.asked, parts[i].asked...)
		for value := range parts[i].secrets {
			l.secret(value)
		}
	}
}
