package policy_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it): %s", name, diff)
	}
}

const (
	role    = "arn:aws:iam::123456789012:role/service-role/new"
	oldRole = "arn:aws:iam::123456789012:role/old"
	fnARN   = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
	key     = "arn:aws:kms:eu-west-1:123456789012:key/1"
	layer   = "arn:aws:lambda:eu-west-1:123456789012:layer:base:"
)

// target plans f over the current state; nil for a function that is not there.
func target(f definition.Function, code definition.Code, was *definition.Observed) policy.Target {
	f.FunctionName = "hello"
	w := plan.Wanted{Function: f, Aliases: []definition.Alias{{Name: "live"}}, Code: code, Run: "1"}
	o := plan.Observation{Latest: was, Aliases: map[string]*definition.ObservedAlias{}}
	if was != nil {
		served := *was
		served.Version = "41"
		o.Served = &served
		o.Aliases["live"] = &definition.ObservedAlias{Alias: definition.Alias{Name: "live", Version: "41"}}
	}
	return policy.Target{Account: "123456789012", Partition: "aws", Region: "eu-west-1", Wanted: w, Before: o, Plan: plan.Forward(w, o)}
}

func standing(f definition.Function) *definition.Observed {
	f.FunctionName = "hello"
	return &definition.Observed{Function: f, Arn: fnARN, Version: "$LATEST", CodeSha256: "old", CodeSize: 10}
}

// actions are the needs as "action resource", without what every plan needs.
func actions(t policy.Target) []string {
	var got []string
	for _, s := range policy.For(policy.Needs(t)).Statement {
		for _, a := range s.Action {
			if !strings.HasPrefix(a, "lambda:") || strings.Contains(a, "Layer") || strings.Contains(a, "Pass") || strings.Contains(a, "Signing") || strings.Contains(a, "ag") || strings.Contains(a, "Delete") {
				got = append(got, a+" "+strings.Join(s.Resource, " "))
			}
		}
	}
	return got
}

