package host

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/redact"
)

// Mask hides values from now on, wherever the host shows something. name is what
// the user calls them: a warning tells of a value that is too short or too common
// to be hidden inside longer words. Without a name there is none.
func (h *Host) Mask(name string, secrets ...string) {
	weak := false
	for _, s := range secrets {
		s = strings.TrimSpace(s)
		if _, before := h.masked.LoadOrStore(s, true); before || s == "" {
			continue
		}
		h.secrets.Add(s)
		if redact.Weak(s) {
			weak = true
			continue
		}
		for _, m := range maskForms(s) {
			h.dialect.mask(m)
		}
	}
	if weak && name != "" {
		h.Warn(fmt.Sprintf("the secret %s is shorter than 8 characters or a common word, so it is hidden only as a whole word or in quotes", name))
	}
}

// Redact returns a text without masked values, for what does not pass through
// Log.
func (h *Host) Redact(text string) string { return h.secrets.Text(text) }

// maskForms are the single lines to hand to a host's own masking: the secret's
// lines, the whole of it inside JSON, and as base64. Nothing weak is among them:
// the host would hide it inside every word.
func maskForms(secret string) []string {
	var forms []string
	add := func(s string) {
		if s = strings.TrimSpace(s); !redact.Weak(s) && !slices.Contains(forms, s) {
			forms = append(forms, s)
		}
	}
	for line := range strings.FieldsFuncSeq(secret, func(r rune) bool { return r == '\n' || r == '\r' }) {
		add(line)
	}
	for _, escaped := range jsonForms(secret) {
		add(escaped)
	}
	add(base64.StdEncoding.EncodeToString([]byte(secret)))
	add(base64.URLEncoding.EncodeToString([]byte(secret)))
	return forms
}

// jsonForms are the usual ways in which a text is written in JSON: encoders
// differ in whether they escape <, > and &.
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
