package convert

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// paths are what GitHub calls the same.
var paths = map[string]string{
	"pipeline.sequenceId":   "github.run_number",
	"pipeline.executionId":  "github.run_id",
	"pipeline.executionUrl": "format('{0}/{1}/actions/runs/{2}', github.server_url, github.repository, github.run_id)",
	"pipeline.triggeredBy":  "github.actor",
	"codebase.branch":       "github.ref_name",
	"codebase.commitSha":    "github.sha",
	"codebase.repoUrl":      "github.repositoryUrl",
	"trigger.branch":        "github.ref_name",
	"trigger.targetBranch":  "github.base_ref",
	"trigger.sourceBranch":  "github.head_ref",
	"trigger.commitSha":     "github.sha",
	"trigger.event":         "github.event_name",
	"pipeline.triggerType":  "github.event_name",
}

// olderPaths are what format v1 calls otherwise than the older format
// (https://developer.harness.io/3k-docs/platform/getting-started/pipelines/expressions).
var olderPaths = map[string]string{
	"pipeline.id": "pipeline.identifier", "pipeline.seq_id": "pipeline.sequenceId", "pipeline.sequence_id": "pipeline.sequenceId",
	"pipeline.execution_id": "pipeline.executionId", "pipeline.execution_url": "pipeline.executionUrl", "stage.execution_url": "pipeline.executionUrl",
	"pipeline.triggered_by.name": "pipeline.triggeredBy", "trigger.user": "pipeline.triggeredBy", "pipeline.branch": "codebase.branch",
	"service.id": "service.identifier", "environment.id": "env.identifier", "environment.name": "env.name", "environment.type": "env.type",
	"infrastructure.id": "infra.infraIdentifier", "infrastructure.name": "infra.name", "infrastructure.region": "infra.region", "infrastructure.connector_ref": "infra.connectorRef",
	"codebase.sha": "codebase.commitSha", "codebase.repo_url": "codebase.repoUrl", "trigger.commit_sha": "trigger.commitSha", "trigger.commit.sha": "trigger.commitSha",
	"trigger.pull_request.source_branch": "trigger.sourceBranch", "trigger.pull_request.target_branch": "trigger.targetBranch",
	"for.iteration": "strategy.iteration",
}

// olderPrefixes are the beginnings of paths likewise.
var olderPrefixes = [][2]string{
	{"service.variables.", "serviceVariables."}, {"pipeline.inputs.", "pipeline.variables."}, {"inputs.", "pipeline.variables."},
	{"stage.inputs.", "stage.variables."}, {"environment.variables.", "env.variables."}, {"stages.", "pipeline.stages."},
}

// older is a path as the older format calls it.
func older(path string) string {
	if known, ok := olderPaths[path]; ok {
		return known
	}
	for _, p := range olderPrefixes {
		if rest, ok := strings.CutPrefix(path, p[0]); ok {
			return p[1] + rest
		}
	}
	return path
}

// outputs are those of the deploy step, by Harness' name.
var outputs = map[string]string{
	"functionName": "function-name", "functionArn": "function-arn", "version": "version", "runtime": "runtime",
}

// matrixPath is a name of a matrix as GitHub's expressions take it.
var matrixPath = lazyregexp.New(`^matrix(\.[A-Za-z_][\w-]*)+$`)

var stepOutput = lazyregexp.New(`(?:^|\.)steps\.(\w+)\.(?:outputs?(?:\.outputVariables)?|outcome|deploymentInfoOutcome)\.(\w+)$`)

// scope is where an expression is: not every place of a workflow knows
// every name.
type scope int

const (
	ofValue scope = iota
	ofStep        // the condition of a step: no secrets
	ofJob         // the condition of a job: no steps and no matrix either
)

// name is what a path becomes in the stage under conversion.
func (c *converter) name(where scope) func(path string) (string, bool) {
	return func(path string) (string, bool) {
		path = older(path)
		if known, ok := paths[path]; ok {
			return known, true
		}
		if m := stepOutput.FindStringSubmatch(path); m != nil {
			return c.stepOutput(where, stageOf(path), m[1], stepOutputName(m[2]))
		}
		scope, rest, _ := strings.Cut(path, ".")
		switch scope {
		case "secrets":
			if where != ofValue {
				return "", false
			}
			return "secrets." + c.secretName(rest), true
		case "matrix", "repeat", "strategy":
			written, ok := matrixName(scope, rest)
			return written, ok && where != ofJob && c.stage.matrix != nil
		case "pipeline", "stage":
			return c.own(scope, rest)
		}
		return c.documentName(where, scope, rest)
	}
}

// stepOutput is an output of a step: of this job, or of an earlier one of the same stage
// or another.
func (c *converter) stepOutput(where scope, stage, step, output string) (string, bool) {
	if stage != "" && stage != c.stage.identifier.Raw() {
		return c.outputOf(stage, step, output)
	}
	if i := slices.IndexFunc(c.stage.earlier, func(d done) bool { return d.has(step) }); i >= 0 {
		return c.handOver(c.stage.earlier[i], step, output), true
	}
	return "steps." + identifier(step) + ".outputs." + output, where != ofJob && c.stage.hasOutputs(step)
}

