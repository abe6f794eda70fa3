package cli

import (
	"encoding/json"
	"errors"

	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
	"github.com/lambda-rollout/lambda-rollout/internal/host"
)

// recovery are the commands that finish a rollback once someone has fixed what
// stopped it. On GitHub the journal is gone when the job is, so there is one for
// each function that needs no journal, too.
func (a *app) recovery(err error) []string {
	var lines []string
	var incomplete *deploy.IncompleteError
	var blocked *deploy.BlockedError
	var restored []deploy.Restored
	switch {
	case errors.As(err, &incomplete):
		lines, restored = append(lines, deploy.RollbackCommand(incomplete.Journal)), incomplete.Targets
	case errors.As(err, &blocked):
		lines, restored = append(lines, deploy.RollbackCommand(blocked.Journal)), blocked.Targets
	default:
		return nil
	}
	if a.host.Kind() != host.GitHub {
		return lines
	}
	for _, r := range restored {
		if len(r.Left()) > 0 || blocked != nil {
			lines = append(lines, a.withoutJournal(r))
		}
	}
	return lines
}

// withoutJournal is the command that rolls one function back where its journal
// is gone.
func (a *app) withoutJournal(r deploy.Restored) string {
	if r.New {
		return "aws lambda delete-function --function-name " + r.Target.Function + " --region " + r.Target.Region
	}
	data, err := json.Marshal([]deploy.RollbackData{r.Data})
	if err != nil {
		return err.Error()
	}
	line := "lambda-rollout rollback --rollback-data '" + string(data) + "' --aws-region " + r.Target.Region
	if r.Data.Restore != "" {
		line += " --latest"
	}
	return line
}
