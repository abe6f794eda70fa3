package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonForms are the ways in which encoders write a value between the quotes of a
// JSON text, where they differ from the value: a document in base64 holds one of
// these. Some escape what HTML knows, slashes, or what is not ASCII.
func jsonForms(value string) []string {
	var forms []string
	for _, html := range []bool{false, true} {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if err := e.Encode(value); err != nil {
			continue // a text always encodes
		}
		quoted := strings.TrimSuffix(b.String(), "\n")
		plain := quoted[1 : len(quoted)-1]
		for _, form := range []string{plain, strings.ReplaceAll(plain, "/", `\/`)} {
			forms = append(forms, form, asciiOnly(form, `\u%04x`), asciiOnly(form, `\u%04X`))
		}
	}
	return slices.DeleteFunc(unique(forms), func(form string) bool { return form == value })
}

// asciiOnly writes what is not ASCII as escapes of that format.
func asciiOnly(text, escape string) string {
	var b strings.Builder
	for _, r := range text {
		switch high, low := utf16.EncodeRune(r); {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case high != utf8.RuneError:
			fmt.Fprintf(&b, escape+escape, high, low)
		default:
			fmt.Fprintf(&b, escape, r)
		}
	}
	return b.String()
}

// byteLists are the bytes of a value one by one: as Go and JSON print a list of
// them, and as dumps of memory and keys do.
func byteLists(value string) []string {
	var decimal, lower, upper []string
	for _, c := range []byte(value) {
		decimal = append(decimal, fmt.Sprint(c))
		lower = append(lower, fmt.Sprintf("%02x", c))
		upper = append(upper, fmt.Sprintf("%02X", c))
	}
	var lists []string
	for _, separator := range []string{" ", ",", ", "} {
		lists = append(lists, strings.Join(decimal, separator))
	}
	for _, digits := range [][]string{lower, upper} {
		for _, separator := range []string{" ", ":"} {
			lists = append(lists, strings.Join(digits, separator))
		}
	}
	return unique(lists)
}

// encodings are the other forms that a value may have inside a text that is then
// encoded as base64 once more: a form's body, a page, a command of PowerShell,
// hex, and base64 itself, wherever the value lies in it.
func encodings(value string) []string {
	query, path := url.QueryEscape(value), url.PathEscape(value)
	markup := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(value)
	var wide strings.Builder
	for _, unit := range utf16.Encode([]rune(value)) {
		wide.WriteByte(byte(unit))
		wide.WriteByte(byte(unit >> 8))
	}
	digits := hex.EncodeToString([]byte(value))
	forms := []string{query, path, markup, strings.ReplaceAll(markup, "&#34;", "&quot;"), wide.String(), digits, strings.ToUpper(digits)}
	return append(forms, innerBase64(value)...)
}

// innerBase64 is what a value looks like inside the base64 of a longer text:
// three shifts, each without the characters that depend on its neighbours.
func innerBase64(value string) []string {
	var forms []string
	for shift := range 3 {
		b := append(make([]byte, shift), value...)
		text := base64.RawStdEncoding.EncodeToString(b)
		start, end := (shift*8+5)/6, len(b)*8/6
		if end-start >= weakBelow {
			forms = append(forms, text[start:end], strings.NewReplacer("+", "-", "/", "_").Replace(text[start:end]))
		}
	}
	return unique(forms)
}

func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
