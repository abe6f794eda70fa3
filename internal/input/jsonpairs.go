package input

import (
	"encoding/json"
	"fmt"
	"strings"
)

// jsonPairs reads a JSON object of scalars into a map; ok is false where the text
// is no JSON. The order of the text is kept, so that a name given twice is seen.
func (d *decoder) jsonPairs(into map[string]string, text string) (ok bool) {
	var raw json.RawMessage
	if !readJSON(text, &raw) {
		return false
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	_, _ = dec.Token() // the opening brace
	d.object(into, "", dec)
	return true
}

// object reads what follows an opening brace. The text is known to be JSON.
func (d *decoder) object(into map[string]string, prefix string, dec *json.Decoder) {
	for dec.More() {
		key, _ := dec.Token()
		name := prefix + fmt.Sprint(key)
		value, _ := dec.Token()
		switch value := value.(type) {
		case json.Delim:
			d.nested(into, name, value, dec)
		case nil:
			d.put(into, name, "")
		default:
			// A string, a bool or a json.Number.
			d.put(into, name, fmt.Sprint(value))
		}
	}
	_, _ = dec.Token() // the closing brace
}

func (d *decoder) nested(into map[string]string, name string, open json.Delim, dec *json.Decoder) {
	if open == '{' {
		inner := map[string]string{}
		d.object(inner, name+".", dec)
		if _, drone := inner[name+".from_secret"]; drone && len(inner) == 1 {
			d.unresolved(name)
			return
		}
		for path, value := range inner {
			d.put(into, path, value)
		}
		return
	}
	d.fail("put the value in quotes", "%q is neither text nor a number", name)
	for depth := 1; depth > 0; {
		switch token, _ := dec.Token(); token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
}
