package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// Course is how the traffic of a run shifted: its stages, and who was asked.
type Course struct {
	Stages []Stage
	Gates  []Question
}

// Question is a gate that was asked.
type Question struct {
	Moment, To string
	// Answer is yes or no; "" where the run ended before the gate decided.
	Answer, Reason string
	// Took is how long the run waited for the answer.
	Took time.Duration

	began time.Time
}

func (q Question) said() string {
	switch {
	case q.Answer == "":
		return "no answer: the run ended"
	case q.Reason == "":
		return q.Answer
	}
	return q.Answer + ": " + q.Reason
}

// asked are the questions after an event of a gate. A run that fails waits no longer.
func asked(all []Question, e event.Event, now time.Time) []Question {
	n := len(all) - 1
	waits := n >= 0 && all[n].Answer == "" && all[n].Took == 0
	//nolint:gochecksumtype // the others are not of gates
	switch e := e.(type) {
	case event.GateAsked:
		return append(all, Question{Moment: e.Moment, To: e.To, began: now})
	case event.GatePassed:
		if waits {
			all[n].Answer, all[n].Reason, all[n].Took = "yes", e.Reason, e.Took
		}
	case event.GateRefused:
		if waits {
			all[n].Answer, all[n].Reason, all[n].Took = "no", e.Reason, e.Took
		}
	case event.DeploymentFailed:
		if waits {
			all[n].Took = now.Sub(all[n].began)
		}
	}
	return all
}

// questions are the gates that a journal tells of.
func questions(evidence []journal.Evidence) []Question {
	var all []Question
	open := map[[2]string]int{}
	for _, e := range evidence {
		if e.Gate == nil {
			continue
		}
		g := e.Gate
		key := [2]string{g.Moment, g.To}
		at, is := open[key]
		switch {
		case g.Answer == "":
			open[key] = len(all)
			all = append(all, Question{Moment: g.Moment, To: g.To, began: e.At})
		case is:
			all[at].Answer, all[at].Reason, all[at].Took = g.Answer, g.Reason, e.At.Sub(all[at].began)
			delete(open, key)
		}
	}
	return all
}

// markdown is the stages as a table and a chart, and the gates as a table; "" where
// there were none.
func (c Course) markdown() string {
	if len(c.Gates) == 0 {
		return stagesMarkdown(c.Stages)
	}
	var b strings.Builder
	b.WriteString(stagesMarkdown(c.Stages) + "\n| Gate | Asked | Waited | Answer |\n|---|---|---|---|\n")
	for _, q := range c.Gates {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", q.Moment, cell(q.To), Took(q.Took), cell(q.said()))
	}
	return b.String()
}

// gates is the section of a page about who was asked; nil where nobody was.
func (p page) gates() []node {
	all := questions(p.state.Evidence)
	if len(all) == 0 {
		return nil
	}
	list := el("ol", "stages")
	for _, q := range all {
		class, waited := "result", "waited "+Took(q.Took)
		if q.Answer == "no" {
			class = "result bad"
		}
		if q.Answer == "" {
			waited = "asked at " + q.began.UTC().Format("15:04:05")
		}
		list = appended(list, el("li", "", el("span", "what", p.text(q.Moment)), el("span", "when", text(waited)), el("span", "result", p.text(q.To)), el("span", class, p.text(q.said()))))
	}
	return []node{el("section", "", el("h2", "", text("Gates")), list)}
}
