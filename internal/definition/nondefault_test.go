package definition

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is left is only what differs from AWS's defaults, and means the same.
func TestNonDefaultLeavesOutWhatAWSGivesAnyway(t *testing.T) {
	t.Parallel()
	full := Canonical(Function{
		FunctionName: "f", Role: new("r"), Timeout: new(int32(3)), MemorySize: new(int32(256)),
		VpcConfig:     &VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}},
		LoggingConfig: &LoggingConfig{LogFormat: new("JSON"), ApplicationLogLevel: new("INFO")},
		DurableConfig: &DurableConfig{ExecutionTimeout: new(int32(60))},
		Tags:          map[string]string{"team": "a", "aws:x": "1", "lambda-rollout:run": "7"},
	})
	got := NonDefault(full)
	want := Function{
		FunctionName: "f", Role: new("r"), MemorySize: new(int32(256)),
		VpcConfig:     &VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}},
		LoggingConfig: &LoggingConfig{LogFormat: new("JSON"), ApplicationLogLevel: new("INFO"), SystemLogLevel: new("INFO")},
		DurableConfig: &DurableConfig{ExecutionTimeout: new(int32(60)), RetentionPeriodInDays: new(int32(14)), KMSKeyArn: new("")},
		Tags:          map[string]string{"team": "a"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !EqualConfiguration(got, full) || full.Tags["aws:x"] == "" {
		t.Error("it means something else, or the original was changed")
	}
}
