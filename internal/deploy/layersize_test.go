package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// A layer can make room for more code, and less code for a layer: what cannot come first
// comes second, there and back.
func TestCodeAndLayersMakeRoomForEachOther(t *testing.T) {
	layer := fmt.Sprintf("arn:aws:lambda:%s:%s:layer:tools:1", awstest.Region, awstest.Account)
	run(t, awslocal.Options{}, func(f *fixture) {
		if err := f.aws.PlantLayer(layer, 262_144_000-100); err != nil {
			f.Fatal(err)
		}
		withLayer := definitionOf("shop", "layers: ["+layer+"]\n")
		f.write("function.yaml", withLayer)
		f.write("code/index.js", "1")
		f.mustDeploy()
		f.write("code/index.js", strings.Repeat("1", 200))
		if err := f.try(); err == nil || !strings.Contains(err.Error(), "combined with layers") {
			f.Errorf("the dry run of code without room ends with %v", err)
		}

		f.write("function.yaml", definitionOf("shop", "layers: []\n"))
		f.write("code/index.js", strings.Repeat("1", 200))
		if err := f.try(); err != nil {
			f.Errorf("the dry run does not see that the layer goes: %v", err)
		}
		before := f.state().Functions
		f.mustDeploy()
		if _, err := f.rollback(); err != nil {
			f.Fatal(err)
		}
		if diff := cmp.Diff(before, f.state().Functions); diff != "" {
			f.Error(diff)
		}
		f.mustDeploy()

		f.write("function.yaml", withLayer)
		f.write("code/index.js", "2")
		before = f.state().Functions
		f.mustDeploy()
		if _, err := f.rollback(); err != nil {
			f.Fatal(err)
		}
		if diff := cmp.Diff(before, f.state().Functions); diff != "" {
			f.Error(diff)
		}
	})
}

// try is the dry run of the new code.
func (f *fixture) try() error {
	f.Helper()
	planned := f.plan("function.yaml")[0]
	for _, s := range planned.Plan.Steps {
		if s, is := s.(plan.UpdateCode); is {
			return (&trial{first: planned, step: s}).run(f.Context())
		}
	}
	f.Fatalf("the plan has no new code: %v", planned.Plan.Steps)
	return nil
}
