package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Alarm is a CloudWatch alarm that is watched in every account and Region of the
// run.
type Alarm struct {
	Name string
	// Known reports whether the alarm may be in ALARM already: only a change for
	// the worse counts.
	Known bool
}

// ParseAlarm reads NAME, or NAME! for an alarm that is known to be in ALARM.
func ParseAlarm(text string) Alarm {
	name, known := strings.CutSuffix(text, "!")
	return Alarm{Name: name, Known: known}
}

// alarmLook is how often alarms are looked at. CloudWatch evaluates most of them
// once a minute.
const alarmLook = 15 * time.Second

// alarms watches the alarms of a run.
type alarms struct {
	Work
	names  []string
	known  map[string]bool
	groups []*metricsGroup
	// seen is what each alarm was like when it was looked at last.
	seen map[alarmAt]*alarmState
	// blind is why they could not be read when they were looked at last.
	blind error
	// looked is when that was.
	looked time.Time
	note   func(context.Context, journal.Evidence) error
}

// alarmAt is an alarm and where it is.
type alarmAt struct {
	group *metricsGroup
	name  string
}

// alarmState is the state of an alarm. bad reports whether its last state with
// enough data was ALARM.
type alarmState struct {
	metrics.Alarm
	bad bool
}

// newAlarms looks at the alarms before the start; nil where none is named. Its
// error is that one does not exist, is in ALARM, or cannot be read.
func newAlarms(ctx context.Context, planned []Planned, w Work) (*alarms, error) {
	named := planned[0].Watch.Alarms
	if len(named) == 0 {
		return nil, nil
	}
	a := &alarms{Work: w, known: map[string]bool{}, seen: map[alarmAt]*alarmState{}}
	for _, one := range named {
		a.names = append(a.names, one.Name)
		a.known[one.Name] = one.Known
	}
	var reader metricsReader
	for _, p := range planned {
		if !p.Plan.Empty() || p.Resumes != nil {
			reader.group(ctx, p.Target)
		}
	}
	a.groups = reader.groups
	var all []error
	for _, g := range a.groups {
		all = append(all, a.first(ctx, g)...)
	}
	return a, session.Join(all...)
}

// first looks at the alarms of a group before the start.
func (a *alarms) first(ctx context.Context, g *metricsGroup) []error {
	found, err := g.client.Alarms(ctx, a.names)
	if err != nil {
		return []error{fmt.Errorf("alarms: %w", err)}
	}
	var all []error
	for _, name := range a.names {
		alarm, exists := found[name]
		switch {
		case !exists:
			all = append(all, fmt.Errorf("alarms: there is no metric alarm and no composite alarm %s in %s of account %s", name, g.region, g.account))
			continue
		case alarm.State == metrics.InAlarm && !a.known[name]:
			all = append(all, fmt.Errorf("alarms: %s in %s is in ALARM already: %s (alarms: %s! deploys anyway, and then only a change for the worse counts)", name, g.region, alarm.Reason, name))
		}
		a.seen[alarmAt{g, name}] = &alarmState{alarm, alarm.State == metrics.InAlarm}
		a.Events.Emit(event.AlarmChanged{Name: name, Region: g.region, To: string(alarm.State), Reason: alarm.Reason})
	}
	return all
}

// watch implements watcher.
func (a *alarms) watch(ctx context.Context, h held) (time.Time, error) {
	return a.Now().Add(alarmLook), a.look(ctx, h)
}

// release implements watcher: it looks once more.
func (a *alarms) release(ctx context.Context, h held) (time.Duration, error) {
	if a.looked.Equal(a.Now()) {
		return 0, nil
	}
	return 0, a.look(ctx, h)
}

// look looks at every alarm. Its error is that one changed to ALARM.
func (a *alarms) look(ctx context.Context, h held) error {
	var raised []error
	var failed error
	a.looked = a.Now()
	for _, g := range a.groups {
		call, cancel := context.WithTimeout(ctx, questionTimeout)
		found, err := g.client.Alarms(call, a.names)
		cancel()
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		for _, name := range a.names {
			alarm, exists := found[name]
			if !exists {
				failed = errors.Join(failed, fmt.Errorf("alarm %s in %s is gone", name, g.region))
				continue
			}
			raised = append(raised, a.changed(g, alarm))
		}
	}
	if context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	if failed != nil && a.blind == nil {
		warn(a.Events, "the alarms cannot be read now: %v; the run keeps trying", failed)
	}
	a.blind = failed
	err := errors.Join(raised...)
	if err == nil {
		return nil
	}
	return errors.Join(err, a.note(ctx, journal.Evidence{Percent: h.Percent, Decision: "rollback", Reason: err.Error()}))
}

// changed notes the state of an alarm. Its error is that it changed for the worse:
// to ALARM, from OK or from the beginning. An alarm that lacks data in between is
// no better than before.
func (a *alarms) changed(g *metricsGroup, now metrics.Alarm) error {
	was := a.seen[alarmAt{g, now.Name}]
	if was.State != now.State {
		a.Events.Emit(event.AlarmChanged{Name: now.Name, Region: g.region, From: string(was.State), To: string(now.State), Reason: now.Reason})
	}
	worse := now.State == metrics.InAlarm && !was.bad
	was.Alarm = now
	switch now.State {
	case metrics.InAlarm:
		was.bad = true
	case metrics.OK:
		was.bad = false
	case metrics.InsufficientData:
	}
	if !worse {
		return nil
	}
	return fmt.Errorf("alarm %s in %s changed to ALARM: %s", now.Name, g.region, now.Reason)
}
