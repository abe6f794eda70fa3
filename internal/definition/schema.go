package definition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// schema is the part of JSON Schema (draft 2020-12,
// https://json-schema.org/draft/2020-12) that the table needs.
type schema struct {
	Schema      string    `json:"$schema,omitempty"`
	ID          string    `json:"$id,omitempty"`
	Ref         string    `json:"$ref,omitempty"`
	Title       string    `json:"title,omitempty"`
	Description string    `json:"description,omitempty"`
	Default     any       `json:"default,omitempty"`
	Type        string    `json:"type,omitempty"`
	Enum        []string  `json:"enum,omitempty"`
	Pattern     string    `json:"pattern,omitempty"`
	Minimum     *float64  `json:"minimum,omitempty"`
	Maximum     *float64  `json:"maximum,omitempty"`
	MinLength   int       `json:"minLength,omitempty"`
	MaxLength   int       `json:"maxLength,omitempty"`
	Items       *schema   `json:"items,omitempty"`
	MinItems    int       `json:"minItems,omitempty"`
	MaxItems    int       `json:"maxItems,omitempty"`
	AnyOf       []*schema `json:"anyOf,omitempty"`
	OneOf       []*schema `json:"oneOf,omitempty"`
	AllOf       []*schema `json:"allOf,omitempty"`
	Not         *schema   `json:"not,omitempty"`
	Required    []string  `json:"required,omitempty"`

	Properties    map[string]*schema `json:"properties,omitempty"`
	PropertyNames *schema            `json:"propertyNames,omitempty"`
	MaxProperties int                `json:"maxProperties,omitempty"`
	// AdditionalProperties is false or a *schema.
	AdditionalProperties any                `json:"additionalProperties,omitempty"`
	Defs                 map[string]*schema `json:"$defs,omitempty"`
}

const (
	expressionRef = "#/$defs/expression"
	schemaBase    = "https://raw.githubusercontent.com/lambda-rollout/lambda-rollout/main/docs/schema/"
)

// Schema is the JSON Schema of a function or an alias definition, for editors:
// both spellings of each key, numbers as strings, expressions anywhere. It is
// made of the table that Decode reads; what concerns several fields at once
// Decode alone knows.
func Schema(kind string) ([]byte, error) {
	var root *schema
	defs := schemaDefs{"expression": {Type: "string", Pattern: `<\+`, Description: "A value with an expression: <+serviceVariables.name>."}}
	switch kind {
	case "function":
		root = defs.object(functionFields, "")
		root.Title = "AWS Lambda function definition"
		root.Description = "The fields of Lambda's CreateFunction, in lowerCamelCase or PascalCase. A field that is not named stays as it is in AWS; [], {} and \"\" clear."
	case "settings":
		root = defs.settings()
	case "alias":
		root = defs.object(aliasFields, "")
		root.Title = "AWS Lambda alias definition"
		root.Description = "An alias of the function; a deployment moves it to the version that it publishes."
	default:
		return nil, fmt.Errorf("no schema of %q; there is one of function, one of alias and one of settings", kind)
	}
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.ID = schemaBase + kind + ".json"
	root.Properties[schemaKey] = &schema{Type: "string", Description: "The schema that an editor checks the file against."}
	root.Defs = defs
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	return b.Bytes(), nil
}

// schemaDefs holds the schema of each field by its path, so that both
// spellings share it.
type schemaDefs map[string]*schema

// object holds each field under both spellings, of which one may be used.
func (d schemaDefs) object(fields []field, path string) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}, AdditionalProperties: false}
	for i := range fields {
		f := &fields[i]
		d[path+f.name] = d.value(f, path+f.name)
		ref := &schema{Ref: "#/$defs/" + path + f.name}
		both := []string{f.lower(), f.name}
		s.Properties[both[0]], s.Properties[both[1]] = ref, ref
		if f.required {
			s.AllOf = append(s.AllOf, &schema{OneOf: []*schema{{Required: both[:1]}, {Required: both[1:]}}})
		} else {
			s.AllOf = append(s.AllOf, &schema{Not: &schema{Required: both}})
		}
	}
	return s
}

