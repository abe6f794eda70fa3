package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/plan"
)

func emitted(events ...event.Event) string {
	var out strings.Builder
	log := NewLog(&out, func() time.Time { return time.Time{} }, nil)
	for _, e := range events {
		log.Emit(e)
	}
	return out.String()
}

func TestEventsOfADeploymentAreWrittenInHarnessWords(t *testing.T) {
	t.Parallel()
	step := func(s plan.Step, version string) []event.Event {
		began := event.StepBegan{Function: "f", Region: "eu-west-1", Step: s, Version: version}
		return []event.Event{began, event.StepEnded{StepBegan: began, Arn: "ARN", CodeSha256: "SHA", Published: "7"}}
	}
	var events []event.Event
	for _, more := range [][]event.Event{
		step(plan.PublishRestorePoint{}, ""), step(plan.LeaveLatest{Name: "live"}, "6"), step(plan.UpdateConfiguration{}, ""), step(plan.UpdateCode{}, ""),
		step(plan.CreateFunction{}, ""), step(plan.PublishVersion{}, ""), {event.AliasesBegan{Function: "f", Version: "7"}}, step(plan.CreateAlias{Name: "new"}, "7"),
		step(plan.MoveAlias{Name: "live", Percent: 10}, "7"), {event.StageHeld{Percent: 10, Wait: time.Hour, Left: time.Hour}, event.StageHeld{Percent: 10, Wait: time.Hour, Left: 59 * time.Minute}},
		step(plan.MoveAlias{Name: "live", Percent: 100}, "7"), {event.AliasUpToDate{Function: "f", Alias: "old", Routing: "7"}, event.AliasesEnded{Function: "f"}},
		step(plan.UntagResource{Keys: []string{"a"}}, ""), step(plan.TagResource{Tags: map[string]string{"a": "b"}}, ""), step(plan.PutCodeSigning{}, ""),
	} {
		events = append(events, more...)
	}
	const want = `Publishing a restore point: $LATEST differs from every version that an alias points to
Published restore point: [7]
Alias live of function f is on $LATEST, which changes at once: it goes to the restore point first
Updating Alias live for function f with version 6.
Updated Alias live for function f with version 6.
Updating Function Configuration: [f]
Updated Function Configuration: [f]
Updated Function Code Sha256: [SHA]
Updated Function ARN: [ARN]
Creating Function: f in region: eu-west-1
Created Function Code Sha256: [SHA]
Created Function ARN: [ARN]
Publishing new version
Published new version: [7]
Published function ARN: [ARN]
Create or Update Aliases for function f with version 7.
Creating Alias new for function f with version 7.
Created Alias new for function f with version 7.
Updating Alias live for function f with version 7 for 10% of its traffic.
Updated Alias live for function f with version 7 for 10% of its traffic.
Waiting 1h with 10% of the traffic on the new version
59m left with 10% of the traffic on the new version
Updating Alias live for function f with version 7.
Updated Alias live for function f with version 7.
Alias old of function f points to 7 already.
Done Creating Aliases
Removing 1 tags of function f
Tagging function f: 1 tags
`
	if diff := cmp.Diff(want, emitted(events...)); diff != "" {
		t.Error(diff)
	}
}

func TestEventsOfARollbackSayWhatIsRestored(t *testing.T) {
	t.Parallel()
	live := definition.Alias{Name: "live", Version: "1"}
	var events []event.Event
	for _, s := range []plan.Step{
		plan.UpdateAlias{Alias: live}, plan.UpdateAlias{Alias: live, Fence: true}, plan.DeleteAlias{Name: "new"},
		plan.UpdateCode{Code: definition.Code{Sha256: "SHA"}}, plan.UpdateConfiguration{}, plan.UpdateConfiguration{Fence: true},
		plan.PutCodeSigning{}, plan.TagResource{}, plan.DeleteVersion{Version: "7"}, plan.DeleteFunction{},
	} {
		began := event.StepBegan{Function: "f", Step: s, Back: true}
		events = append(events, began, event.StepEnded{StepBegan: began})
	}
	const want = `Updating Alias live for function f with version 1.
Alias live points to 1; writing it once more so that no late call can move it
Deleting Alias new of function f, which this run created
Updating Function Code of f back to Sha256: [SHA]
Updating Function Configuration of f back
Function f is as it was; writing it once more so that no late call can change it
Restoring the code signing configuration of f
Restoring the tags of f
Deleting version 7 of f, which failed
Deleting function f, which this run created
`
	if diff := cmp.Diff(want, emitted(events...)); diff != "" {
		t.Error(diff)
	}
}

func TestAStepThatFailedIsNotReportedAsDone(t *testing.T) {
	t.Parallel()
	began := event.StepBegan{Function: "f", Step: plan.PublishVersion{}}
	if got, want := emitted(began, event.StepEnded{StepBegan: began, Err: errors.New("no")}), "Publishing new version\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestAPublicationThatChangedNothingIsReportedSo(t *testing.T) {
	t.Parallel()
	ended := event.StepEnded{StepBegan: event.StepBegan{Step: plan.PublishVersion{}}, Published: "6", Existed: true}
	if got, want := emitted(ended), "Nothing changed since version [6] was published\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}