// matrixName is a value of the job's place in a matrix.
func matrixName(scope, rest string) (string, bool) {
	switch scope {
	case "matrix":
		return "matrix." + rest, matrixPath.MatchString("matrix." + rest)
	case "repeat":
		return "matrix." + repeatAxis, rest == "item"
	}
	return "strategy.job-index", rest == "iteration"
}

// own is what the pipeline or the stage says of itself, and their variables.
func (c *converter) own(scope, rest string) (string, bool) {
	variables := c.stage.variables
	if scope == "pipeline" {
		variables = c.pipeline.variables
	}
	switch scope + "." + rest {
	case "pipeline.name":
		return expression.QuoteGitHub(c.pipeline.name.Raw()), true
	case "pipeline.identifier":
		return expression.QuoteGitHub(c.pipeline.identifier.Raw()), true
	case "stage.name":
		return expression.QuoteGitHub(c.stage.name.Raw()), true
	}
	return c.variableName(variables, strings.TrimPrefix(rest, "variables."), "inputs")
}

// documentName is what the documents say of a service, an environment or an
// infrastructure; a variable without a fixed value becomes one of the repository.
func (c *converter) documentName(where scope, of, rest string) (string, bool) {
	if of == "serviceVariables" {
		if written, ok := c.givenVariable(rest, where); ok {
			return written, true
		}
	}
	if value, ok := c.literal(of, rest); ok {
		return expression.QuoteGitHub(value), true
	}
	if of == "serviceVariables" || of == "variable" || of == "env" && strings.HasPrefix(rest, "variables.") {
		return "vars." + c.repositoryVariable(strings.TrimSuffix(of+"."+rest, ".")), true
	}
	return "", false
}

// stageOf is the stage that a path names; "" where it names none.
func stageOf(path string) string {
	rest, named := strings.CutPrefix(path, "pipeline.stages.")
	id, _, _ := strings.Cut(rest, ".")
	if !named {
		return ""
	}
	return id
}

func stepOutputName(name string) string {
	if known, ok := outputs[name]; ok {
		return known
	}
	return name
}

var (
	notInConstant = lazyregexp.New(`[^A-Za-z0-9]+`)
	camelHump     = lazyregexp.New(`([a-z0-9])([A-Z])`)
)

