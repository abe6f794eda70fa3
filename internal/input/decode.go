package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
	"github.com/lambda-rollout/lambda-rollout/internal/yamltext"
)

// decoder reads the text of one input. shown is the input as the user wrote it.
type decoder struct {
	input    Input
	shown    string
	problems diag.List
}

func (d *decoder) fail(hint, format string, args ...any) {
	d.problems = append(d.problems, diag.Problem{Message: d.shown + ": " + fmt.Sprintf(format, args...), Hint: hint})
}

// decode reads the values of a flag in their order, or the one value of a
// variable. Lists and maps collect; of anything else the last one counts.
func (d *decoder) decode(texts []string) value {
	v := value{input: d.input}
	if d.isUnresolved(texts[len(texts)-1]) {
		d.unresolved("the setting itself is a map")
		return v
	}
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
		v.course, v.group = d.course(v.list)
		return v
	case Gates:
		for _, t := range texts {
			v.pairs = d.pairs(v.pairs, gateLines(t))
		}
		v.gates = d.gates(v.pairs)
		v.given = len(v.gates) > 0
		return v
	case Map:
		for _, t := range texts {
			v.pairs = d.pairs(v.pairs, t)
		}
		v.given = len(v.pairs) > 0
		d.checkSources(v.pairs)
		return v
	}
	text := strings.TrimSpace(texts[len(texts)-1])
	if d.input.Repeats {
		text = strings.TrimSpace(strings.Join(texts, "\n"))
	}
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

// jsonList reads a JSON array, else one of YAML: [live, beta].
func (d *decoder) jsonList(text string) []string {
	var raw []any
	if !readJSON(text, &raw) {
		return d.yamlList(text)
	}
	items := make([]string, 0, len(raw))
	for n, r := range raw {
		switch x := r.(type) {
		case string:
			items = append(items, x)
		case json.Number:
			items = append(items, x.String())
		case map[string]any:
			if _, drone := x["from_secret"]; drone && len(x) == 1 {
				d.unresolved(fmt.Sprintf("item %d of the list", n+1))
				continue
			}
			d.fail("write it in quotes", "item %d of the JSON array is not text", n+1)
		default:
			d.fail("write it in quotes", "item %d of the JSON array is not text", n+1)
		}
	}
	return items
}

// readJSON reads one JSON value with its numbers as they are spelled; ok is false
// where the text is none.
func readJSON(text string, into any) (ok bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if dec.Decode(into) != nil {
		return false
	}
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}

func (d *decoder) yamlList(text string) []string {
	doc, err := readYAML(text)
	if err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.SequenceNode {
		d.fail("write one item a line, or [\"a\", \"b\"]", "not a JSON array")
		return nil
	}
	var items []string
	for n, item := range doc.Content[0].Content {
		if item.Kind != yaml.ScalarNode {
			d.fail("write it in quotes", "item %d of the list is not text", n+1)
			continue
		}
		items = append(items, item.Value)
	}
	return items
}

// isUnresolved reports whether a whole value is what Drone leaves of a secret that
// it does not know.
func (d *decoder) isUnresolved(text string) bool {
	var m map[string]any
	if !strings.HasPrefix(strings.TrimSpace(text), "{") || !readJSON(text, &m) {
		return false
	}
	_, drone := m["from_secret"]
	return drone && len(m) == 1
}

// checkSources wants a source that the program can look up for each name.
func (d *decoder) checkSources(pairs map[string]string) {
	if d.input.Sources == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		kind, rest, _ := strings.Cut(pairs[name], ":")
		switch {
		case !slices.Contains(d.input.Sources, kind+":") || rest == "":
			// The value may be the secret itself, so it is not shown.
			d.fail("write "+name+"=env:VARIABLE, file:PATH, ssm:NAME, secretsmanager:ID#KEY or tfstate:FILE#ADDRESS", "%q has no source", name)
		case kind == "file" && !filepath.IsAbs(rest) && !filepath.IsLocal(rest):
			d.fail("name it by an absolute path, or move it into the workspace", "%q leads out of the workspace", name)
		}
	}
}

// unresolved is about a map that Drone hands over as it is
// (https://docs.drone.io/secret/: from_secret is a setting's own value).
func (d *decoder) unresolved(what string) {
	hint := "make the whole setting one secret"
	if d.input.Name == "secrets" {
		hint = "give the step environment: {DB: {from_secret: …}} and the setting secrets_from: \"db=env:DB\", or make the whole setting one secret of id=value lines"
	}
	d.fail(hint, "Drone does not resolve from_secret inside a map or list (%s)", what)
}

