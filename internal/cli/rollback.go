package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// rollback puts back what a deployment changed: by hand where a function or
// another job's data is named, else from the journal.
func (a *app) rollback(ctx context.Context) error {
	if a.host.IsPost() {
		// The inputs are those of the deployment; only its journal counts.
		return a.fromJournal(ctx)
	}
	if a.in.String("rollback-data") != "" || a.in.String("function") != "" && !a.held(ctx) {
		return a.byHand(ctx)
	}
	return a.fromJournal(ctx)
}

// held says that the function that is named is held by a run whose journal in
// S3 is open: the journal knows better than a person what to put back.
func (a *app) held(ctx context.Context) bool {
	if !a.s3Journal() || a.in.Int("to-version") > 0 {
		return false
	}
	found, err := a.findObjects(ctx)
	if err != nil || len(found) == 0 {
		return false
	}
	store, err := a.openStore(ctx, found[0])
	if err != nil {
		return false
	}
	log, err := journal.Read(ctx, store)
	return err == nil && log.State == journal.Open && log.Changed()
}

// fromJournal rolls back what the journals of this run say, the newest first.
func (a *app) fromJournal(ctx context.Context) error {
	paths, err := a.findJournals(ctx)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		a.log().Line("No journal of a deployment was found: nothing was changed, nothing to roll back")
		return nil
	}
	var errs []error
	for _, path := range paths {
		errs = append(errs, a.journalBack(ctx, path))
	}
	return errors.Join(errs...)
}

func (a *app) journalBack(ctx context.Context, path string) error {
	store, err := a.openStore(ctx, path)
	if err != nil {
		return a.cannot(path, err)
	}
	if a.in.Bool("dry-run") && !a.host.IsPost() {
		return a.showJournal(ctx, store)
	}
	if err := store.Stop(ctx); err != nil {
		return a.cannot(path, fmt.Errorf("ask the deployment to stop: %w", err))
	}
	wait, cancel := context.WithTimeoutCause(ctx, a.lockWait(), fmt.Errorf("the deployment did not end within %s", a.lockWait()))
	defer cancel()
	j, err := journal.Resume(wait, store, a.Now)
	if err != nil {
		return a.cannot(path, err)
	}
	switch {
	case j == nil && a.host.State("journal") != "":
		// Main wrote its journal before it left its name.
		return a.cannot(path, errors.New("the journal that the deployment left is gone, and with it what stood before"))
	case j == nil && strings.HasPrefix(path, "s3://"):
		return &deploy.InputError{Err: fmt.Errorf("there is no journal %s", path)}
	case j == nil:
		a.log().Line("The deployment ended before its first change: nothing to roll back")
		return nil
	}
	return errors.Join(a.rollBack(ctx, j), j.Close())
}

// lockWait is how long a deployment that was asked to stop may take to do so: it
// notices within a moment and gives a call in flight its grace. The rest is for
// a machine that is slow; GitHub gives the post step five minutes in all.
func (a *app) lockWait() time.Duration { return a.Timing.Grace + stopSlack }

const stopSlack = 30 * time.Second

// cannot is a rollback that could not begin: a person must look.
func (a *app) cannot(path string, err error) error {
	return &exitError{exitIncomplete, fmt.Errorf("roll back %s: %w\nwhen that is mended: lambda-rollout rollback --journal %s", path, err, path)}
}

func (a *app) rollBack(ctx context.Context, j *journal.Journal) error {
	log := j.Log()
	if log.State.Settled() {
		a.log().Line("The journal says %s: nothing to roll back", log.State)
		return nil
	}
	if !log.Changed() {
		a.log().Line("Nothing was changed: nothing to roll back")
		return j.Settle(ctx, journal.RolledBack)
	}
	if a.host.IsPost() && !a.wanted(log.State) {
		a.log().Line("rollback-on does not ask for a rollback now: what was deployed stays")
		return j.Settle(ctx, journal.Kept)
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), a.in.Duration("rollback-timeout"),
		fmt.Errorf("the rollback took longer than its timeout of %s", a.in.Duration("rollback-timeout")))
	defer cancel()
	temp, clean, err := artifact.NewTemp(a.host.TempDir(), a.host.Workspace())
	if err != nil {
		return a.cannot(j.Name(), err)
	}
	engines, err := a.engines(ctx, j, temp)
	if err != nil {
		return errors.Join(a.cannot(j.Name(), err), clean())
	}
	restored, err := deploy.Back(ctx, j, engines, deploy.Options{Log: a.log(), MaxParallel: a.in.Int("max-parallel")})
	next := ""
	if err != nil {
		next = "lambda-rollout rollback --journal " + j.Name()
	}
	return errors.Join(err, a.rollbackSummary("", restored, next), clean())
}

