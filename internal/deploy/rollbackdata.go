package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// RollbackData is what another job needs to undo a deployment. It holds no ARN
// and no account id: GitHub drops an output that contains a masked value.
type RollbackData struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	Account  string `json:"account"`
	Version  string `json:"version"`
	Restore  string `json:"restorePoint,omitempty"`
	// Connector is the infrastructure's connectorRef.
	Connector string `json:"connector,omitempty"`
	// Aliases are what each alias pointed to before, None for a new one.
	Aliases map[string]string `json:"aliases,omitempty"`
	// Weights are those of the aliases that shared their traffic before.
	Weights map[string]map[string]float64 `json:"weights,omitempty"`
}

// accountHash tells accounts apart without naming them.
func accountHash(account string) string {
	sum := sha256.Sum256([]byte("lambda-rollout account " + account))
	return hex.EncodeToString(sum[:6])
}

// RollbackData returns what undoes the deployment of the target.
func (r Result) RollbackData() RollbackData {
	out := RollbackData{
		Function: r.At.Function, Region: r.At.Region, Account: accountHash(r.At.Account),
		Version: r.Version, Restore: r.RestorePoint, Connector: r.Connector, Aliases: map[string]string{},
		Weights: map[string]map[string]float64{},
	}
	for _, was := range r.Before.Serving(r.Want.Aliases) {
		out.Aliases[was.Alias] = was.Version
		if now := r.Before.Aliases[was.Alias]; now != nil && len(now.Weights) > 0 {
			out.Weights[was.Alias] = now.Weights
		}
	}
	return out
}

// dataOf is what undoes what a journal recorded of a target.
func dataOf(t journal.TargetLog) RollbackData {
	out := RollbackData{Function: t.Function, Region: t.Region, Account: accountHash(t.Account), Aliases: map[string]string{}, Weights: map[string]map[string]float64{}}
	if published := t.Published(); len(published) > 0 {
		out.Version = published[len(published)-1]
	}
	if s := t.Snapshot; s != nil {
		out.Restore = s.RestorePoint
		for _, alias := range s.Missing {
			out.Aliases[alias] = None
		}
		for _, alias := range s.Aliases {
			out.Aliases[alias.Name] = alias.Version
			if len(alias.Weights) > 0 {
				out.Weights[alias.Name] = alias.Weights
			}
		}
	}
	if out.Version == out.Restore {
		out.Version = "" // only the restore point was published
	}
	return out
}

// ParseRollbackData reads the output rollback-data of a deployment. It refuses
// what no deployment writes.
func ParseRollbackData(text string) ([]RollbackData, error) {
	var data []RollbackData
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		return nil, notData(err)
	}
	if len(data) == 0 {
		return nil, errors.New("it names no function")
	}
	var errs []error
	seen := map[string]bool{}
	for i, d := range data {
		err := d.check()
		key := strings.Join([]string{d.Function, d.Region, d.Account, d.Connector}, " ")
		if err == nil && seen[key] {
			err = fmt.Errorf("function %s: it is named twice", d.Function)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("entry %d: %w", i+1, err))
		}
		seen[key] = true
	}
	return data, errors.Join(errs...)
}

// notData says in the user's words what encoding/json says in those of Go.
func notData(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &kind):
		return errors.New("it is not JSON")
	case kind.Field == "":
		return fmt.Errorf("it is a JSON %s, not a list of one object for each function", kind.Value)
	}
	return fmt.Errorf("%s cannot be a JSON %s", kind.Field, kind.Value)
}

func (d RollbackData) check() error {
	if d.Function == "" {
		return errors.New("it names no function")
	}
	if _, err := definition.ParseFunctionName(d.Function); err != nil {
		return err
	}
	if d.Region != "" {
		if err := awsfacts.CheckRegion(d.Region); err != nil {
			return fmt.Errorf("function %s: %w", d.Function, err)
		}
	}
	versions := []string{d.Version, d.Restore}
	for _, alias := range slices.Sorted(maps.Keys(d.Aliases)) {
		version := d.Aliases[alias]
		if alias == "" || version == "" {
			return fmt.Errorf("function %s: an alias without a name or a version", d.Function)
		}
		if version != None {
			versions = append(versions, version)
		}
	}
	for _, alias := range slices.Sorted(maps.Keys(d.Weights)) {
		for _, version := range slices.Sorted(maps.Keys(d.Weights[alias])) {
			weight := d.Weights[alias][version]
			if d.Aliases[alias] == "" || !(weight >= 0 && weight <= 1) {
				return fmt.Errorf("function %s: alias %q cannot give version %s the weight %v", d.Function, alias, version, weight)
			}
			versions = append(versions, version)
		}
	}
	for _, version := range versions {
		if version != "" && version != plan.Latest && !versionNumber.MatchString(version) {
			return fmt.Errorf("function %s: %q is not a version", d.Function, version)
		}
	}
	return nil
}

var versionNumber = lazyregexp.New(`^[1-9][0-9]{0,18}$`)

// Request returns what undoes the deployment, or shifts its traffic. latest asks for
// $LATEST too.
func (d RollbackData) Request(latest bool) Request {
	return Request{
		OfDeployment: true,
		Function:     d.Function, Region: d.Region, Account: d.Account, Connector: d.Connector, Version: d.Version,
		Aliases: d.Aliases, Weights: d.Weights, Latest: latest, RestorePoint: d.Restore,
	}
}
