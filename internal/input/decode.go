package input

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// decoder reads the text of one input. shown is the input as the user wrote it.
type decoder struct {
	input  Input
	shown  string
	faults diag.List
}

func (d *decoder) fail(hint, format string, args ...any) {
	d.faults = append(d.faults, diag.Problem{Message: d.shown + ": " + fmt.Sprintf(format, args...), Hint: hint})
}

// decode reads the values of a flag in their order, or the one value of a
// variable. Lists and maps collect; of anything else the last one counts.
func (d *decoder) decode(texts []string) value {
	v := value{input: d.input}
	switch d.input.Kind {
	case List, Paths:
		for _, t := range texts {
			v.list = append(v.list, d.list(t)...)
		}
		v.given = len(v.list) > 0
		d.checkItems(v.list)
		return v
	case Course:
		for _, t := range texts {
			v.list = append(v.list, d.list(t)...)
		}
		v.given = len(v.list) > 0
		v.course = d.course(v.list)
		return v
	case Map:
		for _, t := range texts {
			v.pairs = d.pairs(v.pairs, t)
		}
		v.given = len(v.pairs) > 0
		return v
	}
	text := strings.TrimSpace(texts[len(texts)-1])
	if text == "" {
		return v
	}
	v.given, v.text = true, text
	switch d.input.Kind {
	case Bool:
		v.truth = d.truth(text)
	case Duration:
		v.length = d.length(text)
	case Int:
		v.number = d.number(text)
	case Percent:
		v.percent = d.percent(text)
	case Enum:
		v.text = d.word(text)
	}
	return v
}

func (d *decoder) list(text string) []string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "[") {
		return d.jsonList(text)
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	dashes := len(lines) > 0 && !slices.ContainsFunc(lines, func(l string) bool {
		l = strings.TrimSpace(l)
		return l != "" && l != "-" && !strings.HasPrefix(l, "- ")
	})
	var items []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if dashes {
			line = strings.TrimSpace(strings.TrimPrefix(line, "-"))
		}
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
	}
	return items
}

func (d *decoder) jsonList(text string) []string {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var raw []any
	if err := dec.Decode(&raw); err != nil || dec.More() {
		d.fail("write one item a line, or [\"a\", \"b\"]", "not a JSON array")
		return nil
	}
	items := make([]string, 0, len(raw))
	for n, r := range raw {
		switch x := r.(type) {
		case string:
			items = append(items, x)
		case json.Number:
			items = append(items, x.String())
		default:
			d.fail("write it in quotes", "item %d of the JSON array is no text", n+1)
		}
	}
	return items
}

func (d *decoder) percent(text string) float64 {
	percent, err := traffic.ParsePercent(strings.TrimSuffix(text, "%"))
	if err != nil {
		d.fail("", "%v", err)
	}
	return percent
}

func (d *decoder) course(stages []string) traffic.Course {
	course, err := traffic.Parse(stages)
	if err != nil {
		d.fail("AllAtOnce, Canary10Percent5Minutes, Linear10PercentEvery1Minute, or stages: 10%/5m, 50%/5m", "%v", err)
	}
	return course
}

func (d *decoder) checkItems(items []string) {
	for _, item := range items {
		switch {
		case d.input.Enum != nil && !slices.Contains(d.input.Enum, item):
			d.fail(d.enumHint(item), "%s is unknown", d.quote(item))
		case d.input.Kind == Paths && !filepath.IsAbs(item) && !filepath.IsLocal(item):
			d.fail("name it by an absolute path, or move it into the workspace", "%s leads out of the workspace", d.quote(item))
		}
	}
}

var (
	// pairLine is name=value; the name may be a path or a connectorRef.
	pairLine = regexp.MustCompile(`^\s*([^\s=:]+)\s*=(.*)$`)
)

// pairs adds the entries of a text to a map.
func (d *decoder) pairs(into map[string]string, text string) map[string]string {
	if into == nil {
		into = map[string]string{}
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
	case strings.HasPrefix(trimmed, "["):
		for _, line := range d.jsonList(trimmed) {
			d.pair(into, line, 0)
		}
	case strings.HasPrefix(trimmed, "{") || !pairLine.MatchString(firstLine(trimmed)):
		d.yamlPairs(into, text)
	default:
		for n, line := range strings.Split(text, "\n") {
			line = strings.TrimSuffix(line, "\r")
			if s := strings.TrimSpace(line); s != "" && !strings.HasPrefix(s, "#") {
				d.pair(into, line, n+1)
			}
		}
	}
	return into
}

