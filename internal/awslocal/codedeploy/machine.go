package codedeploy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// phase is how far a deployment is.
type phase int

const (
	starting phase = iota
	beforeTraffic
	shifting
	afterTraffic
	rollingBack // of a rollback deployment
)

const (
	// hookTimeout ends a deployment whose hook does not report ("AppSpec 'hooks'
	// section": one hour).
	hookTimeout = time.Hour
	// rollbackTime is how long a rollback deployment takes here.
	rollbackTime = 5 * time.Second
)

// Tick brings every deployment to where it should be by now. It costs next to
// nothing while none runs.
func (s *Service) Tick() {
	if s.active.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.running() {
		s.advance(d)
	}
}

// running are the deployments that are not over, oldest first. The caller holds s.mu.
func (s *Service) running() []*deployment {
	var running []*deployment
	for _, d := range s.deployments {
		if !d.over() {
			running = append(running, d)
		}
	}
	slices.SortFunc(running, func(a, b *deployment) int { return a.Created.Compare(b.Created) })
	return running
}

// advance moves one deployment as far as it can go. The caller holds s.mu.
func (s *Service) advance(d *deployment) {
	now := s.options.Clock().UTC()
	if s.stopOnAlarm(d, now) {
		return
	}
	for !d.over() {
		before := *d
		switch d.Phase {
		case starting:
			s.begin(d)
		case beforeTraffic:
			s.awaitHook(d, now, shifting)
		case shifting:
			s.shift(d, now)
		case afterTraffic:
			if s.awaitHook(d, now, afterTraffic); !d.over() && d.hookDone(d.Spec.After) {
				s.succeed(d, now)
			}
		case rollingBack:
			if now.Sub(d.Created) < rollbackTime {
				return
			}
			if s.route(d, Routing{Version: d.Spec.Target}) {
				s.succeed(d, now)
			}
		}
		if before.Phase == d.Phase && !d.over() {
			_ = s.save(d) // what is lost is found out again at the next tick
			return
		}
	}
}

// begin checks that the alias is where the AppSpec file says.
func (s *Service) begin(d *deployment) {
	d.Status, d.Started = inProgress, d.Created
	version, err := s.options.Lambda.AliasVersion(d.caller(), d.Spec.Function, d.Spec.Alias)
	switch {
	case err != nil:
		s.fail(d, "INVALID_LAMBDA_FUNCTION", err.Error())
	case version != d.Spec.Current:
		s.fail(d, "INVALID_LAMBDA_CONFIGURATION", fmt.Sprintf("The current version %s in the AppSpec file is not the version %s that the alias %s of %s points to.", d.Spec.Current, version, d.Spec.Alias, d.Spec.Function))
	default:
		d.Phase = beforeTraffic
		s.startHook(d, d.Spec.Before)
	}
}

// startHook runs a hook's function, which answers by
// PutLifecycleEventHookExecutionStatus.
func (s *Service) startHook(d *deployment, function string) {
	d.Hook = hook{}
	if function == "" {
		return
	}
	d.Hook = hook{ID: api.NewID(), At: s.options.Clock().UTC()}
	payload, _ := json.Marshal(map[string]string{"DeploymentId": d.ID, "LifecycleEventHookExecutionId": d.Hook.ID}) // strings always marshal
	id, caller, execution := d.ID, d.caller(), d.Hook.ID
	s.hooks.Go(func() {
		if err := s.options.Lambda.InvokeHook(s.ended, caller, function, payload); err != nil {
			s.hookFailed(id, execution)
		}
	})
}

func (s *Service) hookFailed(id, execution string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.deployments[id]; d != nil && d.Hook.ID == execution && d.Hook.Status == "" {
		d.Hook.Status, d.Hook.At = failed, s.options.Clock().UTC()
	}
}

func (d *deployment) hookDone(function string) bool {
	return function == "" || d.Hook.Status == succeeded
}

