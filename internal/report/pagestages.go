package report

import (
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// judged is a stage of the traffic as the journal has it.
type judged struct {
	percent  float64
	new, old Calls
	// decisions are what followed, in the order of time.
	decisions []journal.Evidence
}

// judgedStages sums up the evidence of a journal: records of one stage follow each
// other.
func judgedStages(evidence []journal.Evidence) []judged {
	var stages []judged
	for _, e := range evidence {
		if n := len(stages); n == 0 || stages[n-1].percent != e.Percent || stages[n-1].over() {
			stages = append(stages, judged{percent: e.Percent})
		}
		s := &stages[len(stages)-1]
		for _, m := range e.Minutes {
			s.new.Invocations, s.new.Errors = s.new.Invocations+m.New[0], s.new.Errors+m.New[1]
			s.old.Invocations, s.old.Errors = s.old.Invocations+m.Old[0], s.old.Errors+m.Old[1]
		}
		if e.Decision != "" {
			s.decisions = append(s.decisions, e)
		}
	}
	return stages
}

// over reports whether the stage was left.
func (s judged) over() bool {
	n := len(s.decisions)
	return n > 0 && s.decisions[n-1].Decision != "extend"
}

// stages are the figures of the guard and what was decided from them; nil where
// nobody looked.
func (p page) stages() []node {
	all := judgedStages(p.state.Evidence)
	if len(all) == 0 {
		return nil
	}
	list := el("ol", "stages")
	for _, s := range all {
		said := map[string]string{"continue": "the shift went on", "extend": "the stage lasted longer", "rollback": "rolled back"}
		item := el("li", "", el("span", "what", text(traffic.Percent(s.percent)+" of the traffic")),
			el("span", "when", text("new "+s.new.String()+" · old "+s.old.String()+" failed")))
		for _, d := range s.decisions {
			words := said[d.Decision]
			if words == "" {
				words = d.Decision
			}
			if d.Reason != "" {
				words += ": " + d.Reason
			}
			class := "result"
			if d.Decision == "rollback" {
				class = "result bad"
			}
			item = appended(item, el("span", class, p.text(words)))
		}
		list = appended(list, item)
	}
	return []node{el("section", "", el("h2", "", text("Traffic")), list)}
}
