package verify

import (
	"encoding/json"
	"fmt"
	"maps"
)

// Example is an answer that the case expects, as Lambda returns it: a payload, and the
// FunctionError, "" for none.
func (c Case) Example() (payload []byte, functionError string, err error) {
	var answer any
	switch want := c.Want.(type) {
	case Succeeds:
		answer = joined(want.Contains)
	case Fails:
		answer, functionError = joined(want.Contains), "Unhandled"
	case FailsWith:
		answer, functionError = map[string]any{"errorType": "Error", "errorMessage": want.Text}, "Unhandled"
	default:
		return nil, "", fmt.Errorf("case %s expects %T", c.Name, c.Want)
	}
	payload, err = json.Marshal(answer)
	return payload, functionError, err
}

// joined is one value that contains all of these, where that is possible.
func joined(all []any) any {
	var one any
	for _, v := range all {
		one = join(one, v)
	}
	return one
}

func join(a, b any) any {
	left, isMap := a.(map[string]any)
	right, alsoMap := b.(map[string]any)
	if !isMap || !alsoMap {
		if b == nil {
			return a
		}
		return b
	}
	out := maps.Clone(left)
	for key, value := range right {
		out[key] = join(out[key], value)
	}
	return out
}
