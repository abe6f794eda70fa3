// Command lambda-rollout deploys AWS Lambda functions from CI and puts
// everything back when the job fails.
package main

func main() {}
