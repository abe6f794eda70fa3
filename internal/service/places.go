package service

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

type (
	environmentDocument struct {
		entity
		variables []variable
		manifests []manifest
	}

	infrastructureDocument struct {
		entity
		environmentRef       document.Text
		connectorRef, region document.Text
		allowSimultaneous    document.Text
		scoped               []document.Text
	}

	// overrideDocument changes variables and manifests of one environment, of
	// one service in it, of one infrastructure, or of one service there.
	overrideDocument struct {
		doc                                      *expression.Document
		node                                     *yaml.Node
		typ                                      document.Text
		environmentRef, serviceRef, infraRef, id document.Text
		variables                                []variable
		manifests                                []manifest
	}
)

func (l *loader) readEnvironment(doc *expression.Document, n *yaml.Node) {
	r := l.reader(doc)
	e := &environmentDocument{entity: entity{doc: doc, node: n}}
	need := r.entity(&e.entity)
	need["type"] = r.Text(&e.typ, "type")
	need["variables"] = func(n *yaml.Node) { r.variables(&e.variables, n) }
	need["overrides"] = func(n *yaml.Node) {
		r.Mapping(n, "overrides", document.Fields{
			"manifests": func(n *yaml.Node) { r.manifests(&e.manifests, n) },
			"variables": func(n *yaml.Node) { r.variables(&e.variables, n) },
		}, "configFiles applicationSettings connectionStrings")
	}
	r.Mapping(n, "an environment", need, entityKeys+" color serviceOverrides infrastructureDefinitions")
	if typ := e.typ.Raw(); e.typ.Set() && typ != "PreProduction" && typ != "Production" {
		l.report(e.typ.Problem("an environment's type is PreProduction or Production, not "+typ, ""))
	}
	l.named(e.entity, "the environment")
	l.environments = append(l.environments, e)
}

func (l *loader) readInfrastructure(doc *expression.Document, n *yaml.Node) {
	r := l.reader(doc)
	i := &infrastructureDocument{entity: entity{doc: doc, node: n}}
	need := r.entity(&i.entity)
	need["environmentRef"] = r.Text(&i.environmentRef, "environmentRef")
	need["type"] = r.Text(&i.typ, "type")
	need["allowSimultaneousDeployments"] = r.Text(&i.allowSimultaneous, "allowSimultaneousDeployments")
	need["scopedServices"] = r.Texts(&i.scoped, "scopedServices")
	need["spec"] = func(n *yaml.Node) {
		r.Mapping(n, "spec", document.Fields{
			"connectorRef": r.Text(&i.connectorRef, "connectorRef"),
			"region":       r.Text(&i.region, "region"),
		}, "provisioner credentialsRef")
	}
	r.Mapping(n, "an infrastructure", need, entityKeys+" deploymentType provisioner")
	if typ := i.typ.Raw(); i.typ.Set() && typ != "AwsLambda" {
		l.report(i.typ.Problem("the infrastructure's type is "+typ+", but only AwsLambda is deployed here", ""))
	}
	l.named(i.entity, "the infrastructure")
	l.infrastructures = append(l.infrastructures, i)
}

// readOverride reads serviceOverrides (environment + service), overrides (all
// four kinds, their content below spec or not), and the bare content.
func (l *loader) readOverride(doc *expression.Document, n *yaml.Node) {
	r := l.reader(doc)
	o := &overrideDocument{doc: doc, node: n}
	content := document.Fields{
		"variables": func(n *yaml.Node) { r.variables(&o.variables, n) },
		"manifests": func(n *yaml.Node) { r.manifests(&o.manifests, n) },
	}
	const unused = "configFiles applicationSettings connectionStrings"
	r.Mapping(n, "an override", document.Fields{
		"identifier":      r.Text(&o.id, "identifier"),
		"type":            r.Text(&o.typ, "type"),
		"environmentRef":  r.Text(&o.environmentRef, "environmentRef"),
		"serviceRef":      r.Text(&o.serviceRef, "serviceRef"),
		"infraIdentifier": r.Text(&o.infraRef, "infraIdentifier"),
		"infraId":         r.Text(&o.infraRef, "infraId"),
		"variables":       content["variables"],
		"manifests":       content["manifests"],
		"spec":            func(n *yaml.Node) { r.Mapping(n, "an override's spec", content, unused) },
	}, entityKeys+" name description tags clusterIdentifier "+unused)
	l.overrides = append(l.overrides, o)
}

// refer takes from a Terraform resource what the YAML of an override leaves to
// it.
func (o *overrideDocument) refer(attributes map[string]string) {
	for name, t := range map[string]*document.Text{
		"type": &o.typ, "env_id": &o.environmentRef, "service_id": &o.serviceRef, "infra_id": &o.infraRef,
	} {
		if value := attributes[name]; value != "" && !t.Set() {
			*t = document.Of(o.doc.File, value)
		}
	}
}

// layer is one level of precedence.
type layer int

// The layers, lowest first.
const (
	layerService layer = iota
	layerEnvironment
	layerEnvironmentService
	layerInfrastructure
	layerInfrastructureService
	layerInput
	layerNowhere
)

