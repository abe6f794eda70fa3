// Package adopt makes files of a function that exists, so that it can be deployed
// from them: its definition, its aliases and its code.
//
// It promises that a plan of the files is empty, that a deployment of them to
// another account makes the same function, that no value of the environment is
// written unless that is asked for, that no file is overwritten unless that is
// asked for, and that nothing in a zip leaves the folder of the code. What the
// files cannot express is named. It asks AWS nothing.
package adopt

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Source is a function as AWS shows it.
type Source struct {
	Region string
	Latest *definition.Observed
	// CodeSigning is the ARN of the code signing configuration, "" for none.
	CodeSigning string
	Aliases     []definition.ObservedAlias
	// Versions are those that the aliases point to.
	Versions map[string]*definition.Observed
	// Settings are those of the function and of its aliases; NoSettings is why they could
	// not be read, nil where they were.
	Settings   map[definition.SettingKey]definition.SettingValue
	NoSettings error
	// Zip is where the code was downloaded to; "" where the artifact is an image or an
	// object in S3.
	Zip string
}

// Options say how the files are written.
type Options struct {
	// Dir is the folder, relative to the root that is written to, that gets a folder
	// for each function.
	Dir string
	// Prefix is the path of that root as users name files, "" where they are
	// relative to it.
	Prefix string
	// YAML writes definitions as YAML instead of JSON.
	YAML bool
	// Harness adds a Harness Service.
	Harness bool
	// Environment writes the values of the environment, to a file of their own.
	Environment bool
	// Force overwrites.
	Force bool
}

// Files are what becomes of one function.
type Files struct {
	Function, Region string
	// Written are the files and folders, as users name them.
	Written []string
	// Arguments are what plan and deploy take.
	Arguments []string
	// Notes are what the files do not express, and what to know about them.
	Notes []string

	folder string
	prefix string
	files  []file
	zip    string
}

type file struct {
	name    string
	content []byte
	secret  bool
}

const (
	codeFolder      = "code"
	codeZip         = "code.zip"
	environmentFile = "environment.json"
)

// name is a file of the function as users name it.
func (f *Files) name(base string) string { return path.Join(f.prefix, f.folder, base) }

func (f *Files) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

func (f *Files) add(base string, content []byte) {
	f.files = append(f.files, file{name: path.Join(f.folder, base), content: content})
}

// Make decides what the files of a function are. Write writes them.
func Make(s Source, o Options) (*Files, error) {
	name := s.Latest.FunctionName
	f := &Files{Function: name, Region: s.Region, folder: path.Join(o.Dir, name), prefix: o.Prefix, zip: s.Zip}
	m := maker{Files: f, source: s, options: o, extension: ".json"}
	if o.YAML {
		m.extension = ".yaml"
	}
	function := m.definition()
	artifact := m.artifact(&function)
	secrets, err := m.environment(&function)
	if err != nil {
		return nil, err
	}
	definition, err := m.text(definition.Render(function, false))
	if err != nil {
		return nil, err
	}
	f.add("function"+m.extension, definition)
	aliases, err := m.aliases()
	if err != nil {
		return nil, err
	}
	settings, err := m.settings()
	if err != nil {
		return nil, err
	}
	if o.Harness {
		f.add("service.yaml", m.service(aliases, settings, artifact))
		f.Arguments = []string{"--service", f.name("service.yaml")}
	} else {
		f.Arguments = []string{"--function-definition", f.name("function" + m.extension)}
		for _, a := range aliases {
			f.Arguments = append(f.Arguments, "--alias-definition", a)
		}
		if settings != "" {
			f.Arguments = append(f.Arguments, "--settings", settings)
		}
		f.Arguments = append(f.Arguments, "--artifact", artifact)
	}
	f.Arguments = append(f.Arguments, secrets...)
	f.Arguments = append(f.Arguments, "--aws-region", s.Region)
	return f, nil
}

type maker struct {
	*Files
	source    Source
	options   Options
	extension string
	// moved are the aliases that a deployment of the files points to its version.
	moved []string
}

// definition is what the function's file says, but for environment and code.
func (m *maker) definition() definition.Function {
	latest := m.source.Latest
	f := definition.NonDefault(latest.Function)
	f.Code, f.Publish, f.PublishTo = nil, nil, nil
	f.CodeSigningConfigArn = nil
	if arn := m.source.CodeSigning; arn != "" {
		f.CodeSigningConfigArn = &arn
	}
	for _, u := range latest.Unreadable {
		m.note("%s cannot be read (%s) and is not in the definition: a deploy leaves it as it is", u.Field, u.Reason)
		switch u.Field {
		case "Environment":
			f.Environment = nil
		case "ImageConfig":
			f.ImageConfig = nil
		case "Tags":
			f.Tags = nil
		}
	}
	if f.Description != nil && evaluated(*f.Description) {
		f.Description = nil
		m.note("description holds <+ or {{, which a definition would evaluate: a deploy leaves it as it is")
	}
	for key, value := range f.Tags {
		if evaluated(key) || evaluated(value) {
			f.Tags = nil
			m.note("a tag holds <+ or {{, which a definition would evaluate: a deploy leaves the tags as they are")
			break
		}
	}
	if c := f.ImageConfig; c != nil {
		texts := slices.Concat(c.Command, c.EntryPoint)
		if c.WorkingDirectory != nil {
			texts = append(texts, *c.WorkingDirectory)
		}
		if slices.ContainsFunc(texts, evaluated) {
			f.ImageConfig = nil
			m.note("imageConfig holds <+ or {{, which a definition would evaluate: a deploy leaves it as it is")
		}
	}
	return f
}

