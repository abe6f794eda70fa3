package definition

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// answered is what GetFunction shows after a deploy of the minimal definition,
// with some fields put in the place of its own. What AWS leaves out is left
// out: it shows no empty layers, no VPC, no environment.
func answered(t *testing.T, fields string) Function {
	t.Helper()
	base := decode(t, minimal+`
description: ""
timeout: 3
memorySize: 128
packageType: Zip
architectures: [x86_64]
tracingConfig: {mode: PassThrough}
ephemeralStorage: {size: 512}
snapStart: {applyOn: None}
loggingConfig: {logFormat: Text, logGroup: /aws/lambda/hello}
`)
	over := decode(t, "functionName: hello\nrole: arn:aws:iam::123456789012:role/hello\n"+fields)
	from, to := reflect.ValueOf(over), reflect.ValueOf(&base).Elem()
	for i := range functionFields {
		f := &functionFields[i]
		if v := f.in(from); !v.IsZero() {
			f.in(to).Set(v)
		}
	}
	return base
}

func TestNothingDiffersThatAWSFillsIn(t *testing.T) {
	t.Parallel()
	// Each row: a field, what a definition says of it, and what AWS answers to
	// that instead of what it answers to the minimal definition.
	rows := []struct{ field, definition, answer string }{
		{"Description", `description: ""`, ``},
		{"Description", `description: hello`, `description: hello`},
		{"Role", ``, ``},
		{"Runtime", ``, ``},
		{"Handler", ``, ``},
		{"Timeout", `timeout: "3"`, ``},
		{"MemorySize", `memorySize: 128`, ``},
		{"PackageType", `packageType: Zip`, ``},
		{"Architectures", `architectures: [x86_64]`, ``},
		{"Environment", `environment: {}`, ``},
		{"Environment", `environment: {}`, `environment: {variables: {}}`},
		{"Environment", `environment: {variables: {}}`, ``},
		{"Environment", `environment: {variables: {PORT: 80}}`, `environment: {variables: {PORT: "80"}}`},
		{"VpcConfig", `vpcConfig: {}`, ``},
		{"VpcConfig", `vpcConfig: {subnetIds: [], securityGroupIds: []}`, `vpcConfig: {subnetIds: [], securityGroupIds: [], ipv6AllowedForDualStack: false}`},
		{"VpcConfig", `vpcConfig: {subnetIds: [subnet-2, subnet-1], securityGroupIds: [sg-1]}`, `vpcConfig: {subnetIds: [subnet-1, subnet-2], securityGroupIds: [sg-1], ipv6AllowedForDualStack: false}`},
		{"VpcConfig", `vpcConfig: {subnetIds: [subnet-1, subnet-1], securityGroupIds: [sg-1]}`, `vpcConfig: {subnetIds: [subnet-1], securityGroupIds: [sg-1], ipv6AllowedForDualStack: false}`},
		{"VpcConfig", `vpcConfig: {subnetIds: [subnet-1], securityGroupIds: [sg-1]}`, `vpcConfig: {subnetIds: [subnet-1], securityGroupIds: [sg-1], ipv6AllowedForDualStack: true}`},
		{"DeadLetterConfig", `deadLetterConfig: {}`, ``},
		{"DeadLetterConfig", `deadLetterConfig: {targetArn: ""}`, ``},
		{"KMSKeyArn", `kmsKeyArn: ""`, ``},
		{"TracingConfig", `tracingConfig: {}`, ``},
		{"TracingConfig", `tracingConfig: {mode: PassThrough}`, ``},
		{"Layers", `layers: []`, ``},
		{"Layers", `layers: ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]`, `layers: ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]`},
		{"FileSystemConfigs", `fileSystemConfigs: []`, ``},
		{"FileSystemConfigs", `fileSystemConfigs: [{arn: "arn:aws:s3files:a", localMountPath: /mnt/a}]`, `fileSystemConfigs: [{arn: "arn:aws:s3files:a", localMountPath: /mnt/a, s3FilesConfig: {directS3Read: AUTO}}]`},
		{"FileSystemConfigs", `fileSystemConfigs: [{arn: "arn:aws:s3files:a", localMountPath: /mnt/a, s3FilesConfig: {}}]`, `fileSystemConfigs: [{arn: "arn:aws:s3files:a", localMountPath: /mnt/a}]`},
		{"ImageConfig", `imageConfig: {}`, ``},
		{"ImageConfig", `imageConfig: {command: [app], entryPoint: [], workingDirectory: ""}`, `imageConfig: {command: [app]}`},
		{"EphemeralStorage", `ephemeralStorage: {}`, ``},
		{"EphemeralStorage", `ephemeralStorage: {size: 512}`, ``},
		{"SnapStart", `snapStart: {}`, ``},
		{"SnapStart", `snapStart: {applyOn: None}`, ``},
		{"LoggingConfig", `loggingConfig: {}`, ``},
		{"LoggingConfig", `loggingConfig: {logGroup: ""}`, ``},
		{"LoggingConfig", `loggingConfig: {logFormat: Text}`, ``},
		{"LoggingConfig", `loggingConfig: {logFormat: JSON}`, `loggingConfig: {logFormat: JSON, applicationLogLevel: INFO, systemLogLevel: INFO, logGroup: /aws/lambda/hello}`},
		{"LoggingConfig", `loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG}`, `loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG, systemLogLevel: INFO, logGroup: /aws/lambda/hello}`},
		{"LoggingConfig", `loggingConfig: {logGroup: /mine}`, `loggingConfig: {logFormat: JSON, applicationLogLevel: WARN, systemLogLevel: INFO, logGroup: /mine}`},
		{"DurableConfig", `durableConfig: {executionTimeout: 60}`, `durableConfig: {executionTimeout: 60, retentionPeriodInDays: 14}`},
		{"CapacityProviderConfig",
			`capacityProviderConfig: {lambdaManagedInstancesCapacityProviderConfig: {capacityProviderArn: "arn:aws:lambda:us-east-1:123456789012:capacity-provider:a"}}`,
			`capacityProviderConfig: {lambdaManagedInstancesCapacityProviderConfig: {capacityProviderArn: "arn:aws:lambda:us-east-1:123456789012:capacity-provider:a", executionEnvironmentMemoryGiBPerVCpu: 2, perExecutionEnvironmentMaxConcurrency: 10}}`},
		{"TenancyConfig", `tenancyConfig: {tenantIsolationMode: PER_TENANT}`, `tenancyConfig: {tenantIsolationMode: PER_TENANT}`},
	}
	covered := map[string]bool{}
	for _, row := range rows {
		covered[row.field] = true
		wanted, have := decode(t, minimal+row.definition), answered(t, row.answer)
		if d := Diff(wanted, have); !d.Empty() || !cmp.Equal(d.Patch, Function{}) {
			t.Errorf("%s\nagainst %s:\n%s", row.definition, Render(have, false), cmp.Diff(Difference{}, d))
		}
		wanted.FunctionName = "arn:aws:lambda:us-east-1:123456789012:function:hello"
		if d := Diff(wanted, have); !d.Empty() {
			t.Errorf("%s, by the function's ARN: %+v", row.definition, d)
		}
		// What AWS shows must also be a definition that changes nothing: a
		// rollback asks for exactly that.
		if d := Diff(Canonical(have), have); !d.Empty() {
			t.Errorf("the canonical form of %s differs from it: %+v", Render(have, false), d)
		}
	}
	for f := range configuration() {
		if !covered[f.name] {
			t.Errorf("no row says what AWS answers for %s", f.name)
		}
	}
}

