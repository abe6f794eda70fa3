// Package report turns what happened into what the user reads: log lines, the
// diff of a plan, and the step summary. It knows no AWS and takes no decision;
// a line is printed when its event happened and never before.
package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

// Heartbeat is how often a wait without news shows that it is alive.
const Heartbeat = 15 * time.Second

// Log writes the lines of a run. Several Targets write into one stream, each
// line whole and with its Target's name in front.
type Log struct {
	out    *output
	prefix string

	mu     sync.Mutex
	status string
	said   time.Time
	// targets are the logs of the run's targets.
	targets map[event.Target]*Log
	// fleet takes the events of the targets where there are many; nil else.
	fleet *fleet
	// detailed shows each step of many targets, too.
	detailed bool
}

// Detailed lets the log show each step, however many targets there are.
func (l *Log) Detailed(detailed bool) *Log {
	l.detailed = detailed
	return l
}

type output struct {
	mu   sync.Mutex
	w    io.Writer
	now  func() time.Time
	warn func(message string)
	// section starts a part of the log that the host folds; nil where it cannot.
	section func(title string)
	// columns is how wide the terminal is that shows the log; nil where lines may be
	// as long as they are.
	columns func() int
}

// NewLog writes to w. warn, where it is set, gets each warning instead, for
// the host's annotations.
func NewLog(w io.Writer, now func() time.Time, warn func(message string)) *Log {
	return &Log{out: &output{w: w, now: now, warn: warn}}
}

// Fold lets begin know of each section, where the host can fold them.
func (l *Log) Fold(begin func(title string)) *Log {
	l.out.section = begin
	return l
}

// Fit breaks lines at words that are wider than a terminal.
func (l *Log) Fit(columns func() int) *Log {
	l.out.columns = columns
	return l
}

// fit is text as the terminal shows it.
func (o *output) fit(text string) string {
	if o.columns == nil {
		return text
	}
	return Fitted(o.columns(), text)
}

// Folds reports whether the host folds the parts of the log.
func (l *Log) Folds() bool { return l.out.section != nil }

// Section starts a part of the log; "" ends the last one.
func (l *Log) Section(title string) {
	if l.out.section != nil {
		l.out.section(title)
	}
}

// Line is one line for the user. An empty one separates blocks; where
// several Targets' lines mix there are none, and it is left out.
func (l *Log) Line(format string, args ...any) {
	if format == "" && l.prefix != "" {
		return
	}
	l.mu.Lock()
	l.status = "" // what comes next is another wait
	l.mu.Unlock()
	l.write(format, args...)
}

func (l *Log) write(format string, args ...any) {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	// A log that cannot be written must stop neither a deployment nor its rollback.
	_, _ = io.WriteString(l.out.w, l.out.fit(fmt.Sprintf(l.prefix+format, args...))+"\n")
}

// Block writes text of several lines, which nobody else's lines part.
func (l *Log) Block(text string) {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return
	}
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	_, _ = io.WriteString(l.out.w, l.out.fit(l.prefix+strings.ReplaceAll(text, "\n", "\n"+l.prefix))+"\n")
}

// Warn is a line that the user should not overlook.
func (l *Log) Warn(format string, args ...any) {
	message := l.prefix + fmt.Sprintf(format, args...)
	if l.out.warn != nil {
		l.out.warn(message)
		return
	}
	l.Line("warning: "+format, args...)
}

// Waiting prints the first state of a wait and each change at once, and the
// state that stays every Heartbeat.
func (l *Log) Waiting(function, status, reason string) {
	now := l.out.now()
	line := fmt.Sprintf("function: [%s], status: [%s], reason: [%s]", function, status, reason)
	l.mu.Lock()
	news := line != l.status || now.Sub(l.said) >= Heartbeat
	if news {
		l.status, l.said = line, now
	}
	l.mu.Unlock()
	if news {
		l.write("%s", line)
	}
}
