package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Manual records a request as the journal of a run that changed the function
// from the wanted state to the current one: rolling it back is then like every
// rollback, and one that is interrupted can be finished. Where nothing is to be
// done it has no steps. run is the id of the run. Its error is a *NotStartedError.
func Manual(ctx context.Context, c *Connection, r Request, run string) (*journal.TargetLog, error) {
	l, err := look(ctx, c, r)
	if err != nil {
		return nil, notStarted(err)
	}
	if err := l.chooseVersions(ctx); err != nil {
		return nil, notStarted(err)
	}
	log, err := l.record(ctx, run)
	return log, notStarted(err)
}

// chooseVersions finds out, for each alias that names no version, what it pointed
// to before its last deployment. A version that is named must exist.
func (l *liveFunction) chooseVersions(ctx context.Context) error {
	for _, name := range l.names() {
		if l.now[name] == nil {
			continue
		}
		version, err := l.Aliases[name], error(nil)
		switch {
		case version == "":
			l.Aliases[name], err = l.versionBefore(ctx, name)
		case l.OfDeployment && l.Version != "" && !l.isAt(name, l.Version, version):
			err = l.choose(ctx, name, "the deployment published version "+l.Version+" over "+version+", and the alias was moved since")
		case version != None && version != plan.Latest:
			err = l.exists(ctx, name, version)
		}
		if err != nil {
			return err
		}
		for shared := range l.Weights[name] {
			if err := l.exists(ctx, name, shared); err != nil {
				return err
			}
		}
	}
	return nil
}

// isAt reports whether an alias points to one of the versions.
func (l *liveFunction) isAt(alias string, versions ...string) bool {
	return slices.Contains(versions, l.now[alias].Version)
}

func (l *liveFunction) exists(ctx context.Context, alias, version string) error {
	found, err := l.api.Find(ctx, l.Function, version)
	if err == nil && found == nil {
		err = l.choose(ctx, alias, "there is no version "+version)
	}
	return err
}

// versionBefore is what an alias pointed to before its last deployment.
func (l *liveFunction) versionBefore(ctx context.Context, alias string) (string, error) {
	versions, err := l.listVersions(ctx)
	if err != nil {
		return "", err
	}
	was, why := versionBefore(versions, alias, l.now[alias].Version)
	if why != "" {
		return "", l.choose(ctx, alias, why)
	}
	return was, nil
}

// versionBefore is what an alias, which points to a version now, pointed to before its
// last deployment: what the newest version whose marker names the alias replaced. So
// the same request leads to the same version however often it is made. Where nothing
// says so, why is the reason.
func versionBefore(versions []lambdaapi.Version, alias, now string) (was, why string) {
	for _, v := range slices.Backward(versions) {
		was := plan.ParseWas(v.Description, alias)
		switch {
		case was == "":
			continue
		case now == was:
			return was, ""
		case now != v.Number:
			return "", "its last deployment published version " + v.Number + " over " + was + ", and the alias was moved since"
		case was == None:
			return "", "it is the first one that the alias pointed to"
		}
		return was, ""
	}
	return "", "no version's description says what the alias pointed to before"
}

// shares reports whether an alias gives part of its traffic to a canary. Weights
// beside provisioned concurrency are AWS' own, of an alias that has moved.
func (l *liveFunction) shares(ctx context.Context, alias string) (bool, error) {
	if len(l.now[alias].Weights) == 0 {
		return false, nil
	}
	concurrency, err := l.api.Provisioned(ctx, l.Function, alias)
	return concurrency.Value == "", err
}

func (l *liveFunction) record(ctx context.Context, run string) (*journal.TargetLog, error) {
	salt := Salt()
	log := &journal.TargetLog{Target: l.at(), Run: run, Salt: salt}
	snapshot := &journal.Snapshot{Exists: true, Content: plan.ContentOf(l.latest, salt), Tags: l.latest.Tags}
	if l.latest.Description != nil {
		snapshot.Description = *l.latest.Description
	}
	snapshot.Architectures = l.latest.Architectures
	for _, name := range l.names() {
		if l.now[name] == nil {
			continue
		}
		if err := l.recordAlias(ctx, name, log, snapshot); err != nil {
			return nil, err
		}
	}
	if l.Latest {
		if err := l.recordLatest(ctx, log, snapshot); err != nil {
			return nil, err
		}
	}
	log.Snapshot = snapshot
	return log, nil
}

// recordAlias records where an alias is, and where it shall be.
func (l *liveFunction) recordAlias(ctx context.Context, name string, log *journal.TargetLog, snapshot *journal.Snapshot) error {
	now := journal.AliasOf(l.now[name].Alias)
	shares, err := l.shares(ctx, name)
	if err != nil {
		return err
	}
	if !shares {
		now.Weights = nil
	}
	step := found(plan.UpdateAlias{}, journal.Intent{Alias: &now, AliasName: name})
	if l.Aliases[name] == None {
		log.Steps, snapshot.Missing = append(log.Steps, step), append(snapshot.Missing, name)
		return nil
	}
	was := now
	was.Version, was.Weights = l.Aliases[name], l.Weights[name]
	snapshot.Aliases = append(snapshot.Aliases, was)
	if !was.Equal(now) {
		log.Steps = append(log.Steps, step)
	}
	return nil
}

// found is a part of the current state, as a step that is done.
func found(step plan.Step, intent journal.Intent) journal.Step {
	intent.Call = step.Operation()
	return journal.Step{Intent: intent, Outcome: &journal.Outcome{Result: journal.Done}}
}

func (l *liveFunction) recordLatest(ctx context.Context, log *journal.TargetLog, snapshot *journal.Snapshot) error {
	version := l.RestorePoint
	if version == "" && len(snapshot.Aliases) > 0 {
		version = snapshot.Aliases[0].Version
	}
	if version == "" {
		return fmt.Errorf("$LATEST of %s cannot be restored: no alias names the version to restore it from", l.Function)
	}
	point, err := l.api.Find(ctx, l.Function, version)
	if err != nil {
		return err
	}
	if point == nil {
		return fmt.Errorf("function %s has no version %s", l.Function, version)
	}
	current := snapshot.Content
	log.Steps = append(log.Steps, found(plan.UpdateConfiguration{}, journal.Intent{Content: &current}))
	wanted := *point
	wanted.Description = l.latest.Description
	snapshot.Content = plan.ContentOf(&wanted, log.Salt)
	snapshot.RestorePoint, snapshot.Architectures = version, point.Architectures
	return nil
}
