package cli

import (
	"context"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
	"github.com/lambda-rollout/lambda-rollout/internal/report"
)

// listedFunction is a function as list prints it.
type listedFunction struct {
	Function    string `json:"function"`
	Region      string `json:"region"`
	FunctionArn string `json:"functionArn"`
	// Run is the one that created it.
	Run string `json:"run"`
}

// list prints the functions that this program created.
func (a *app) list(ctx context.Context) error {
	c, err := a.connect(ctx, "")
	if err != nil {
		return err
	}
	region, found, err := deploy.List(ctx, c)
	if err != nil {
		return err
	}
	all, rows := []listedFunction{}, [][]string{{"FUNCTION", "CREATED BY RUN"}}
	for _, f := range found {
		all = append(all, listedFunction{f.Function, f.Region, f.Arn, f.Run})
		rows = append(rows, []string{f.Function, f.Run})
	}
	switch {
	case a.json():
		return a.printJSON(all)
	case len(all) == 0:
		return a.printFitted(fmt.Sprintf("No function in %s has the tag of this program\n", region))
	}
	return a.printFitted(a.host.Redact(report.Columns(rows)))
}

// looks reports whether the policy is for a command that looks at functions.
func (a *app) looks() bool { return policy.Looks(a.in.String("scope")) }

// lookPolicy prints the least policy of a command that looks at functions.
func (a *app) lookPolicy(ctx context.Context) error {
	scope, names := a.in.String("scope"), a.functions()
	if len(names) == 0 && scope != "list" {
		return diag.List{{Message: "nothing says which functions the policy is for", Hint: "give function: --function 'shop-*'"}}
	}
	c, err := a.connect(ctx, "")
	if err != nil {
		return err
	}
	arns, pattern, err := c.Patterns(ctx, names)
	if err != nil {
		return err
	}
	own, err := c.Session().Identity(ctx)
	if err != nil {
		return notStarted(err)
	}
	var roles policy.Workers
	roles.Add(policy.Worker{Account: own.Account, Partition: own.Partition}, policy.LookNeeds(scope, arns, pattern)...)
	return a.printPolicies(roles.Sets(func(w policy.Worker) policy.Document { return a.trust(ctx, w, c.Session()) }))
}
