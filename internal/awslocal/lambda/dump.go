package lambda

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Dump is the Lambda of an account as documents, without what moves by itself.
// Functions and versions are by "Region/function", event source mappings by
// "Region/function:qualifier source".
type Dump struct{ Functions, Versions, Mappings map[string]any }

// Dump returns the Dump of an account.
func (s *Service) Dump(account string) (Dump, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	functions, versions, err := s.dumpFunctions(account)
	if err != nil {
		return Dump{}, err
	}
	mappings, err := s.dumpMappings(account)
	return Dump{functions, versions, mappings}, err
}

func (s *Service) dumpFunctions(account string) (functions, versions map[string]any, err error) {
	functions, versions = map[string]any{}, map[string]any{}
	prefix := "lambda/" + account + "/"
	for _, key := range s.Store.Keys(prefix) {
		region, name, ok := strings.Cut(strings.TrimPrefix(key, prefix), "/function/")
		if !ok {
			continue
		}
		f, err := s.edit(account, region, name)
		if err != nil {
			return nil, nil, err
		}
		if functions[region+"/"+name], err = document(f.restorable()); err != nil {
			return nil, nil, err
		}
		published := f.published()
		if versions[region+"/"+name], err = document(published); err != nil {
			return nil, nil, err
		}
	}
	return functions, versions, nil
}

// document is v as JSON reads it.
func document(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	err = json.Unmarshal(b, &out)
	return out, err
}

type dumpedVersion struct {
	Version    string
	Config     config
	CodeSha256 string
	Code       codeLocation
	State      string
	LastUpdate string
}

func dumped(v *version) dumpedVersion {
	return dumpedVersion{Version: v.Version, Config: v.Config, CodeSha256: v.Code.Sha256, State: v.Life.State,
		LastUpdate: v.Life.LastUpdateStatus,
		Code:       codeLocation{ResolvedImageUri: v.Code.ResolvedImage, SourceKMSKeyArn: v.Code.KMSKeyArn, ResolvedS3Object: v.Code.Reference}}
}

func (f *function) published() []dumpedVersion {
	out := make([]dumpedVersion, 0, len(f.Versions))
	for i := range f.Versions {
		out = append(out, dumped(&f.Versions[i]))
	}
	return out
}

type dumpedAlias struct {
	FunctionVersion string
	Description     string
	Weights         map[string]float64
}

type dumpedFunction struct {
	Latest      dumpedVersion
	Published   *dumpedVersion `json:",omitempty"`
	Aliases     map[string]dumpedAlias
	Tags        map[string]string
	Policies    map[string][]statement
	Reserved    *int
	Provisioned map[string]int
	URLs        map[string]functionURL
	EventInvoke map[string]eventInvoke
	Runtimes    map[string]*runtimeChoice
	CodeSigning string
	Recursion   string
	Scaling     map[string]scaling
}

// restorable is what a rollback has to bring back. What a client cannot tell
// apart by its effect is made one: empty and absent, and the order of lists that
// have none.
func (f *function) restorable() dumpedFunction {
	d := dumpedFunction{Latest: dumped(&f.Latest), Aliases: map[string]dumpedAlias{}, Tags: map[string]string{},
		Policies: map[string][]statement{}, Reserved: f.Reserved, Provisioned: map[string]int{},
		URLs: map[string]functionURL{}, EventInvoke: map[string]eventInvoke{}, Runtimes: map[string]*runtimeChoice{},
		CodeSigning: f.CodeSigning, Recursion: f.Recursion, Scaling: map[string]scaling{}}
	d.Latest.Config.canonical()
	if f.LatestPublished != nil {
		v := dumped(f.LatestPublished)
		v.Config.canonical()
		d.Published = &v
	}
	maps.Copy(d.Tags, f.Tags)
	for name, a := range f.Aliases {
		weights := map[string]float64{}
		maps.Copy(weights, a.Weights)
		d.Aliases[name] = dumpedAlias{a.FunctionVersion, a.Description, weights}
	}
	for q, p := range f.Policies {
		if len(p.Statements) > 0 {
			d.Policies[q] = slices.SortedFunc(slices.Values(p.Statements), func(a, b statement) int { return strings.Compare(a.Sid, b.Sid) })
		}
	}
	for q, p := range f.Provisioned {
		d.Provisioned[q] = p.Requested
	}
	for q, u := range f.URLs {
		d.URLs[q] = functionURL{ID: u.ID, AuthType: u.AuthType, Cors: u.Cors, InvokeMode: u.InvokeMode}
		if u.Cors != nil && reflect.ValueOf(*u.Cors).IsZero() {
			d.URLs[q] = functionURL{ID: u.ID, AuthType: u.AuthType, InvokeMode: u.InvokeMode}
		}
	}
	for q, c := range f.Scaling {
		if c != (scaling{}) {
			d.Scaling[q] = c
		}
	}
	for q, r := range f.Runtimes {
		if r.UpdateRuntimeOn != "Auto" {
			d.Runtimes[q] = r
		}
	}
	for q, e := range f.EventInvoke {
		d.EventInvoke[q] = eventInvoke{MaximumRetryAttempts: e.MaximumRetryAttempts,
			MaximumEventAgeInSeconds: e.MaximumEventAgeInSeconds, DestinationConfig: e.DestinationConfig}
	}
	return d
}

// canonical makes cleared and absent fields one, and sorts sets.
func (c *config) canonical() {
	if v := c.VpcConfig; v != nil {
		vpc := *v
		vpc.SubnetIds, vpc.SecurityGroupIds = slices.Sorted(slices.Values(v.SubnetIds)), slices.Sorted(slices.Values(v.SecurityGroupIds))
		c.VpcConfig = &vpc
		if len(vpc.SubnetIds) == 0 && !vpc.Ipv6AllowedForDualStack {
			c.VpcConfig = nil
		}
	}
	if c.Environment != nil && len(c.Environment.Variables) == 0 {
		c.Environment = nil
	}
}
