// Package tfstate reads single values out of Terraform's state.
//
// It knows format 4, which Terraform writes since 0.12 and OpenTofu too
// (https://github.com/hashicorp/terraform/blob/main/internal/states/statefile/version4.go):
// outputs, managed and data resources, modules, count and for_each. It promises
// that an address names one value or is an error that says why, and that the value
// of an output or attribute that Terraform marks as sensitive says so. It opens no
// file and calls nobody.
package tfstate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
)

// State is a state that was read.
type State struct {
	outputs   map[string]output
	resources []resource
}

type output struct {
	Value     json.RawMessage `json:"value"`
	Sensitive bool            `json:"sensitive"`
}

type resource struct {
	Module    string     `json:"module"`
	Mode      string     `json:"mode"`
	Type      string     `json:"type"`
	Name      string     `json:"name"`
	Instances []instance `json:"instances"`
}

type instance struct {
	// IndexKey is a number for count, a text for for_each, and absent otherwise.
	IndexKey   any             `json:"index_key"`
	Deposed    string          `json:"deposed"`
	Attributes json.RawMessage `json:"attributes"`
	// Flat are the attributes as Terraform 0.11 wrote them.
	Flat map[string]string `json:"attributes_flat"`
	// Sensitive are paths into Attributes, each a list of steps.
	Sensitive []json.RawMessage `json:"sensitive_attributes"`
}

// address is the resource without its index, as Terraform writes it.
func (r resource) address() string {
	name := r.Type + "." + r.Name
	if r.Mode == "data" {
		name = "data." + name
	}
	if r.Module != "" {
		name = r.Module + "." + name
	}
	return name
}

// file is the part of a state that is read.
type file struct {
	Version   *int              `json:"version"`
	Encrypted json.RawMessage   `json:"encrypted_data"`
	Values    json.RawMessage   `json:"values"`
	Backend   *backend          `json:"backend"`
	Outputs   map[string]output `json:"outputs"`
	Resources []resource        `json:"resources"`
}

// backend is what `terraform init` keeps in .terraform/terraform.tfstate.
type backend struct {
	Type   string         `json:"type"`
	Config map[string]any `json:"config"`
}

// Parse reads a state.
func Parse(content []byte) (*State, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	if err := d.Decode(&f); err != nil {
		return nil, errors.New("it is not Terraform's state: it cannot be read as JSON")
	}
	switch {
	case f.Backend != nil:
		return nil, f.Backend.refuse()
	case f.Encrypted != nil:
		return nil, errors.New("the state is encrypted by OpenTofu, which alone can read it: pass the value with the input variables or secrets")
	case f.Version == nil && f.Values != nil:
		return nil, errors.New("it is the output of `terraform show -json`: name the state itself (`terraform state pull` prints it)")
	case f.Version == nil:
		return nil, errors.New("it is not Terraform's state: it has no version")
	case *f.Version != 4:
		return nil, fmt.Errorf("it is a state of format %d: Terraform 0.12 and later write format 4", *f.Version)
	}
	return &State{f.Outputs, f.Resources}, nil
}

// refuse says where the state is that a backend's file only points to.
func (b *backend) refuse() error {
	text := func(key string) string { s, _ := b.Config[key].(string); return s }
	if b.Type == "s3" && text("bucket") != "" && text("key") != "" {
		return fmt.Errorf("it holds no state, only where `terraform init` found it: name s3://%s/%s (another workspace than default is below env:/NAME/)", text("bucket"), text("key"))
	}
	return fmt.Errorf("it holds no state, only the settings of a backend of type %q: `terraform state pull` prints the state", b.Type)
}

// Value is what an address names.
type Value struct {
	// Text is a string as it is, and anything else as JSON.
	Text string
	// Sensitive reports whether Terraform marks the value as sensitive.
	Sensitive bool
	// JSON reports whether the value is no string, so that Text is JSON.
	JSON bool
}

