package lambda

import (
	"cmp"
	"encoding/json"
	"strings"
)

// plantAttached adds what hangs on a function and its qualifiers.
func (f *function) plantAttached(p Planted) error {
	for qualifier, raw := range p.Policies {
		var in policyOutput
		var document struct{ Statement []statement }
		if err := json.Unmarshal(raw, &in); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(in.Policy), &document); err != nil {
			return err
		}
		if f.Policies == nil {
			f.Policies = map[string]*policy{}
		}
		f.Policies[qualifier] = &policy{RevisionID: in.RevisionId, Statements: document.Statement}
	}
	for qualifier, requested := range p.Provisioned {
		if f.Provisioned == nil {
			f.Provisioned = map[string]*provisioned{}
		}
		f.Provisioned[qualifier] = &provisioned{Requested: requested}
	}
	for qualifier, raw := range p.URLs {
		var u functionURL
		if err := json.Unmarshal(raw, &u); err != nil {
			return err
		}
		if f.URLs == nil {
			f.URLs = map[string]*functionURL{}
		}
		u.ID = hexOf(f.Name + "/" + qualifier)[:32]
		f.URLs[qualifier] = &u
	}
	for qualifier, raw := range p.EventInvoke {
		var e eventInvoke
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		if f.EventInvoke == nil {
			f.EventInvoke = map[string]*eventInvoke{}
		}
		f.EventInvoke[cmp.Or(qualifier, "$LATEST")] = &e
	}
	return nil
}

// plantSettings adds the settings of a function that calls of their own change.
func (s *Service) plantSettings(f *function, p Planted) error {
	var loop recursion
	if err := plantedAnswer(p.Recursion, &loop); err != nil {
		return err
	}
	if loop.RecursiveLoop != "Terminate" { // AWS's default: set and unset are one state
		f.Recursion = loop.RecursiveLoop
	}
	var signing functionCodeSigning
	if err := plantedAnswer(p.CodeSigning, &signing); err != nil {
		return err
	}
	if f.CodeSigning = signing.CodeSigningConfigArn; f.CodeSigning != "" {
		if err := s.PlantCodeSigning(f.CodeSigning); err != nil {
			return err
		}
	}
	for qualifier, raw := range p.Runtimes {
		var choice runtimeChoice
		if err := json.Unmarshal(raw, &choice); err != nil {
			return err
		}
		if f.Runtimes == nil {
			f.Runtimes = map[string]*runtimeChoice{}
		}
		f.Runtimes[cmp.Or(qualifier, "$LATEST")] = &choice
	}
	for qualifier, raw := range p.Scaling {
		var out scalingOutput
		if err := json.Unmarshal(raw, &out); err != nil {
			return err
		}
		if f.Scaling == nil {
			f.Scaling = map[string]scaling{}
		}
		f.Scaling[qualifier] = out.RequestedFunctionScalingConfig
	}
	return nil
}

// plantedAnswer reads an answer that there may be.
func plantedAnswer(raw json.RawMessage, v any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, v)
}

// PlantCodeSigning makes a code signing configuration that exists elsewhere exist here, by
// its ARN.
func (s *Service) PlantCodeSigning(arn string) error {
	parts := strings.Split(arn, ":")
	if there, err := s.hasCodeSigning(arn); there || err != nil || len(parts) != 7 {
		return err
	}
	c := &codeSigning{Account: parts[4], Region: parts[3], ID: parts[6], Policies: signingPolicies{"Warn"}, Modified: s.Clock()}
	return s.Store.Put(codeSigningPrefix(c.Account, c.Region)+c.ID, c)
}
