// Package ssm is the embedded AWS Systems Manager Parameter Store.
//
// It promises to answer PutParameter, GetParameter, GetParameters,
// GetParametersByPath, GetParameterHistory, LabelParameterVersion and
// DeleteParameter as the AWS Systems Manager API Reference says: names in a
// hierarchy, versions, labels, and SecureString values that only WithDecryption
// shows. It encrypts nothing: the state folder holds the values as they are.
package ssm

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

const (
	prefix = "ssm/"
	// maxVersions is how many versions of a parameter are kept ("Working with
	// parameter versions").
	maxVersions = 100
	maxNames    = 10 // "GetParameters", Names
	maxByPath   = 10 // "GetParametersByPath", MaxResults
)

// maxValue is the size of a value by tier ("Managing parameter tiers").
var maxValue = map[string]int{"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}

// Service keeps the parameters of every account and Region.
type Service struct {
	awsjson.Service
	store *store.Store
	now   api.Clock
	mu    sync.Mutex
}

// parameter is one name with its versions, oldest first.
type parameter struct {
	Name     string
	Versions []version
}

type version struct {
	Version     int64
	Type        string
	Value       string
	DataType    string
	Description string `json:",omitempty"`
	KeyID       string `json:",omitempty"`
	Tier        string
	Modified    time.Time
	Labels      []string `json:",omitempty"`
}

// New serves the parameters that st holds.
func New(st *store.Store, now api.Clock) *Service {
	s := &Service{store: st, now: now}
	s.Service = awsjson.Service{
		Target: "AmazonSSM.",
		Operations: map[string]awsjson.Operation{
			"PutParameter":          awsjson.Op(s.putParameter),
			"GetParameter":          awsjson.Op(s.getParameter),
			"GetParameters":         awsjson.Op(s.getParameters),
			"GetParametersByPath":   awsjson.Op(s.getParametersByPath),
			"GetParameterHistory":   awsjson.Op(s.getParameterHistory),
			"LabelParameterVersion": awsjson.Op(s.labelParameterVersion),
			"DeleteParameter":       awsjson.Op(s.deleteParameter),
		},
		Changing: map[string]bool{"PutParameter": true, "LabelParameterVersion": true, "DeleteParameter": true},
	}
	return s
}

func keyOf(c api.Caller, name string) string {
	// A name may begin with a slash: "a" and "/a" are two parameters.
	return prefix + c.Account + "/" + c.Region + "/=" + name
}

func (s *Service) load(c api.Caller, name string) (*parameter, *api.Error) {
	var p parameter
	ok, err := s.store.Get(keyOf(c, name), &p)
	switch {
	case err != nil:
		return nil, awsjson.Internal(err)
	case !ok:
		return nil, nil
	}
	return &p, nil
}

func (s *Service) save(c api.Caller, p *parameter) *api.Error {
	if err := s.store.Put(keyOf(c, p.Name), p); err != nil {
		return awsjson.Internal(err)
	}
	return nil
}

func refusal(code, format string, args ...any) *api.Error {
	return api.NewError(http.StatusBadRequest, code, fmt.Sprintf(format, args...))
}

func notFound() *api.Error { return refusal("ParameterNotFound", "") }

var (
	namePattern  = lazyregexp.New(`^[a-zA-Z0-9_.\-/]+$`)
	labelPattern = lazyregexp.New(`^[a-zA-Z0-9_.\-]{1,100}$`)
)

// checkName rests on "PutParameter", Name.
func checkName(name string) *api.Error {
	first := strings.ToLower(strings.SplitN(strings.TrimPrefix(name, "/"), "/", 2)[0])
	switch {
	case !namePattern.MatchString(name):
		return refusal("ValidationException", "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case strings.HasPrefix(first, "aws"), strings.HasPrefix(first, "ssm"):
		return refusal("ValidationException", "Parameter name: can't be prefixed with %q (case-insensitive).", first[:3])
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return refusal("ValidationException", "Parameter name must be a fully qualified name.")
	case strings.Count(name, "/") > 15:
		return refusal("HierarchyLevelLimitExceededException", "The hierarchy of a parameter may have at most 15 levels.")
	}
	return nil
}

type putInput struct {
	Name, Type, Value, DataType, Description, KeyId, Tier, AllowedPattern string
	Overwrite                                                             bool
}

// putParameter rests on "PutParameter": without Overwrite a name that exists is
// refused; the type may be left out when a value is overwritten.
func (s *Service) putParameter(ctx context.Context, in *putInput) (any, *api.Error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.load(c, in.Name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = &parameter{Name: in.Name}
	} else if !in.Overwrite {
		return nil, refusal("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	}
	v, err := in.next(p)
	if err != nil {
		return nil, err
	}
	v.Modified = s.now().UTC()
	p.Versions = append(p.Versions, v)
	if len(p.Versions) > maxVersions {
		if len(p.Versions[0].Labels) > 0 {
			return nil, refusal("ParameterMaxVersionLimitExceeded", "You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.", in.Name, p.Versions[0].Version)
		}
		p.Versions = p.Versions[1:]
	}
	return struct {
		Version int64
		Tier    string
	}{v.Version, v.Tier}, s.save(c, p)
}

// next checks a request and makes the version that it asks for.
func (in *putInput) next(p *parameter) (version, *api.Error) {
	v := version{Version: 1, Type: in.Type, Value: in.Value, DataType: in.DataType, Description: in.Description, KeyID: in.KeyId, Tier: in.Tier}
	if n := len(p.Versions); n > 0 {
		last := p.Versions[n-1]
		v.Version = last.Version + 1
		if v.Type == "" {
			v.Type = last.Type
		}
		if v.Tier == "" {
			v.Tier = last.Tier
		}
	}
	if v.Tier == "" {
		v.Tier = "Standard"
	}
	if v.DataType == "" {
		v.DataType = "text"
	}
	switch {
	case v.Type == "":
		return v, refusal("ValidationException", "A parameter type is required when you create a parameter.")
	case !slices.Contains([]string{"String", "StringList", "SecureString"}, v.Type):
		return v, refusal("ValidationException", "1 validation error detected: Value '%s' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [SecureString, StringList, String]", v.Type)
	case in.Value == "":
		return v, refusal("ValidationException", "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.")
	case maxValue[v.Tier] == 0:
		return v, refusal("ValidationException", "1 validation error detected: Value '%s' at 'tier' failed to satisfy constraint: Member must satisfy enum value set: [Standard, Advanced, Intelligent-Tiering]", v.Tier)
	case len(in.Value) > maxValue[v.Tier]:
		return v, refusal("ValidationException", "%s tier parameters support a maximum parameter value of %d characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html", v.Tier, maxValue[v.Tier])
	}
	if v.Type == "SecureString" && v.KeyID == "" {
		v.KeyID = "alias/aws/ssm"
	}
	if in.AllowedPattern != "" {
		allowed, err := regexp.Compile(in.AllowedPattern)
		if err != nil {
			return v, refusal("InvalidAllowedPatternException", "The pattern %s is not valid.", in.AllowedPattern)
		}
		if !allowed.MatchString(in.Value) {
			return v, refusal("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", in.AllowedPattern)
		}
	}
	return v, nil
}

// shown is a parameter of an answer.
type shown struct {
	Name, Type, Value, ARN, DataType string
	Version                          int64
	LastModifiedDate                 awsjson.Time
	Selector                         string `json:",omitempty"`
}

func (p *parameter) show(c api.Caller, v version, decrypted bool) shown {
	out := shown{Name: p.Name, Type: v.Type, Value: v.reveal(decrypted), DataType: v.DataType, Version: v.Version, LastModifiedDate: awsjson.Time{Time: v.Modified}}
	out.ARN = ARN(c, p.Name)
	return out
}

// reveal is the value, for a SecureString without decryption one that tells
// nothing, as the ciphertext does.
func (v version) reveal(decrypted bool) string {
	if v.Type != "SecureString" || decrypted {
		return v.Value
	}
	return base64.StdEncoding.EncodeToString([]byte("ciphertext of the embedded AWS, version " + strconv.FormatInt(v.Version, 10)))
}

// ARN is the name of a parameter for policies.
func ARN(c api.Caller, name string) string {
	return "arn:" + api.Partition(c.Region) + ":ssm:" + c.Region + ":" + c.Account + ":parameter/" + strings.TrimPrefix(name, "/")
}

// find reads NAME, NAME:VERSION, NAME:LABEL or the ARN of one.
func (s *Service) find(c api.Caller, asked string, decrypted bool) (shown, *api.Error) {
	name := asked
	if _, after, ok := strings.Cut(asked, ":parameter/"); ok && strings.HasPrefix(asked, "arn:") {
		name = after
		bare, _, _ := strings.Cut(after, ":")
		if p, err := s.load(c, bare); p == nil && err == nil {
			name = "/" + after // the ARN does not tell whether a slash was there
		}
	}
	name, selector, selected := strings.Cut(name, ":")
	p, err := s.load(c, name)
	if err != nil {
		return shown{}, err
	}
	if p == nil {
		return shown{}, notFound()
	}
	at := len(p.Versions) - 1
	if selected {
		at = slices.IndexFunc(p.Versions, func(v version) bool {
			return strconv.FormatInt(v.Version, 10) == selector || slices.Contains(v.Labels, selector)
		})
	}
	if at < 0 {
		return shown{}, refusal("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", selector, name)
	}
	out := p.show(c, p.Versions[at], decrypted)
	if selected {
		out.Selector = ":" + selector
	}
	return out, nil
}
