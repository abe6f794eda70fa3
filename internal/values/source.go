package values

import (
	"fmt"
	"net/url"
	"strings"
)

// Source is where a value comes from: Local, Parameter, Secret or State.
type Source interface {
	// String is the source as the user writes it.
	String() string
	source()
}

// Local is an environment variable or a file: "env:NAME" or "file:PATH".
type Local string

// Parameter is a parameter of Systems Manager, by its name or ARN, with its version
// or label behind a colon where one is wanted.
type Parameter string

// Secret is a secret of Secrets Manager.
type Secret struct {
	// ID is the secret's name or ARN.
	ID string
	// Key is the field of a secret that is a JSON object; "" is the whole text.
	Key string
	// Stage or Version name another version than the current one.
	Stage, Version string
}

// State is a value of Terraform's state.
type State struct {
	// File is a path, or s3://BUCKET/KEY, perhaps with ?versionId=ID.
	File string
	// Address is that of package tfstate.
	Address string
}

func (Local) source()     {}
func (Parameter) source() {}
func (Secret) source()    {}
func (State) source()     {}

func (l Local) String() string     { return string(l) }
func (p Parameter) String() string { return "ssm:" + string(p) }
func (s State) String() string     { return "tfstate:" + s.File + "#" + s.Address }

func (s Secret) String() string {
	text := "secretsmanager:" + s.ID
	switch {
	case s.Stage != "":
		text += "?stage=" + s.Stage
	case s.Version != "":
		text += "?version=" + s.Version
	}
	if s.Key != "" {
		text += "#" + s.Key
	}
	return text
}

// InAWS reports whether it takes a call to AWS to read a source.
func InAWS(s Source) bool {
	switch s := s.(type) {
	case Local:
		return false
	case State:
		return strings.HasPrefix(s.File, "s3://")
	case Parameter, Secret:
	}
	return true
}

// Parse reads a source as the user writes it: env:VARIABLE, file:PATH,
// ssm:NAME[:VERSION or :LABEL], secretsmanager:ID[?stage=STAGE or ?version=ID][#KEY],
// tfstate:FILE#ADDRESS.
func Parse(text string) (Source, error) {
	kind, rest, _ := strings.Cut(text, ":")
	if rest == "" {
		return nil, fmt.Errorf("nothing follows %s:", kind)
	}
	switch kind {
	case "env", "file":
		return Local(text), nil
	case "ssm":
		return Parameter(rest), nil
	case "secretsmanager":
		return parseSecret(rest)
	case "tfstate":
		return parseState(rest)
	}
	return nil, fmt.Errorf("%s: is not a source of values", kind)
}

func parseSecret(text string) (Source, error) {
	id, key, keyed := strings.Cut(text, "#")
	id, query, asks := strings.Cut(id, "?")
	s := Secret{ID: id, Key: key}
	name, value, _ := strings.Cut(query, "=")
	switch {
	case id == "":
		return nil, fmt.Errorf("secretsmanager:%s names no secret", text)
	case keyed && key == "":
		return nil, fmt.Errorf("secretsmanager:%s: no key follows #", text)
	case strings.Contains(key, "?stage=") || strings.Contains(key, "?version="):
		return nil, fmt.Errorf("secretsmanager:%s: write what begins with ? before #", text)
	case !asks:
	case name == "stage" && value != "":
		s.Stage = value
	case name == "version" && value != "":
		s.Version = value
	default:
		return nil, fmt.Errorf("secretsmanager:%s: after ? write stage=STAGE or version=ID", text)
	}
	return s, nil
}

func parseState(text string) (Source, error) {
	file, address, ok := strings.Cut(text, "#")
	if !ok || file == "" || address == "" {
		return nil, fmt.Errorf("tfstate:%s: write tfstate:FILE#ADDRESS, as in tfstate:s3://bucket/terraform.tfstate#output.name", text)
	}
	if err := CheckStateFile(file); err != nil {
		return nil, err
	}
	return State{file, address}, nil
}

// CheckStateFile refuses a place of a state that is neither a file nor an object
// of S3.
func CheckStateFile(file string) error {
	scheme, rest, ok := strings.Cut(file, "://")
	switch {
	case !ok:
		return nil
	case scheme == "file":
		return fmt.Errorf("%s: write the path alone", file)
	case scheme != "s3":
		return fmt.Errorf("%s: a state is read from a file or from s3://; get it with `terraform state pull > terraform.tfstate` in a step before", file)
	}
	if bucket, key, _ := strings.Cut(rest, "/"); bucket == "" || key == "" || strings.HasPrefix(key, "?") {
		return fmt.Errorf("%s: write s3://BUCKET/KEY", file)
	}
	return nil
}

// Object is a State's object: its bucket, key and, "" for the newest, version.
func (s State) Object() (bucket, key, version string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(s.File, "s3://"), "/")
	name, query, _ := strings.Cut(key, "?")
	if values, err := url.ParseQuery(query); err == nil && values.Get("versionId") != "" {
		return bucket, name, values.Get("versionId")
	}
	return bucket, key, ""
}