func TestDiffPatchesWhatIsNamedAndDiffers(t *testing.T) {
	t.Parallel()
	vpc := `vpcConfig: {subnetIds: [subnet-1, subnet-2], securityGroupIds: [sg-1], ipv6AllowedForDualStack: true}`
	rows := map[string]struct {
		definition, answer string
		want               Difference
	}{
		"numbers": {`timeout: 30`, ``, Difference{
			Patch:   Function{Timeout: new(int32(30))},
			Changes: []Change{{"Timeout", "3", "30", Changed}},
		}},
		"what is not named stays": {``, `timeout: 30
layers: ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]
environment: {variables: {AB: c}}`, Difference{}},
		"clearing values": {`description: ""
kmsKeyArn: ""
layers: []
fileSystemConfigs: []
deadLetterConfig: {}
environment: {}
imageConfig: {}
vpcConfig: {}
tracingConfig: {}
snapStart: {}
ephemeralStorage: {}`, vpc + `
description: old
kmsKeyArn: arn:aws:kms:a
layers: ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]
fileSystemConfigs: [{arn: "arn:aws:s3files:a", localMountPath: /mnt/a}]
deadLetterConfig: {targetArn: "arn:aws:sqs:a"}
environment: {variables: {AB: secret}}
imageConfig: {command: [a], workingDirectory: /b}
tracingConfig: {mode: Active}
snapStart: {applyOn: PublishedVersions}
ephemeralStorage: {size: 1024}`, Difference{
			Patch: Function{
				Description:       new(""),
				KMSKeyArn:         new(""),
				Layers:            []string{},
				FileSystemConfigs: []FileSystemConfig{},
				DeadLetterConfig:  &DeadLetterConfig{TargetArn: new("")},
				Environment:       &Environment{Variables: map[string]string{}},
				ImageConfig:       &ImageConfig{},
				VpcConfig:         &VpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}, Ipv6AllowedForDualStack: new(false)},
				TracingConfig:     &TracingConfig{Mode: new("PassThrough")},
				SnapStart:         &SnapStart{ApplyOn: new("None")},
				EphemeralStorage:  &EphemeralStorage{Size: new(int32(512))},
			},
			Changes: []Change{
				{"Description", "old", "", Removed},
				{"Environment.Variables.AB", "", "", Removed},
				{"VpcConfig.SubnetIds", "subnet-1, subnet-2", "", Removed},
				{"VpcConfig.SecurityGroupIds", "sg-1", "", Removed},
				{"VpcConfig.Ipv6AllowedForDualStack", "true", "false", Changed},
				{"DeadLetterConfig.TargetArn", "arn:aws:sqs:a", "", Removed},
				{"KMSKeyArn", "arn:aws:kms:a", "", Removed},
				{"TracingConfig.Mode", "Active", "PassThrough", Changed},
				{"Layers", "arn:aws:lambda:us-east-1:123456789012:layer:a:1", "", Removed},
				{"FileSystemConfigs", "arn:aws:s3files:a at /mnt/a", "", Removed},
				{"ImageConfig.Command", "a", "", Removed},
				{"ImageConfig.WorkingDirectory", "/b", "", Removed},
				{"EphemeralStorage.Size", "1024", "512", Changed},
				{"SnapStart.ApplyOn", "PublishedVersions", "None", Changed},
			},
		}},
		"an environment is replaced as a whole, its values unseen": {
			`environment: {variables: {NEW: hush1, SAME: hush2, OTHER: hush3}}`,
			`environment: {variables: {OLD: hush4, SAME: hush2, OTHER: hush5}}`,
			Difference{
				Patch: Function{Environment: &Environment{Variables: map[string]string{"NEW": "hush1", "SAME": "hush2", "OTHER": "hush3"}}},
				Changes: []Change{
					{"Environment.Variables.NEW", "", "", Set},
					{"Environment.Variables.OLD", "", "", Removed},
					{"Environment.Variables.OTHER", "", "", Changed},
				},
			}},
		"an object's unnamed members stay": {`vpcConfig: {subnetIds: [subnet-3]}
loggingConfig: {systemLogLevel: WARN}`, vpc + `
loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG, systemLogLevel: INFO, logGroup: /mine}`, Difference{
			Patch: Function{
				VpcConfig:     &VpcConfig{SubnetIds: []string{"subnet-3"}, SecurityGroupIds: []string{"sg-1"}, Ipv6AllowedForDualStack: new(true)},
				LoggingConfig: &LoggingConfig{LogFormat: new("JSON"), ApplicationLogLevel: new("DEBUG"), SystemLogLevel: new("WARN"), LogGroup: new("/mine")},
			},
			Changes: []Change{
				{"VpcConfig.SubnetIds", "subnet-1, subnet-2", "subnet-3", Changed},
				{"LoggingConfig.SystemLogLevel", "INFO", "WARN", Changed},
			},
		}},
		"no subnets, no security groups": {`vpcConfig: {subnetIds: []}`, vpc, Difference{
			Patch: Function{VpcConfig: &VpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}, Ipv6AllowedForDualStack: new(true)}},
			Changes: []Change{
				{"VpcConfig.SubnetIds", "subnet-1, subnet-2", "", Removed},
				{"VpcConfig.SecurityGroupIds", "sg-1", "", Removed},
			},
		}},
		"levels go with the format": {`loggingConfig: {logFormat: Text}`,
			`loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG, systemLogLevel: INFO, logGroup: /mine}`, Difference{
				Patch: Function{LoggingConfig: &LoggingConfig{LogFormat: new("Text"), LogGroup: new("/mine")}},
				Changes: []Change{
					{"LoggingConfig.LogFormat", "JSON", "Text", Changed},
					{"LoggingConfig.ApplicationLogLevel", "DEBUG", "", Removed},
					{"LoggingConfig.SystemLogLevel", "INFO", "", Removed},
				},
			}},
		"an image's overrides are replaced as a whole": {`imageConfig: {entryPoint: [run, "a, b"]}`, `imageConfig: {command: [a]}`, Difference{
			Patch: Function{ImageConfig: &ImageConfig{EntryPoint: []string{"run", "a, b"}}},
			Changes: []Change{
				{"ImageConfig.Command", "a", "", Removed},
				{"ImageConfig.EntryPoint", "", `run, "a, b"`, Set},
			},
		}},
		"an argument with a comma is not two": {`imageConfig: {command: ["a, b"]}`, `imageConfig: {command: [a, b]}`, Difference{
			Patch:   Function{ImageConfig: &ImageConfig{Command: []string{"a, b"}}},
			Changes: []Change{{"ImageConfig.Command", "a, b", `"a, b"`, Changed}},
		}},
		"the order of layers counts": {
			`layers: ["arn:aws:lambda:us-east-1:123456789012:layer:b:1", "arn:aws:lambda:us-east-1:123456789012:layer:a:1"]`,
			`layers: ["arn:aws:lambda:us-east-1:123456789012:layer:a:1", "arn:aws:lambda:us-east-1:123456789012:layer:b:1"]`, Difference{
				Patch: Function{Layers: []string{"arn:aws:lambda:us-east-1:123456789012:layer:b:1", "arn:aws:lambda:us-east-1:123456789012:layer:a:1"}},
				Changes: []Change{{
					"Layers",
					"arn:aws:lambda:us-east-1:123456789012:layer:a:1, arn:aws:lambda:us-east-1:123456789012:layer:b:1",
					"arn:aws:lambda:us-east-1:123456789012:layer:b:1, arn:aws:lambda:us-east-1:123456789012:layer:a:1", Changed,
				}},
			}},
		"the architecture goes with the code": {`architectures: [arm64]`, ``, Difference{
			Architectures: []Change{{"Architectures", "x86_64", "arm64", Changed}},
		}},
		"what no update carries": {`packageType: Image
tenancyConfig: {tenantIsolationMode: PER_TENANT}
durableConfig: {executionTimeout: 60}`, ``, Difference{
			Immutable: []Change{
				{"PackageType", "Zip", "Image", Changed},
				{"DurableConfig.ExecutionTimeout", "", "60", Set},
				{"DurableConfig.RetentionPeriodInDays", "", "14", Set},
				{"TenancyConfig.TenantIsolationMode", "", "PER_TENANT", Set},
			},
		}},
		"a durable function's own settings": {`durableConfig: {executionTimeout: 60}`, `durableConfig: {executionTimeout: 90, retentionPeriodInDays: 7}`, Difference{
			Patch:   Function{DurableConfig: &DurableConfig{ExecutionTimeout: new(int32(60)), RetentionPeriodInDays: new(int32(7))}},
			Changes: []Change{{"DurableConfig.ExecutionTimeout", "90", "60", Changed}},
		}},
		"code signing": {`codeSigningConfigArn: ""`, `codeSigningConfigArn: arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-00000000000000001`, Difference{
			CodeSigning: []Change{{"CodeSigningConfigArn", "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-00000000000000001", "", Removed}},
		}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wanted, have := decode(t, minimal+row.definition), answered(t, row.answer)
			before := have.Clone()
			d := Diff(wanted, have)
			if diff := cmp.Diff(row.want, d, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(row.want.Patch, d.Patch); diff != "" {
				t.Errorf("empty and absent are not the same in a patch:\n%s", diff)
			}
			if !cmp.Equal(before, have) {
				t.Error("Diff changed what it compared")
			}
			// There and back: the patch leads to what is wanted, and from there
			// the canonical form of what was leads back.
			after := have.Merge(d.Patch)
			if again := Diff(wanted, after); len(again.Changes) > 0 {
				t.Errorf("after the patch there is still a difference: %+v", again.Changes)
			}
			back := after.Merge(Diff(Canonical(have), after).Patch)
			if diff := cmp.Diff(Canonical(have), back); diff != "" {
				t.Errorf("the reverse patch does not restore the function:\n%s", diff)
			}
		})
	}
}

