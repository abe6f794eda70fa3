package deploy

import (
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// Manual records a request as the journal of a run that changed the function
// from the wanted state to the current one: rolling it back is then like every
// rollback, and one that is interrupted can be finished. run is the id of the
// run. Its error is a *NotStartedError.
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
// to before the version that it points to now. A version that is named must
// exist.
func (l *liveFunction) chooseVersions(ctx context.Context) error {
	for _, name := range l.names() {
		switch version := l.Aliases[name]; version {
		case None, plan.Latest:
		case "":
			was, err := l.versionBefore(ctx, name)
			if err != nil {
				return err
			}
			l.Aliases[name] = was
		default:
			found, err := l.api.Find(ctx, l.Function, version)
			if err != nil {
				return err
			}
			if found == nil {
				return l.choose(ctx, name, "there is no version "+version)
			}
		}
	}
	return nil
}

// versionBefore is what an alias pointed to before, as the marker of its version
// tells.
func (l *liveFunction) versionBefore(ctx context.Context, alias string) (string, error) {
	shares, err := l.shares(ctx, alias)
	if err != nil {
		return "", err
	}
	if shares {
		// It does not point to another version yet: back is where it is.
		return l.now[alias].Version, nil
	}
	version, err := l.api.Find(ctx, l.Function, l.now[alias].Version)
	if err != nil {
		return "", err
	}
	description := ""
	if version != nil && version.Description != nil {
		description = *version.Description
	}
	was := plan.ParseWas(description, alias)
	switch was {
	case "":
		return "", l.choose(ctx, alias, "its description does not say what the alias served before")
	case None:
		return "", l.choose(ctx, alias, "it is the first one that the alias served")
	}
	return was, nil
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
		now := journal.AliasOf(l.now[name].Alias)
		log.Steps = append(log.Steps, found(plan.UpdateAlias{}, journal.Intent{Alias: &now, AliasName: name}))
		if l.Aliases[name] == None {
			snapshot.Missing = append(snapshot.Missing, name)
			continue
		}
		was := now
		was.Version, was.Weights = l.Aliases[name], l.Weights[name]
		snapshot.Aliases = append(snapshot.Aliases, was)
	}
	if l.Latest {
		if err := l.recordLatest(ctx, log, snapshot); err != nil {
			return nil, err
		}
	}
	log.Snapshot = snapshot
	return log, nil
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
		return fmt.Errorf("$LATEST of %s cannot be brought back: no alias names the version to take", l.Function)
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
