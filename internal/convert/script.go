package convert

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// shellScript is a ShellScript step as it is written.
type shellScript struct {
	shell, script, file    document.Text
	outputs, secretOutputs []variable
	env                    *yaml.Node
}

func (j *jobSteps) readScript(s *step) shellScript {
	out := shellScript{env: newMapping()}
	var typ document.Text
	r := j.reader(s.doc)
	r.Mapping(s.spec, "the step", document.Fields{
		"shell": r.Text(&out.shell, "shell"),
		"source": func(n *yaml.Node) {
			r.Mapping(n, "source", document.Fields{
				"type": r.Text(&typ, "type"),
				"spec": func(n *yaml.Node) {
					r.Mapping(n, "source.spec", document.Fields{"script": r.Text(&out.script, "script"), "file": r.Text(&out.file, "file")}, "")
				},
			}, "")
		},
		"environmentVariables": func(n *yaml.Node) {
			for _, v := range readVariables(r, n) {
				put(out.env, v.name.Raw(), scalar(j.value(v.name.Raw(), v.value)))
			}
		},
		"outputVariables":       func(n *yaml.Node) { out.outputs = readVariables(r, n) },
		"secretOutputVariables": func(n *yaml.Node) { out.secretOutputs = readVariables(r, n) },
		"executionTarget": func(n *yaml.Node) {
			if n := document.Resolved(n); len(n.Content) > 0 {
				j.adviseNode(s.doc, n, "the script runs on GitHub's runner, not on the target that the step names", "")
			}
		},
	}, "onDelegate metadata includeInfraSelectors outputAlias")
	return out
}

// script converts a ShellScript step. Its expressions become environment
// variables: written into the script, a value could become a command.
func (j *jobSteps) script(s *step) *yaml.Node {
	written := j.readScript(s)
	var dialect dialect = bash{}
	shell := "bash"
	if name := written.shell.Raw(); name == "PowerShell" || name == "Pwsh" {
		dialect, shell = powershell{}, "pwsh"
	}
	run := j.scriptText(written.script, written.env, dialect)
	if written.file.Set() {
		run = "bash " + strings.TrimLeft(strings.TrimPrefix(written.file.Raw(), "account:"), "/")
	}
	for _, v := range written.secretOutputs {
		run = strings.TrimRight(run, "\n") + "\n" + dialect.mask(v.source())
	}
	for _, v := range append(written.outputs, written.secretOutputs...) {
		run = strings.TrimRight(run, "\n") + "\n" + dialect.output(v.name.Raw(), v.source())
	}
	content := newMapping()
	put(content, "shell", scalar(shell))
	put(content, "env", written.env)
	put(content, "run", scalar(run))
	if limit := j.minutes(s.timeout); limit != nil {
		put(content, "timeout-minutes", limit)
	}
	return content
}

// source is the script's variable that an output variable has its value from.
func (v variable) source() string {
	if v.value.Raw() == "" {
		return v.name.Raw()
	}
	return v.value.Raw()
}

// scriptText puts variables in the place of expressions and their values into
// env.
func (j *jobSteps) scriptText(script document.Text, env *yaml.Node, dialect dialect) string {
	var b strings.Builder
	rest := script.Raw()
	state := shellState{}
	// The writing itself never fails.
	_, _ = expression.Replace(rest, func(span string) (string, error) {
		before, after, _ := strings.Cut(rest, span)
		rest = after
		state.read(before)
		if state.literal() {
			j.note(script, "the shell does not fill in variables in a quoted here-document: "+span+" stays empty there", "take the quotes off its delimiter")
		}
		written := j.span(script, span)
		value, fixed := unquote(written)
		// A value of several words may be meant as several arguments.
		words := fixed && strings.ContainsAny(value, " \t*?[")
		b.WriteString(before)
		b.WriteString(dialect.variable(j.environmentName(env, span, written), state, words))
		return "", nil
	})
	return b.String() + rest
}

// environmentName finds a name for a value: the last part of its path, made
// unique.
func (j *jobSteps) environmentName(env *yaml.Node, span, written string) string {
	value := evaluated(written)
	if literal, ok := unquote(written); ok {
		value = literal
	}
	name := strings.Trim(span, "<+> )")
	name = constant(name[strings.LastIndexAny(name, ".(")+1:])
	if name == "PATH" || name == "HOME" || name == "SHELL" || strings.HasPrefix(name, "RUNNER_") {
		name = "VALUE_" + name
	}
	for {
		existing := get(env, name)
		if existing == nil {
			break
		}
		if existing.Value == value {
			return name
		}
		name += "_"
	}
	n := scalar(value)
	if value == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	env.Content = append(env.Content, scalar(name), n)
	return name
}
