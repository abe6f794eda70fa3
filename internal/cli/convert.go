package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/convert"
	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"github.com/lambda-rollout/lambda-rollout/internal/service"
)

// convert prints the workflow of a pipeline: the first file that is named. What
// has no equivalent goes to the log.
func (a *app) convert(ctx context.Context) (err error) {
	files, closeFiles, err := service.OpenFiles(ctx, a.host.Workspace())
	if err != nil {
		return notStarted(err)
	}
	defer func() { err = errors.Join(err, closeFiles()) }()
	contents, problems := files.Read(a.in.List("files"))
	if err := problems.Err(); err != nil {
		return err
	}
	if len(contents) == 0 {
		return diag.List{{Message: "no pipeline to convert", Hint: "lambda-rollout convert pipeline.yaml [FILE …]"}}
	}
	documents := make([]convert.File, len(contents))
	for i, c := range contents {
		documents[i] = convert.File{Name: c.Name, Content: c.Content}
	}
	workflow, problems := convert.Pipeline(documents[0], documents[1:])
	if err := problems.Err(); err != nil {
		return err
	}
	a.warnings(problems)
	if err := a.print(string(workflow.Text)); err != nil || workflow.Stops == 0 {
		return err
	}
	return fmt.Errorf("the workflow is not complete: it stops at %d place(s) without an equivalent, which are listed above and at its head", workflow.Stops)
}
