package redact

import (
	"encoding/base32"
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
	var lists []string
	for _, list := range []struct {
		format     string
		separators []string
	}{
		{"%d", []string{" ", ",", ", "}},
		{"%02x", []string{" ", ":", "-"}},
		{"%02X", []string{" ", ":", "-"}},
		{"%#x", []string{" ", ",", ", "}},
		{"0x%02x", []string{" ", ",", ", "}},
		{"0x%02X", []string{" ", ",", ", "}},
	} {
		var bytes []string
		for _, c := range []byte(value) {
			bytes = append(bytes, fmt.Sprintf(list.format, c))
		}
		for _, separator := range list.separators {
			lists = append(lists, strings.Join(bytes, separator))
		}
	}
	return lists
}

// wide are the two forms of UTF-16.
func wide(value string) (little, big string) {
	var l, b []byte
	for _, unit := range utf16.Encode([]rune(value)) {
		l = append(l, byte(unit), byte(unit>>8))
		b = append(b, byte(unit>>8), byte(unit))
	}
	return string(l), string(b)
}

// weakForms are those of a value that is hidden as a whole token only.
func weakForms(value string) []string {
	digits := hex.EncodeToString([]byte(value))
	return unique([]string{digits, strings.ToUpper(digits),
		base64.RawStdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(value))})
}

// otherForms are those that keep or list the characters of a value.
func otherForms(value string) []string {
	reversed := []rune(value)
	slices.Reverse(reversed)
	// UTF-16 that was read as if it were of single bytes.
	apart := strings.Join(strings.Split(value, ""), "\x00")
	forms := slices.Concat(jsonForms(value), byteLists(value),
		[]string{strings.ToLower(value), strings.ToUpper(value), string(reversed), apart})
	return slices.DeleteFunc(unique(forms), func(form string) bool { return form == value })
}

// alphabetForms are those that write a value with the letters and digits of an
// alphabet: base64, base32 and hex of it and of what a text that is encoded may hold
// in its place, such as a form's body, a page, a command of PowerShell, and each of
// the three once more.
func alphabetForms(value string, once bool) []string {
	direct := slices.Concat(innerBase64(value), innerBase32(value), hexes(value))
	var forms []string
	if once {
		for _, text := range jsonForms(value) {
			forms = append(forms, innerBase64(text)...)
		}
		return unique(slices.Concat(direct, forms))
	}
	for _, text := range slices.Concat(direct, lines(value)) {
		forms = slices.Concat(forms, innerBase64(text), innerBase32(text), hexes(text))
	}
	for _, once := range innerBase64(value) {
		for _, twice := range innerBase64(once) {
			forms = append(forms, innerBase64(twice)...)
		}
	}
	for _, text := range unique(slices.Concat(jsonForms(value), encodings(value))) {
		forms = slices.Concat(forms, innerBase64(text), hexes(text))
	}
	return unique(slices.Concat(direct, forms))
}

// encodings are the other forms that a value may have inside a text that is encoded.
func encodings(value string) []string {
	little, big := wide(value)
	markup := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(value)
	return []string{url.QueryEscape(value), url.PathEscape(value), markup, strings.ReplaceAll(markup, "&#34;", "&quot;"), little, big}
}

// lines are those of a long value's base64, as tools break it
// (https://www.rfc-editor.org/rfc/rfc2045#section-6.8, RFC 7468).
func lines(value string) []string {
	text := base64.StdEncoding.EncodeToString([]byte(value))
	var all []string
	for _, width := range []int{64, 76} {
		if len(text) <= width {
			continue
		}
		for line := range slices.Chunk([]byte(text), width) {
			if len(line) >= lineFrom {
				all = append(all, string(line))
			}
		}
	}
	return all
}

func hexes(value string) []string {
	digits := hex.EncodeToString([]byte(value))
	return []string{digits, strings.ToUpper(digits)}
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

// innerBase32 is the same for base32, whose groups are five bytes long.
func innerBase32(value string) []string {
	var forms []string
	for shift := range 5 {
		b := append(make([]byte, shift), value...)
		text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
		start, end := (shift*8+4)/5, len(b)*8/5
		if end-start >= weakBelow {
			forms = append(forms, text[start:end], strings.ToLower(text[start:end]))
		}
	}
	return unique(forms)
}

func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
