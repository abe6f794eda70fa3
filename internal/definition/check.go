package definition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"gopkg.in/yaml.v3"
)

// An unfilled placeholder of somebody's template, like the <YOUR_AWS_ARN> of
// Harness' own page.
var (
	placeholder      = lazyregexp.New(`<[A-Z][A-Z0-9_]{2,}>`)
	wholePlaceholder = lazyregexp.New(`^<[A-Za-z][A-Za-z0-9_ -]*>$`)
)

func (d *decoder) checkText(f *field, n *yaml.Node, name, v string) bool {
	if found := unfilled(f, v); found != "" {
		if f.freeText {
			d.warn(n, "", "%s still holds the placeholder %s", name, found)
			return true
		}
		d.problem(n, "put the real value in its place", "%s still holds the placeholder %s", name, found)
		return false
	}
	length := Length(v)
	switch {
	case f.refused[v] != "":
		d.problem(n, f.refused[v], "%s cannot be %s", name, shown(v))
	case float64(length) < f.min:
		d.problem(n, "", "%s is empty", name)
	case f.max > 0 && float64(length) > f.max:
		d.problem(n, "", "%s has %d characters, but at most %.0f are allowed", name, length, f.max)
	case f.pattern != nil && !f.pattern.MatchString(v):
		d.problem(n, "", "%s must be %s, not %s", name, f.form, shown(v))
	case len(f.enum) > 0 && !slices.Contains(f.enum, v):
		return d.checkEnum(f, n, name, v)
	default:
		return true
	}
	return false
}

func unfilled(f *field, v string) string {
	if f.freeText {
		if m := placeholder.FindString(v); m == v {
			return m
		}
		return ""
	}
	if wholePlaceholder.MatchString(v) {
		return v
	}
	return placeholder.FindString(v)
}

// checkEnum warns where AWS may know a value that this table does not know
// yet, unless the value is a known one with a slip in it.
func (d *decoder) checkEnum(f *field, n *yaml.Node, name, v string) bool {
	hint := diag.DidYouMean(v, f.enum)
	if f.open && !caseless(f.enum, v) {
		d.warn(n, hint, "%s: %s is not known here; AWS decides", name, shown(v))
		return true
	}
	if meant, is := f.synonyms[strings.ToLower(v)]; is {
		hint = "Lambda calls it " + meant
	} else if hint == "" && len(f.enum) > 1 {
		hint = "one of " + strings.Join(f.enum, ", ")
	}
	d.problem(n, hint, "%s cannot be %s", name, shown(v))
	return false
}

func caseless(enum []string, v string) bool {
	return slices.ContainsFunc(enum, func(e string) bool { return strings.EqualFold(e, v) })
}

func (d *decoder) checkNumber(f *field, n *yaml.Node, name string, v float64) bool {
	limit := f.max
	if f.managed > 0 && d.managed {
		limit = f.managed
	}
	if v >= f.min && v <= limit {
		return true
	}
	hint := ""
	if f.managed > 0 && v > limit && v <= f.managed {
		hint = fmt.Sprintf("up to %.0f with a capacityProviderConfig", f.managed)
	}
	d.problem(n, hint, "%s must be from %s to %s %s, not %s", name, plainNumber(f.min), plainNumber(limit), f.unit, plainNumber(v))
	return false
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func (d *decoder) checkCount(f *field, n *yaml.Node, name string, count int) {
	switch {
	case float64(count) < f.min:
		d.problem(n, "", "%s needs at least %.0f", name, f.min)
	case f.max > 0 && float64(count) > f.max:
		d.problem(n, "", "%s has %d entries, but at most %.0f are allowed", name, count, f.max)
	}
}

func (d *decoder) checkKey(f *field, key *yaml.Node, name string) bool {
	before := len(d.problems)
	switch k := key.Value; {
	case f.name == "Tags" && strings.HasPrefix(strings.ToLower(k), "aws:"):
		d.problem(key, "remove it", "%s: %q begins with aws:, which is AWS's own", name, k)
	case f.name == "Tags" && strings.HasPrefix(k, ownTags):
		d.problem(key, "remove it", "%s: %q begins with %s, which marks what this program creates", name, k, ownTags)
	case f.name == "Variables" && reserved(k):
		d.problem(key, "choose another name", "%s: %q is reserved by Lambda", name, k)
	case float64(Length(k)) < f.keys.min:
		d.problem(key, "", "%s: a key is empty", name)
	case f.keys.max > 0 && float64(Length(k)) > f.keys.max:
		d.problem(key, "", "%s: the key %s has %d characters, but at most %.0f are allowed", name, shown(k), Length(k), f.keys.max)
	case !f.keys.pattern.MatchString(k):
		if f.name == "Variables" {
			d.problem(key, "", "%s: the key %s must be %s", name, keyName("", k), f.keys.form)
		} else {
			d.problem(key, "", "%s: the key %s must be %s", name, shown(k), f.keys.form)
		}
	}
	return len(d.problems) == before
}

// Lambda counts the variables as compact JSON
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxEnvironment = awsfacts.EnvironmentBytes

func environmentSize(variables map[string]string) int {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(variables); err != nil {
		return 0
	}
	return b.Len() - len("\n")
}

// reserved reports the variables that the runtime sets itself
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
func reserved(key string) bool {
	switch key {
	case "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN",
		"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR":
		return true
	}
	return false
}