// wanted asks rollback-on. A run that was cut off half-way is always put back:
// nobody asked for half of it.
func (a *app) wanted(state journal.State) bool {
	if state == journal.Open {
		return true
	}
	on := a.in.List("rollback-on")
	switch a.in.String("job-status") {
	case "cancelled":
		return slices.Contains(on, "cancelled")
	case "success":
		return false
	}
	return slices.Contains(on, "failure")
}

// engines connect to where the journal says that each Target stands.
func (a *app) engines(ctx context.Context, j *journal.Journal, temp string) ([]deploy.Engine, error) {
	header := j.Log().Header
	places := places{app: a, header: header, sessions: map[journal.Target]*session.Session{}}
	var engines []deploy.Engine
	for i, t := range header.Targets {
		s, err := places.open(ctx, t)
		if err != nil {
			return nil, err
		}
		log := a.log()
		if len(header.Targets) > 1 {
			log = log.For(label(t.Function, t.Region))
		}
		engines = append(engines, deploy.Engine{Label: label(t.Function, t.Region), Engine: &engine.Engine{
			API: lambdaapi.New(s, t.Region, a.paceOf(t.Endpoint)), Journal: j, Index: i, Log: log, Timing: a.Timing,
			Code: &fetcher{session: s, region: t.Region, temp: temp, bucket: header.StagingBucket},
		}})
	}
	return engines, nil
}

// showJournal prints what a rollback of a journal would do now. It asks nobody
// to stop.
func (a *app) showJournal(ctx context.Context, store journal.Store) error {
	log, err := journal.Read(ctx, store)
	if err != nil {
		return &deploy.InputError{Err: err}
	}
	if log.State.Settled() || !log.Changed() {
		a.log().Line("Nothing to roll back: the journal says %s", log.State)
		return nil
	}
	places := places{app: a, header: log.Header, sessions: map[journal.Target]*session.Session{}}
	for _, t := range log.Targets {
		s, err := places.open(ctx, t.Target)
		if err != nil {
			return &deploy.InputError{Err: err}
		}
		if err := a.showBack(ctx, lambdaapi.New(s, t.Region, a.paceOf(t.Endpoint)), t); err != nil {
			return &deploy.InputError{Err: err}
		}
	}
	return nil
}

// showBack prints what a rollback of a Target would do.
func (a *app) showBack(ctx context.Context, api *lambdaapi.Client, t journal.TargetLog) error {
	p, err := engine.LookBack(ctx, api, t)
	if err != nil {
		return err
	}
	if p.Empty() {
		a.log().Line("Nothing to roll back: %s stands as asked for", t.Function)
	}
	for _, c := range p.Changes {
		a.log().Line("%s", a.line(c))
	}
	for _, r := range p.Refused {
		a.log().Warn("%s would be left alone: %s; %s", r.Subject, r.Found, r.Reason)
	}
	return nil
}

// places are where a journal's Targets stand, a session for each account,
// Region and role.
type places struct {
	*app
	header   journal.Header
	sessions map[journal.Target]*session.Session
}

// open opens the session that a Target was deployed with: endpoints and roles
// from the journal, credentials from here. The account is checked before any
// other call.
func (p *places) open(ctx context.Context, t journal.Target) (*session.Session, error) {
	t.Function = ""
	if s := p.sessions[t]; s != nil {
		return s, nil
	}
	opts := p.sessionOptions()
	opts.Region, opts.Endpoint, opts.Pinned, opts.Endpoints = t.Region, t.Endpoint, true, p.header.Endpoints
	if t.Role != "" {
		opts.Role = p.role(t.Role)
	}
	if dir, local := strings.CutPrefix(t.Endpoint, journal.LocalEndpoint); local {
		e, err := p.embeddedIn(dir)
		if err != nil {
			return nil, err
		}
		opts = localOptions(opts, e)
	}
	s, err := session.Open(ctx, opts)
	if err != nil {
		return nil, err
	}
	if s, err = p.connector(s, t.Connector); err != nil {
		return nil, err
	}
	if err := s.RequireAccount(ctx, t.Account); err != nil {
		return nil, err
	}
	p.sessions[t] = s
	return s, nil
}
