package convert

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
)

// templates are Harness' own templates of steps, by the type of the older format.
var templates = map[string]string{
	"awsLambdaRollingDeployStep":   "AwsLambdaDeploy",
	"awsLambdaCanaryDeployStep":    "AwsLambdaCanaryDeploy",
	"awsLambdaTrafficShiftStep":    "AwsLambdaTrafficShift",
	"awsLambdaRollingRollbackStep": "AwsLambdaRollback",
	"awsLambdaCanaryRollbackStep":  "AwsLambdaCanaryRollback",
	"customApproval":               "CustomApproval",
	"customApprovalStep":           "CustomApproval",
	"httpStep":                     "Http",
	"email":                        "Email",
	"emailStep":                    "Email",
}

// approvalsBy are the types of approvals by who gives them; any other one is an
// approval, too.
var approvalsBy = map[string]string{"harness": "HarnessApproval", "jira": "JiraApproval", "servicenow": "ServiceNowApproval"}

// steps reads a list of steps, or one step. Groups are flattened: their conditions hold
// for each step.
func (f *flatReader) steps(n *yaml.Node, outer []when, env []*yaml.Node) (out []*step) {
	if n == nil {
		return nil
	}
	if n = document.Resolved(n); n.Kind == yaml.MappingNode {
		return f.step(n, outer, env)
	}
	f.Items(n, "steps", func(item *yaml.Node) { out = append(out, f.step(item, outer, env)...) })
	return out
}

// step reads one step; a text is a command.
func (f *flatReader) step(n *yaml.Node, outer []when, env []*yaml.Node) []*step {
	s := &step{node: n, doc: f.Doc, conditions: outer}
	if n.Kind == yaml.ScalarNode {
		f.script(s, n, env)
		return []*step{f.identified(s)}
	}
	parts := stepParts{env: env}
	f.Mapping(n, "a step", f.fields(s, &parts), "needs status delegate inputs description")
	switch {
	case parts.off:
		f.noteNode(f.Doc, n, "the step "+cmp.Or(s.name.Raw(), s.identifier.Raw())+" is disabled and left out", "")
		return nil
	case parts.group != nil:
		if len(s.strategies) > 0 || s.timeout.Set() {
			f.noteNode(f.Doc, n, "the failure strategy and the timeout of a group of steps have no equivalent and are left out", "write them at its steps")
		}
		return f.group(parts.group, s.conditions, parts.env)
	case parts.uses != nil:
		f.action(s, parts.uses, parts.with, parts.env)
	case parts.run != nil:
		f.script(s, parts.run, parts.env)
	case !s.typ.Set():
		s.typ = textAt(f.Doc, n, "without a kind")
	}
	if parts.repeated {
		s.typ = textAt(f.Doc, n, s.typ.Raw()+" with a strategy")
	}
	return []*step{f.identified(s)}
}

// stepParts are the parts of a step's mapping that make sense together alone.
type stepParts struct {
	// uses is an action, with its inputs; run is a script; group holds further steps.
	uses, with, run, group *yaml.Node
	// env are the environments around the step and its own.
	env []*yaml.Node
	// off is a step that is disabled, repeated one with a strategy.
	off, repeated bool
}

// fields reads a step's mapping into s and p.
func (f *flatReader) fields(s *step, p *stepParts) document.Fields {
	addEnv := func(n *yaml.Node) { p.env = append(slices.Clone(p.env), n) }
	fields := document.Fields{
		"id":         f.Text(&s.identifier, "id"),
		"name":       f.Text(&s.name, "name"),
		"timeout":    f.Text(&s.timeout, "timeout"),
		"if":         func(n *yaml.Node) { s.conditions = append(slices.Clone(s.conditions), f.condition(n)) },
		"disabled":   func(n *yaml.Node) { p.off = f.disabled(n, &s.conditions) },
		"on-failure": func(n *yaml.Node) { s.strategies = f.failures(n) },
		"strategy":   func(*yaml.Node) { p.repeated = true },
		"env":        addEnv,
		"uses":       func(n *yaml.Node) { p.uses = n },
		"with":       func(n *yaml.Node) { p.with = n },
		"run":        func(n *yaml.Node) { p.run = n },
		"approval":   func(n *yaml.Node) { f.approval(s, n) },
		"template":   func(n *yaml.Node) { f.template(s, n) },
		"wait":       func(n *yaml.Node) { f.wait(s, n) },
		"group":      func(n *yaml.Node) { p.group = n },
		"parallel": func(n *yaml.Node) {
			p.group = n
			f.adviseNode(f.Doc, n, "parallel steps run one after the other", "a job of GitHub has one order of steps")
		},
		"action": func(n *yaml.Node) {
			f.Mapping(n, "an action", document.Fields{
				"uses": func(n *yaml.Node) { p.uses = n }, "with": func(n *yaml.Node) { p.with = n }, "env": addEnv,
			}, "")
		},
	}
	for _, key := range []string{"run-test", "background", "barrier", "queue", "upload", "clone"} {
		fields[key] = func(n *yaml.Node) { s.typ = textAt(f.Doc, n, key) }
	}
	return fields
}

