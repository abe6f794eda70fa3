package cloudwatch

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// maxDepth bounds how deep a form may nest. CBOR and JSON have the bounds of
// their decoders.
const maxDepth = 32

// errCBOR is a document that does not decode.
var errCBOR = errors.New("malformed CBOR")

// timeTag marks seconds since 1970 (RFC 8949, section 3.4.2).
const timeTag = 1

// decodeCBOR reads the tree of a request in Smithy's RPC v2 protocol, which the
// SDK for Go speaks to CloudWatch since 2025.
func decodeCBOR(b []byte) (any, error) {
	v, err := cbor.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCBOR, err)
	}
	return fromCBOR(v)
}

func fromCBOR(v cbor.Value) (any, error) {
	switch v := v.(type) {
	case cbor.Map:
		m := make(map[string]any, len(v))
		for name, item := range v {
			var err error
			if m[name], err = fromCBOR(item); err != nil {
				return nil, err
			}
		}
		return m, nil
	case cbor.List:
		list := make([]any, len(v))
		for i, item := range v {
			var err error
			if list[i], err = fromCBOR(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *cbor.Tag:
		if v.ID == timeTag {
			return timeFromCBOR(v)
		}
		return fromCBOR(v.Value)
	}
	return leafFromCBOR(v)
}

func timeFromCBOR(v *cbor.Tag) (any, error) {
	switch leaf, err := leafFromCBOR(v.Value); n := leaf.(type) {
	case int64:
		return time.Unix(n, 0).UTC(), nil
	case float64:
		return fromEpoch(n), nil
	default:
		return nil, errors.Join(fmt.Errorf("%w: a time is no number", errCBOR), err)
	}
}

func leafFromCBOR(v cbor.Value) (any, error) {
	switch v := v.(type) {
	case cbor.String:
		return string(v), nil
	case cbor.Slice:
		return string(v), nil
	case cbor.Bool:
		return bool(v), nil
	case cbor.Float32:
		return float64(v), nil
	case cbor.Float64:
		return float64(v), nil
	case *cbor.Nil, *cbor.Undefined:
		return nil, nil
	case cbor.Uint, cbor.NegInt:
		n, err := cbor.AsInt64(v)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errCBOR, err)
		}
		return n, nil
	}
	return nil, fmt.Errorf("%w: a value of type %T", errCBOR, v)
}

// encodeCBOR writes the tree of an answer.
func encodeCBOR(v any) []byte { return cbor.Encode(toCBOR(v)) }

func toCBOR(v any) cbor.Value {
	switch v := v.(type) {
	case members:
		m := make(cbor.Map, len(v))
		for _, one := range v {
			m[one.name] = toCBOR(one.value)
		}
		return m
	case []any:
		list := make(cbor.List, len(v))
		for i, item := range v {
			list[i] = toCBOR(item)
		}
		return list
	case string:
		return cbor.String(v)
	case bool:
		return cbor.Bool(v)
	case int64:
		if v < 0 {
			return cbor.NegInt(uint64(-v))
		}
		return cbor.Uint(v)
	case float64:
		return cbor.Float64(v)
	case time.Time:
		return &cbor.Tag{ID: timeTag, Value: cbor.Float64(toEpoch(v))}
	}
	return &cbor.Nil{}
}