func TestDiffTagsLeavesAloneWhatIsNotTheDefinitions(t *testing.T) {
	t.Parallel()
	have := map[string]string{"aws:cloudformation:stack-name": "s", "lambda-rollout:run": "1", "old": "x", "same": "y", "other": "z"}
	set, remove, changes := DiffTags(map[string]string{"same": "y", "other": "Z", "new": ""}, have)
	if diff := cmp.Diff(map[string]string{"other": "Z", "new": ""}, set); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"old"}, remove); diff != "" {
		t.Error(diff)
	}
	want := []Change{{"Tags.new", "", "", Set}, {"Tags.old", "x", "", Removed}, {"Tags.other", "z", "Z", Changed}}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
	if set, remove, changes := DiffTags(nil, have); set != nil || remove != nil || changes != nil {
		t.Error("tags that are not named change something")
	}
	if _, remove, _ := DiffTags(map[string]string{}, have); !cmp.Equal(remove, []string{"old", "other", "same"}) {
		t.Errorf("{} removes %v", remove)
	}
}

func TestMergeEnvironmentKnowsThreeModes(t *testing.T) {
	t.Parallel()
	wanted, have := &Environment{map[string]string{"A": "new", "B": "new"}}, &Environment{map[string]string{"B": "old", "C": "old"}}
	for mode, want := range map[string]map[string]string{
		"":        {"A": "new", "B": "new"},
		"replace": {"A": "new", "B": "new"},
		"merge":   {"A": "new", "B": "new", "C": "old"},
		"keep":    {"A": "new", "B": "old", "C": "old"},
	} {
		got, err := MergeEnvironment(mode, wanted, have)
		if err != nil || !cmp.Equal(got.Variables, want) {
			t.Errorf("%q: %v, %v", mode, got, err)
		}
		if got, err := MergeEnvironment(mode, nil, have); got != nil || err != nil {
			t.Errorf("%q without a wanted environment: %v, %v", mode, got, err)
		}
		if got, err := MergeEnvironment(mode, &Environment{}, nil); err != nil || got.Variables == nil || len(got.Variables) > 0 {
			t.Errorf("%q of nothing: %v, %v", mode, got, err)
		}
	}
	if _, err := MergeEnvironment("mix", wanted, have); err == nil {
		t.Error("an unknown mode is taken")
	}
	large := &Environment{map[string]string{"L": strings.Repeat("x", 4080)}}
	if _, err := MergeEnvironment("merge", large, have); err == nil {
		t.Error("an environment that Lambda refuses is taken")
	}
}

