package deploy

import (
	"context"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/tagging"
)

// Created is a function that a run created.
type Created struct {
	Function, Region, Arn, Run string
}

// List returns the functions of the Region that this program created, by their names.
// Its error is a *NotStartedError.
func List(ctx context.Context, c *Connection) (string, []Created, error) {
	region, err := c.regionOf("", "")
	if err != nil {
		return "", nil, notStarted(err)
	}
	found, err := tagging.New(ctx, c.base, region).Functions(ctx, plan.RunTag)
	if err != nil {
		return "", nil, notStarted(err)
	}
	var all []Created
	for _, f := range found {
		name, err := definition.ParseFunctionName(f.ARN)
		if err != nil {
			return "", nil, notStarted(err)
		}
		all = append(all, Created{name.Name, name.Region, f.ARN, f.Value})
	}
	slices.SortFunc(all, func(a, b Created) int { return strings.Compare(a.Function, b.Function) })
	return region, all, nil
}

// Patterns returns the ARNs of what names and patterns mean, for a policy, and whether one
// is a pattern.
func (c *Connection) Patterns(ctx context.Context, names []string) (arns []string, pattern bool, err error) {
	identity, err := c.base.Identity(ctx)
	if err != nil {
		return nil, false, notStarted(err)
	}
	for _, text := range names {
		name := definition.Name{Name: text}
		if strings.ContainsAny(text, "*?[") {
			pattern = true
		} else if name, err = definition.ParseFunctionName(text); err != nil {
			return nil, false, notStarted(err)
		}
		region, err := c.regionOf(name.Region, "")
		if err != nil {
			return nil, false, notStarted(err)
		}
		arns = append(arns, "arn:"+identity.Partition+":lambda:"+region+":"+identity.Account+":function:"+name.Name)
	}
	return arns, pattern, nil
}
