package cli

import "github.com/lambda-rollout/lambda-rollout/internal/definition"

// schema prints the JSON Schema that editors check definitions against.
func (a *app) schema() error {
	text, err := definition.Schema(a.in.String("kind"))
	if err != nil {
		return err
	}
	err = a.print(string(text))
	return err
}