func TestCreateBodyLeavesOutWhatOnlyClears(t *testing.T) {
	t.Parallel()
	wanted := decode(t, minimal+`
description: ""
kmsKeyArn: ""
timeout: 3
layers: []
environment: {}
vpcConfig: {}
deadLetterConfig: {}
imageConfig: {}
tracingConfig: {}
snapStart: {}
ephemeralStorage: {}
fileSystemConfigs: []
architectures: [x86_64]
loggingConfig: {logFormat: JSON, logGroup: ""}
tags: {team: a}
`)
	want := decode(t, minimal+`
timeout: 3
architectures: [x86_64]
loggingConfig: {logFormat: JSON}
tags: {team: a}
`)
	if diff := cmp.Diff(want, CreateBody(wanted)); diff != "" {
		t.Error(diff)
	}
	changes := []Change{
		{"Role", "", "arn:aws:iam::123456789012:role/hello", Set},
		{"Runtime", "", "provided.al2023", Set},
		{"Handler", "", "bootstrap", Set},
		{"Timeout", "", "3", Set},
		{"Architectures", "", "x86_64", Set},
		{"LoggingConfig.LogFormat", "", "JSON", Set},
		{"Tags.team", "", "a", Set},
	}
	if diff := cmp.Diff(changes, Creation(wanted)); diff != "" {
		t.Error(diff)
	}
}
