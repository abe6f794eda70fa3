package rehearse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// judgements are what ends a deployment whose version is ready: a verify that fails, a
// gate, an alarm, the guard, a signal, in each stage of the traffic.
func (p *player) judgements() []scenario {
	var all []scenario
	add := func(name, what string, prepare func(w *world)) {
		all = append(all, scenario{groupJudged, name, func(ctx context.Context, w *world) (verdict, error) {
			prepare(w)
			return p.judged(ctx, w, what)
		}})
	}
	first := p.copy.targets[0]
	for _, t := range p.copy.targets {
		if len(t.Verify) > 0 {
			add("verify", "verify fails", func(w *world) { w.unverified = true })
			break
		}
	}
	for n := 1; n <= p.questions; n++ {
		add(fmt.Sprintf("gate-%d:no", n), "a gate says no", func(w *world) { w.refuses = n })
		add(fmt.Sprintf("gate-%d:silent", n), "a gate never answers", func(w *world) { w.silent = n })
	}
	for n := 1; n <= p.lasted; n++ {
		in := func(does func(w *world)) func(w *world) {
			return func(w *world) {
				w.onStage = func(now int) {
					if now == n {
						does(w)
					}
				}
			}
		}
		add(fmt.Sprintf("stage-%d:stopped", n), "a signal comes", in(func(w *world) { w.stop(deploy.ErrSignal) }))
		for _, alarm := range first.Watch.Alarms {
			add(fmt.Sprintf("stage-%d:alarm:%s", n, alarm.Name), "the alarm goes off", in(func(w *world) {
				w.strike(w.alarms(alarm.Name, true))
			}))
		}
		if !p.guarded {
			continue
		}
		add(fmt.Sprintf("stage-%d:guard-bad", n), guardSees(first.Want.Traffic, n), in(func(w *world) { w.failing = 0.5 }))
		add(fmt.Sprintf("stage-%d:guard-inconclusive", n), "", in(func(w *world) { w.rate = 0 }))
		add(fmt.Sprintf("stage-%d:guard-blind", n), "", in(func(w *world) {
			w.aws.Inject(awslocal.Fault{
				Service: "monitoring", Operation: "GetMetricData", Count: -1, Action: awslocal.Error, Status: http.StatusForbidden,
				Code: "AccessDenied", Message: "rehearsed",
			})
		}))
	}
	return all
}

// guardSees says what the guard is to see in the nth stage that lasts; "" where that is
// over before a minute is counted.
func guardSees(s traffic.Schedule, n int) string {
	var lasting []traffic.Stage
	for _, stage := range s.Stages() {
		if stage.Wait > 0 {
			lasting = append(lasting, stage)
		}
	}
	const least = 2 * time.Minute
	if len(lasting) == 0 || lasting[(n-1)%len(lasting)].Wait < least {
		return ""
	}
	return "half of the new version's invocations fail, and the guard is to see it"
}

// strike notes an error of what a play does.
func (w *world) strike(err error) { w.broken = errors.Join(w.broken, err) }

// alarms puts an alarm into a state wherever it is watched.
func (w *world) alarms(name string, alarming bool) error {
	var all []error
	seen := map[string]bool{}
	for _, t := range w.targets {
		if !seen[t.At.Region] {
			seen[t.At.Region] = true
			all = append(all, w.aws.PlantAlarm(t.At.Account, t.At.Region, name, alarming))
		}
	}
	return errors.Join(all...)
}

// judged plays a deployment that is to end because of what; "" where it may also go on.
func (p *player) judged(ctx context.Context, w *world, what string) (verdict, error) {
	ended := w.deploy(ctx, w.machine())
	if w.broken != nil {
		return verdict{}, w.broken
	}
	v, err := p.ended(w, ended, p.options.Terms.AllowPartial)
	if err == nil && v.kind == exact && ended == nil && what != "" {
		return verdict{kind: wrong, detail: what + ", and the deployment went through"}, nil
	}
	return v, err
}
