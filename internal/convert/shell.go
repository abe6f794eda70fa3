package convert

import (
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// shellState is where in a script a place is: in which quotes, and in which
// here-document.
type shellState struct {
	single, double bool
	// document is the delimiter of the here-document that the place is in, or
	// that begins on the next line.
	document string
	begun    bool
	quoted   bool
	line     strings.Builder
}

var hereDocument = lazyregexp.New(`<<-?\s*(["']?)([A-Za-z_]\w*)["']?`)

// literal reports whether the shell leaves everything as it is here.
func (s *shellState) literal() bool { return s.begun && s.quoted }

func (s *shellState) read(text string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\n' {
			s.endLine()
			continue
		}
		s.line.WriteByte(c)
		switch {
		case s.begun:
		case c == '\\' && !s.single && i+1 < len(text) && text[i+1] != '\n':
			i++
			s.line.WriteByte(text[i])
		case c == '\'' && !s.double:
			s.single = !s.single
		case c == '"' && !s.single:
			s.double = !s.double
		}
	}
}

func (s *shellState) endLine() {
	line := s.line.String()
	s.line.Reset()
	if s.begun {
		if strings.TrimLeft(line, "\t") == s.document {
			s.document, s.begun = "", false
		}
		return
	}
	if m := hereDocument.FindStringSubmatch(line); m != nil && !s.single {
		s.document, s.quoted, s.begun = m[2], m[1] != "", true
	}
}

// dialect is how a shell writes variables.
type dialect interface {
	// variable replaces a value; words is set where the value may
	// be several.
	variable(name string, at shellState, words bool) string
	// output makes a variable of the script an output of the step.
	output(name, source string) string
	// mask keeps the value of a variable of the script out of the log.
	mask(source string) string
}

type bash struct{}

func (bash) variable(name string, at shellState, words bool) string {
	plain := "${" + name + "}"
	switch {
	case at.begun || at.double:
		return plain
	case at.single:
		return `'"` + plain + `"'`
	case words:
		return plain
	}
	return `"` + plain + `"`
}

func (bash) output(name, source string) string {
	return `echo "` + name + `=${` + source + `}" >> "$GITHUB_OUTPUT"`
}

func (bash) mask(source string) string { return `echo "::add-mask::${` + source + `}"` }

type powershell struct{}

func (powershell) variable(name string, at shellState, _ bool) string {
	if at.single {
		return "' + $env:" + name + " + '"
	}
	if at.double {
		return "$($env:" + name + ")"
	}
	return "$env:" + name
}

func (powershell) output(name, source string) string {
	return `"` + name + `=$` + source + `" >> $env:GITHUB_OUTPUT`
}

func (powershell) mask(source string) string { return `"::add-mask::$` + source + `"` }
