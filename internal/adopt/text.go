package adopt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
)

// text is a definition in the format that was asked for.
func (m *maker) text(rendered []byte) ([]byte, error) {
	if !m.options.YAML {
		return append(rendered, '\n'), nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(rendered, &doc); err != nil {
		return nil, fmt.Errorf("write the definition of %s as YAML: %w", m.Function, err)
	}
	plainStyle(&doc)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return nil, fmt.Errorf("write the definition of %s as YAML: %w", m.Function, err)
	}
	return b.Bytes(), nil
}

// plainStyle takes JSON's quotes and brackets away; the encoder quotes what would
// be read as something else than a text.
func plainStyle(n *yaml.Node) {
	if len(n.Content) > 0 || n.Kind == yaml.ScalarNode {
		n.Style = 0
	}
	for _, child := range n.Content {
		plainStyle(child)
	}
}

// environment puts a reference to each variable's value into the definition and
// the values into a file of their own. Without the option the definition has no
// environment, and a deploy leaves the variables as they are.
func (m *maker) environment(f *definition.Function) ([]string, error) {
	have := f.Environment
	f.Environment = nil
	if have == nil || len(have.Variables) == 0 {
		return nil, nil
	}
	if !m.options.Environment {
		m.note("the values of the environment (%d) are not written: a deploy leaves them as they are; with-environment writes them to a file of their own", len(have.Variables))
		return nil, nil
	}
	references, sources, values := map[string]string{}, map[string]string{}, map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(have.Variables)) {
		if have.Variables[key] == "" {
			references[key] = ""
			continue
		}
		id := m.Function + "." + key
		references[key] = fmt.Sprintf("<+secrets.getValue(%q)>", id)
		sources[id] = "file:" + m.name(environmentFile) + "#" + key
		values[key] = have.Variables[key]
	}
	f.Environment = &definition.Environment{Variables: references}
	if len(values) == 0 {
		return nil, nil
	}
	text, err := marshal(values, "  ")
	if err != nil {
		return nil, err
	}
	m.files = append(m.files, file{name: m.folder + "/" + environmentFile, content: text, secret: true})
	m.add(".gitignore", []byte("/"+environmentFile+"\n"))
	argument, err := marshal(sources, "")
	if err != nil {
		return nil, err
	}
	return []string{"--secrets-from", strings.TrimSuffix(string(argument), "\n")}, nil
}

func marshal(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}

// yamlText is a text as a double-quoted scalar of YAML, which JSON's is.
func yamlText(s string) string {
	text, err := marshal(s, "")
	if err != nil {
		panic(err) // a string is always JSON
	}
	return strings.TrimSuffix(string(text), "\n")
}
