package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// A problem of a file's syntax shows no line of it: what does not parse may hold
// a value of the environment anywhere.

var yamlLine = lazyregexp.New(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxProblem says in plain words what the YAML library found.
func (s *Source) syntaxProblem(err error) diag.Problem {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return diag.Problem{File: s.File, Message: "cannot be read as YAML"}
	}
	at := s.syntaxPlace(m[1], m[2])
	what, hint := plainSyntax(m[2])
	if strings.Contains(m[2], "cannot start any token") && tabbed(diag.Line(s.text, at.line)) {
		what, hint = plainSyntax("tab character")
	}
	language := "YAML"
	if s.isJSON() {
		language = "JSON"
	}
	p := s.problemAt(at.line, at.col, "is not "+language+": "+what, hint)
	p.Source = ""
	return p
}

// syntaxPlace is the first character of the line that the library names, or of
// the one that it means.
func (s *Source) syntaxPlace(number, message string) place {
	if name, ok := anchorName(message); ok {
		return s.aliasPlace(name)
	}
	if at, ok := s.jsonPlace(); ok {
		return at
	}
	line, _ := strconv.Atoi(number)
	line, _ = s.original(max(line, 1), 1)
	source := diag.Line(s.text, line)
	if next := diag.Line(s.text, line+1); strings.Contains(message, "tab character") && !tabbed(source) && tabbed(next) {
		line, source = line+1, next // yaml.v3 names the line before the tab
	}
	return place{line, 1 + utf8.RuneCountInString(source) - utf8.RuneCountInString(strings.TrimLeft(source, " \t"))}
}

// anchorName is the alias that the library did not find.
func anchorName(message string) (string, bool) {
	name, ok := strings.CutPrefix(message, "unknown anchor '")
	return strings.TrimSuffix(name, "' referenced"), ok
}

// aliasPlace finds an alias, for which the library has no line.
func (s *Source) aliasPlace(name string) place {
	i := bytes.Index(s.masked, []byte("*"+name))
	if i < 0 {
		return place{1, 1}
	}
	at := place{1, 1}.advance(string(s.masked[:i]))
	line, col := s.original(at.line, at.col)
	return place{line, col}
}

