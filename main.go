// Command lambda-rollout deploys AWS Lambda functions from CI and puts
// everything back when the job fails.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/lambda-rollout/lambda-rollout/internal/cli"
)

func main() {
	process, err := cli.OS()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lambda-rollout:", err)
		os.Exit(1)
	}
	os.Exit(cli.Main(context.Background(), process))
}
