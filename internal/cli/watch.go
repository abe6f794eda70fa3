package cli

import (
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// watch is what the inputs say about watching a run while traffic is shared.
func (a *app) watch(c *deploy.Connection) deploy.Watch {
	g := deploy.Guard{
		Off: slices.Contains(a.in.List("guard"), "none"), Required: a.asksForGuard(), Tolerance: -1,
		WarmUp: a.in.Duration("guard-warm-up"), MinInvocations: int64(a.in.Int("min-invocations")),
	}
	if a.in.Given("max-error-rate") {
		g.MaxErrorRate = a.in.Percent("max-error-rate") / 100
	}
	if a.in.Given("error-tolerance") {
		g.Tolerance = a.in.Percent("error-tolerance") / 100
	}
	switch a.in.String("on-inconclusive") {
	case "continue":
		g.OnInconclusive = deploy.ContinueStage
	case "rollback":
		g.OnInconclusive = deploy.RollBackStage
	default:
		g.OnInconclusive = deploy.ExtendStage
	}
	switch what := a.in.List("guard"); {
	case slices.Contains(what, "duration!"):
		g.Slower = deploy.RollBackSlower
	case slices.Contains(what, "duration"):
		g.Slower = deploy.WarnOfSlower
	}
	return deploy.Watch{Guard: g, Alarms: a.alarms(), Bake: a.in.Duration("alarm-bake"), Gates: a.gates(c)}
}

// asksForGuard reports whether the user relies on the guard: a run that cannot read the
// metrics does not start then. GitHub gives inputs that are left out their defaults.
func (a *app) asksForGuard() bool {
	return a.in.Given("guard") || a.in.Given("max-error-rate") || a.in.Given("error-tolerance") || a.in.String("on-inconclusive") == "rollback"
}

// gates are whom the run asks. Nothing follows a redirect: who answers must be who
// was named.
func (a *app) gates(c *deploy.Connection) deploy.Gates {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if own, is := a.HTTPClient.(*http.Client); is {
		client.Transport = own.Transport
	}
	g := deploy.Gates{All: a.in.Gates("gates"), Secret: a.in.String("gate-secret"), HTTP: client, Connection: c}
	if a.in.Has("gate-timeout") {
		g.Timeout = a.in.Duration("gate-timeout")
	}
	return g
}

// alarms are the alarms to watch: NAME, or NAME! for one that is known to be in
// ALARM.
func (a *app) alarms() []deploy.Alarm {
	var all []deploy.Alarm
	for _, text := range a.in.List("alarms") {
		all = append(all, deploy.ParseAlarm(text))
	}
	return all
}

// timing is how patient the run is. The metrics of an emulator on this machine
// arrive at once.
func (a *app) timing() timing.Timing {
	t := a.Timing
	endpoint, named := a.lookupEnv("AWS_ENDPOINT_URL_CLOUDWATCH")
	if !named {
		endpoint, _ = a.lookupEnv("AWS_ENDPOINT_URL")
	}
	if u, err := url.Parse(endpoint); err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()) {
		t.MetricDelay = 0
	}
	return t
}
