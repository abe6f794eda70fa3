package cli

import (
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
)

// The command that plays one play again repeats the user's arguments, but no value that
// a function gets in its environment.
func TestACommandThatIsRepeatedShowsNoEnvironment(t *testing.T) {
	t.Parallel()
	var p deploy.Planned
	p.Want.Function.Environment = &definition.Environment{Variables: map[string]string{"TOKEN": "t0ken-of-shop", "URL": "https://h/?k=v w", "STAGE": "live"}}
	line := withoutEnvironment("lambda-rollout rehearse --variables token=t0ken-of-shop --variables 'url=https://h/?k=v w' --alias live --play x", []deploy.Planned{{}, p})
	if want := "lambda-rollout rehearse --variables token=*** --variables 'url=***' --alias live --play x"; line != want || strings.Contains(line, "t0ken") {
		t.Errorf("%s\nwant %s", line, want)
	}
}