// constant is a name as GitHub's secrets and variables are written.
func constant(s string) string {
	s = camelHump.ReplaceAllString(s, "${1}_${2}")
	s = strings.Trim(strings.ToUpper(notInConstant.ReplaceAllString(s, "_")), "_")
	if s == "" || isDigit(s[0]) || strings.HasPrefix(s, "GITHUB_") {
		s = "VALUE_" + s
	}
	return s
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// secretName asks for the secret to be set.
func (c *converter) secretName(id string) string {
	name := constant(id)
	c.advise(document.Text{Doc: c.pipeline.doc, Node: c.pipeline.doc.Root()}, "set the secret "+name+" of the repository to the value of Harness' secret "+id, "")
	return name
}

// repositoryVariable asks for a variable to be set that no given file fixes.
func (c *converter) repositoryVariable(path string) string {
	name := constant(path[strings.LastIndexByte(path, '.')+1:])
	c.advise(document.Text{Doc: c.pipeline.doc, Node: c.pipeline.doc.Root()}, "set the variable "+name+" of the repository to the value of "+path, "")
	return name
}

// variableName is a pipeline or stage variable: its own value where that is
// fixed, else what the user enters who starts the workflow.
func (c *converter) variableName(list []variable, name, context string) (string, bool) {
	i := slices.IndexFunc(list, func(v variable) bool { return v.name.Raw() == name })
	if i < 0 {
		return "", false
	}
	v := list[i]
	value := v.value.Raw()
	switch {
	case v.input != nil && v.typ.Raw() == "secret":
		id := name
		if v.input.Default != nil {
			id = *v.input.Default
		}
		return "secrets." + c.secretName(id), true
	case v.input != nil:
		return context + "." + c.ask(name, v, v.input), true
	}
	if input, ok := expression.ParseInput(value); ok {
		return context + "." + c.ask(name, v, input), true
	}
	if v.typ.Raw() == "Secret" && !strings.Contains(value, "<+") {
		if !secretID.MatchString(value) {
			c.noSecretID(v)
			value = v.name.Raw()
		}
		return "secrets." + c.secretName(value), true
	}
	if !strings.Contains(value, "<+") {
		return expression.QuoteGitHub(value), true
	}
	written, err := expression.GitHub(value, c.name(ofValue))
	return written, err == nil
}

// ask makes an input of the workflow. Each place that asks has one of its own, as
// in Harness: another of the same name gets a number.
func (c *converter) ask(name string, v variable, input *expression.Input) string {
	base := identifier(name)
	name = base
	other := func() bool {
		at := c.asked[strings.ToLower(name)]
		return at != nil && at != v.value.Node
	}
	for i := 2; other(); i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	c.asked[strings.ToLower(name)] = v.value.Node
	in := newMapping()
	description := v.description.Raw()
	if input.Pattern != "" {
		description = strings.TrimSpace(description + " (matches " + input.Pattern + ")")
	}
	put(in, "description", scalar(description))
	put(in, "required", boolean(input.Default == nil && (v.input == nil || v.required)))
	if len(input.Allowed) > 0 {
		put(in, "type", scalar("choice"))
		options := newList()
		for _, value := range input.Allowed {
			options.Content = append(options.Content, scalar(value))
		}
		put(in, "options", options)
	} else if kind := v.typ.Raw(); v.input != nil && (kind == "number" || kind == "boolean") {
		put(in, "type", scalar(kind))
	} else {
		put(in, "type", scalar("string"))
	}
	if input.Default != nil {
		put(in, "default", scalar(*input.Default))
	}
	put(c.dispatch, name, in)
	return name
}

// givenVariable is a service variable that is a runtime input, with the value
// that the pipeline sets.
func (c *converter) givenVariable(name string, where scope) (written string, ok bool) {
	if c.stage == nil || len(c.stage.services) != 1 || c.stage.services[0].inputs == nil {
		return "", false
	}
	service := c.service(c.stage.services[0].ref.Raw())
	if _, fixed := service.variable(name); fixed {
		return "", false
	}
	walk(c.stage.services[0].inputs, "", func(path string, n *yaml.Node) {
		if path != "serviceVariables."+name {
			return
		}
		value := c.stage.doc.Text(n)
		if input, asked := expression.ParseInput(value); asked {
			written, ok = "inputs."+c.ask(name, variable{value: document.Text{Doc: c.stage.doc, Node: n}}, input), true
			return
		}
		if !strings.Contains(value, "<+") {
			written, ok = expression.QuoteGitHub(value), true
			return
		}
		var err error
		written, err = expression.GitHub(value, c.name(where))
		ok = err == nil
	})
	return written, ok
}

// literal is a value that the given files fix.
func (c *converter) literal(scope, rest string) (string, bool) {
	if c.stage == nil || len(c.stage.environments) > 1 {
		return "", false
	}
	var service, environment, infrastructure *entity
	if len(c.stage.services) == 1 {
		service = c.service(c.stage.services[0].ref.Raw())
	}
	if len(c.stage.environments) == 1 {
		p := c.stage.environments[0]
		environment = find(c.references.environments, p.ref.Raw())
		if len(p.infrastructures) == 1 {
			infrastructure = find(c.references.infrastructures, p.infrastructures[0].ref.Raw())
		}
	}
	switch scope {
	case "serviceVariables":
		for _, o := range c.references.overrides {
			if _, overridden := o.variable(rest); overridden {
				return "", false
			}
		}
		for _, e := range []*entity{environment, service} {
			if value, ok := e.variable(rest); ok {
				return value, true
			}
		}
	case "service":
		return service.field(rest)
	case "env":
		if name, ok := strings.CutPrefix(rest, "variables."); ok {
			return environment.variable(name)
		}
		return environment.field(rest)
	case "infra":
		return infrastructure.field(rest)
	}
	return "", false
}

func (e *entity) field(name string) (string, bool) {
	if e == nil {
		return "", false
	}
	t, ok := map[string]document.Text{
		"name": e.name, "identifier": e.identifier, "infraIdentifier": e.identifier, "type": e.typ,
		"region": e.region, "connectorRef": e.connectorRef,
	}[name]
	return t.Raw(), ok && t.Set() && !strings.Contains(t.Raw(), "<+")
}

func (e *entity) variable(name string) (string, bool) {
	if e == nil {
		return "", false
	}
	for _, v := range e.variables {
		if v.name.Raw() == name && v.typ.Raw() != "Secret" && !strings.Contains(v.value.Raw(), "<+") {
			return v.value.Raw(), true
		}
	}
	return "", false
}

// text writes a text for a workflow, with ${{ }} in the place of its
// expressions; what cannot be said stays, with a note.
func (c *converter) text(t document.Text) string {
	return c.written(t, t.Raw())
}

func (c *converter) written(t document.Text, raw string) string {
	// The writing itself never fails.
	out, _ := expression.Replace(raw, func(span string) (string, error) {
		written := c.span(t, span)
		if literal, ok := unquote(written); ok {
			return literal, nil
		}
		return evaluated(written), nil
	})
	return out
}

// span writes one expression; what GitHub cannot say becomes a variable of the
// repository, which the user has to set.
func (c *converter) span(t document.Text, span string) string {
	written, err := expression.GitHub(span, c.name(ofValue))
	if err != nil {
		name := constant(span)
		if c.checking {
			c.note(t, err.Error(), "")
			return "vars." + name
		}
		c.note(t, err.Error()+": set the variable "+name+" of the repository to what "+span+" comes to", "")
		return "vars." + name
	}
	return written
}

// unquote returns the text of a GitHub expression that is only a literal.
func unquote(written string) (string, bool) {
	text, ok := expression.GitHubLiteral(written)
	return strings.ReplaceAll(text, opening, ""), ok
}