func TestNeedsFollowThePlan(t *testing.T) {
	t.Parallel()
	both := fnARN + " " + fnARN + ":*"
	for name, tc := range map[string]struct {
		target policy.Target
		adjust func(*policy.Target)
		want   []string
	}{
		"nothing changes": {
			target: target(definition.Function{Role: new(oldRole)}, definition.Code{Sha256: "old"}, standing(definition.Function{Role: new(oldRole)})),
		},
		"code alone passes no role and may clear away a failed version": {
			target: target(definition.Function{Role: new(oldRole)}, definition.Code{Sha256: "new"}, standing(definition.Function{Role: new(oldRole)})),
			want:   []string{"lambda:DeleteFunction " + fnARN + ":*"},
		},
		"a changed role is passed, and passed back": {
			target: target(definition.Function{Role: new(role)}, definition.Code{Sha256: "old"}, standing(definition.Function{Role: new(oldRole)})),
			want:   []string{"iam:PassRole " + role + " " + oldRole, "lambda:DeleteFunction " + fnARN + ":*"},
		},
		"layers of both states are read": {
			target: target(definition.Function{Layers: []string{layer + "2"}}, definition.Code{Sha256: "old"}, standing(definition.Function{Layers: []string{layer + "1"}})),
			want:   []string{"lambda:GetLayerVersion " + layer + "2 " + layer + "1", "lambda:DeleteFunction " + fnARN + ":*"},
		},
		"a tag that is new is taken away again": {
			target: target(definition.Function{Tags: map[string]string{"team": "web"}}, definition.Code{Sha256: "old"}, standing(definition.Function{})),
			want:   []string{"lambda:ListTags " + both, "lambda:TagResource " + both, "lambda:UntagResource " + both},
		},
		"a tag that changes is changed back": {
			target: target(definition.Function{Tags: map[string]string{"team": "web"}}, definition.Code{Sha256: "old"}, standing(definition.Function{Tags: map[string]string{"team": "api"}})),
			want:   []string{"lambda:ListTags " + both, "lambda:TagResource " + both},
		},
		"a new function": {
			target: target(definition.Function{Role: new(role), VpcConfig: &definition.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}}, definition.Code{Sha256: "new"}, nil),
			want: []string{
				"lambda:DeleteFunction " + both, "lambda:GetFunctionCodeSigningConfig " + both, "lambda:GetRuntimeManagementConfig " + both,
				"lambda:ListTags " + both, "lambda:TagResource " + both, "iam:PassRole " + role,
				"ec2:DescribeSecurityGroups *", "ec2:DescribeSubnets *", "ec2:DescribeVpcs *",
			},
		},
		"a new function that stays whatever happens": {
			target: target(definition.Function{Role: new(role)}, definition.Code{Sha256: "new"}, nil),
			adjust: func(t *policy.Target) { t.KeepNewFunction = true },
			want:   []string{"lambda:ListTags " + both, "lambda:TagResource " + both, "iam:PassRole " + role},
		},
		"an object, its newest version asked for and then pinned": {
			target: target(definition.Function{}, definition.Code{Sha256: "new"}, standing(definition.Function{})),
			adjust: func(t *policy.Target) {
				t.Artifact = policy.Artifact{Bucket: "code", Key: "a/b*.zip", Version: "v1"}
			},
			want: []string{"lambda:DeleteFunction " + fnARN + ":*", "s3:GetObject arn:aws:s3:::code/a/b${*}.zip", "s3:GetObjectVersion arn:aws:s3:::code/a/b${*}.zip"},
		},
		"an object of a version that is named": {
			target: target(definition.Function{}, definition.Code{Sha256: "new"}, standing(definition.Function{})),
			adjust: func(t *policy.Target) {
				t.Artifact = policy.Artifact{Bucket: "code", Key: "a.zip", Version: "v1", Pinned: true}
			},
			want: []string{"lambda:DeleteFunction " + fnARN + ":*", "s3:GetObjectVersion arn:aws:s3:::code/a.zip"},
		},
		"an image of the same account": {
			target: target(definition.Function{}, definition.Code{Sha256: "new", ImageUri: "x"}, standing(definition.Function{})),
			adjust: func(t *policy.Target) {
				t.Artifact = policy.Artifact{RegistryAccount: "123456789012", Repository: "team/app"}
			},
			want: []string{"lambda:DeleteFunction " + fnARN + ":*", "ecr:DescribeImages arn:aws:ecr:eu-west-1:123456789012:repository/team/app",
				"ecr:GetRepositoryPolicy arn:aws:ecr:eu-west-1:123456789012:repository/team/app", "ecr:SetRepositoryPolicy arn:aws:ecr:eu-west-1:123456789012:repository/team/app"},
		},
		"an image of another account": {
			target: target(definition.Function{}, definition.Code{Sha256: "new", ImageUri: "x"}, standing(definition.Function{})),
			adjust: func(t *policy.Target) {
				t.Artifact = policy.Artifact{RegistryAccount: "999999999999", Repository: "app"}
			},
			want: []string{"lambda:DeleteFunction " + fnARN + ":*", "ecr:BatchGetImage arn:aws:ecr:eu-west-1:999999999999:repository/app",
				"ecr:DescribeImages arn:aws:ecr:eu-west-1:999999999999:repository/app", "ecr:GetDownloadUrlForLayer arn:aws:ecr:eu-west-1:999999999999:repository/app"},
		},
		"a key that stands is needed to read": {
			target: target(definition.Function{}, definition.Code{Sha256: "old"}, standing(definition.Function{KMSKeyArn: new(key)})),
			want:   []string{"kms:Decrypt " + key},
		},
		"a code signing configuration": {
			target: target(definition.Function{CodeSigningConfigArn: new("arn:csc")}, definition.Code{Sha256: "old"}, standing(definition.Function{})),
			want: []string{"lambda:GetFunctionCodeSigningConfig " + both, "lambda:DeleteFunctionCodeSigningConfig " + both,
				"lambda:PutFunctionCodeSigningConfig " + fnARN + " arn:csc"},
		},
		"a bucket for what is large": {
			target: target(definition.Function{}, definition.Code{Sha256: "new"}, standing(definition.Function{})),
			adjust: func(t *policy.Target) { t.StagingBucket = "staging" },
			want: []string{"lambda:DeleteFunction " + fnARN + ":*", "s3:GetObject arn:aws:s3:::staging/lambda-rollout/*",
				"s3:GetObjectVersion arn:aws:s3:::staging/lambda-rollout/*", "s3:PutObject arn:aws:s3:::staging/lambda-rollout/*"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.adjust != nil {
				tc.adjust(&tc.target)
			}
			got := actions(tc.target)
			if diff := cmp.Diff(sorted(tc.want), sorted(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPolicyIsPrintedForIAMAndForTerraform(t *testing.T) {
	t.Parallel()
	var needs []policy.Need
	for _, name := range []string{"hello", "other"} {
		tt := target(definition.Function{Role: new(role), KMSKeyArn: new("arn:aws:kms:eu-west-1:123456789012:alias/app")}, definition.Code{Sha256: "new"}, nil)
		tt.Wanted.Function.FunctionName = name
		tt.Artifact = policy.Artifact{Bucket: "code", Listed: true, Prefix: "app/", Key: "app/1${x}.zip"}
		needs = append(needs, policy.Needs(tt)...)
	}
	sets := []policy.Set{{
		Account: "123456789012", Permissions: policy.For(needs),
		Trust: policy.Trust(policy.Repository{Account: "123456789012", Partition: "aws", Name: "octo/app"}, "sts.amazonaws.com"),
	}}
	text, err := policy.JSON(sets)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "policy.json", string(text)+"\n")
	golden(t, "policy.tf", string(policy.Terraform(sets)))
}

func sorted(list []string) []string {
	return slices.Sorted(slices.Values(list))
}

// Least means that no statement grants what another one grants already.
func TestNoStatementGrantsWhatAnotherGrants(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]definition.Function{
		"plain": {}, "tags": {Tags: map[string]string{"team": "web"}}, "a role": {Role: new(role)}, "code signing": {CodeSigningConfigArn: new("arn:signing")},
	} {
		tt := target(f, definition.Code{Sha256: "new"}, nil)
		tt.Prunes = true
		seen := map[string]int{}
		for i, s := range policy.For(policy.ServiceNeeds(tt)).Statement {
			for _, action := range s.Action {
				for _, resource := range s.Resource {
					grant := action + " on " + resource
					if at, twice := seen[grant]; twice && len(s.Condition) == 0 {
						t.Errorf("%s: statements %d and %d grant %s", name, at, i, grant)
					}
					seen[grant] = i
				}
			}
		}
		if len(seen) < 10 {
			t.Errorf("%s: only %d grants", name, len(seen))
		}
	}
}

// Whether anybody calls the alias of a canary is asked with permissions that the
// deployment can do without.
func TestAGuardedDeploymentMayAskWhoCallsTheAlias(t *testing.T) {
	t.Parallel()
	was := &definition.Observed{Function: definition.Function{FunctionName: "hello"}, CodeSha256: "one"}
	asked := func(guarded bool) (optional, other []string) {
		d := target(definition.Function{}, definition.Code{Sha256: "two"}, was)
		d.Guarded = guarded
		for _, n := range policy.Needs(d) {
			switch {
			case !slices.Contains([]string{"lambda:GetPolicy", "lambda:ListFunctionUrlConfigs", "lambda:ListEventSourceMappings"}, n.Action):
			case n.Without != "":
				optional = append(optional, n.Action)
			default:
				other = append(other, n.Action)
			}
		}
		return optional, other
	}
	if optional, other := asked(true); len(optional) != 3 || len(other) > 0 {
		t.Errorf("it may do without %q, and not without %q", optional, other)
	}
	if optional, other := asked(false); len(optional)+len(other) > 0 {
		t.Errorf("without a guard it asks %q %q", optional, other)
	}
}