// identified gives a step the names that it lacks.
func (f *flatReader) identified(s *step) *step {
	name := cmp.Or(s.name.Raw(), s.identifier.Raw(), s.typ.Raw())
	if !s.identifier.Set() {
		s.identifier = textAt(f.Doc, s.node, name)
	}
	if !s.name.Set() && s.typ.Raw() != "ShellScript" && s.typ.Raw() != gitHubAction {
		s.name = textAt(f.Doc, s.node, name)
	}
	return s
}

func (f *flatReader) group(n *yaml.Node, outer []when, env []*yaml.Node) (out []*step) {
	if document.Resolved(n).Kind == yaml.SequenceNode {
		return f.steps(n, outer, env)
	}
	f.Mapping(n, "a group of steps", document.Fields{"steps": func(n *yaml.Node) { out = f.steps(n, outer, env) }}, "inputs")
	return out
}

// approval reads who has to say yes. Whatever it says of them, it is a gate.
func (f *flatReader) approval(s *step, n *yaml.Node) {
	typ := "CustomApproval"
	if uses := get(document.Resolved(n), "uses"); uses != nil {
		typ = cmp.Or(approvalsBy[f.Doc.Text(uses)], typ)
	}
	s.typ = textAt(f.Doc, n, typ)
}

// template reads a step that is a template; those of Harness for Lambda are known.
func (f *flatReader) template(s *step, n *yaml.Node) {
	var uses document.Text
	var with *yaml.Node
	f.Mapping(n, "a template", document.Fields{"uses": f.Text(&uses, "uses"), "with": func(n *yaml.Node) { with = document.Resolved(n) }}, "")
	name, _, _ := strings.Cut(uses.Raw(), "@")
	for _, scope := range []string{"account.", "org."} {
		name = strings.TrimPrefix(name, scope)
	}
	s.typ, s.spec = textAt(f.Doc, n, cmp.Or(templates[name], name, "without a name")), with
	if s.typ.Raw() != "AwsLambdaTrafficShift" || with == nil || with.Kind != yaml.MappingNode {
		return
	}
	s.spec = newMapping()
	if percentage := get(with, "traffic_percentage"); percentage != nil {
		put(s.spec, "trafficPercentage", document.Resolved(percentage))
	}
	for _, key := range []string{"function_name", "function_version"} {
		if of := get(with, key); of != nil && !strings.Contains(f.Doc.Text(document.Resolved(of)), ".output") {
			s.typ = textAt(f.Doc, n, "awsLambdaTrafficShiftStep with a "+key+" of its own")
		}
	}
}

func (f *flatReader) wait(s *step, n *yaml.Node) {
	n = document.Resolved(n)
	if n.Kind == yaml.MappingNode {
		n = cmp.Or(get(n, "duration"), n)
	}
	s.typ, s.spec = textAt(f.Doc, n, "Wait"), newMapping()
	put(s.spec, "duration", n)
}

