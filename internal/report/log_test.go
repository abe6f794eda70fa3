package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/event"
)

func TestEveryLineOfATargetCarriesItsNameWhereThereAreSeveral(t *testing.T) {
	t.Parallel()
	one, two := event.Target{Function: "f", Region: "r"}, event.Target{Function: "g", Region: "r"}
	events := []event.Event{
		event.SectionBegan{Title: "Prepare rollback"},
		event.OfTarget{Target: one, Event: event.ObserveBegan{Function: "f"}},
		event.OfTarget{Target: one, Event: event.AliasManifests{Manifests: []string{"{\n   \"name\": \"live\"\n}\n"}}},
		event.OfTarget{Target: one, Event: event.TargetEnded{}},
	}
	for targets, want := range map[*[]event.Target]string{
		{one}: `Preparing Rollback Data..

Fetching Function Details for function: f

================================================================================
Aws Lambda Alias Manifest Content
{
   "name": "live"
}

Done
`,
		{one, two}: `[f in r] Preparing Rollback Data..
[f in r] Fetching Function Details for function: f
[f in r] ================================================================================
[f in r] Aws Lambda Alias Manifest Content
[f in r] {
[f in r]    "name": "live"
[f in r] }
[f in r] Done
`,
	} {
		if diff := cmp.Diff(want, emitted(append([]event.Event{event.RunBegan{Targets: *targets}}, events...)...)); diff != "" {
			t.Errorf("%d targets: %s", len(*targets), diff)
		}
	}
}

func TestALogBeginsWithWhatIsThereAndWhereTheCodeComesFrom(t *testing.T) {
	t.Parallel()
	memory, runtime := int32(128), "nodejs22.x"
	for name, tc := range map[string]struct {
		event event.Event
		want  string
	}{
		"new": {event.ObserveEnded{Function: "f"}, "Function f does not exist yet: a rollback deletes what this run creates\n\nPrepare Rollback Done.\n"},
		"there": {
			event.ObserveEnded{Function: "f", Exists: true, Version: "3", Arn: "ARN:3", CodeSha256: "SHA", CodeSize: 9, MemorySize: &memory, Runtime: &runtime, Architectures: []string{"arm64"}},
			"Fetched Function Details for most recent deployed function f\n\nFunction Version: 3\nFunctionARN: ARN:3\nCodeSha256: SHA\nMemory Size: 128\nRuntime: nodejs22.x\nCodeSize: 9\nArchitecture: [arm64]\n\nPrepare Rollback Done.\n",
		},
		"object": {
			event.DeployBegan{Function: "f", Manifest: "{}", Existing: "SHA", Artifact: event.Artifact{Kind: "s3", Identifier: "id", Pinned: "s3://b/k?versionId=1", Fetched: true}},
			"Deploying..\n\nAws Lambda Manifest Content\n{}\nFunction: [f] already exists. Update and Publish.\nExisting Lambda Function Code Sha256: [SHA].\nDownloading AmazonS3 artifact with identifier: id\nS3 Object Path: b/k\nSuccessfully downloaded artifact..\n",
		},
		"image": {
			event.DeployBegan{Artifact: event.Artifact{Kind: "ecr", Identifier: "id", Pinned: "repo@sha256:1"}},
			"Deploying..\n\nAws Lambda Manifest Content\nResolving Ecr artifact with identifier: id\nImage Path: repo@sha256:1\nSuccessfully resolved artifact..\n",
		},
		"folder": {
			event.DeployBegan{Artifact: event.Artifact{Kind: "folder", Identifier: "id", Pinned: "src"}},
			"Deploying..\n\nAws Lambda Manifest Content\nZipping Local artifact with identifier: id\nPath: src\nSuccessfully zipped artifact..\n",
		},
		"no alias": {event.AliasManifests{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, emitted(tc.event)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALogEndsWithWhatBecameOfTheRun(t *testing.T) {
	t.Parallel()
	got := emitted(
		event.DeployEnded{Function: "f"}, event.DeploymentFailed{Err: errors.New("no\nsecond line")},
		event.JournalSkipped{Journal: "j", Reason: "it is of run 1, not of 2"},
		event.RollbackBegan{Function: "f"}, event.RollbackEnded{Function: "f"},
		event.RollbackSkipped{Function: "f"}, event.RollbackSkipped{Function: "f", Kept: true},
		event.RollbackEnded{Function: "f", Left: []string{"alias live"}},
	)
	const want = `Successfully deployed lambda function: [f]
Deployment failed: no
Skipped the journal j: it is of run 1, not of 2
Starting Rollback..
Done
Nothing was changed: no rollback data for function f, skipped
function f did not exist before; first-deploy: keep leaves it as it is
warning: alias live
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEachWaitSaysItsFirstState(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := NewLog(&out, func() time.Time { return time.Time{} }, nil)
	for range 2 {
		log.Line("Verifying")
		log.Waiting("shop", "InProgress", "")
		log.Waiting("shop", "InProgress", "")
		log.Waiting("shop", "Successful", "")
		log.Waiting("shop", "Successful", "")
	}
	want := strings.Repeat("Verifying\nfunction: [shop], status: [InProgress], reason: []\nfunction: [shop], status: [Successful], reason: []\n", 2)
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
	out.Reset()
	for range 2 {
		log.Line("Verifying")
		log.Waiting("shop", "Successful", "")
	}
	want = strings.Repeat("Verifying\nfunction: [shop], status: [Successful], reason: []\n", 2)
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
}
