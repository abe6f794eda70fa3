package codedeploy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// appSpec is an AppSpec file of the Lambda platform ("AppSpec file structure for
// AWS Lambda deployments"), in YAML or JSON.
type appSpec struct {
	Function, Alias, Current, Target string
	Before, After                    string // hooks; "" for none
}

// revision is a revision as a request gives it and as an answer shows it.
type revision struct {
	RevisionType   string   `json:"revisionType"`
	AppSpecContent *content `json:"appSpecContent,omitempty"`
	String         *content `json:"string,omitempty"`
}

type content struct {
	Content string `json:"content"`
	Sha256  string `json:"sha256,omitempty"`
}

// read checks a revision and reads the AppSpec in it.
func (r *revision) read() (appSpec, error) {
	in := r.AppSpecContent
	if r.RevisionType == "String" {
		in = r.String
	}
	switch {
	case r.RevisionType != "AppSpecContent" && r.RevisionType != "String":
		return appSpec{}, fmt.Errorf("the embedded AWS takes the revision types AppSpecContent and String, not %q", r.RevisionType)
	case in == nil || strings.TrimSpace(in.Content) == "":
		return appSpec{}, errors.New("the content of the AppSpec file is missing")
	}
	if sum := sha256.Sum256([]byte(in.Content)); in.Sha256 != "" && in.Sha256 != hex.EncodeToString(sum[:]) {
		return appSpec{}, errors.New("the sha256 is not that of the content")
	}
	return parseAppSpec(in.Content)
}

func parseAppSpec(text string) (appSpec, error) {
	var doc struct {
		Version   string `yaml:"version"`
		Resources []map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				Name, Alias, CurrentVersion, TargetVersion string
			} `yaml:"Properties"`
		} `yaml:"Resources"`
		Hooks []map[string]string `yaml:"Hooks"`
	}
	var raw yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader([]byte(text))).Decode(&raw); err != nil {
		return appSpec{}, fmt.Errorf("the AppSpec file is neither YAML nor JSON: %w", err)
	}
	lowerProperties(&raw)
	if err := raw.Decode(&doc); err != nil {
		return appSpec{}, fmt.Errorf("the AppSpec file does not have the structure of one: %w", err)
	}
	if doc.Version != "0.0" && doc.Version != "0" {
		return appSpec{}, fmt.Errorf("the AppSpec file has the version %q, not 0.0", doc.Version)
	}
	if len(doc.Resources) != 1 || len(doc.Resources[0]) != 1 {
		return appSpec{}, errors.New("the AppSpec file must contain exactly one resource")
	}
	spec := appSpec{}
	for name, r := range doc.Resources[0] {
		p := r.Properties
		if r.Type != "AWS::Lambda::Function" {
			return appSpec{}, fmt.Errorf("the resource %s has the type %q, not AWS::Lambda::Function", name, r.Type)
		}
		for property, value := range map[string]string{"Name": p.Name, "Alias": p.Alias, "CurrentVersion": p.CurrentVersion, "TargetVersion": p.TargetVersion} {
			if value == "" {
				return appSpec{}, fmt.Errorf("the resource %s has no %s", name, property)
			}
		}
		spec.Function, spec.Alias, spec.Current, spec.Target = p.Name, p.Alias, p.CurrentVersion, p.TargetVersion
	}
	for _, hook := range doc.Hooks {
		for event, function := range hook {
			switch event {
			case "BeforeAllowTraffic":
				spec.Before = function
			case "AfterAllowTraffic":
				spec.After = function
			default:
				return appSpec{}, fmt.Errorf("there is no hook %s; Lambda deployments have BeforeAllowTraffic and AfterAllowTraffic", event)
			}
		}
	}
	return spec, nil
}

// lowerProperties spells the keys below Properties as yaml.v3 wants them: AWS
// takes Name and name.
func lowerProperties(n *yaml.Node) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && strings.EqualFold(child.Value, "Properties") {
			for j := 0; j+1 < len(n.Content[i+1].Content); j += 2 {
				key := n.Content[i+1].Content[j]
				key.Value = strings.ToLower(key.Value)
			}
		}
		lowerProperties(child)
	}
}
