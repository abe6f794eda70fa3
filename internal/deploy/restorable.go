package deploy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/engine"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// questionTimeout bounds a question about one function that is asked before the
// first change. Each has a clock of its own: with many functions the last one is
// asked as patiently as the first.
const questionTimeout = 15 * time.Second

// obstacles are what keeps a rollback from restoring everything: what could not be
// restored, and what is unknown or not allowed.
type obstacles struct{ irreversible, warnings []string }

// markAccessQuestions chooses the targets that ask whether a rollback could read what
// others attach to what they create. What a role may do is the same for all functions,
// so each role is asked once about an alias, and once about a function, which takes
// more questions.
func markAccessQuestions(planned []*Planned) {
	type credentials struct {
		account, connector, region string
		function                   bool
	}
	asked := map[credentials]bool{}
	for _, p := range planned {
		creates := p.Plan.Creates()
		key := credentials{p.At.Account, p.At.Connector, p.At.Region, slices.Contains(creates, "")}
		if len(creates) > 0 && !asked[key] {
			asked[key], p.asksAccess = true, true
		}
	}
}

// AskRestorable asks AWS what would keep a rollback from restoring everything, and adds
// it to the plans: whether the current code can be sent again, and whether the
// credentials let a rollback read what others attach to something new. Check asks the
// same.
func AskRestorable(ctx context.Context, planned []Planned, w Work) {
	var all []*Planned
	for i := range planned {
		all = append(all, &planned[i])
	}
	_ = each(ctx, w.MaxParallel, all, func(ctx context.Context, p *Planned) error {
		p.add(p.obstacles(ctx))
		return nil
	})
}

// obstacles asks all questions about the rollback at the same time.
func (p *Planned) obstacles(ctx context.Context) obstacles {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	var found, layers obstacles
	var denied []string
	var both sync.WaitGroup
	if p.asksAccess {
		both.Go(func() { denied = engine.MayDelete(ctx, p.API, p.Plan) })
	}
	both.Go(func() { found = p.code(ctx) })
	both.Go(func() { layers = p.layers(ctx) })
	both.Wait()
	return obstacles{
		irreversible: slices.Concat(found.irreversible, layers.irreversible),
		warnings:     slices.Concat(found.warnings, layers.warnings, denied),
	}
}

// add puts obstacles into the plan.
func (p *Planned) add(found obstacles) {
	p.Plan.Irreversible = append(p.Plan.Irreversible, found.irreversible...)
	p.Plan.Warnings = append(p.Plan.Warnings, found.warnings...)
}

// sendsCode reports whether new code takes the place of the function's own.
func (p *Planned) sendsCode() bool {
	return slices.ContainsFunc(p.Plan.Steps, func(s plan.Step) bool { _, updates := s.(plan.UpdateCode); return updates })
}

// code finds out, where new code is to be sent, whether the current code could be
// restored: that its image is still in ECR, or that Lambda still hands out its zip.
func (p *Planned) code(ctx context.Context) obstacles {
	if !p.sendsCode() {
		return obstacles{}
	}
	return obstacle("the current code", p.missingCode(ctx))
}

// obstacle sorts why something could not be restored: what may not be asked is
// unknown.
func obstacle(what string, err error) obstacles {
	switch {
	case err == nil:
		return obstacles{}
	case errors.As(err, new(session.Denied)):
		return obstacles{warnings: []string{fmt.Sprintf("it is unknown whether %s could be restored: %v", what, err)}}
	}
	return obstacles{irreversible: []string{err.Error()}}
}

