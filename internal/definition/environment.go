package definition

import (
	"fmt"
	"maps"
)

// MergeEnvironment is the environment that a definition asks for, by the input
// environment-variables: replace takes the definition's variables alone; merge
// puts them over those that are there; keep adds only those that are not there
// yet. A definition without environment (nil) leaves all as it is.
func MergeEnvironment(mode string, wanted, have *Environment) (*Environment, error) {
	if wanted == nil {
		return nil, nil
	}
	there := map[string]string{}
	if have != nil {
		maps.Copy(there, have.Variables)
	}
	switch mode {
	case "", "replace":
		there = maps.Clone(wanted.Variables)
		if there == nil {
			there = map[string]string{}
		}
	case "merge":
		maps.Copy(there, wanted.Variables)
	case "keep":
		for key, value := range wanted.Variables {
			if _, is := there[key]; !is {
				there[key] = value
			}
		}
	default:
		return nil, fmt.Errorf("environment-variables is replace, merge or keep, not %q", mode)
	}
	if size := environmentSize(there); size > maxEnvironment {
		return nil, fmt.Errorf("the environment's variables would take %d bytes together with those that are there, but Lambda takes at most %d", size, maxEnvironment)
	}
	return &Environment{Variables: there}, nil
}