func (l layer) String() string {
	return [...]string{
		"service", "environment", "environment and service", "infrastructure", "infrastructure and service", "input variables", "nowhere",
	}[l]
}

// overrideTypes are Harness' names of the layers. Clusters are its GitOps,
// where nothing of ours goes.
var overrideTypes = map[string]layer{
	"ENV_GLOBAL_OVERRIDE":      layerEnvironment,
	"ENV_SERVICE_OVERRIDE":     layerEnvironmentService,
	"INFRA_GLOBAL_OVERRIDE":    layerInfrastructure,
	"INFRA_SERVICE_OVERRIDE":   layerInfrastructureService,
	"CLUSTER_GLOBAL_OVERRIDE":  layerNowhere,
	"CLUSTER_SERVICE_OVERRIDE": layerNowhere,
}

func (l *loader) checkOverrides() {
	for _, o := range l.overrides {
		typ := o.typ.Raw()
		if _, ok := overrideTypes[typ]; !ok && typ != "" {
			l.report(o.typ.Problem("there is no type of override "+quoted(typ), diag.DidYouMean(typ, slices.Sorted(maps.Keys(overrideTypes)))))
		}
	}
}

// layer says how special an override is, by its type or by what it refers to.
func (o *overrideDocument) layer() layer {
	if level, ok := overrideTypes[o.typ.Raw()]; ok {
		return level
	}
	switch infra, service := o.infraRef.Set(), o.serviceRef.Set(); {
	case infra && service:
		return layerInfrastructureService
	case infra:
		return layerInfrastructure
	case service:
		return layerEnvironmentService
	}
	return layerEnvironment
}

// applies reports whether an override is for this service in this place. A
// reference that is not there matches everything.
func (o *overrideDocument) applies(p place) bool {
	level := o.layer()
	matches := func(ref document.Text, id string) bool { return !ref.Set() || unscoped(ref.Raw()) == id }
	switch {
	case level == layerNowhere || !matches(o.environmentRef, p.environmentID()):
		return false
	case level >= layerInfrastructure && !matches(o.infraRef, p.infrastructureID()):
		return false
	case level == layerEnvironmentService || level == layerInfrastructureService:
		return matches(o.serviceRef, p.service.id())
	}
	return true
}

// place is one service with where it goes.
type place struct {
	service        *serviceDocument
	environment    *environmentDocument
	infrastructure *infrastructureDocument
}

func (p place) environmentID() string {
	switch {
	case p.environment != nil:
		return p.environment.id()
	case p.infrastructure != nil:
		return unscoped(p.infrastructure.environmentRef.Raw())
	}
	return ""
}

// unscoped is the identifier in a reference: Harness writes account. or org.
// before that of an entity which lives there.
func unscoped(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, "account."), "org.")
}

func (p place) infrastructureID() string {
	if p.infrastructure == nil {
		return ""
	}
	return p.infrastructure.id()
}

// variables merges the layers: a variable is replaced whole, a new one is
// added.
func (l *loader) variables(p place) []layered {
	var out []layered
	put := func(level layer, list []variable) {
		for _, v := range list {
			out = replaceVariable(out, layered{v, level})
		}
	}
	put(layerService, p.service.variables)
	if p.environment != nil {
		put(layerEnvironment, p.environment.variables)
	}
	for level := layerEnvironment; level <= layerInfrastructureService; level++ {
		for _, o := range l.overrides {
			if o.layer() == level && o.applies(p) {
				put(level, o.variables)
			}
		}
	}
	return l.inputVariables(out)
}

// layered is a variable with the layer that it came from.
type layered struct {
	variable
	layer layer
}

func replaceVariable(list []layered, v layered) []layered {
	for i := range list {
		if list[i].name == v.name {
			// What is secret stays secret, whatever layer replaces it.
			if list[i].typ == secretType && v.typ != secretType && v.layer == layerInput {
				v.typ = secretType
			}
			list[i] = v
			return list
		}
	}
	return append(list, v)
}

// manifests merges the layers: one with the same identifier is replaced, a new
// one is appended. An environment's manifests for other kinds of services
// (Values, TasVars) are not this one's.
func (l *loader) manifests(p place) []manifest {
	var out []manifest
	for _, m := range p.service.manifests {
		out = replaceManifest(out, m)
	}
	put := func(list []manifest) {
		for _, m := range list {
			if strings.HasPrefix(m.typ, "AwsLambda") {
				out = replaceManifest(out, m)
			}
		}
	}
	if p.environment != nil {
		put(p.environment.manifests)
	}
	for level := layerEnvironment; level <= layerInfrastructureService; level++ {
		for _, o := range l.overrides {
			if o.layer() == level && o.applies(p) {
				put(o.manifests)
			}
		}
	}
	return out
}

func replaceManifest(list []manifest, m manifest) []manifest {
	for i := range list {
		if m.identifier != "" && list[i].identifier == m.identifier {
			list[i] = m
			return list
		}
	}
	return append(list, m)
}
