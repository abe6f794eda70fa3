package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// comparing is how two values are compared.
type comparing struct {
	// same compares everything; otherwise got may have keys that want lacks.
	same   bool
	ignore []Path
	// want and got name the two values in a difference.
	want, got string
}

// missing is a value that is not there.
type missing struct{}

// decode reads an answer. What is not JSON is compared as text.
func decode(payload []byte) any {
	value, err := decodeJSON(payload)
	if err != nil {
		return string(payload)
	}
	return value
}

// decodeJSON reads one JSON value with its numbers as they are written.
func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	end := d.InputOffset()
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("there is more text after the JSON value, at byte %d", end)
	}
	return value, nil
}

// differences returns one line for each place where got is not as want.
func differences(want, got any, how comparing) []string {
	c := comparer{comparing: how}
	c.values(nil, want, got)
	return c.found
}

type comparer struct {
	comparing
	found []string
}

func (c *comparer) values(at Path, want, got any) {
	if slices.ContainsFunc(c.ignore, func(p Path) bool { return p.covers(at) }) {
		return
	}
	want, got = c.inner(want, got)
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			c.objects(at, w, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			c.lists(at, w, g)
			return
		}
	}
	if !equal(want, got) {
		c.found = append(c.found, fmt.Sprintf("%s: %s %s, %s %s", at, c.want, show(want), c.got, show(got)))
	}
}

// inner looks into a string that is JSON itself, as the body of an answer to API
// Gateway is, where the other value is an object or a list.
func (c *comparer) inner(want, got any) (any, any) {
	if c.same {
		if w, g := container(want), container(got); w != nil && g != nil {
			return w, g
		}
		return want, got
	}
	switch want.(type) {
	case map[string]any, []any:
		if g := container(got); g != nil {
			return want, g
		}
	}
	return want, got
}

// container returns the object or list that a value is or whose JSON it is; nil
// for any other.
func container(v any) any {
	if text, ok := v.(string); ok {
		v, _ = decodeJSON([]byte(text))
	}
	switch v.(type) {
	case map[string]any, []any:
		return v
	}
	return nil
}

func (c *comparer) objects(at Path, want, got map[string]any) {
	keys := maps.Clone(want)
	if c.same {
		maps.Copy(keys, got)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		c.values(at.with(key), valueOf(want, key), valueOf(got, key))
	}
}

func valueOf(object map[string]any, key string) any {
	if v, there := object[key]; there {
		return v
	}
	return missing{}
}

func (c *comparer) lists(at Path, want, got []any) {
	for i := range max(len(want), len(got)) {
		var w, g any = missing{}, missing{}
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		c.values(at.with(strconv.Itoa(i)), w, g)
	}
}

// equal compares two scalars, or values of different types.
func equal(a, b any) bool {
	x, isNumber := a.(json.Number)
	y, both := b.(json.Number)
	if isNumber && both {
		return sameNumber(x.String(), y.String())
	}
	switch a.(type) {
	case map[string]any, []any:
		return false // the types differ, or values would have looked inside
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

// sameNumber reports whether 1, 1.0 and 1e0 are meant. Numbers with an exponent
// that no answer has are compared as text.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	const precision = 512
	x, _, errX := big.ParseFloat(a, 10, precision, big.ToNearestEven)
	y, _, errY := big.ParseFloat(b, 10, precision, big.ToNearestEven)
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

// shown is how many bytes of a value a difference shows.
const shown = 200

// show writes a value for the user.
func show(v any) string {
	if _, none := v.(missing); none {
		return "nothing"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	text := bytes.TrimSpace(b.Bytes())
	if len(text) <= shown {
		return string(text)
	}
	end := shown
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:end], len(text))
}
