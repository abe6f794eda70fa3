package gate

import "time"

// Format is the version of the document's shape.
const Format = 1

// Body is the document that a gate gets. Fields may be added to it.
type Body struct {
	Format int `json:"format"`
	// ID names the question. It is the same whenever it is asked again.
	ID     string `json:"id"`
	Moment Moment `json:"gate"`
	// Event is what happened, for event gates.
	Event string `json:"event,omitempty"`
	// Reason is why, where there is one.
	Reason string    `json:"reason,omitempty"`
	Time   time.Time `json:"time"`
	// Deadline is when silence becomes a no; nil for event gates.
	Deadline *time.Time `json:"deadline,omitempty"`
	Run      Run        `json:"run"`
	// Wave counts from 1, Stage too; Stage is 0 where no traffic is to shift yet.
	Wave   int `json:"wave"`
	Waves  int `json:"waves"`
	Stage  int `json:"stage,omitempty"`
	Stages int `json:"stages,omitempty"`
	// From is the part of the traffic that the new versions have, in per cent, To
	// the part that they get after a yes.
	From      float64    `json:"fromPercent"`
	To        float64    `json:"toPercent"`
	Functions []Deployed `json:"functions"`
}

// Run is who asks.
type Run struct {
	ID         string `json:"id"`
	Command    string `json:"command,omitempty"`
	Repository string `json:"repository,omitempty"`
	Commit     string `json:"commit,omitempty"`
	URL        string `json:"url,omitempty"`
}

// Deployed is a function of the wave.
type Deployed struct {
	Function string   `json:"function"`
	Region   string   `json:"region"`
	Account  string   `json:"account"`
	Aliases  []string `json:"aliases"`
	// NewVersion is "" before it is published.
	NewVersion string `json:"newVersion,omitempty"`
	// Evidence is what the guard has seen, one entry an alias.
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Evidence is what the versions behind an alias did while they shared its traffic.
type Evidence struct {
	Alias      string `json:"alias"`
	OldVersion string `json:"oldVersion"`
	New        Count  `json:"new"`
	Old        Count  `json:"old"`
	// Verdict is good, bad or inconclusive.
	Verdict string `json:"verdict"`
}

// Count is how often a version was invoked, and how often it failed.
type Count struct {
	Invocations int64 `json:"invocations"`
	Errors      int64 `json:"errors"`
}
