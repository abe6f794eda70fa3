package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// RollbackData is what undoes the deployment of the target.
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

// ParseRollbackData reads the output rollback-data of a deployment.
func ParseRollbackData(text string) ([]RollbackData, error) {
	var data []RollbackData
	err := json.Unmarshal([]byte(text), &data)
	return data, err
}

// Request is what undoes the deployment, or shifts its traffic. latest asks for
// $LATEST too.
func (d RollbackData) Request(latest bool) Request {
	return Request{
		Function: d.Function, Region: d.Region, Account: d.Account, Connector: d.Connector, Version: d.Version,
		Aliases: d.Aliases, Weights: d.Weights, Latest: latest, RestorePoint: d.Restore,
	}
}
