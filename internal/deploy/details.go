package deploy

import (
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// observed is the event of a target that was read.
func observed(function string, o plan.Observation) event.ObserveEnded {
	e := event.ObserveEnded{Function: function}
	if o.Latest == nil {
		return e
	}
	f, arn := o.Latest, o.Latest.Arn
	if o.Served != nil {
		// AWS returns the alias' own ARN where it was asked for an alias.
		f, arn = o.Served, o.Latest.Arn+":"+o.Served.Version
	}
	e.Exists, e.Version, e.Arn = true, f.Version, arn
	e.CodeSha256, e.CodeSize, e.MemorySize = f.CodeSha256, f.CodeSize, f.MemorySize
	e.Runtime, e.Handler, e.Architectures = f.Runtime, f.Handler, f.Architectures
	return e
}

// deployBegan is the event of a target whose code and configuration are about to
// change.
func deployBegan(p Planned) event.DeployBegan {
	e := event.DeployBegan{
		Function: p.At.Function, Manifest: string(definition.Render(p.Want.Function, true)),
		Artifact: event.Artifact{
			Kind: string(p.Artifact.Kind), Identifier: p.Artifact.From.Identifier,
			Pinned: p.Artifact.Pinned, Fetched: p.Artifact.Fetched(),
		},
	}
	if latest := p.Before.Latest; latest != nil {
		e.Existing = latest.CodeSha256
	}
	return e
}

// aliasManifests is the event of a target whose aliases are about to move.
func aliasManifests(aliases []definition.Alias) event.AliasManifests {
	var e event.AliasManifests
	for _, a := range aliases {
		e.Manifests = append(e.Manifests, string(definition.RenderAlias(a)))
	}
	return e
}
