package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/policy"
)

// some are the plays that stand for all without -full.
func some(more ...string) []string {
	if *full {
		return nil
	}
	return only(append(more, "whole:deploy", "whole:rollback")...)
}

// only plays those that are named.
func only(plays ...string) []string { return []string{"--play", strings.Join(plays, ",")} }

// rehearsed runs a rehearsal that must end without a wrong play.
func (b *bench) rehearsed(args ...string) rehearsalDocument {
	b.t.Helper()
	var d rehearsalDocument
	b.document(0, &d, append([]string{"rehearse", "--max-time", "10m"}, args...)...)
	if d.Left == nil || d.Failures == nil || d.Findings == nil {
		b.t.Errorf("a list is null: %+v", d)
	}
	if d.Wrong > 0 || d.Played != d.Exact+d.Documented || d.Played < 1 {
		b.t.Errorf("%+v", d)
	}
	return d
}

// Every kind of deployment is rehearsed with the policy that is printed for that, which
// only reads; the rehearsal reads all that it wants to know, and changes nothing. What is
// played then needs no permission: two plays are enough.
func TestEveryKindOfDeploymentIsRehearsedUnderThePrintedPolicy(t *testing.T) {
	somePlans(t, func(t *testing.T, i int) {
		b := leastBench(t, i)
		inputs := slices.Concat(leastInputs(i), leastPlans[i].more)
		inputs = slices.DeleteFunc(inputs, func(in string) bool { return in == "--journal" || strings.HasPrefix(in, "s3://code/journals") })
		var set policy.Set
		if err := json.Unmarshal([]byte(b.must(slices.Concat([]string{"policy", "--scope", "rehearse"}, inputs)...)), &set); err != nil {
			t.Fatal(err)
		}
		for _, a := range set.Permissions.Actions() {
			if !reading.MatchString(a) && !strings.HasPrefix(a, "cloudwatch:Describe") && !strings.HasPrefix(a, "cloudwatch:Get") {
				t.Errorf("a rehearsal is granted %s", a)
			}
		}
		b.role(set.Permissions)
		b.aws.ResetCalls()
		d := b.rehearsed(slices.Concat(inputs, []string{"--role-to-assume", deployer}, only("whole:deploy", "whole:rollback"))...)
		for _, f := range d.Findings {
			if strings.Contains(f, "is not in the copy") {
				t.Error(f)
			}
		}
		b.onlyRead()
	})
}

// onlyRead fails where a call was made that could have changed something, a dry run
// included.
func (b *bench) onlyRead() {
	b.t.Helper()
	for _, c := range b.aws.Calls() {
		read := strings.HasPrefix(c.Operation, "Get") || strings.HasPrefix(c.Operation, "List") || strings.HasPrefix(c.Operation, "Describe") ||
			strings.HasPrefix(c.Operation, "Head") || strings.HasPrefix(c.Operation, "Simulate") || c.Operation == "AssumeRole"
		if !read || c.Changed && c.Operation != "AssumeRole" {
			b.t.Errorf("it called %s", c.Operation)
		}
	}
}

// Against an AWS with its rates limited, as the real one has them, with everything played
// that the time allows: it reads, and nothing is refused for its rate.
func TestARehearsalOnlyReads(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		b := virtualBench(t, awslocal.Options{Quotas: true})
		b.limited = true
		inputs := b.minimal()
		b.must(append([]string{"deploy"}, inputs...)...)
		b.write("code/index.js", "exports.handler = async () => 2\n")
		b.aws.ResetCalls()
		b.rehearsed(append(inputs, some()...)...)
		b.onlyRead()
		for _, c := range b.aws.Calls() {
			if c.Status == 429 {
				t.Errorf("%s was too much", c.Operation)
			}
		}
	})
}