// settings is a settings document: statements may stand by their Sid, too.
func (d schemaDefs) settings() *schema {
	root := d.object(settingNames(), "")
	root.Title = "Settings of an AWS Lambda function"
	root.Description = "Settings that a function has besides its configuration. A setting that is not named stays as it is in AWS; null and [] clear."
	permissions := d["Permissions"]
	entry := permissions.AnyOf[0].Items
	permissions.AnyOf = append(permissions.AnyOf, &schema{Type: "object", AdditionalProperties: &schema{AnyOf: []*schema{entry, {Type: "null"}}}})
	return root
}

// value is what the table allows, an expression, or null.
func (d schemaDefs) value(f *field, path string) *schema {
	s := &schema{Description: f.doc, Default: f.schemaDefault()}
	switch f.kind {
	case object:
		s.AnyOf = []*schema{d.object(f.members, path+".")}
	case objects:
		s.AnyOf = []*schema{{Type: "array", Items: d.object(f.members, path+"."), MinItems: int(f.min), MaxItems: int(f.max)}}
		if f.oneOrMore {
			s.AnyOf = append(s.AnyOf, s.AnyOf[0].Items)
		}
	default:
		s.AnyOf = f.shapes()
	}
	s.AnyOf = append(s.AnyOf, &schema{Ref: expressionRef})
	if !f.required {
		s.AnyOf = append(s.AnyOf, &schema{Type: "null"})
	}
	return s
}

func (f *field) schemaDefault() any {
	switch value := f.defaultValue.(type) {
	case empty, nil:
		return nil
	default:
		if f.kind == text && value == "" {
			return nil
		}
		return value
	}
}

// shapes are the ways to write a value that is no object.
func (f *field) shapes() []*schema {
	switch f.kind {
	case integer, number:
		limit := max(f.max, f.managed)
		kind, asText := "integer", `^\s*[0-9]+\s*$`
		if f.kind == number {
			kind, asText = "number", `^\s*[0-9.]+\s*$`
		}
		return []*schema{{Type: kind, Minimum: &f.min, Maximum: &limit}, {Type: "string", Pattern: asText}}
	case boolean:
		return []*schema{{Type: "boolean"}, {Type: "string", Enum: []string{"true", "false"}}}
	case list:
		return []*schema{{Type: "array", Items: f.items.item(), MinItems: int(f.min), MaxItems: int(f.max)}}
	case stringMap:
		names := &schema{Pattern: portable(f.keys.pattern), MinLength: int(f.keys.min), MaxLength: int(f.keys.max)}
		return []*schema{{Type: "object", PropertyNames: names, MaxProperties: int(f.max), AdditionalProperties: f.items.entry()}}
	}
	return f.textSchema()
}

func (f *field) textSchema() []*schema {
	s := &schema{Type: "string", Enum: slices.Clone(f.enum), Pattern: portable(f.pattern), MinLength: int(f.min), MaxLength: int(f.max)}
	if f.open {
		// Editors offer the known values and take the others.
		return []*schema{s, {Type: "string"}}
	}
	return []*schema{s}
}

// portable is a pattern that every validator understands; classes of Unicode
// are not for all of them, and those fields Decode alone checks.
func portable(pattern *lazyregexp.Regexp) string {
	if pattern == nil || strings.Contains(pattern.String(), `\p{`) {
		return ""
	}
	return pattern.String()
}

// item is a list's entry.
func (f *field) item() *schema {
	return &schema{AnyOf: append(f.textSchema(), &schema{Ref: expressionRef})}
}

// entry is a table's value: a text, or a number or boolean taken as it is
// written.
func (f *field) entry() *schema {
	shapes := append(f.textSchema(), &schema{Type: "number"}, &schema{Type: "boolean"}, &schema{Type: "null"})
	return &schema{AnyOf: append(shapes, &schema{Ref: expressionRef})}
}
