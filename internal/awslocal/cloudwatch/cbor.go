package cloudwatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// CBOR (RFC 8949), as much of it as Smithy's RPC v2 protocol uses: the SDK for
// Go speaks it to CloudWatch since 2025.

// errCBOR is a document that does not decode.
var errCBOR = errors.New("malformed CBOR")

// maxDepth bounds how deep a document of any protocol may nest.
const maxDepth = 32

const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorList
	majorMap
	majorTag
	majorSimple
)

// indefinite marks an item whose length its end tells.
const indefinite = math.MaxUint64

// decodeCBOR reads one item: map[string]any, []any, string, int64, float64,
// bool, time.Time or nil.
func decodeCBOR(b []byte) (any, error) {
	d := cborReader{b}
	v, err := d.item(0)
	if err == nil && len(d.rest) > 0 {
		err = fmt.Errorf("%w: %d bytes after the document", errCBOR, len(d.rest))
	}
	return v, err
}

type cborReader struct{ rest []byte }

func (d *cborReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(d.rest)) {
		return nil, fmt.Errorf("%w: ends early", errCBOR)
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}

// head reads an item's major type, its argument, and how the argument was
// written (the low five bits).
func (d *cborReader) head() (major byte, arg uint64, minor byte, err error) {
	first, err := d.take(1)
	if err != nil {
		return 0, 0, 0, err
	}
	major, minor = first[0]>>5, first[0]&31
	switch {
	case minor < 24:
		return major, uint64(minor), minor, nil
	case minor == 31:
		return major, indefinite, minor, nil
	case minor > 27:
		return 0, 0, 0, fmt.Errorf("%w: reserved length", errCBOR)
	}
	wide, err := d.take(1 << (minor - 24))
	if err != nil {
		return 0, 0, 0, err
	}
	var full [8]byte
	copy(full[8-len(wide):], wide)
	return major, binary.BigEndian.Uint64(full[:]), minor, nil
}

func (d *cborReader) item(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: nests too deep", errCBOR)
	}
	major, arg, minor, err := d.head()
	if err != nil {
		return nil, err
	}
	switch major {
	case majorUint, majorNegative:
		if arg > math.MaxInt64 {
			return nil, fmt.Errorf("%w: number out of range", errCBOR)
		}
		if major == majorNegative {
			return -1 - int64(arg), nil
		}
		return int64(arg), nil
	case majorBytes, majorText:
		return d.text(major, arg)
	case majorList:
		return d.list(arg, depth)
	case majorMap:
		return d.dictionary(arg, depth)
	case majorTag:
		return d.tagged(arg, depth)
	}
	return simple(arg, minor)
}

func (d *cborReader) text(major byte, n uint64) (string, error) {
	if n != indefinite {
		b, err := d.take(n)
		return string(b), err
	}
	var whole []byte
	for !d.atBreak() {
		m, n, _, err := d.head()
		if err != nil {
			return "", err
		}
		if m != major || n == indefinite {
			return "", fmt.Errorf("%w: a string's piece is no string", errCBOR)
		}
		b, err := d.take(n)
		if err != nil {
			return "", err
		}
		whole = append(whole, b...)
	}
	return string(whole), nil
}

// atBreak takes the end of an item of indefinite length, if it is there.
func (d *cborReader) atBreak() bool {
	if len(d.rest) > 0 && d.rest[0] == 0xff {
		d.rest = d.rest[1:]
		return true
	}
	return false
}

func (d *cborReader) list(n uint64, depth int) (any, error) {
	list := []any{}
	for i := uint64(0); i < n && (n != indefinite || !d.atBreak()); i++ {
		v, err := d.item(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (d *cborReader) dictionary(n uint64, depth int) (any, error) {
	m := map[string]any{}
	for i := uint64(0); i < n && (n != indefinite || !d.atBreak()); i++ {
		key, err := d.item(depth + 1)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("%w: a key is no string", errCBOR)
		}
		if m[name], err = d.item(depth + 1); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// tagged reads what follows a tag; tag 1 is seconds since 1970.
func (d *cborReader) tagged(tag uint64, depth int) (any, error) {
	v, err := d.item(depth + 1)
	if err != nil || tag != 1 {
		return v, err
	}
	switch n := v.(type) {
	case int64:
		return time.Unix(n, 0).UTC(), nil
	case float64:
		return fromEpoch(n), nil
	}
	return nil, fmt.Errorf("%w: a time is no number", errCBOR)
}

func simple(arg uint64, minor byte) (any, error) {
	switch minor {
	case 20, 21:
		return minor == 21, nil
	case 22, 23:
		return nil, nil
	case 25:
		return halfFloat(uint16(arg)), nil
	case 26:
		return float64(math.Float32frombits(uint32(arg))), nil
	case 27:
		return math.Float64frombits(arg), nil
	}
	return nil, fmt.Errorf("%w: simple value %d", errCBOR, arg)
}

func halfFloat(h uint16) float64 {
	exponent, fraction := int(h>>10&31), float64(h&1023)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		v = math.Inf(1)
		if fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(fraction+1024, exponent-25)
	}
	if h>>15 == 1 {
		return -v
	}
	return v
}

// appendCBOR writes a value of an answer (see tree).
func appendCBOR(b []byte, v any) []byte {
	switch v := v.(type) {
	case members:
		b = cborHead(b, majorMap, uint64(len(v)))
		for _, m := range v {
			b = appendCBOR(appendCBOR(b, m.name), m.value)
		}
	case []any:
		b = cborHead(b, majorList, uint64(len(v)))
		for _, item := range v {
			b = appendCBOR(b, item)
		}
	case string:
		b = append(cborHead(b, majorText, uint64(len(v))), v...)
	case bool:
		if v {
			return append(b, 0xf5)
		}
		return append(b, 0xf4)
	case int64:
		if v < 0 {
			return cborHead(b, majorNegative, uint64(-1-v))
		}
		return cborHead(b, majorUint, uint64(v))
	case float64:
		b = binary.BigEndian.AppendUint64(append(b, majorSimple<<5|27), math.Float64bits(v))
	case time.Time:
		return appendCBOR(cborHead(b, majorTag, 1), toEpoch(v))
	}
	return b
}

func cborHead(b []byte, major byte, arg uint64) []byte {
	switch {
	case arg < 24:
		return append(b, major<<5|byte(arg))
	case arg <= math.MaxUint8:
		return append(b, major<<5|24, byte(arg))
	case arg <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major<<5|25), uint16(arg))
	case arg <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major<<5|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, major<<5|27), arg)
}
