package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// groups copies the deployment groups to which a target's aliases are handed over.
func (c *Copy) groups(reader *Reader, t deploy.Target) error {
	for _, g := range t.Groups() {
		group := reader.one(aboutGroup(t.At.Region, "GetDeploymentGroup", g.Application, g.Name))
		var info struct {
			Info struct{ DeploymentConfigName string } `json:"deploymentGroupInfo"`
		}
		if err := json.Unmarshal(group, &info); err != nil {
			return err
		}
		alarms, err := c.aws.PlantGroup(awslocal.PlantedGroup{
			Account: t.At.Account, Region: t.At.Region, Group: group,
			Config: reader.one(aboutGroup(t.At.Region, "GetDeploymentConfig", info.Info.DeploymentConfigName)),
		})
		if err != nil {
			return err
		}
		c.groupAlarms = append(c.groupAlarms, alarms...)
	}
	slices.Sort(c.groupAlarms)
	c.groupAlarms = slices.Compact(c.groupAlarms)
	return nil
}

// handedFor is how long CodeDeploy takes at the most; 0 where it shifts no traffic.
func (c *Copy) handedFor() time.Duration {
	var longest time.Duration
	for _, t := range c.targets {
		longest = max(longest, t.HandedFor())
	}
	return longest
}

// spy notes which calls of the measured deployment change something, and what it had done
// when the first alias was handed over.
type spy struct {
	wire
	machine *Machine
	player  *player
	mu      sync.Mutex
}

// RoundTrip implements http.RoundTripper.
func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	if Changing(r) {
		s.player.changing = append(s.player.changing, s.machine.Sent())
	}
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".CreateDeployment") && s.player.handed.Calls == 0 {
		s.player.handed, _ = s.machine.Met()
	}
	s.mu.Unlock()
	return s.wire.RoundTrip(r)
}

// handOvers are what can go wrong while CodeDeploy shifts the traffic: somebody or an alarm
// stops it, it fails, and it goes on when the run is gone.
func (p *player) handOvers() []scenario {
	var all []scenario
	add := func(name string, play func(ctx context.Context, w *world) (verdict, error)) {
		all = append(all, scenario{groupHanded, name, play})
	}
	for _, n := range slices.Compact([]int{1, max(p.shifts, 1)}) {
		during := func(name, what string, does func(w *world, deployment string) error) {
			add(fmt.Sprintf("shift-%d:%s", n, name), func(ctx context.Context, w *world) (verdict, error) {
				w.onShift = func(now int, deployment string) {
					if now == n {
						w.strike(does(w, deployment))
					}
				}
				return p.judged(ctx, w, what)
			})
		}
		if p.shifts == 0 {
			break // nobody waits, or the group shifts all at once
		}
		during("stopped", "somebody stops CodeDeploy's deployment", func(w *world, deployment string) error { return w.stopDeployment(deployment) })
		during("failed", "CodeDeploy's deployment fails", func(w *world, _ string) error {
			w.aws.FailDeployments("INVALID_LAMBDA_CONFIGURATION", "rehearsed", false)
			return nil
		})
		during("role", "the role of the deployment group may not change the alias", func(w *world, _ string) error {
			w.aws.FailDeployments("IAM_ROLE_PERMISSIONS", "rehearsed", true)
			return nil
		})
		during("signal", "a signal comes", func(w *world, _ string) error { w.stop(deploy.ErrSignal); return nil })
		for _, alarm := range p.alarmNames() {
			during("alarm:"+alarm, "the alarm goes off", func(w *world, _ string) error { return w.alarms(alarm, true) })
		}
	}
	for _, c := range p.afterHandOver() {
		for name, after := range map[string]time.Duration{"in-the-middle": p.copy.handedFor() / 2, "at-the-end": p.copy.handedFor()} {
			add(c.String()+":"+name, func(ctx context.Context, w *world) (verdict, error) { return p.abandoned(ctx, w, c, after) })
		}
	}
	slices.SortStableFunc(all, func(a, b scenario) int { return strings.Compare(a.name, b.name) })
	return all
}

// alarmNames are the alarms of the groups and of the run.
func (p *player) alarmNames() []string {
	all := slices.Clone(p.copy.groupAlarms)
	for _, alarm := range p.copy.targets[0].Watch.Alarms {
		if !slices.Contains(all, alarm.Name) {
			all = append(all, alarm.Name)
		}
	}
	return all
}

// afterHandOver are the cuts from the moment on at which an alias is handed over.
func (p *player) afterHandOver() []Cut {
	if p.copy.handedFor() == 0 {
		return nil
	}
	return slices.DeleteFunc(Cuts(p.deployed), func(c Cut) bool {
		switch c.Where {
		case BeforeCall, BeforeAnswer, LateEffect:
			return c.At < p.handed.Calls
		case BeforeWrite, TornWrite, AfterWrite:
			return c.At < p.handed.Writes
		}
		return true
	})
}

// abandoned kills the deployment, lets CodeDeploy go on, and rolls back then.
func (p *player) abandoned(ctx context.Context, w *world, c Cut, after time.Duration) (verdict, error) {
	m := w.machine()
	m.Cut = c
	_ = w.deploy(ctx, m) // nobody is there to take its error
	if _, met := m.Met(); !met {
		return verdict{kind: unmet}, nil
	}
	if err := w.Sleep(ctx, after); err != nil {
		return verdict{}, err
	}
	return p.back(ctx, w, p.options.Terms.AllowPartial || c.Where == LateEffect)
}

// stopDeployment stops a deployment, as somebody else does.
func (w *world) stopDeployment(id string) error {
	ctx := context.Background()
	s, err := session.Open(ctx, w.access(w.machine()).Session)
	if err != nil {
		return err
	}
	return codedeploy.New(ctx, s, w.targets[0].At.Region).Stop(ctx, id)
}

// followed notes that CodeDeploy's deployment is on its way.
func (w *world) followed(e event.ShiftFollowed) {
	if e.Status != "InProgress" {
		return
	}
	w.clock.Lock()
	w.shifts++
	n := w.shifts
	w.clock.Unlock()
	if w.onShift != nil {
		w.onShift(n, e.Deployment)
	}
}
