package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/redact"
	"github.com/lambda-rollout/lambda-rollout/internal/rehearse"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// sampleSize is how many functions of a fleet are played: what can go wrong with one is
// what can go wrong with the others.
const sampleSize = 4

// rehearse plays a deployment against a copy of what exists, with everything that can go
// wrong. It only reads.
func (a *app) rehearse(ctx context.Context) error {
	// Hundreds of small worlds: memory is cheaper than collecting it often.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	a.questions = rehearse.NewReader()
	set, err := a.load(ctx)
	if err != nil {
		return err
	}
	functions := len(set.Targets)
	set.Targets = sample(set.Targets)
	return a.withPlanned(ctx, set, func(p plannedSet) error {
		if err := deploy.Refused(p.planned, a.terms()); err != nil {
			return wouldRefuse(err)
		}
		played, err := a.played(ctx, p)
		if err != nil {
			return err
		}
		return errors.Join(a.showRehearsal(played, p.planned, functions), wouldRefuse(played.refused))
	})
}

// wouldRefuse is not a *NotStartedError: the rehearsal did its work, and this is what it
// found.
func wouldRefuse(denied error) error {
	if denied == nil {
		return nil
	}
	return fmt.Errorf("the deployment would not start: %s", denied.Error())
}

// sample are some targets of a fleet, from its whole length.
func sample(all []service.Target) []service.Target {
	if !report.Fleet(len(all)) {
		return all
	}
	var some []service.Target
	for i := range sampleSize {
		some = append(some, all[i*(len(all)-1)/(sampleSize-1)])
	}
	return some
}

// rehearsal is how the plays went, and why IAM would not let the deployment start; nil
// where it would.
type rehearsal struct {
	*rehearse.Result
	refused error
}

// played copies the functions and plays.
func (a *app) played(ctx context.Context, p plannedSet) (*rehearsal, error) {
	c, err := rehearse.NewCopy(ctx, a.questions, p.targets, p.planned, rehearse.Code{Real: a.flag("with-code"), Temp: p.temp})
	if err != nil {
		return nil, notStarted(err)
	}
	may := deploy.Permitted(ctx, p.planned, a.terms(), a.work(p.temp), c.Ask)
	result, err := rehearse.Play(ctx, c, rehearse.Options{
		Terms: a.terms(), Needs: deploy.Needs(p.planned, a.terms()), Missing: may.Missing, MaxTime: a.left(), Temp: p.temp, Plays: a.in.List("play"),
	})
	if err == nil {
		result.Findings = slices.Concat(result.Findings, c.Notes(), may.Unchecked, deploy.Findings(ctx, p.planned))
	}
	if unknown := (*rehearse.UnknownPlayError)(nil); errors.As(err, &unknown) {
		err = notStarted(err)
	}
	_, watching := deploy.NewWatching(ctx, p.planned, deploy.Work{Events: event.Discard{}, Now: a.Now, Timing: a.timing()})
	return &rehearsal{result, session.Join(may.Refused, deploy.Fetchable(ctx, p.planned), watching)}, errors.Join(err, c.Close())
}

// rehearsalDocument is the JSON document of a rehearsal.
type rehearsalDocument struct {
	Played     int                 `json:"played"`
	Exact      int                 `json:"exact"`
	Documented int                 `json:"documented"`
	Wrong      int                 `json:"wrong"`
	Skipped    int                 `json:"skipped"`
	Scenarios  []rehearsedDocument `json:"scenarios"`
	Failures   []failureDocument   `json:"failures"`
	Left       []leftDocument      `json:"left"`
	Findings   []string            `json:"findings"`
	Functions  int                 `json:"functions"`
	Sampled    int                 `json:"sampled"`
	Calls      int                 `json:"calls"`
	Seconds    float64             `json:"seconds"`
}

type rehearsedDocument struct {
	Scenario   string `json:"scenario"`
	Played     int    `json:"played"`
	Exact      int    `json:"exact"`
	Documented int    `json:"documented"`
	Wrong      int    `json:"wrong"`
	Skipped    int    `json:"skipped"`
}

// failureDocument is a play that ended wrong; Again plays it alone.
type failureDocument struct {
	Scenario string `json:"scenario"`
	Play     string `json:"play"`
	Detail   string `json:"detail"`
	Again    string `json:"again"`
}

