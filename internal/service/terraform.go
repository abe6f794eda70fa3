package service

import (
	"bytes"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

var (
	resourceLine  = lazyregexp.New(`^\s*resource\s+"harness_platform_[a-z0-9_]+"\s+"[^"]*"\s*\{`)
	heredocLine   = lazyregexp.New(`^(\s*yaml\s*=\s*)<<-?([A-Za-z_][A-Za-z0-9_]*)\s*$`)
	attributeLine = lazyregexp.New(`^\s*(env_id|service_id|infra_id|type)\s*=\s*"([^"$]*)"\s*$`)
)

// resource is the YAML of one Terraform resource with the attributes that say
// what an override is for.
type resource struct {
	yaml       []byte
	attributes map[string]string
}

// terraform finds the yaml heredocs of Harness resources. Each text has empty
// lines in place of what precedes it, so that its lines are those of
// the file.
func (l *loader) terraform(file string, content []byte) []resource {
	var out []resource
	lines := strings.Split(string(content), "\n")
	var attributes map[string]string
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSuffix(lines[i], "\r")
		if resourceLine.MatchString(line) {
			attributes = map[string]string{}
			continue
		}
		if line == "}" {
			attributes = nil
		}
		if attributes == nil {
			continue
		}
		if m := attributeLine.FindStringSubmatch(line); m != nil {
			attributes[m[1]] = m[2]
		}
		m := heredocLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		end := i + 1
		for end < len(lines) && strings.TrimSpace(lines[end]) != m[2] {
			end++
		}
		if end == len(lines) {
			l.report(diag.Problem{File: file, Line: i + 1, Col: len(m[1]) + 1, Message: "the heredoc is not closed by " + m[2], Source: line})
			return out
		}
		out = append(out, resource{l.heredoc(file, lines, i+1, end), attributes})
		i = end
	}
	return out
}

// heredoc is lines[from:to] at their place in the file. Terraform's own
// interpolation cannot be evaluated here.
func (l *loader) heredoc(file string, lines []string, from, to int) []byte {
	var b bytes.Buffer
	b.WriteString(strings.Repeat("\n", from))
	for i := from; i < to; i++ {
		line := strings.TrimSuffix(lines[i], "\r")
		for col := 0; ; {
			at := strings.Index(line[col:], "${")
			if at < 0 {
				break
			}
			if col += at; col == 0 || line[col-1] != '$' {
				l.report(diag.Problem{File: file, Line: i + 1, Col: col + 1, Message: "Terraform's ${…} is not evaluated here", Hint: "write its value, or a variable as <+serviceVariables.name>", Source: line})
			}
			col += 2
		}
		b.WriteString(strings.ReplaceAll(line, "$${", "${") + "\n")
	}
	return b.Bytes()
}