// evaluated reports whether a text in a file would be taken for an expression.
func evaluated(text string) bool { return strings.Contains(text, "<+") || strings.Contains(text, "{{") }

// artifact is where the code comes from.
func (m *maker) artifact(f *definition.Function) string {
	latest := m.source.Latest
	code := definition.Code{SourceKMSKeyArn: latest.SourceKMSKeyArn}
	where := ""
	switch r := latest.ResolvedS3Object; {
	case latest.ResolvedImageUri != "":
		where = latest.ResolvedImageUri
	case r != nil:
		code.S3ObjectStorageMode = r.S3ObjectStorageMode
		where = "s3://" + r.S3Bucket + "/" + r.S3Key
		if r.S3ObjectVersion != "" {
			where += "?versionId=" + r.S3ObjectVersion
		}
	default:
		where = m.name(codeZip)
	}
	if code != (definition.Code{}) {
		f.Code = &code
	}
	return where
}

// ExternalCode reports whether the code of a function needs no download: an image,
// or an object in S3 that the function refers to.
func ExternalCode(o *definition.Observed) bool {
	return o.ResolvedImageUri != "" || o.ResolvedS3Object != nil
}

// aliases are the files of those aliases that a deployment of the files moves. An
// alias that does not point to a version like $LATEST would move at once, so it has
// a file, but is no argument.
func (m *maker) aliases() ([]string, error) {
	served := m.served()
	var names []string
	for _, a := range m.source.Aliases {
		file := "alias-" + a.Name + m.extension
		alias := definition.Alias{Name: a.Name, Description: a.Description}
		if a.Description != nil && (*a.Description == "" || evaluated(*a.Description)) {
			alias.Description = nil
		}
		text, err := m.text(definition.RenderAlias(alias))
		if err != nil {
			return nil, err
		}
		m.add(file, text)
		switch {
		case len(a.Weights) > 0:
			m.note("alias %s shares its traffic between versions: it is not in the arguments; %s points it to the version that a deploy publishes", a.Name, m.name(file))
		case a.Version != served || served == "":
			m.note("alias %s points to version %s, which is not the one that holds $LATEST: it is not in the arguments; %s points it to the version that a deploy publishes", a.Name, a.Version, m.name(file))
		default:
			names, m.moved = append(names, m.name(file)), append(m.moved, a.Name)
		}
	}
	return names, nil
}

// settings is the settings document as users name it; "" where all is as AWS begins
// with. What hangs on an alias that a deployment does not move is not in it.
func (m *maker) settings() (string, error) {
	if err := m.source.NoSettings; err != nil {
		m.note("settings are not written: %v", err)
		return "", nil
	}
	described := map[definition.SettingKey]definition.SettingValue{}
	for _, key := range sortedKeys(m.source.Settings) {
		value := m.source.Settings[key]
		permission, is := value.(definition.Permission)
		switch {
		case value == nil:
		case key.Qualifier != "" && key.Kind != definition.ScalingSetting && !slices.Contains(m.moved, key.Qualifier):
			m.note("%s is not in the settings, because the arguments do not hold that alias", key)
		case is && permission.Other != "":
			m.note("%s is not in the settings: no call can write such a statement", key)
		default:
			described[key] = value
		}
	}
	for _, key := range sortedKeys(described) {
		if value, still := described[key]; still && evaluated(definition.DescribeSetting(value)) {
			// Without one of them, a deployment would clear it: a kind is described whole.
			m.note("%s holds <+ or {{, which a settings file would evaluate: a deploy leaves %s as they are", key, key.Kind)
			maps.DeleteFunc(described, func(k definition.SettingKey, _ definition.SettingValue) bool { return k.Kind == key.Kind })
		}
	}
	rendered := definition.RenderSettings(described)
	if rendered == nil {
		return "", nil
	}
	text, err := m.text(rendered)
	m.add("settings"+m.extension, text)
	return m.name("settings" + m.extension), err
}

func sortedKeys(settings map[definition.SettingKey]definition.SettingValue) []definition.SettingKey {
	return slices.SortedFunc(maps.Keys(settings), func(a, b definition.SettingKey) int { return strings.Compare(a.String(), b.String()) })
}

// served is the newest version with the content of $LATEST to which an alias
// points; "" for none.
func (m *maker) served() string {
	best := 0
	for _, a := range m.source.Aliases {
		v := m.source.Versions[a.Version]
		number, err := strconv.Atoi(a.Version)
		if err == nil && v != nil && number > best && len(a.Weights) == 0 && plan.SameContent(v, m.source.Latest) {
			best = number
		}
	}
	if best == 0 {
		return ""
	}
	return strconv.Itoa(best)
}

// useFolder points the arguments, and a Service, to the folder with the code,
// because its zip is exactly the function's code.
func (f *Files) useFolder() {
	from, to := f.name(codeZip), f.name(codeFolder)
	for i, a := range f.Arguments {
		if a == from {
			f.Arguments[i] = to
		}
	}
	for i := range f.files {
		if path.Base(f.files[i].name) == "service.yaml" {
			f.files[i].content = []byte(strings.ReplaceAll(string(f.files[i].content), yamlText(from), yamlText(to)))
		}
	}
}