// A finding names what only a copy shows, and what the account already has.
func TestFindingsOfARehearsal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before func(b *bench, c *lambda.Client)
		want   string
	}{
		"weights": {want: "alias live shares its traffic with another version already", before: func(b *bench, c *lambda.Client) {
			_, err := c.UpdateFunctionConfiguration(b.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), MemorySize: aws.Int32(512)})
			b.check(err)
			v, err := c.PublishVersion(b.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("hello")})
			b.check(err)
			_, err = c.UpdateAlias(b.t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"),
				RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{*v.Version: 0.1}}})
			b.check(err)
		}},
		"an alias on $LATEST": {want: "alias live points to $LATEST", before: func(b *bench, c *lambda.Client) {
			_, err := c.UpdateAlias(b.t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: aws.String("$LATEST")})
			b.check(err)
		}},
		"a version that failed": {want: "alias live cannot be rolled back: a rollback points it to version 2 again, which is in state Failed", before: func(b *bench, c *lambda.Client) {
			_, err := c.UpdateFunctionConfiguration(b.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), MemorySize: aws.Int32(512)})
			b.check(err)
			b.aws.Fail("version", "hello", "InternalError", "for this test")
			v, err := c.PublishVersion(b.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("hello")})
			b.check(err)
			// Before Lambda knows that it fails.
			_, err = c.UpdateAlias(b.t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: v.Version})
			b.check(err)
			time.Sleep(10 * time.Second)
		}},
		"code storage": {want: "over the limit of the account's code storage", before: func(b *bench, _ *lambda.Client) {
			b.aws.SetCodeStorage(100)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			awstest.Run(t, func(t *testing.T) {
				b := virtualBench(t, awslocal.Options{Pending: 2 * time.Second})
				inputs := b.minimal()
				b.must(append([]string{"deploy"}, inputs...)...)
				tc.before(b, lambda.NewFromConfig(b.config()))
				b.write("code/index.js", "exports.handler = async () => 2\n")
				d := b.rehearsed(append(inputs, only("whole:deploy", "whole:rollback")...)...)
				if !slices.ContainsFunc(d.Findings, func(f string) bool { return strings.Contains(f, tc.want) }) {
					t.Errorf("nothing of %q in %q", tc.want, d.Findings)
				}
			})
		})
	}
}

func (b *bench) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// The examples of this repository are rehearsed as a user would.
func TestTheExamplesAreRehearsed(t *testing.T) {
	t.Parallel()
	for name, inputs := range map[string][]string{
		"hello":  {"--service", "hello/service.yaml"},
		"canary": {"--function-definition", "canary/function.yaml", "--artifact", "canary/one", "--alias", "live", "--traffic", "10%/5m"},
		"url":    {"--function-definition", "url/function.yaml", "--artifact", "url/code", "--alias", "live", "--settings", "url/settings.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			awstest.Run(t, func(t *testing.T) {
				b := virtualBench(t, awslocal.Options{})
				b.check(os.CopyFS(filepath.Join(b.dir, "examples"), os.DirFS(filepath.Join("..", "..", "examples"))))
				for i, in := range inputs {
					if strings.Contains(in, "/") && !strings.Contains(in, "%") {
						inputs[i] = filepath.Join("examples", in)
					}
				}
				b.rehearsed(append(slices.Clone(inputs), some("whole:again", "killed:before-answer-1", "lost:before-call-1")...)...) // the first deployment
				b.must(append([]string{"deploy"}, inputs...)...)
				b.aws.ResetCalls()
				b.rehearsed(append(append(slices.Clone(inputs), "--version-description", "again"), some()...)...)
				b.onlyRead()
			})
		})
	}
}

// With the real code in the copy everything ends as without it.
func TestARehearsalWithTheRealCode(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		b := virtualBench(t, awslocal.Options{})
		deployLive(b, minimal)
		b.object("app.zip", "2")
		b.aws.ResetCalls()
		b.rehearsed(append([]string{"--function-definition", "function.yaml", "--artifact", "s3://code/app.zip", "--alias", "live", "--with-code"}, some()...)...)
		b.onlyRead()
	})
}

// The image of the version that an alias points to may be gone when a rollback needs it.
func TestAnAliasOnAnImageThatIsGoneIsFound(t *testing.T) {
	t.Parallel()
	awstest.Run(t, func(t *testing.T) {
		b := virtualBench(t, awslocal.Options{})
		const ofImage = "functionName: hello\nrole: arn:aws:iam::000000000000:role/hello\npackageType: Image\n"
		b.write("function.yaml", ofImage)
		b.image("one")
		inputs := []string{"--function-definition", "function.yaml", "--artifact", "000000000000.dkr.ecr.eu-central-1.amazonaws.com/app:latest", "--alias", "live"}
		b.must(append([]string{"deploy"}, inputs...)...)
		images := ecr.NewFromConfig(b.config())
		old, err := images.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("app")})
		b.check(err)
		// The alias keeps the old image, $LATEST has another one.
		b.image("two")
		b.must("deploy", inputs[0], inputs[1], inputs[2], inputs[3])
		b.image("three")
		_, err = images.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: aws.String("app"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: old.ImageDetails[0].ImageDigest}}})
		b.check(err)
		d := b.rehearsed(append(inputs, only("whole:deploy", "whole:rollback")...)...)
		if !slices.ContainsFunc(d.Findings, func(f string) bool {
			return strings.Contains(f, "alias live cannot be rolled back: a rollback points it to version 1 again, which cannot start again")
		}) {
			t.Errorf("%q", d.Findings)
		}
	})
}