// action reads a step that uses an action of GitHub; a plugin of Harness has no
// equivalent.
func (f *flatReader) action(s *step, uses, with *yaml.Node, env []*yaml.Node) {
	name := f.Doc.Text(document.Resolved(uses))
	if repository, ref, ok := strings.Cut(name, "@"); !ok || ref == "" || !strings.Contains(repository, "/") || strings.Contains(name, "<+") {
		s.typ = textAt(f.Doc, uses, "action "+name)
		return
	}
	s.typ, s.spec = textAt(f.Doc, uses, gitHubAction), newMapping()
	put(s.spec, "uses", uses)
	if with != nil {
		put(s.spec, "with", document.Resolved(with))
	}
	put(s.spec, "env", f.environmentOf(env))
}

// gitHubAction is the type of a step that uses an action of GitHub.
const gitHubAction = "Action"

// environmentOf joins variables; later ones replace earlier ones.
func (f *flatReader) environmentOf(env []*yaml.Node) *yaml.Node {
	out := newMapping()
	for _, n := range env {
		pairs := document.Pairs(document.Resolved(n))
		for i := 0; i+1 < len(pairs); i += 2 {
			put(out, pairs[i].Value, document.Resolved(pairs[i+1]))
		}
	}
	return out
}

// runStep is a run step as it is written.
type runStep struct {
	lines, outputs []document.Text
	shell          document.Text
	env            []*yaml.Node
}

func (f *flatReader) run(n *yaml.Node, env []*yaml.Node) runStep {
	out := runStep{env: env}
	if n.Kind != yaml.MappingNode {
		f.Texts(&out.lines, "run")(n)
		return out
	}
	f.Mapping(n, "a run step", document.Fields{
		"script": f.Texts(&out.lines, "script"),
		"shell":  f.Text(&out.shell, "shell"),
		"env":    func(n *yaml.Node) { out.env = append(slices.Clone(out.env), n) },
		"output": func(n *yaml.Node) {
			f.Items(n, "output", func(item *yaml.Node) {
				var name document.Text
				if item.Kind == yaml.MappingNode {
					f.Mapping(item, "an output", document.Fields{"name": f.Text(&name, "name")}, "")
				} else {
					f.Text(&name, "output")(item)
				}
				out.outputs = append(out.outputs, name)
			})
		},
		"container": func(n *yaml.Node) {
			f.adviseNode(f.Doc, n, "the script runs on GitHub's runner, not in the container that the step names", "")
		},
	}, "")
	return out
}

// script reads a run step as the older format's ShellScript.
func (f *flatReader) script(s *step, n *yaml.Node, env []*yaml.Node) {
	n = document.Resolved(n)
	written := f.run(n, env)
	texts := make([]string, len(written.lines))
	for i, line := range written.lines {
		texts[i] = strings.TrimSuffix(line.Raw(), "\n")
	}
	script, outputs, shell := strings.Join(texts, "\n"), written.outputs, written.shell.Raw()
	kind := map[string]string{"": "Bash", "sh": "Bash", "bash": "Bash", "powershell": "PowerShell", "pwsh": "PowerShell"}[strings.ToLower(shell)]
	if script == "" || kind == "" {
		s.typ = textAt(f.Doc, n, strings.TrimSpace("run "+shell))
		return
	}
	s.typ, s.spec = textAt(f.Doc, n, "ShellScript"), newMapping()
	if strings.Contains(script, "HARNESS_OUTPUT") && kind == "Bash" {
		script, outputs = "export HARNESS_OUTPUT=\"$GITHUB_OUTPUT\"\n"+script, nil
	}
	put(s.spec, "shell", scalar(kind))
	source, inner := newMapping(), newMapping()
	put(inner, "script", textAt(f.Doc, n, script).Node)
	put(source, "type", scalar("Inline"))
	put(source, "spec", inner)
	put(s.spec, "source", source)
	put(s.spec, "environmentVariables", variablesOf(f.environmentOf(written.env)))
	declared := newMapping()
	for _, name := range outputs {
		put(declared, name.Raw(), scalar(name.Raw()))
	}
	put(s.spec, "outputVariables", variablesOf(declared))
}

// variablesOf writes a mapping as a list of names and values.
func variablesOf(m *yaml.Node) *yaml.Node {
	out := newList()
	for i := 0; i+1 < len(m.Content); i += 2 {
		one := newMapping()
		put(one, "name", scalar(m.Content[i].Value))
		put(one, "value", m.Content[i+1])
		out.Content = append(out.Content, one)
	}
	return out
}
