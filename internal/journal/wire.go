package journal

import (
	"encoding/json"
	"fmt"
	"maps"
)

// line is a Record as it is written. The digests of some twenty fields are most
// of a record, and a step changes few of them: where the Target's last content is
// recorded, Changes holds what differs from it in place of the record's content.
type line struct {
	Record
	Changes *changes `json:"changes,omitempty"`
}

// changes are the fields of a content that differ from those of the Target's last
// recorded one.
type changes struct {
	Fields     map[string]string `json:"fields,omitempty"`
	CodeSha256 string            `json:"codeSha256,omitempty"`
}

// content is where a record holds the content of $LATEST; nil where it has none.
func (r *Record) content() **Content {
	switch {
	case r.Intent != nil && r.Intent.Content != nil:
		return &r.Intent.Content
	case r.Outcome != nil && r.Outcome.Content != nil:
		return &r.Outcome.Content
	}
	return nil
}

// recorded is the content that the next record of the Target may refer to, after
// this one; last where the record has none.
func (r Record) recorded(last *Content) *Content {
	if r.Snapshot != nil {
		return &r.Snapshot.Content
	}
	if c := r.content(); c != nil {
		return *c
	}
	return last
}

// encode returns the line of a record. last is the Target's last content that is
// surely recorded, nil where there is none.
func encode(r Record, last *Content) ([]byte, error) {
	out := line{Record: r}
	if c := r.content(); c != nil && last != nil {
		if out.Changes = last.to(**c); out.Changes != nil {
			out.Record = r.without()
		}
	}
	text, err := json.Marshal(out)
	return append(text, '\n'), err
}

// without is a record without its content.
func (r Record) without() Record {
	if r.Intent != nil {
		intent := *r.Intent
		intent.Content = nil
		r.Intent = &intent
	}
	if r.Outcome != nil {
		outcome := *r.Outcome
		outcome.Content = nil
		r.Outcome = &outcome
	}
	return r
}

// to is what differs in another content; nil where that lacks a field, or has no
// code.
func (c Content) to(other Content) *changes {
	if other.CodeSha256 == "" {
		return nil
	}
	for name := range c.Fields {
		if _, has := other.Fields[name]; !has {
			return nil
		}
	}
	out := &changes{Fields: map[string]string{}}
	for name, digest := range other.Fields {
		if was, had := c.Fields[name]; !had || was != digest {
			out.Fields[name] = digest
		}
	}
	if other.CodeSha256 != c.CodeSha256 {
		out.CodeSha256 = other.CodeSha256
	}
	return out
}

// decode reads a line. last is the content of the Target's last record.
func decode(text []byte, last func(target int) *Content) (Record, error) {
	var in line
	if err := json.Unmarshal(text, &in); err != nil {
		return Record{}, fmt.Errorf("%w: %w", errSyntax, err)
	}
	if in.Changes == nil {
		return in.Record, nil
	}
	before := last(in.Target)
	if before == nil {
		return Record{}, fmt.Errorf("it refers to a content of target %d that is not recorded", in.Target)
	}
	content := &Content{Fields: maps.Clone(before.Fields), CodeSha256: before.CodeSha256}
	if content.Fields == nil {
		content.Fields = map[string]string{}
	}
	maps.Copy(content.Fields, in.Changes.Fields)
	if in.Changes.CodeSha256 != "" {
		content.CodeSha256 = in.Changes.CodeSha256
	}
	switch {
	case in.Intent != nil:
		in.Intent.Content = content
	case in.Outcome != nil:
		in.Outcome.Content = content
	}
	return in.Record, nil
}
