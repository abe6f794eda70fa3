package lambda

import (
	"encoding/json"
	"slices"
	"strings"
)

// Dump gives the functions and the published versions of an account as
// documents, by "Region/function", without what moves by itself.
func (s *Service) Dump(account string) (functions, versions map[string]any, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
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
	return out, json.Unmarshal(b, &out)
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

// restorable is what a rollback has to bring back. Lists that have no order are
// sorted.
func (f *function) restorable() any {
	type dumpedAlias struct {
		FunctionVersion string
		Description     string
		Weights         map[string]float64
	}
	aliases := map[string]dumpedAlias{}
	for name, a := range f.Aliases {
		w := a.Weights
		if len(w) == 0 {
			w = nil
		}
		aliases[name] = dumpedAlias{a.FunctionVersion, a.Description, w}
	}
	tags := f.Tags
	if len(tags) == 0 {
		tags = nil
	}
	l := dumped(&f.Latest)
	if v := l.Config.VpcConfig; v != nil {
		vpc := *v
		vpc.SubnetIds, vpc.SecurityGroupIds = slices.Sorted(slices.Values(v.SubnetIds)), slices.Sorted(slices.Values(v.SecurityGroupIds))
		l.Config.VpcConfig = &vpc
		if len(vpc.SubnetIds) == 0 && !vpc.Ipv6AllowedForDualStack {
			l.Config.VpcConfig = nil // cleared and absent are one state
		}
	}
	if e := l.Config.Environment; e != nil && len(e.Variables) == 0 {
		l.Config.Environment = nil
	}
	return struct {
		Latest      dumpedVersion
		Aliases     map[string]dumpedAlias
		Tags        map[string]string
		Policies    map[string]*policy
		Reserved    *int
		Provisioned map[string]int
		URLs        map[string]*functionURL
		EventInvoke map[string]*eventInvoke
		Runtimes    map[string]*runtimeChoice
		CodeSigning string
		Recursion   string
	}{l, aliases, tags, f.Policies, f.Reserved, f.provisionedNumbers(), f.URLs, f.EventInvoke, f.Runtimes, f.CodeSigning, f.Recursion}
}

func (f *function) provisionedNumbers() map[string]int {
	out := map[string]int{}
	for q, p := range f.Provisioned {
		out[q] = p.Requested
	}
	return out
}
