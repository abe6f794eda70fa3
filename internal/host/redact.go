package host

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// shortest is the least length of a line of a secret that is masked by itself:
// the braces of a JSON key would otherwise mask every brace of the log. A secret
// of one line is masked whatever its length.
const shortest = 4

const stars = "***"

// maskForms are the single lines to hand to a host's own masking: the secret's
// lines, the whole of it inside JSON, and as base64.
func maskForms(secret string) []string {
	var forms []string
	add := func(s string) {
		if s = strings.Trim(s, "\r"); strings.TrimSpace(s) != "" && !slices.Contains(forms, s) {
			forms = append(forms, s)
		}
	}
	secret = strings.TrimSpace(secret)
	if secret == "" {
		return nil
	}
	if lines := strings.Split(secret, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if len(strings.TrimSpace(line)) >= shortest {
				add(strings.TrimSpace(line))
			}
		}
	} else {
		add(secret)
	}
	for _, escaped := range jsonForms(secret) {
		add(escaped)
	}
	if len(secret) >= shortest {
		add(base64.StdEncoding.EncodeToString([]byte(secret)))
		add(base64.URLEncoding.EncodeToString([]byte(secret)))
	}
	return forms
}

// jsonForms are the ways in which a text stands in JSON: encoders differ in
// whether they escape <, > and &.
func jsonForms(text string) []string {
	var forms []string
	for _, escape := range []bool{false, true} {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(escape)
		if err := enc.Encode(text); err == nil {
			forms = append(forms, strings.Trim(strings.TrimSpace(b.String()), `"`))
		}
	}
	return forms
}

// hiddenForms are all spellings that the log hides: the forms of a mask, the
// secret itself with its line breaks, and the base64 that a longer text around
// the secret would show.
func hiddenForms(secret string) []string {
	trimmed := strings.TrimSpace(secret)
	if trimmed == "" {
		return nil
	}
	forms := append(maskForms(secret), trimmed)
	if len(trimmed) >= 2*shortest {
		forms = append(forms, innerBase64(trimmed)...)
		forms = append(forms, url.QueryEscape(trimmed), url.PathEscape(trimmed))
	}
	return forms
}

// innerBase64 is what a secret looks like inside the base64 of a longer text:
// three shifts, each without the characters that depend on its neighbours.
func innerBase64(secret string) []string {
	var forms []string
	for shift := range 3 {
		b := append(make([]byte, shift), secret...)
		text := base64.RawStdEncoding.EncodeToString(b)
		start := (shift*8 + 5) / 6
		end := len(b) * 8 / 6
		if end-start >= 2*shortest {
			forms = append(forms, text[start:end], strings.NewReplacer("+", "-", "/", "_").Replace(text[start:end]))
		}
	}
	return forms
}

// redactor replaces secrets in a stream. It keeps back only what may be the
// beginning of a secret that the next write ends.
type redactor struct {
	// secrets by their first byte, the longest first.
	secrets [256][]string
	pending []byte
}

func (r *redactor) add(secret string) {
	for _, form := range hiddenForms(secret) {
		list := r.secrets[form[0]]
		if slices.Contains(list, form) {
			continue
		}
		list = append(list, form)
		slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
		r.secrets[form[0]] = list
	}
}

// next gives what is safe to show of the stream so far.
func (r *redactor) next(p []byte) []byte {
	r.pending = append(r.pending, p...)
	out, rest := r.scan(r.pending, false)
	r.pending = append(r.pending[:0], rest...)
	return out
}

// flush gives what was kept back. It is no whole secret.
func (r *redactor) flush() []byte {
	out, _ := r.scan(r.pending, true)
	r.pending = r.pending[:0]
	return out
}

func (r *redactor) text(s string) string {
	out, _ := r.scan([]byte(s), true)
	return string(out)
}

// scan copies text, stars in place of secrets. Unless the text is final it stops
// where a secret may have begun, and gives back what it did not copy.
func (r *redactor) scan(text []byte, final bool) (out, rest []byte) {
	out = make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		match := 0
		for _, secret := range r.secrets[text[i]] {
			tail := text[i:]
			if len(tail) >= len(secret) {
				if string(tail[:len(secret)]) == secret {
					match = len(secret)
					break
				}
			} else if !final && strings.HasPrefix(secret, string(tail)) {
				return out, tail
			}
		}
		if match > 0 {
			out = append(out, stars...)
			i += match
			continue
		}
		out = append(out, text[i])
		i++
	}
	return out, nil
}