func firstLine(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if s := strings.TrimSpace(line); s != "" && !strings.HasPrefix(s, "#") {
			return strings.TrimSuffix(line, "\r")
		}
	}
	return ""
}

// pair reads one name=value. The value is never shown: it may be a secret.
func (d *decoder) pair(into map[string]string, line string, n int) {
	m := pairLine.FindStringSubmatch(line)
	if m == nil {
		where := ""
		if n > 1 {
			where = fmt.Sprintf("line %d ", n)
		}
		d.fail("write name=value lines, YAML or JSON", "%sis not name=value", where)
		return
	}
	d.put(into, m[1], strings.TrimSpace(m[2]))
}

func (d *decoder) put(into map[string]string, name, value string) {
	if _, twice := into[name]; twice {
		d.fail("", "%q is given twice", name)
		return
	}
	into[name] = value
}

// yamlPairs reads a YAML or JSON mapping of scalars. Each scalar keeps its own
// spelling: 1.50 stays 1.50, and yes stays yes.
func (d *decoder) yamlPairs(into map[string]string, text string) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		d.fail("write name=value lines, YAML or JSON", "neither name=value lines nor YAML%s", yamlLine(err))
		return
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		d.fail("write name=value lines, YAML or JSON", "not a map of names and values")
		return
	}
	d.mapping(into, "", doc.Content[0])
}

// mapping flattens nested maps to paths: {serviceVariables: {name: x}} is
// serviceVariables.name.
func (d *decoder) mapping(into map[string]string, prefix string, m *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		name := prefix + k.Value
		switch {
		case k.Kind != yaml.ScalarNode || k.Tag == "!!merge":
			d.fail("", "line %d: a name must be plain text", k.Line)
		case v.Kind == yaml.MappingNode:
			d.mapping(into, name+".", v)
		case v.Kind != yaml.ScalarNode:
			d.fail("put the value in quotes", "%q is neither text nor a number", name)
		case v.Tag == "!!null":
			d.put(into, name, "")
		default:
			d.put(into, name, v.Value)
		}
	}
}

var yamlErrorLine = regexp.MustCompile(`line \d+`)

// yamlLine is the place of a YAML error without its text, which quotes values.
func yamlLine(err error) string {
	if line := yamlErrorLine.FindString(err.Error()); line != "" {
		return " (" + line + ")"
	}
	return ""
}

func (d *decoder) truth(text string) bool {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true
	case "false", "no", "off", "0":
		return false
	}
	d.fail("write true or false", "%s is neither true nor false", d.quote(text))
	return false
}

func (d *decoder) length(text string) time.Duration {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		d.fail(fmt.Sprintf("write %ss or %sm; a function's own timeout stands in its definition, in seconds", text, text), "%s has no unit", d.quote(text))
		return 0
	}
	t, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	switch {
	case err != nil:
		d.fail("write a number with its unit, as in 90s, 10m, 1h30m", "%s is not a time", d.quote(text))
	case t < 0 || t < time.Duration(d.input.Min)*time.Second:
		d.fail("", "%s is too short; at least %s", d.quote(text), time.Duration(d.input.Min)*time.Second)
	}
	return t
}

func (d *decoder) number(text string) int {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		d.fail("", "%s is not a whole number", d.quote(text))
	case int64(n) < d.input.Min:
		d.fail("", "%d is too small; at least %d", n, d.input.Min)
	case d.input.Max > 0 && int64(n) > d.input.Max:
		d.fail("", "%d is too large; at most %d", n, d.input.Max)
	}
	return n
}

func (d *decoder) word(text string) string {
	for _, e := range d.input.Enum {
		if strings.EqualFold(e, text) {
			return e
		}
	}
	d.fail(d.enumHint(text), "%s is unknown", d.quote(text))
	return ""
}

func (d *decoder) enumHint(text string) string {
	if hint := diag.DidYouMean(text, d.input.Enum); hint != "" {
		return hint
	}
	return "one of " + strings.Join(d.input.Enum, ", ")
}

// quote shows a value in a message, unless it is a secret.
func (d *decoder) quote(text string) string {
	if d.input.Secret {
		return "the value"
	}
	return strconv.Quote(text)
}
