package deploy

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/history"
	"github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// Instant is when aliases pointed to what a rollback restores: [At] or [Commit].
type Instant interface {
	find(f *history.Function, alias string) (history.Proven, error)
}

// At is a point in time.
type At time.Time

// Commit is when a deployment of that commit had moved the alias.
type Commit string

func (at At) find(f *history.Function, alias string) (history.Proven, error) {
	return f.At(alias, time.Time(at))
}

func (c Commit) find(f *history.Function, alias string) (history.Proven, error) {
	return f.OfCommit(alias, string(c))
}

// Proof is where an alias pointed to, and what proves it.
type Proof struct {
	Function, Region, Alias string
	history.Proven
}

// Rewind returns requests that lead each alias to where it pointed at an instant, and
// what proves it. Its error is a *NotStartedError: where one alias of one
// function is not proven, it holds a *history.UnprovenError.
func (h *Historian) Rewind(ctx context.Context, requests []Request, to Instant) ([]Request, []Proof, error) {
	var all []Request
	var proofs []Proof
	var errs []error
	for _, r := range requests {
		found, proven, err := h.rewind(ctx, r, to)
		all, proofs, errs = append(all, found), append(proofs, proven...), append(errs, err)
	}
	return all, proofs, notStarted(session.Join(errs...))
}

func (h *Historian) rewind(ctx context.Context, r Request, to Instant) (Request, []Proof, error) {
	c := h.connection
	region, err := c.regionOf(r.Region, "")
	if err != nil {
		return r, nil, err
	}
	s, err := c.access.assume(c.base, c.access.Connectors[r.Connector])
	if err != nil {
		return r, nil, err
	}
	if live, err := lambdaapi.New(s, region, c.timing).Find(ctx, r.Function, ""); err != nil {
		return r, nil, err
	} else if live == nil {
		return r, nil, c.missing(r.Function, region)
	}
	// The account of the function's ARN is compared when the function is looked at.
	past, err := h.past(ctx, s, trailKey{r.Connector, region}, r.Function)
	if err != nil {
		return r, nil, err
	}
	aliases := map[string]string{}
	weights := map[string]map[string]float64{}
	var proofs []Proof
	var errs []error
	for _, alias := range slices.Sorted(maps.Keys(r.Aliases)) {
		proven, err := to.find(&past.Function, alias)
		if err != nil {
			errs = append(errs, past.explain(err))
			continue
		}
		aliases[alias], weights[alias] = proven.Version, proven.Weights
		proofs = append(proofs, Proof{r.Function, region, alias, proven})
	}
	r.Aliases, r.Weights = aliases, weights
	return r, proofs, errors.Join(errs...)
}

// explain adds why CloudTrail could not be read, where that is why nothing is proven.
func (p *Past) explain(err error) error {
	var unproven *history.UnprovenError
	if p.NoTrail != nil && errors.As(err, &unproven) && p.Trail == nil {
		unproven.Why += " (" + p.NoTrail.Error() + ")"
	}
	return err
}

// RequestsOf returns requests for the functions of files, with the aliases that the files
// name.
func RequestsOf(set *service.Set) ([]Request, error) {
	var all []Request
	for _, t := range set.Targets {
		name, err := definition.ParseFunctionName(t.Function.FunctionName)
		if err != nil {
			return nil, notStarted(err)
		}
		r := RequestOf(name)
		if r.Region == "" {
			r.Region = t.Infrastructure.Region
		}
		r.Connector = t.Infrastructure.ConnectorRef
		for _, a := range t.Aliases {
			r.Aliases[a.Name] = ""
		}
		all = append(all, r)
	}
	return all, nil
}