// Lookup returns the value of an address, as in output.name,
// aws_subnet.lambda[0].id, data.aws_iam_role.lambda.arn or
// module.network["a"].aws_vpc.main.id. A path may go on into lists and maps. Keys
// may be written in single quotes, too.
func (s *State) Lookup(address string) (Value, error) {
	a, err := parse(address)
	if err != nil {
		return Value{}, err
	}
	raw, sensitive, err := s.find(a)
	if err != nil {
		return Value{}, err
	}
	text, err := text(raw)
	if err != nil {
		return Value{}, err
	}
	return Value{text, sensitive, kind(raw) != '"'}, nil
}

// find returns the value that an address names.
func (s *State) find(a address) (raw json.RawMessage, sensitive bool, err error) {
	if a.output != "" {
		out, ok := s.outputs[a.output]
		if !ok {
			return nil, false, fmt.Errorf("the state has no output %q%s", a.output, s.suggestOutput(a.output))
		}
		raw, err = descend(out.Value, a.path)
		return raw, out.Sensitive, err
	}
	i := slices.IndexFunc(s.resources, func(r resource) bool { return r.address() == a.resource })
	if i < 0 {
		return nil, false, fmt.Errorf("the state has no resource %s%s", a.resource, s.suggestResource(a.resource))
	}
	one, err := s.resources[i].instance(a.index)
	if err != nil {
		return nil, false, err
	}
	if one.Attributes == nil && one.Flat != nil {
		raw, err = flat(one.Flat, a.path)
	} else {
		raw, err = descend(one.Attributes, a.path)
	}
	return raw, one.isSensitive(a.path), err
}

// instance is the one that an index names; nil names the only one of a resource
// without count and for_each.
func (r resource) instance(index any) (instance, error) {
	var keys []string
	for _, one := range r.Instances {
		if one.Deposed != "" {
			continue // replaced, and about to be destroyed
		}
		if sameKey(one.IndexKey, index) {
			return one, nil
		}
		keys = append(keys, shownKey(one.IndexKey))
	}
	switch {
	case len(keys) == 0:
		return instance{}, fmt.Errorf("the resource %s has no instance", r.address())
	case index == nil:
		return instance{}, fmt.Errorf("the resource %s has several instances: write %s%s", r.address(), r.address(), strings.Join(keys, " or "))
	case keys[0] == "":
		return instance{}, fmt.Errorf("the resource %s has neither count nor for_each: write it without %s", r.address(), shownKey(index))
	}
	return instance{}, fmt.Errorf("the resource %s has no instance %s, only %s", r.address(), shownKey(index), strings.Join(keys, ", "))
}

func sameKey(a, b any) bool {
	n, ok := a.(json.Number)
	if m, is := b.(json.Number); ok && is {
		return n.String() == m.String()
	}
	return a == b
}

func shownKey(key any) string {
	switch key := key.(type) {
	case json.Number:
		return "[" + key.String() + "]"
	case string:
		return fmt.Sprintf("[%q]", key)
	}
	return ""
}

// isSensitive reports whether a path leads into something sensitive, or holds it.
func (i instance) isSensitive(path []step) bool {
	return slices.ContainsFunc(i.Sensitive, func(raw json.RawMessage) bool {
		var steps []struct {
			Type  string          `json:"type"`
			Value json.RawMessage `json:"value"`
		}
		if json.Unmarshal(raw, &steps) != nil {
			return true // written by a later Terraform: hide rather than show
		}
		for n, s := range steps {
			if n == len(path) {
				return true
			}
			var name string
			if s.Type == "get_attr" && json.Unmarshal(s.Value, &name) == nil && name != path[n].key {
				return false
			}
		}
		return true
	})
}

func (s *State) suggestOutput(name string) string {
	names := make([]string, 0, len(s.outputs))
	for known := range s.outputs {
		names = append(names, known)
	}
	slices.Sort(names)
	return hint(diag.DidYouMean(name, names))
}

func (s *State) suggestResource(name string) string {
	names := make([]string, 0, len(s.resources))
	for _, r := range s.resources {
		names = append(names, r.address())
	}
	return hint(diag.DidYouMean(name, names))
}

func hint(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
