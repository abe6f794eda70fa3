package expression

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/yamltext"
)

// firstToken begins Unicode's supplementary private use areas: one character
// for each span, safe in any YAML or JSON scalar, on one column.
const (
	firstToken = rune(0xF0000)
	lastToken  = rune(0x10FFFD)
)

// Source is a YAML or JSON text whose expressions were set aside, so that it
// parses whatever they contain.
type Source struct {
	File   string
	raw    []byte
	text   string // raw as a string
	masked []byte
	spans  []span
	// hidden are the parts that no excerpt shows.
	hidden []region
	// templates is set where {{ … }} is evaluated, wrong what cannot be.
	templates bool
	wrong     diag.List
	// quoted is set while the text that is scanned is between double quotes.
	quoted bool
}

// span is one expression of a Source: raw[start:end], which became one
// character of the masked text.
type span struct {
	start, end int
	// line and col are the character's place in the masked text; from and to
	// are where the span begins and ends in raw.
	masked, from, to place
	// literal marks a character of raw that only looks like a token.
	literal bool
	// template marks {{ … }}.
	template bool
}

// Scan finds the expressions of a text. It never fails: what is wrong with an
// expression shows when the scalar that holds it is rendered, so an odd <+ in
// a comment harms nobody.
func Scan(file string, src []byte) *Source { return scan(file, src, false) }

func scan(file string, src []byte, templates bool) *Source {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	s := &Source{File: file, raw: src, text: string(src), templates: templates}
	s.masked = make([]byte, 0, len(src)+64)
	masked, original := place{1, 1}, place{1, 1}
	for i := 0; i < len(s.text); {
		start, end := s.nextMask(i)
		between := s.text[i:start]
		s.masked = append(s.masked, between...)
		s.quoted = quotedAfter(between, s.quoted)
		masked, original = masked.advance(between), original.advance(between)
		if start < end {
			sp := span{start: start, end: end, masked: masked, from: original, template: s.isTemplate(start, end)}
			sp.literal = !sp.template && !strings.HasPrefix(s.text[start:], open)
			sp.to = original.advance(s.text[start:end])
			s.masked = utf8.AppendRune(s.masked, s.token(sp))
			s.spans = append(s.spans, sp)
			masked.col++
			original = sp.to
		}
		i = end
	}
	s.masked = yamltext.OfJSON(s.masked)
	return s
}

// isTemplate reports whether a span is {{ … }}, perhaps behind blanks that it trims.
func (s *Source) isTemplate(start, end int) bool {
	return s.templates && strings.HasPrefix(strings.TrimLeft(s.text[start:end], blanks), openTemplate)
}

// quotedAfter reports whether a text of JSON ends between double quotes.
func quotedAfter(text string, quoted bool) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '\\' && quoted:
			i++
		}
	}
	return quoted
}

// token is the character for the next span: a blank for a comment that is no part of
// a text. What is wrong with a template is noted.
func (s *Source) token(sp span) rune {
	if !sp.template {
		return firstToken + rune(len(s.spans))
	}
	text := s.text[sp.start:sp.end]
	if t, err := parseTemplate(text); err != nil {
		s.wrong = append(s.wrong, s.expressionProblem(err, func(i int) place { return s.position(sp, sp.start+i) }))
	} else if t == nil && !s.quoted {
		return ' '
	}
	return firstToken + rune(len(s.spans))
}

// place is a line and a column, both from 1; columns count characters.
type place struct{ line, col int }

func (p place) advance(text string) place {
	if n := strings.Count(text, "\n"); n > 0 {
		p = place{p.line + n, 1}
		text = text[strings.LastIndexByte(text, '\n')+1:]
	}
	return place{p.line, p.col + utf8.RuneCountInString(text)}
}

func (p place) compare(q place) int {
	if p.line != q.line {
		return p.line - q.line
	}
	return p.col - q.col
}

// nextMask finds the next thing to set aside: a span, or a character that
// could be taken for a token.
func (s *Source) nextMask(from int) (start, end int) {
	text := s.text
	start, end = len(text), len(text)
	if firstToken+rune(len(s.spans)) > lastToken {
		return start, end
	}
	if i, j, ok := nextSpan(text, from); ok {
		start, end = i, clipComment(text, i, j)
	}
	if s.templates && len(s.wrong) < maxWrongTemplates {
		if i, j, ok := nextTemplate(text, from); ok && i <= start {
			start, end = i, j
		}
	}
	// Characters of these planes begin with one of these two bytes.
	for i := from; i < start; i++ {
		if text[i] != 0xF3 && text[i] != 0xF4 {
			continue
		}
		if r, n := utf8.DecodeRuneInString(text[i:start]); r >= firstToken {
			return i, i + n
		}
	}
	return start, end
}

// clipComment keeps a span that a comment begins inside that comment's line,
// where it would swallow what follows.
func clipComment(text string, start, end int) int {
	lineEnd := strings.IndexByte(text[start:end], '\n')
	if lineEnd < 0 {
		return end
	}
	before := text[strings.LastIndexByte(text[:start], '\n')+1 : start]
	if hash := strings.IndexByte(before, '#'); hash == 0 || hash > 0 && isBlank(before[hash-1]) {
		return start + lineEnd
	}
	return end
}

// position returns line and column of raw for an offset that is not before the
// span.
func (s *Source) position(sp span, offset int) place {
	return sp.from.advance(s.text[sp.start:min(offset, len(s.text))])
}

// original maps a place of the masked text back to raw.
func (s *Source) original(line, col int) (int, int) {
	p := place{line, col}
	i, found := slices.BinarySearchFunc(s.spans, p, func(sp span, p place) int { return sp.masked.compare(p) })
	switch {
	case found:
		return s.spans[i].from.line, s.spans[i].from.col
	case i == 0:
		return line, col
	}
	last := s.spans[i-1]
	if last.masked.line != line {
		return last.to.line + line - last.masked.line, col
	}
	return last.to.line, last.to.col + col - last.masked.col - 1
}
