package service

import (
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// names is a Scope of fixed values.
type names map[string]expression.Value

func (n names) Get(name string) (expression.Value, bool) {
	v, ok := n[name]
	return v, ok
}

func (n names) Names() []string { return slices.Sorted(maps.Keys(n)) }

func (n names) value() expression.Value { return expression.NewObject(n) }

// evaluator returns what the expressions of one target see.
func (l *loader) evaluator(p place, variables []layered, art artifactSource) *expression.Evaluator {
	root := l.hostNames()
	own, overridden := names{}, names{}
	for _, v := range variables {
		value := l.variableValue(v)
		own[v.name] = value
		if v.layer != layerService {
			overridden[v.name] = value
		}
	}
	root["serviceVariables"] = own.value()
	root["serviceVariableOverrides"] = overridden.value()
	root["service"] = entityNames(p.service.entity, "AwsLambda").value()
	root["env"] = l.environmentNames(p).value()
	root["infra"] = infrastructureNames(p).value()
	root["org"] = identifierOf(p.service.org).value()
	root["project"] = identifierOf(p.service.project).value()
	artifact := art.names()
	root["artifact"] = artifact.value()
	root["artifacts"] = names{"primary": artifact.value()}.value()
	return expression.NewEvaluator(expression.Env{Names: root, Secrets: l.opts.Secrets, Functions: l.opts.Templates.Functions, Now: l.opts.Now})
}

// identifierOf is what the service says of where it lives.
func identifierOf(t document.Text) names {
	if !t.Set() {
		return names{}
	}
	return names{"identifier": expression.NewString(t.Raw())}
}

// entityNames are the paths that every document has.
func entityNames(e entity, typ string) names {
	tags := names{}
	for _, t := range e.tags {
		tags[t.key] = t.value.Template()
	}
	n := names{
		"identifier":  expression.NewString(e.id()),
		"description": e.description.Template(),
		"tags":        tags.value(),
		"type":        expression.NewString(typ),
	}
	n["name"] = n["identifier"]
	if e.name.Set() {
		n["name"] = e.name.Template()
	}
	return n
}

func (l *loader) environmentNames(p place) names {
	if p.environment == nil {
		id := p.environmentID()
		if id == "" {
			return names{}
		}
		return names{"identifier": expression.NewString(id), "name": expression.NewString(id), "variables": names{}.value()}
	}
	n := entityNames(p.environment.entity, p.environment.typ.Raw())
	variables := names{}
	for _, v := range p.environment.variables {
		variables[v.name] = l.variableValue(layered{v, layerEnvironment})
	}
	n["variables"] = variables.value()
	return n
}

func infrastructureNames(p place) names {
	if p.infrastructure == nil {
		return names{}
	}
	n := entityNames(p.infrastructure.entity, "AwsLambda")
	n["infraIdentifier"] = n["identifier"]
	n["connectorRef"] = p.infrastructure.connectorRef.Template()
	n["region"] = p.infrastructure.region.Template()
	return n
}

// variableValue is the value of serviceVariables.name.
func (l *loader) variableValue(v layered) expression.Value {
	t := v.value
	if !t.Set() || t.Raw() == "" {
		if v.deflt.Set() {
			t = v.deflt
		}
	}
	switch {
	case v.typ == secretType && v.layer == layerInput:
		// The input carries the value itself, not the secret's id.
		l.secret(t.Raw())
		return expression.NewString(t.Raw()).Secret()
	case v.final:
		return expression.NewString(t.Raw())
	case v.typ == secretType:
		return l.secretVariable(v.name, t)
	case v.typ == "Number":
		return expression.Number(t.Raw(), t.Template())
	}
	return t.Template()
}

// secretVariable reads a Secret variable: its value is the id of a secret, or
// an expression that leads to one.
func (l *loader) secretVariable(name string, t document.Text) expression.Value {
	if !t.Set() {
		return expression.NewString("")
	}
	id := t.Raw()
	if value, ok := l.opts.Secrets[id]; ok {
		return expression.NewString(value).Secret()
	}
	if strings.Contains(id, "<+") {
		return t.Template().Secret()
	}
	return expression.NewSecretOf(name, id, t.Doc.Origin(t.Node))
}

// hostNames makes pipeline and stage from the host's dotted names. Project,
// pipeline and stage variables, which no file here defines, are looked up in
// the input variables.
func (l *loader) hostNames() names {
	root := names{}
	for _, dotted := range slices.Sorted(maps.Keys(l.opts.Host)) {
		if l.opts.Host[dotted] == "" {
			continue // what the host does not know is unknown, not empty
		}
		parts := strings.Split(dotted, ".")
		n := root
		for _, part := range parts[:len(parts)-1] {
			n = n.child(part)
		}
		n[parts[len(parts)-1]] = expression.NewString(l.opts.Host[dotted])
	}
	given := names{}
	for name, value := range l.opts.Variables {
		given[name] = expression.NewTemplate(value, expression.NewOrigin("input variables", value))
	}
	for name, value := range l.opts.Given {
		if given[name] = expression.NewString(value.Text); value.Secret {
			given[name] = given[name].Secret()
		}
	}
	root["variable"] = variableScope{given}.value()
	for _, scope := range []string{"pipeline", "stage"} {
		variables := root.child(scope).child("variables")
		for name, value := range given {
			if _, ok := variables[name]; !ok {
				variables[name] = value
			}
		}
	}
	return root
}

// child is a scope inside a scope, made when it is not there.
func (n names) child(name string) names {
	if v, ok := n[name]; ok {
		if scope, ok := v.Scope().(names); ok {
			return scope
		}
	}
	scope := names{}
	n[name] = scope.value()
	return scope
}

// variableScope is variable.x, variable.org.x and variable.account.x.
type variableScope struct{ given names }

func (v variableScope) Get(name string) (expression.Value, bool) {
	if value, ok := v.given[name]; ok {
		return value, true
	}
	if name == "account" || name == "org" {
		scoped := names{}
		for given, value := range v.given {
			scoped[strings.TrimPrefix(given, name+".")] = value
		}
		return scoped.value(), true
	}
	return expression.Value{}, false
}

func (v variableScope) Names() []string { return v.given.Names() }

func (v variableScope) value() expression.Value { return expression.NewObject(v) }