// leftDocument is what could not be restored in some plays; Again plays the first of
// them alone.
type leftDocument struct {
	Detail string `json:"detail"`
	Plays  int    `json:"plays"`
	Play   string `json:"play"`
	Again  string `json:"again"`
}

// showRehearsal prints a rehearsal. Its error is that something ended wrong.
func (a *app) showRehearsal(result *rehearsal, planned []deploy.Planned, functions int) error {
	regions := map[string]bool{}
	for _, p := range planned {
		regions[p.At.Region] = true
	}
	budget := deploy.BudgetOf(planned)
	budget.Calls = budget.Calls * functions / max(len(planned), 1)
	r := report.Rehearsal{
		Functions: functions, Sampled: len(planned), Calls: budget.Calls + budget.DryRuns, Least: budget.LeastTime(len(regions)) + a.in.Course("traffic").Total(),
		Findings: a.findings(result, planned),
	}
	total := result.Total()
	document := rehearsalDocument{
		Played: total.Played, Exact: total.Exact, Documented: total.Documented, Wrong: total.Wrong, Skipped: total.Skipped,
		Scenarios: []rehearsedDocument{}, Failures: []failureDocument{}, Left: []leftDocument{}, Findings: append([]string{}, r.Findings...),
		Functions: functions, Sampled: len(planned), Calls: r.Calls, Seconds: r.Least.Seconds(),
	}
	for _, row := range result.Rows {
		r.Rows = append(r.Rows, report.Rehearsed(row))
		document.Scenarios = append(document.Scenarios, rehearsedDocument(row))
	}
	for _, f := range result.Wrong {
		f.Detail = a.host.Redact(f.Detail)
		again := withoutEnvironment(a.again(f.Play), planned)
		r.Wrong = append(r.Wrong, report.Play{Name: f.Play, Plays: 1, Detail: f.Detail, Again: again})
		document.Failures = append(document.Failures, failureDocument{f.Scenario, f.Play, f.Detail, again})
	}
	for _, l := range result.Left {
		l.Detail = a.host.Redact(l.Detail)
		again := withoutEnvironment(a.again(l.Play), planned)
		if !l.Found {
			r.Left = append(r.Left, report.Play{Name: l.Play, Plays: l.Plays, Detail: l.Detail, Again: again})
		}
		document.Left = append(document.Left, leftDocument{l.Detail, l.Plays, l.Play, again})
	}
	var err error
	if a.json() {
		err = a.printJSON(document)
	} else {
		_, err = io.WriteString(a.host.Log(), r.Text(a.columns()))
	}
	err = errors.Join(err, a.host.Summary(r.Markdown()))
	if total.Wrong > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d plays ended wrong: do not run this deployment before you know why", total.Wrong, total.Played))
	}
	return err
}

// left is how much of the time of a rehearsal is left when all was read.
func (a *app) left() time.Duration {
	return max(a.in.Duration("max-time")-a.Now().Sub(a.began), time.Second)
}

// again is the command that plays one play alone; where no words name the deployment,
// the input that the same step needs.
func (a *app) again(play string) string {
	words := a.Args[1:]
	if len(words) == 0 || words[0] != "rehearse" {
		return "the same step with the input play: " + play
	}
	line := []string{"lambda-rollout"}
	for i := 0; i < len(words); i++ {
		if words[i] == "--play" {
			i++
			continue
		}
		if !strings.HasPrefix(words[i], "--play=") {
			line = append(line, shellWord(words[i]))
		}
	}
	return a.host.Redact(strings.Join(append(line, "--play", play), " "))
}

// withoutEnvironment hides in a command what a function gets in its environment: a
// variable among the arguments may end there. Names that happen to be a value stay.
func withoutEnvironment(line string, planned []deploy.Planned) string {
	var values redact.Set
	for _, p := range planned {
		if p.Want.Function.Environment == nil {
			continue
		}
		for _, value := range p.Want.Function.Environment.Variables {
			if !redact.Weak(value) {
				values.AddOnce(value)
			}
		}
	}
	return values.Text(line)
}

// findings are what the plan, the permissions and the plays showed.
func (a *app) findings(result *rehearsal, planned []deploy.Planned) []string {
	all := slices.Clone(result.Findings)
	for _, p := range planned {
		for _, text := range slices.Concat(p.Plan.Warnings, p.Plan.Irreversible) {
			all = append(all, p.Label()+": "+text)
		}
	}
	if result.refused != nil {
		all = append(all, strings.Split(result.refused.Error(), "\n")...)
	}
	return all
}