func (s *Source) isJSON() bool {
	text := strings.TrimLeft(s.text, " \t\r\n")
	return path.Ext(s.File) == ".json" && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["))
}

// jsonPlace is where a JSON file stops being JSON; the YAML library often names
// the first line of all.
func (s *Source) jsonPlace() (place, bool) {
	var v any
	err := json.Unmarshal(s.masked, &v)
	var syntax *json.SyntaxError
	if !s.isJSON() || !errors.As(err, &syntax) {
		return place{}, false
	}
	at := place{1, 1}.advance(string(s.masked[:max(0, min(int(syntax.Offset)-1, len(s.masked)))]))
	line, col := s.original(at.line, at.col)
	return place{line, col}, true
}

// tabbed reports whether a line is indented by a tab.
func tabbed(line string) bool {
	return strings.Contains(line[:len(line)-len(strings.TrimLeft(line, " \t"))], "\t")
}

// plainSyntax rewords the library's message, which may quote the file.
func plainSyntax(message string) (what, hint string) {
	for _, known := range syntaxWords {
		if strings.Contains(message, known.part) {
			return known.what, known.hint
		}
	}
	return "its structure cannot be read from here on", quoteHint
}

const (
	quoteHint = "put values with : # ' \" { [ & * ! | > % @ or ` in quotes"
	lineUp    = "indent with spaces; entries of one mapping begin in the same column"
)

// syntaxWords are parts of yaml.v3's messages in the order in which they are
// looked for.
var syntaxWords = []struct{ part, what, hint string }{
	{"tab character", "the line is indented by a tab", "indent with spaces"},
	{"mapping values are not allowed", "a value contains a second :", "put the value in quotes"},
	{"could not find expected ':'", "a key without a : or a string that is not closed", lineUp},
	{"unexpected end of stream", "a quote or bracket is not closed", ""},
	{"unknown anchor", "a value begins with *, which names an alias that does not exist", "put the value in quotes"},
	{"expected alphabetic or numeric character", "a value begins with * or &", "put the value in quotes"},
	{"cannot start any token", "a value begins with a character that has a meaning in YAML", quoteHint},
	{"expected ',' or '}'", "a comma or } is missing", ""},
	{"expected ',' or ']'", "a comma or ] is missing", ""},
	{"<document start>", "something follows the end of the document", ""},
	{"did not find expected key", "an entry does not line up with those above it, or a quote is not closed", lineUp},
	{"'-' indicator", "an entry does not line up with the list above it", lineUp},
	{"block sequence entries", "a list begins on the line of its key", "write - on a line of its own"},
	{"unknown escape", `an escape in "…" is not known`, `write \\ for a backslash, or use '…'`},
	{"escape code", `an escape in "…" is not complete`, `write \\ for a backslash, or use '…'`},
	{"node content", "a value is missing", ""},
	{"excessive aliasing", "aliases expand to too many values", ""},
	{"contains itself", "an anchor contains an alias of itself", ""},
	{"map merge", "<< merges a mapping and nothing else", ""},
	{"incompatible YAML", "its line %YAML asks for another version of YAML", "remove that line"},
	{"directive", "a line begins with %", "put it in quotes"},
	{"tag", "a value begins with !", "put the value in quotes"},
}

// foreign names a text in another language than YAML, of which YAML would make
// something else or nothing.
func (s *Source) foreign() *diag.Problem {
	is := func(what, hint string) *diag.Problem { return &diag.Problem{File: s.File, Message: what, Hint: hint} }
	first := s.firstLine()
	switch ext := path.Ext(s.File); {
	case ext == ".jsonnet" || ext == ".libsonnet" || jsonnetLine.MatchString(first), ext == ".json" && jsonnetCall.MatchString(s.text):
		return is("is Jsonnet, which is not evaluated here", "run jsonnet on it and name the JSON that it prints")
	case ext == ".hcl" || hclLine.MatchString(first):
		return is("is HCL, Terraform's language", "`lambda-rollout init --function NAME` writes the definition of the function as it is in AWS")
	case ext == ".toml" || tomlTable.MatchString(first):
		return is("is TOML", "write it as YAML: name: value, with nested keys indented")
	case markup.MatchString(first):
		return is("is XML or HTML", "name the YAML or JSON file")
	case strings.HasPrefix(first, "#!"):
		return is("is a script", "name the YAML or JSON file")
	case assignment.MatchString(first):
		return is("holds name=value lines, not YAML", "write name: value")
	}
	if at, ok := s.jsonComment(); ok {
		p := s.problemAt(at.line, at.col, "is JSON with comments, which JSON does not have", "remove them, or write the file as YAML, where # begins a comment")
		p.Source = ""
		return &p
	}
	return nil
}

var (
	jsonnetLine = lazyregexp.New(`^(local\s+\w+(\s*=|\()|function\s*\(|\(?import(str)?\s+['"]|std\.\w+\()`)
	jsonnetCall = lazyregexp.New(`^\s*[{(][^"]*?[:=+]\s*std\.(extVar|native|parseJson|format|toString)\(`)
	hclLine     = lazyregexp.New(`^(resource|variable|provider|terraform|module|locals|data|output)\b[^:]*\{\s*$`)
	markup      = lazyregexp.New(`^<(\?xml|!|[a-z][a-z0-9:-]*[ />])`)
	tomlTable   = lazyregexp.New(`^\[\[?[A-Za-z0-9_."-]+\]\]?\s*(#.*)?$`)
	assignment  = lazyregexp.New(`^(export\s+)?[A-Za-z_][A-Za-z0-9_.-]*\s*=\s*[^=\s]`)
)

// firstLine is the first line that is neither empty nor a comment.
func (s *Source) firstLine() string {
	for line := range strings.Lines(s.text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "#!") || strings.HasPrefix(line, "---") {
			continue
		}
		return line
	}
	return ""
}

// jsonComment finds the first // or /* between the tokens of a text that begins
// like JSON, or before it.
func (s *Source) jsonComment() (place, bool) {
	text := s.text
	if s.templates {
		text = string(s.masked) // their comments are none of JSON
	}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if trimmed == "" || !strings.Contains("{[/", trimmed[:1]) {
		return place{}, false
	}
	quoted, spaced, last := false, true, byte('{')
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
			continue
		case c == '/' && spaced && last != ':' && i+1 < len(text) && (text[i+1] == '/' || text[i+1] == '*'):
			at := place{1, 1}.advance(text[:i])
			if s.templates {
				at.line, at.col = s.original(at.line, at.col)
			}
			return at, true
		}
		blank := isBlank(c)
		spaced = blank || strings.IndexByte(`{}[],"`, c) >= 0
		if !blank {
			last = c
		}
	}
	return place{}, false
}
