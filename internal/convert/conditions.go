package convert

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/document"
	"github.com/lambda-rollout/lambda-rollout/internal/expression"
)

// conditional reports whether what has the condition may not run although all went
// well.
func (w when) conditional() bool {
	raw := strings.TrimSpace(w.condition.Raw())
	return raw != "" && raw != "true" || w.afterFailure()
}

// afterFailure reports whether what has the condition runs only where something failed.
func (w when) afterFailure() bool { return w.status.Raw() == "Failure" }

// condition joins conditions; nil is GitHub's own default, success(). A
// condition that GitHub cannot say becomes false, for what Harness may have kept
// from running must not run, and sets unsaid: what Harness may have waited for is not
// gone past.
//
// A job behind one that was skipped is skipped by GitHub too, and by Harness not
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idneeds):
// it asks for no failure in the place of success.
func (c *converter) condition(list []when, where scope) *yaml.Node {
	status, terms := "", []string{}
	c.unsaid = false
	if where == ofJob && c.skippable {
		status = "!failure() && !cancelled()"
	}
	for _, w := range list {
		switch w.status.Raw() {
		case "All":
			if c.moving {
				c.note(w.status, "a step that moves traffic runs only if everything before it succeeded", "")
			} else {
				status = "always()"
			}
		case "Failure":
			status = "failure()"
		}
		raw := strings.TrimSpace(w.condition.Raw())
		if raw == "" || raw == "true" {
			continue
		}
		written, err := expression.GitHub(raw, c.name(where))
		switch {
		case err != nil:
			result := "the step or job does not run: "
			if !w.afterFailure() {
				result, c.unsaid = "the workflow stops there: ", true
			}
			c.note(w.condition, "the condition cannot be expressed in GitHub's expressions, so "+result+err.Error(), "write the condition of its if by hand")
			written = "false"
		case written != "false" && strings.Contains(written, "'"):
			c.advise(w.condition, "GitHub compares strings without regard to case", "")
		}
		terms = append(terms, written)
	}
	for _, t := range terms {
		if t == "false" {
			// A bare false is a constant, which actionlint refuses.
			never := scalar("false && success()")
			never.LineComment = "never"
			return never
		}
	}
	if where == ofJob && status != "failure()" {
		for _, id := range c.gates {
			if slices.Contains(c.needs, id) {
				terms = append(terms, "needs."+id+".result == 'success'")
			}
		}
	}
	if len(terms) == 0 && status == "" {
		return nil
	}
	if status != "" {
		terms = append([]string{status}, terms...)
	}
	return scalar(evaluated(strings.Join(terms, " && ")))
}

// behaviour is what a failure leads to.
type behaviour struct {
	// ignore goes on as if nothing had happened, keep stops and puts nothing
	// back.
	ignore, keep bool
}

func (c *converter) failure(list []strategy) behaviour {
	var out behaviour
	for _, s := range list {
		switch action := s.action.Raw(); action {
		case "StageRollback", "StepGroupRollback", "":
		case "Ignore", "MarkAsSuccess":
			out.ignore = true
		case "Abort", "MarkAsFailure":
			out.keep = true
		case "PipelineRollback":
			c.note(s.action, "PipelineRollback rolls back this job only", "jobs that succeeded before it stay as they are: run lambda-rollout rollback with their rollback-data")
		default:
			c.note(s.action, "the failure strategy "+action+" has no equivalent and is left out", "")
		}
		for _, e := range s.errors {
			if kind := e.Raw(); kind != "AllErrors" && kind != "" {
				c.note(e, "a failure strategy for "+kind+" alone applies to every error here", "")
			}
		}
	}
	return out
}

// duration reads Harness' 1w 2d 3h 4m 5s.
func duration(s string) (time.Duration, bool) {
	units := map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond}
	var total time.Duration
	s = strings.ReplaceAll(s, " ", "")
	for s != "" {
		digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if digits <= 0 {
			return 0, false
		}
		n, err := strconv.Atoi(s[:digits])
		s = s[digits:]
		end := strings.IndexFunc(s, func(r rune) bool { return r >= '0' && r <= '9' })
		if end < 0 {
			end = len(s)
		}
		unit, ok := units[s[:end]]
		if err != nil || !ok || n > 1_000_000 {
			return 0, false
		}
		total += time.Duration(n) * unit
		s = s[end:]
	}
	return total, total > 0
}

// timeout reads a limit; an expression or nonsense is a note.
func (c *converter) timeout(t document.Text) (time.Duration, bool) {
	if !t.Set() || t.Raw() == "" {
		return 0, false
	}
	d, ok := duration(t.Raw())
	if !ok {
		c.note(t, "the timeout "+t.Raw()+" is left out", "write it as 10m or 1h 30m")
	}
	return d, ok
}

// minutes is a limit as GitHub counts it, rounded up.
func (c *converter) minutes(t document.Text) *yaml.Node {
	d, ok := c.timeout(t)
	if !ok {
		return nil
	}
	return number(int((d + time.Minute - 1) / time.Minute))
}
