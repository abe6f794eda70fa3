package report

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// node is a part of an HTML page. There are two: an element, whose tag and
// attribute names are constants of this package, and a text. Every value is
// escaped where it is written, and nowhere else.
type node interface{ write(b *strings.Builder) }

type text string

func (t text) write(b *strings.Builder) { b.WriteString(escape(string(t))) }

type attribute struct{ name, value string }

type element struct {
	tag        string
	attributes []attribute
	children   []node
}

func (e element) write(b *strings.Builder) {
	b.WriteString("<" + e.tag)
	for _, a := range e.attributes {
		b.WriteString(" " + a.name + `="` + escape(a.value) + `"`)
	}
	b.WriteString(">")
	for _, child := range e.children {
		child.write(b)
	}
	if e.tag != "meta" && e.tag != "br" {
		b.WriteString("</" + e.tag + ">")
	}
}

// el is an element with a class, "" for none.
func el(tag, class string, children ...node) element {
	e := element{tag: tag, children: children}
	if class != "" {
		e.attributes = []attribute{{"class", class}}
	}
	return e
}

// with adds an attribute.
func (e element) with(name, value string) element {
	e.attributes = append(e.attributes[:len(e.attributes):len(e.attributes)], attribute{name, value})
	return e
}

var htmlValue = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// escape writes a value so that it stays text in an element and in a quoted
// attribute. Control characters, which HTML forbids, become a replacement.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return htmlValue.Replace(s)
}

// pageMark shows that a page is this program's, which may replace it.
const pageMark = `<meta name="generator" content="lambda-rollout">`

// IsPage reports whether a file is a page of this program.
func IsPage(content []byte) bool {
	const most = 1000
	return strings.Contains(string(content[:min(len(content), most)]), pageMark)
}

// document is a whole page that loads nothing: its policy allows the one style
// sheet, known by its hash, and nothing else
// (https://www.w3.org/TR/CSP3/#framework-directive-source-list).
func document(title, style string, body ...node) string {
	sum := sha256.Sum256([]byte(style))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	var b strings.Builder
	b.WriteString("<!doctype html>\n")
	b.WriteString(`<html lang="en"><head><meta charset="utf-8">`)
	el("meta", "").with("http-equiv", "Content-Security-Policy").with("content", policy).write(&b)
	el("meta", "").with("name", "viewport").with("content", "width=device-width, initial-scale=1").write(&b)
	el("meta", "").with("name", "color-scheme").with("content", "light dark").write(&b)
	b.WriteString(pageMark)
	el("title", "", text(title)).write(&b)
	b.WriteString("<style>" + style + "</style></head>\n")
	el("body", "", body...).write(&b)
	b.WriteString("</html>\n")
	return b.String()
}
