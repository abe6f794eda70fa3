package notify

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// Run is who runs; fields that nobody knows are empty.
type Run struct {
	Command    string `json:"command"`
	Run        string `json:"run,omitempty"`
	RunURL     string `json:"runUrl,omitempty"`
	Repository string `json:"repository,omitempty"`
	Commit     string `json:"commit,omitempty"`
	Actor      string `json:"actor,omitempty"`
}

// Function is one function of a run.
type Function struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	// Version and what follows are known at the end.
	Version         string `json:"version,omitempty"`
	PreviousVersion string `json:"previousVersion,omitempty"`
	Changed         *bool  `json:"changed,omitempty"`
}

// Stage is a stage of the traffic that begins to wait.
type Stage struct {
	Percent float64 `json:"percent"`
	Seconds float64 `json:"seconds"`
}

// End is how a run ended.
type End struct {
	Outcome Outcome
	// ExitCode is the process's, Err why it is not 0.
	ExitCode  int
	Err       string
	Took      time.Duration
	Functions []Function
	// URL is where the function is called, or looked at; "" for none.
	URL string
}

// Outcome is how a run ended, in a word.
type Outcome string

// The outcomes.
const (
	Succeeded  Outcome = "succeeded"
	RolledBack Outcome = "rolled-back"
	Failed     Outcome = "failed"
	Refused    Outcome = "refused"
	Incomplete Outcome = "incomplete"
	Stopped    Outcome = "stopped"
)

// Channel tells somebody what happens.
type Channel interface {
	event.Sink
	// End tells how the run ended, where it began, and waits a bounded time for all that
	// is still to be told. Its error says what was not.
	End(e End, within time.Duration) error
}

// Data is what an event of a run says.
type Data struct {
	Run
	Functions []Function `json:"functions"`
	Stage     *Stage     `json:"stage,omitempty"`
	Outcome   Outcome    `json:"outcome,omitempty"`
	ExitCode  *int       `json:"exitCode,omitempty"`
	Seconds   float64    `json:"seconds,omitempty"`
	Error     string     `json:"error,omitempty"`
}

// Event is a CloudEvent in its JSON format
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
type Event struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            Data      `json:"data"`
}

// typePrefix begins the types of all events.
const typePrefix = "com.github.lambda-rollout."

// Options say whom to tell, and of which run.
type Options struct {
	URL    string
	Client Doer
	Now    func() time.Time
	Run    func() Run
	// ID tells this process from every other.
	ID string
	// Redact hides secrets in texts.
	Redact func(string) string
}

// CloudEvents posts the events of a run to a URL, in their JSON format.
type CloudEvents struct {
	options Options
	outbox  *outbox

	mu         sync.Mutex
	sent       int
	functions  []Function
	rolledBack bool
}

// New begins to tell a URL.
func New(o Options) *CloudEvents { return &CloudEvents{options: o, outbox: newOutbox(o.Client)} }

// Emit implements event.Sink.
func (c *CloudEvents) Emit(e event.Event) {
	if of, is := e.(event.OfTarget); is {
		e = of.Event
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	//nolint:gochecksumtype // nobody is told of the others
	switch e := e.(type) {
	case event.RunBegan:
		c.functions = functionsOf(e.Targets)
		c.send("begin", Data{})
	case event.StageHeld:
		if e.Left == e.Wait {
			c.send("stage", Data{Stage: &Stage{Percent: e.Percent, Seconds: e.Wait.Seconds()}})
		}
	case event.DeploymentFailed:
		c.rolledBack = true
		c.send("rollback", Data{Error: c.options.Redact(e.Err.Error())})
	case event.RollbackBegan:
		if !c.rolledBack {
			c.rolledBack = true
			c.send("rollback", Data{})
		}
	}
}

func functionsOf(targets []event.Target) []Function {
	all := []Function{}
	for _, t := range targets {
		all = append(all, Function{Function: t.Function, Region: t.Region})
	}
	return all
}

// End implements Channel.
func (c *CloudEvents) End(e End, within time.Duration) error {
	c.mu.Lock()
	if c.sent > 0 {
		d := Data{Outcome: e.Outcome, ExitCode: &e.ExitCode, Seconds: e.Took.Seconds(), Error: c.options.Redact(e.Err)}
		if len(e.Functions) > 0 {
			c.functions = e.Functions
		}
		c.send("end", d)
	}
	c.mu.Unlock()
	return c.outbox.close(within)
}

// send puts an event into the queue.
func (c *CloudEvents) send(what string, d Data) {
	c.sent++
	d.Run, d.Functions = c.options.Run(), c.functions
	e := Event{
		SpecVersion: "1.0", ID: fmt.Sprintf("%s-%d", c.options.ID, c.sent), Source: "urn:lambda-rollout", Type: typePrefix + what,
		Time: c.options.Now().UTC(), DataContentType: "application/json", Data: d,
	}
	if d.RunURL != "" {
		e.Source = d.RunURL
	}
	if len(d.Functions) == 1 {
		e.Subject = d.Functions[0].Function
	}
	body, err := json.Marshal(e)
	if err != nil {
		return // texts and numbers always are JSON
	}
	c.outbox.add(message{build: func() *call {
		return &call{c.options.URL, map[string]string{"Content-Type": "application/cloudevents+json; charset=utf-8"}, body}
	}})
}

// LastWords is how long End usually may wait.
const LastWords = lastWords
