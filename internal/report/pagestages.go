package report

import (
	"fmt"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// judged is a stage of the traffic as the journal has it.
type judged struct {
	percent  float64
	new, old Calls
	// took are the medians of the last minute that has them.
	took [2]journal.Median
	// decisions are what followed, in the order of time.
	decisions []journal.Evidence
}

// judgedStages sums up the evidence of a journal: records of one stage follow each
// other.
func judgedStages(evidence []journal.Evidence) []judged {
	var stages []judged
	// Journals of older releases do not say when a stage began.
	marked := slices.ContainsFunc(evidence, func(e journal.Evidence) bool { return e.Stage > 0 })
	for _, e := range evidence {
		if e.Gate != nil {
			continue
		}
		if n := len(stages); e.Stage > 0 || n == 0 || stages[n-1].percent != e.Percent || !marked && stages[n-1].over() {
			stages = append(stages, judged{percent: e.Percent})
		}
		s := &stages[len(stages)-1]
		for _, m := range e.Minutes {
			s.new.Invocations, s.new.Errors = s.new.Invocations+m.New[0], s.new.Errors+m.New[1]
			s.old.Invocations, s.old.Errors = s.old.Invocations+m.Old[0], s.old.Errors+m.Old[1]
		}
		for _, d := range e.Durations {
			if d.New.Invocations > 0 && d.Old.Invocations > 0 {
				s.took = [2]journal.Median{d.New, d.Old}
			}
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

// figures are what was measured. The last stage has none: CloudWatch counts versions
// apart only while they share an alias.
func (s judged) figures() string {
	if s.new.Invocations+s.old.Invocations == 0 {
		return "nothing measured"
	}
	return "new " + s.new.String() + " · old " + s.old.String() + " failed"
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
			el("span", "when", text(s.figures())))
		if now, old := s.took[0], s.took[1]; now.Invocations > 0 {
			item = appended(item, el("span", "result", text(fmt.Sprintf("median duration in the last minute: new %.0f ms · old %.0f ms", now.Milliseconds, old.Milliseconds))))
		}
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
