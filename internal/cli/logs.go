package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/logs"
	"github.com/lambda-rollout/lambda-rollout/internal/moment"
	"github.com/lambda-rollout/lambda-rollout/internal/printable"
)

// logs prints what a function printed.
func (a *app) logs(ctx context.Context) error {
	name, err := definition.ParseFunctionName(a.in.String("function"))
	if err != nil {
		return notStarted(err)
	}
	since, err := moment.Parse(a.in.String("since"), a.Now())
	if err != nil {
		return diag.List{{Message: "input since: " + err.Error()}}
	}
	c, err := a.connect(ctx, name.Region)
	if err != nil {
		return err
	}
	source, err := deploy.FindLogs(ctx, c, name, a.in.String("qualifier"), a.Now)
	if err != nil {
		return err
	}
	filter := a.in.String("filter")
	if a.in.Bool("follow") {
		return source.Follow(ctx, since, filter, a.printEvent)
	}
	doc := logDocument{Function: source.Function, Region: source.Region, LogGroup: source.Group, Versions: source.Versions, Events: []logs.Event{}}
	err = source.Read(ctx, since, filter, func(e logs.Event) error {
		if !a.json() {
			return a.printEvent(e)
		}
		e.Message = a.host.Redact(e.Message)
		doc.Events = append(doc.Events, e)
		return nil
	})
	var missing *logs.NoGroupError
	if errors.As(err, &missing) {
		a.log().Line("%v", missing)
		err = nil
	}
	if err != nil {
		return notStarted(err)
	}
	if a.json() {
		return a.printJSON(doc)
	}
	return nil
}

// logDocument is what --output json prints without --follow.
type logDocument struct {
	Function string `json:"function"`
	Region   string `json:"region"`
	LogGroup string `json:"logGroup"`
	// Versions are those that the qualifier names; null for all.
	Versions []string     `json:"versions"`
	Events   []logs.Event `json:"events"`
}

// printEvent prints one line: as JSON, or for people, who may sit at a terminal that
// obeys what a function printed.
func (a *app) printEvent(e logs.Event) error {
	e.Message = a.host.Redact(e.Message)
	if a.json() {
		return a.printLine(e)
	}
	return a.print(fmt.Sprintf("%s [%s] %s\n", e.Time.Format(time.RFC3339Nano), e.Version, printable.Text(e.Message)))
}