func (d *decoder) percent(text string) float64 {
	percent, err := traffic.ParsePercent(strings.TrimSuffix(text, "%"))
	if err != nil {
		d.fail("", "%v", err)
	}
	return percent
}

// course reads a schedule, or the group that has one.
func (d *decoder) course(stages []string) (traffic.Schedule, *traffic.Group) {
	for _, item := range stages {
		g, is, err := traffic.ParseGroup(item)
		switch {
		case !is:
			continue
		case err != nil:
			d.fail("traffic: codedeploy:shop/{function}-{alias} has one group for each alias", "%v", err)
		case len(stages) > 1:
			d.fail("the group's deployment configuration says how traffic shifts", "%q stands alone", item)
		}
		return traffic.AllAtOnce(), &g
	}
	course, err := traffic.Parse(stages)
	if err != nil {
		d.fail("AllAtOnce, Canary10Percent5Minutes, Linear10PercentEvery1Minute, or stages: 10%/5m, 50%/5m", "%v", err)
	}
	return course, nil
}

func (d *decoder) checkItems(items []string) {
	for _, item := range items {
		switch {
		case d.input.Enum != nil && !slices.Contains(d.input.Enum, item):
			d.fail(d.enumHint(item), "%s is unknown", d.quote(item))
		case d.input.Digits > 0 && !isNumber(item, d.input.Digits):
			d.fail("put it in quotes: YAML reads a bare number as one and drops its leading zeros", "%s is not %d digits", d.quote(item), d.input.Digits)
		case d.input.Kind == Paths && !filepath.IsAbs(item) && !filepath.IsLocal(item):
			d.fail("name it by an absolute path, or move it into the workspace", "%s leads out of the workspace", d.quote(item))
		}
	}
}

// isNumber reports whether a text is so many decimal digits.
func isNumber(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789") == ""
}

var (
	// pairLine is name=value; the name may be a path or a connectorRef.
	pairLine = lazyregexp.New(`^\s*([^\s=:]+)\s*=(.*)$`)
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
		d.document(into, text)
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

// fileName is a value that looks like the name of a file.
var fileName = lazyregexp.New(`^\s*[\w./-]+\.(tfstate|json|ya?ml|env|txt|tfvars)\s*$`)

// mapHint says how a map is written, and where one that is in a file goes.
func (d *decoder) mapHint(text string) string {
	const how = "write name=value lines, YAML or JSON"
	switch {
	case !fileName.MatchString(text):
		return how
	case d.input.Name == "variables" || d.input.Name == "secrets":
		return "it takes values, not a file: " + d.input.Name + "-from reads values of files, NAME=file:PATH or NAME=tfstate:PATH#ADDRESS"
	}
	return "it takes values, not a file: " + how
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
		d.fail(d.mapHint(line), "%sis not name=value", where)
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

// document reads a JSON or YAML mapping of scalars. Each scalar keeps its own
// spelling: 1.50 stays 1.50, and yes stays yes. What begins with { is JSON first:
// YAML takes neither a raw DEL nor half a surrogate pair, which JSON has.
func (d *decoder) document(into map[string]string, text string) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") && d.jsonPairs(into, text) {
		return
	}
	doc, err := readYAML(text)
	if err != nil {
		d.fail("write name=value lines, YAML or JSON", "neither name=value lines nor YAML%s", yamlLine(err))
		return
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		d.fail(d.mapHint(text), "not a map of names and values")
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
		case v.Kind == yaml.MappingNode && len(v.Content) == 2 && v.Content[0].Value == "from_secret":
			d.unresolved(name)
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

// readYAML reads one document and nothing behind it.
func readYAML(text string) (doc yaml.Node, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(yamltext.OfJSON([]byte(text))))
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return doc, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return doc, errors.Join(err, errors.New("more than one document"))
	}
	return doc, nil
}

var yamlErrorLine = lazyregexp.New(`line \d+`)

// yamlLine is the place of a YAML error without its text, which quotes values.
func yamlLine(err error) string {
	if line := yamlErrorLine.FindString(err.Error()); line != "" {
		return " (" + line + ")"
	}
	return ""
}

// The words of a Bool.
var (
	yeses = []string{"true", "yes", "on", "1"}
	noes  = []string{"false", "no", "off", "0"}
)

func (d *decoder) truth(text string) bool {
	switch word := strings.ToLower(text); {
	case slices.Contains(yeses, word):
		return true
	case slices.Contains(noes, word):
		return false
	}
	d.fail("write true or false", "%s is neither true nor false", d.quote(text))
	return false
}

func (d *decoder) length(text string) time.Duration {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		d.fail(fmt.Sprintf("write %ss or %sm; a function's own timeout belongs in its definition, in seconds", text, text), "%s has no unit", d.quote(text))
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