// awaitHook goes on to the next phase once the hook of this one has succeeded.
func (s *Service) awaitHook(d *deployment, now time.Time, next phase) {
	function, event := d.Spec.Before, "BeforeAllowTraffic"
	if d.Phase == afterTraffic {
		function, event = d.Spec.After, "AfterAllowTraffic"
	}
	switch {
	case d.hookDone(function):
		if function != "" {
			d.PhaseBegan = d.Hook.At
		}
		d.Phase = next
	case d.Hook.Status == failed:
		s.fail(d, "HOOK_EXECUTION_FAILURE", "The deployment failed because the lifecycle event hook "+event+" ("+function+") reported a failure.")
	case now.Sub(d.Hook.At) >= hookTimeout:
		s.fail(d, "HOOK_EXECUTION_FAILURE", "The deployment failed because the lifecycle event hook "+event+" ("+function+") did not report within one hour.")
	}
}

// shift gives the new version its share of the traffic.
func (s *Service) shift(d *deployment, now time.Time) {
	share := 100
	if c := s.config(d.caller(), d.Config); c != nil {
		share = c.share(now.Sub(d.PhaseBegan))
	}
	if share != d.Shifted {
		to := Routing{Version: d.Spec.Target}
		if share < 100 {
			to = Routing{Version: d.Spec.Current, Other: d.Spec.Target, Weight: float64(share) / 100}
		}
		if !s.route(d, to) {
			return
		}
		d.Shifted = share
	}
	if share == 100 {
		d.Phase = afterTraffic
		s.startHook(d, d.Spec.After)
	}
}

// route moves the alias, and fails the deployment where that is refused.
func (s *Service) route(d *deployment, to Routing) bool {
	if err := s.options.Lambda.Route(d.caller(), d.Spec.Function, d.Spec.Alias, to); err != nil {
		s.fail(d, "INVALID_LAMBDA_CONFIGURATION", err.Error())
		return false
	}
	return true
}

// stopOnAlarm stops a deployment one of whose alarms is in ALARM. Alarms are looked
// at once a second.
func (s *Service) stopOnAlarm(d *deployment, now time.Time) bool {
	if len(d.Alarms) == 0 || s.options.Alarming == nil || d.Phase == rollingBack || now.Sub(d.AlarmsSeen) < time.Second {
		return false
	}
	d.AlarmsSeen = now
	active := s.options.Alarming(d.caller(), d.Alarms)
	if len(active) == 0 {
		return false
	}
	_ = s.finish(d, ending{ // what is lost is found out again at the next tick
		status: stopped, code: "ALARM_ACTIVE", back: slices.Contains(d.Rollback, "DEPLOYMENT_STOP_ON_ALARM"),
		message: "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated alarms: <" + strings.Join(active, ", ") + ">",
	})
	return true
}

func (s *Service) fail(d *deployment, code, message string) {
	back := slices.Contains(d.Rollback, "DEPLOYMENT_FAILURE") && d.Phase != rollingBack
	_ = s.finish(d, ending{failed, code, message, back}) // what is lost is found out again at the next tick
}

func (s *Service) succeed(d *deployment, now time.Time) {
	d.Status, d.Ended = succeeded, now
	s.active.Add(-1)
	_ = s.save(d) // what is lost is found out again at the next tick
}

// ending is how a deployment ends that does not succeed.
type ending struct {
	status, code, message string
	back                  bool // a rollback follows
}

// finish ends a deployment and starts the one that rolls it back.
func (s *Service) finish(d *deployment, e ending) *api.Error {
	now := s.options.Clock().UTC()
	d.Status, d.Ended, d.Error = e.status, now, &errorInformation{e.code, e.message}
	s.active.Add(-1)
	if !e.back {
		return s.save(d)
	}
	r := &deployment{
		ID: newID(), Account: d.Account, Region: d.Region, Application: d.Application, Group: d.Group, Config: "CodeDeployDefault.LambdaAllAtOnce",
		Creator: "codeDeployRollback", Revision: d.Revision, Spec: d.Spec, Status: inProgress, Created: now, Started: now, Phase: rollingBack, PhaseBegan: now,
	}
	r.Spec.Current, r.Spec.Target = d.Spec.Target, d.Spec.Current
	r.RollbackInfo = rollbackInfo{RollbackTriggeringDeploymentID: d.ID, RollbackMessage: "Deployment " + r.ID + " rolls back deployment " + d.ID + "."}
	d.RollbackInfo = rollbackInfo{RollbackDeploymentID: r.ID, RollbackMessage: "Deployment " + d.ID + " is rolled back by deployment " + r.ID + "."}
	s.active.Add(1)
	if err := s.save(r); err != nil {
		return err
	}
	return s.save(d)
}
