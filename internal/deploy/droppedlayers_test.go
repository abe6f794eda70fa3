package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

// layer returns the ARN of a version of a layer, which exists.
func (f *fixture) layer(name string, version int64) string {
	f.Helper()
	arn := fmt.Sprintf("arn:aws:lambda:%s:%s:layer:%s:%d", awstest.Region, awstest.Account, name, version)
	if err := f.aws.PlantLayer(arn, 1); err != nil {
		f.Fatal(err)
	}
	return arn
}

func (f *fixture) deleteLayer(version int64) {
	f.Helper()
	if _, err := f.lambda.DeleteLayerVersion(f.Context(), &lambda.DeleteLayerVersionInput{LayerName: aws.String("tools"), VersionNumber: &version}); err != nil {
		f.Fatal(err)
	}
}

// withLayers writes a definition with layers.
func (f *fixture) withLayers(arns ...string) {
	f.Helper()
	f.write("function.yaml", definitionOf("shop", "layers: ["+strings.Join(arns, ", ")+"]\n"))
}

// askLayers plans the definition for the embedded AWS of a folder, which is asked as AWS
// is, and returns what keeps a rollback from restoring everything.
func (f *fixture) askLayers() plan.Plan {
	f.Helper()
	planned := f.plan("function.yaml")
	planned[0].At.Endpoint = "local:/folder"
	AskRestorable(f.Context(), planned, f.work())
	return planned[0].Plan
}

// A function keeps a layer version that was deleted, but no rollback could attach it
// again: a deployment that takes it away is refused, any other is not.
func TestALayerThatWasDeletedIsNoticedBeforehand(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		old, next := f.layer("tools", 1), f.layer("tools", 2)
		f.withLayers(old)
		f.mustDeploy()
		f.deleteLayer(1)
		f.withLayers(old, f.layer("more", 1))
		f.write("code/index.js", "2")
		if p := f.askLayers(); len(p.Irreversible)+len(p.Warnings) > 0 || f.called("GetLayerVersionByArn") > 0 {
			f.Errorf("a layer that stays: irreversible %q, warnings %q", p.Irreversible, p.Warnings)
		}
		for _, layers := range [][]string{{next}, {}} {
			f.withLayers(layers...)
			want := []string{"the current layer " + old + " was deleted and could not be attached again"}
			if p := f.askLayers(); !slices.Equal(p.Irreversible, want) {
				f.Errorf("to %q: irreversible %q", layers, p.Irreversible)
			}
		}
	})
}

// Without the permission to ask it is unknown, which a plan says. A layer that is there
// is no obstacle, and an emulator is not asked.
func TestALayerThatMayNotBeReadIsAWarning(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		old, next := f.layer("tools", 1), f.layer("tools", 2)
		f.withLayers(old)
		f.mustDeploy()
		f.withLayers(next)
		if p := f.askLayers(); len(p.Irreversible)+len(p.Warnings) > 0 || f.called("GetLayerVersionByArn") != 1 {
			f.Errorf("a layer that is there: irreversible %q, warnings %q", p.Irreversible, p.Warnings)
		}
		f.aws.Inject(awslocal.Fault{Operation: "GetLayerVersionByArn", Nth: 1, Action: awslocal.Error, Status: 403, Code: "AccessDeniedException"})
		p := f.askLayers()
		if len(p.Irreversible) > 0 || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "unknown whether the current layer "+old+" could be restored") {
			f.Errorf("irreversible %q, warnings %q", p.Irreversible, p.Warnings)
		}
		f.mustDeploy()
		if n := f.called("GetLayerVersionByArn"); n != 2 {
			f.Errorf("an emulator was asked: %d questions", n)
		}
	})
}
