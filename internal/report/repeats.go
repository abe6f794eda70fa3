package report

import (
	"fmt"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// repeats are the warnings of many targets, by their text without the function's
// name.
type repeats struct {
	warned map[string]*repeated
	order  []string
}

// repeated is a warning and the further targets that have it.
type repeated struct {
	text   string
	others []string
}

// first reports whether no target had such a warning before.
func (r *repeats) first(t event.Target, message string) bool {
	key := strings.ReplaceAll(message, t.Function, "…")
	if known := r.warned[key]; known != nil {
		known.others = append(known.others, t.String())
		return false
	}
	if r.warned == nil {
		r.warned = map[string]*repeated{}
	}
	r.warned[key] = &repeated{text: message}
	r.order = append(r.order, key)
	return true
}

// others says of whom else the warnings were, once.
func (r *repeats) others() []string {
	var lines []string
	for _, key := range r.order {
		w := r.warned[key]
		if len(w.others) == 0 {
			continue
		}
		const named = 3
		names := strings.Join(w.others[:min(named, len(w.others))], ", ")
		if more := len(w.others) - named; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, "the same is true of "+names+": "+w.text)
		w.others = nil
	}
	return lines
}
