package service

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/expression"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// template is another language whose expressions would be deployed as plain text.
type template struct {
	form       *lazyregexp.Regexp
	what, hint string
	warning    bool
}

// github is an error: it is GitHub's own, which a function would come out broken
// with. Everything else may be meant as it is.
var github = template{
	lazyregexp.New(`\$\{\{.*\}\}`),
	"is an expression of GitHub, which GitHub evaluates in workflows alone",
	"write <+serviceVariables.NAME> here, and NAME=${{ … }} in the workflow's input variables", false,
}

// braces are those that begin with {{ . Where that is evaluated, none of them is
// left.
var braces = []template{
	{
		// https://github.com/fujiwara/lambroll: its template functions.
		lazyregexp.New(`\{\{-?\s*\(?\s*(must_env|env|ssm|json_escape|caller_identity|layer_arn|secretsmanager|[a-z0-9_]*tfstatef?)\b`),
		"is a template of lambroll, and stays as it is",
		"it is evaluated in a function-definition named function.json or .jsonnet, and in every one where the input tfstate, prefixed-tfstate or envfile is given", true,
	},
	github,
	{
		lazyregexp.New(`\{\{resolve:`),
		"is a dynamic reference of CloudFormation, which Lambda takes as text",
		"write <+secrets.getValue(\"NAME\")> and set it with the input secrets", true,
	},
	{
		lazyregexp.New(`\{\{.*\}\}`),
		"looks like a template, which is not evaluated here",
		"<+serviceVariables.NAME> is replaced by a variable", true,
	},
}

var shell = template{
	lazyregexp.New(`^(\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Z_][A-Z0-9_]*)$`),
	"looks like a variable of the shell, which is not replaced here",
	"write <+serviceVariables.NAME> and set it with the input variables", true,
}

// checkTemplates reports what the author of a definition expects to be replaced.
// It looks at the file's own text: what a variable brings is meant as it is.
func (l *loader) checkTemplates(doc *expression.Document, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		text := doc.Literal(n)
		if text == "$LATEST" {
			return
		}
		for _, t := range append(braces[:len(braces):len(braces)], shell) {
			if t.form.MatchString(text) {
				hint := t.hint
				if t.what == shell.what && doc.Templates() {
					hint = "write {{ must_env `" + strings.Trim(text, "${}") + "` }}"
				}
				problem := doc.Problem(n, "the value "+t.what, hint)
				problem.Warning = t.warning
				l.report(problem)
				return
			}
		}
	}
	for _, child := range n.Content {
		l.checkTemplates(doc, child)
	}
}