// layers finds out of each layer version that the plan takes from the function whether
// a rollback could attach it again. A function keeps a version that was deleted, but
// Lambda attaches it to none
// (https://docs.aws.amazon.com/lambda/latest/dg/creating-deleting-layers.html#layers-delete).
// An emulator may attach what it does not have.
func (p *Planned) layers(ctx context.Context) (found obstacles) {
	if p.emulated() {
		return obstacles{}
	}
	for _, arn := range p.droppedLayers() {
		err := p.API.HasLayer(ctx, arn)
		if errors.Is(err, lambdaapi.ErrNoLayer) {
			err = fmt.Errorf("the current layer %s was deleted and could not be attached again", arn)
		}
		one := obstacle("the current layer "+arn, err)
		found.irreversible = append(found.irreversible, one.irreversible...)
		found.warnings = append(found.warnings, one.warnings...)
	}
	return found
}

// droppedLayers returns the ARNs of the layer versions that $LATEST has and will not
// have.
func (p *Planned) droppedLayers() (dropped []string) {
	for _, s := range p.Plan.Steps {
		update, is := s.(plan.UpdateConfiguration)
		if !is || update.Patch.Layers == nil {
			continue
		}
		for _, arn := range p.Before.Latest.Function.Layers {
			if !slices.Contains(update.Patch.Layers, arn) {
				dropped = append(dropped, arn)
			}
		}
	}
	return dropped
}

// missingCode says what is missing of the current code; nil where all is there.
func (p *Planned) missingCode(ctx context.Context) error {
	latest := p.Before.Latest
	switch {
	case latest.ResolvedImageUri != "":
		ref, err := artifact.ParseRef(latest.ResolvedImageUri)
		if err == nil {
			_, err = artifact.Resolve(ctx, ref, artifact.Options{Session: p.Session, Region: p.At.Region})
		}
		if err != nil {
			return fmt.Errorf("the current image cannot be deployed again: %w", err)
		}
		return nil
	case latest.CodeLocation == "":
		return nil
	}
	if latest.CodeSize > artifact.InlineLimit && p.StagingBucket != "" {
		if err := artifact.CheckStaging(ctx, p.Session, artifact.Upload{Bucket: p.StagingBucket, Region: p.At.Region}); err != nil {
			return fmt.Errorf("the current zip of %d bytes needs the staging bucket: %w", latest.CodeSize, err)
		}
	}
	return missingZip(ctx, p.Session.HTTPClient(), latest.CodeLocation)
}

// zipAttempts is how often the current zip is asked for, zipPause the time
// between: a connection that breaks once is no reason to refuse a deployment.
const (
	zipAttempts = 3
	zipPause    = time.Second
)

// missingZip asks for the first byte of a zip. Its address is a secret for as
// long as it lives: an error names its host alone.
func missingZip(ctx context.Context, client aws.HTTPClient, address string) error {
	at, err := url.Parse(address)
	if err != nil {
		return errors.New("the address of the current zip is not a URL")
	}
	for attempt := 1; ; attempt++ {
		status, err := firstByte(ctx, client, address)
		var foreign session.ForeignAnswer
		switch {
		case err == nil && status < http.StatusBadRequest:
			return nil
		case err == nil && status < http.StatusInternalServerError:
			return fmt.Errorf("the current zip cannot be downloaded: %s answers with HTTP status %d", at.Host, status)
		case session.Cause(err) != nil:
			return fmt.Errorf("the current zip cannot be downloaded: %w", session.Cause(err))
		case attempt == zipAttempts && err == nil:
			return fmt.Errorf("the current zip cannot be downloaded: %s answers with HTTP status %d, %d times", at.Host, status, attempt)
		case attempt == zipAttempts && errors.As(err, &foreign):
			return fmt.Errorf("the current zip cannot be downloaded: %w", foreign)
		case attempt == zipAttempts || ctx.Err() != nil:
			return fmt.Errorf("the current zip cannot be downloaded: %s does not answer", at.Host)
		}
		select {
		case <-ctx.Done():
		case <-time.After(zipPause):
		}
	}
}

// firstByte returns the HTTP status of a request for the first byte.
func firstByte(ctx context.Context, client aws.HTTPClient, address string) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Range", "bytes=0-0")
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
