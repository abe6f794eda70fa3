package journal

import "time"

// Schedule is how the traffic of a run shifts and how it is watched, so that a shift
// that was stopped can go on. Durations are written as 1m30s.
type Schedule struct {
	// Traffic is the stages as the input traffic names them: 10%/5m, 50%/5m.
	Traffic string `json:"traffic"`
	// Waves is how many waves the run has.
	Waves int   `json:"waves"`
	Guard Guard `json:"guard"`
	// Alarms are written as the input has them: NAME, or NAME! for a known one.
	Alarms []string `json:"alarms,omitempty"`
	Bake   string   `json:"bake,omitempty"`
	// Gates are the moments at which somebody is asked, one for each gate. Whom is not
	// recorded: an address may hold a secret.
	Gates []string `json:"gates,omitempty"`
}

// Guard is what the guard of a run was told, by the names of the inputs.
type Guard struct {
	Off      bool   `json:"off,omitempty"`
	Required bool   `json:"required,omitempty"`
	WarmUp   string `json:"warmUp,omitempty"`
	// MaxErrorRate and Tolerance are fractions of the invocations; Tolerance is
	// negative for the default.
	MaxErrorRate   float64 `json:"maxErrorRate,omitempty"`
	Tolerance      float64 `json:"tolerance"`
	MinInvocations int64   `json:"minInvocations"`
	OnInconclusive string  `json:"onInconclusive,omitempty"`
	OnSlower       string  `json:"onSlower,omitempty"`
}

// Ready is what a Target's shift needs: the version that is ready for traffic, and
// what follows when it has all of it.
type Ready struct {
	Version string            `json:"version"`
	Aliases []ReadyAlias      `json:"aliases,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	TagKeys []string          `json:"tagKeys,omitempty"`
	// Settings reports whether settings follow, which only a deployment's files name.
	Settings bool `json:"settings,omitempty"`
	// Wave counts from 1; 0 where the run has one wave.
	Wave int `json:"wave,omitempty"`
}

// ReadyAlias is an alias that shifts; no Description leaves the one it has.
type ReadyAlias struct {
	Name        string  `json:"name"`
	Description *string `json:"description,omitempty"`
}

// StageBegan is a stage of the schedule whose aliases began to move.
type StageBegan struct {
	// Wave is 0 where the run has one wave; Stage counts from 1.
	Wave, Stage int
	At          time.Time
}
