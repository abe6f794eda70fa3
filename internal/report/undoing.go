package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// undoing is what a rollback of the run would restore, and how long the changes
// took: a rollback makes about as many calls.
type undoing struct {
	// changed are the things that were changed, by target.
	changed map[event.Target][]string
	// under counts the steps under way, since is when the first of them began;
	// spent is how long others took, the time in between left out.
	under int
	since time.Time
	spent time.Duration
}

func (u *undoing) take(t event.Target, e event.Event, now time.Time) {
	//nolint:gochecksumtype // steps alone change something
	switch e := e.(type) {
	case event.StepBegan:
		if u.under++; u.under == 1 {
			u.since = now
		}
		if s, is := e.Step.(plan.Step); is && !e.Back {
			u.note(t, thingOf(s))
		}
	case event.StepEnded:
		if u.under = max(0, u.under-1); u.under == 0 {
			u.spent += now.Sub(u.since)
		}
	}
}

func (u *undoing) note(t event.Target, thing string) {
	if thing == "" || slices.Contains(u.changed[t], thing) {
		return
	}
	if u.changed == nil {
		u.changed = map[event.Target][]string{}
	}
	u.changed[t] = append(u.changed[t], thing)
}

// String names what was changed: alias live and code of orders, or 12 functions;
// "" for nothing.
func (u *undoing) String() string {
	if len(u.changed) > 1 {
		return count(len(u.changed), "function")
	}
	for t, things := range u.changed {
		if slices.Contains(things, newFunction) {
			return "the new function " + t.Function
		}
		// Traffic is restored first.
		things = slices.Clone(things)
		slices.SortStableFunc(things, func(a, b string) int {
			return cmp.Compare(strings.Index(b, "alias "), strings.Index(a, "alias "))
		})
		last := len(things) - 1
		if last == 0 {
			return things[0] + " of " + t.Function
		}
		return strings.Join(things[:last], ", ") + " and " + things[last] + " of " + t.Function
	}
	return ""
}

// took is how long the changes took until now.
func (u *undoing) took(now time.Time) time.Duration {
	if u.under > 0 {
		return u.spent + now.Sub(u.since)
	}
	return u.spent
}

const newFunction = "the function"

// thingOf names what a step changes; "" for a step that a rollback leaves.
func thingOf(s plan.Step) string {
	switch s := s.(type) {
	case plan.CreateFunction:
		return newFunction
	case plan.UpdateConfiguration:
		return "configuration"
	case plan.UpdateCode:
		return "code"
	case plan.CreateAlias:
		return "alias " + s.Name
	case plan.MoveAlias:
		return "alias " + s.Name
	case plan.LeaveLatest:
		return "alias " + s.Name
	case plan.UpdateAlias:
		return "alias " + s.Alias.Name
	case plan.CreateDeployment:
		return "alias " + s.Alias
	case plan.TagResource, plan.UntagResource:
		return "tags"
	case plan.PutCodeSigning, plan.DeleteCodeSigning:
		return "code signing"
	case plan.PutSetting:
		return s.Setting.SettingKey.String()
	case plan.DeleteSetting:
		return s.Key.String()
	case plan.PublishLatest:
		return plan.LatestPublished
	case plan.PublishRestorePoint, plan.PublishVersion, plan.DeleteAlias, plan.DeleteFunction, plan.DeleteVersion, plan.StopDeployment:
	}
	return ""
}
