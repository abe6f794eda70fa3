package convert

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
)

// asked is the address of a call that a gate of the action asks as well: by POST, with
// nothing of its own in it, whose answer alone decides. "" where a step is no such call:
// it stops the workflow. Its fields are those of
// https://developer.harness.io/docs/continuous-delivery/x-platform-cd-features/cd-steps/utilities/http-step.
func (j *jobSteps) asked(s *step) string {
	if s.typ.Raw() != "Http" || !s.plain() || s.spec == nil || j.after.ignore || j.after.keep {
		return ""
	}
	field := func(names ...string) string {
		for _, name := range names {
			if n := get(document.Resolved(s.spec), name); n != nil && !empty(n) {
				if n = document.Resolved(n); n.Kind != yaml.ScalarNode {
					return "set"
				}
				return strings.TrimSpace(s.doc.Text(n))
			}
		}
		return ""
	}
	url, assertion := field("url"), strings.ReplaceAll(field("assertion"), " ", "")
	switch {
	case !strings.HasPrefix(url, "https://") || strings.ContainsAny(url, " <>$"):
	case strings.ToUpper(field("method")) != "POST":
	case field("headers", "requestBody", "body", "certificate", "client_cert", "inputVariables", "env_vars", "outputVariables", "output_vars") != "":
	case assertion != "" && assertion != "<+httpResponseCode>==200":
	default:
		return url
	}
	return ""
}

// asks adds the gates that do what calls before and behind the shifts do.
func (j *jobSteps) asks(with *yaml.Node, c course) {
	put(with, "gates", texts(c.gates))
	for _, s := range c.calls {
		j.advise(s.typ, "the call "+s.name.Raw()+" is a gate of the action: it gets JSON about the run, and an answer of 2xx is a yes", "docs/gates.md has what it gets")
	}
}

// aliased reports whether every service is known to have an alias: without one nobody
// asks a gate about traffic.
func (j *jobSteps) aliased() bool {
	for _, ref := range j.stage.services {
		if e := j.service(ref.ref.Raw()); e == nil || !e.aliased {
			return false
		}
	}
	return len(j.stage.services) > 0
}

// asking adds a call to a course, as the gate of a moment.
func (c *course) asking(moment, url string, s *step) {
	c.gates, c.calls = append(c.gates, moment+"="+url), append(c.calls, s)
}
