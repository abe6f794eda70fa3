package deploy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
	"github.com/lambda-rollout/lambda-rollout/internal/timing"
)

// manual rolls back by hand; changed reports whether there was anything to do.
func (f *fixture) manual(r Request) (changed bool, _ error) {
	f.Helper()
	runID := f.newRun()
	target, err := Manual(f.Context(), f.connect(), r, runID)
	if err != nil || len(target.Steps) == 0 {
		return false, err
	}
	record := f.record(runID)
	record.Header.Salt = target.Salt
	j, err := record.Adopt(f.Context(), target, f.work().Now)
	if err != nil {
		return false, err
	}
	_, err = Rollback(f.Context(), j, f.access, f.rollbackTimeout, f.work())
	return true, errors.Join(err, j.Close())
}

func live(version string) Request {
	return Request{Function: "shop", Aliases: map[string]string{"live": version}}
}

// The same command leads to the same version however often it is given.
func TestAManualRollbackIsIdempotent(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		f.deployCode("3")
		for i, changes := range []bool{true, false, false} {
			changed, err := f.manual(live(""))
			if err != nil || changed != changes || f.alias("live") != "2" {
				f.Fatalf("time %d: changed %v, %v; live is %s", i+1, changed, err, f.alias("live"))
			}
		}
		// The next deployment is the one that is rolled back then.
		f.deployCode("4")
		if _, err := f.manual(live("")); err != nil || f.alias("live") != "2" {
			f.Errorf("%v; live is %s", err, f.alias("live"))
		}
		// Further back by name, as often as one likes.
		for i, changes := range []bool{true, false} {
			if changed, err := f.manual(live("1")); err != nil || changed != changes || f.alias("live") != "1" {
				f.Errorf("time %d: changed %v, %v; live is %s", i+1, changed, err, f.alias("live"))
			}
		}
	})
}

func TestAManualRollbackThatWasCutOffIsFinishedByTheNext(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		r := live("")
		r.Latest = true
		f.aws.Inject(awslocal.Fault{Operation: "UpdateFunctionCode", Count: -1, Action: awslocal.Error, Status: 400, Code: "InvalidParameterValueException", Message: "no"})
		_, err := f.manual(r)
		var incomplete *IncompleteError
		if !errors.As(err, &incomplete) || f.alias("live") != "1" {
			f.Fatalf("ends with %v; live is %s", err, f.alias("live"))
		}
		f.aws.ClearFaults()
		again := live("")
		again.Latest = true
		if changed, err := f.manual(again); err != nil || !changed {
			f.Fatalf("changed %v, %v", changed, err)
		}
		if p := f.plan("function.yaml")[0].Before; p.Latest.CodeSha256 != p.Served.CodeSha256 || p.Served.Version != "1" {
			f.Errorf("$LATEST is not version 1: %+v", p.Latest)
		}
	})
}

func TestAnAliasThatWasMovedSinceIsNotRolledBack(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		for i := range 12 {
			f.deployCode(fmt.Sprint(i))
		}
		f.point("3")
		_, err := f.manual(live(""))
		var not *NotStartedError
		if !errors.As(err, &not) || f.alias("live") != "3" {
			f.Fatalf("ends with %v; live is %s", err, f.alias("live"))
		}
		if !strings.Contains(err.Error(), "published version 12 over 11") || !strings.Contains(err.Error(), "\n  12  ") || !strings.Contains(err.Error(), "\n  3  ") || strings.Contains(err.Error(), "\n  2  ") {
			f.Errorf("the ten newest versions are not named: %v", err)
		}
	})
}

// The data of one deployment do not undo a later one.
func TestRollbackDataOfAnEarlierDeploymentMoveNothing(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		second := f.deployCode("2").RollbackData()
		third := f.deployCode("3").RollbackData()
		_, err := f.manual(second.Request(false))
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "the deployment published version 2 over 1") || f.alias("live") != "3" {
			f.Fatalf("ends with %v; live is %s", err, f.alias("live"))
		}
		for i, changes := range []bool{true, false} {
			if changed, err := f.manual(third.Request(false)); err != nil || changed != changes || f.alias("live") != "2" {
				f.Errorf("time %d: changed %v, %v; live is %s", i+1, changed, err, f.alias("live"))
			}
		}
	})
}

// What undoes a deployment leads to what the alias pointed to before it, although the
// description of a version that was there already tells of the run that published it.
func TestMarkersUndoADeploymentOrAreNotReliedOn(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		for _, tc := range []struct {
			what, code string
			// to is where the alias is moved by hand before, with $LATEST or not.
			to      string
			latest  bool
			suffice bool
		}{
			{"published", "3", "2", false, true},
			{"found, and the alias alone is moved", "3", "1", false, false},
			{"found by its code", "3", "1", true, false},
			{"found, over what it replaced when it was published", "3", "2", true, true},
			{"published over another than the newest", "4", "1", false, true},
		} {
			if _, err := f.manual(Request{Function: "shop", Aliases: map[string]string{"live": tc.to}, Latest: tc.latest}); err != nil {
				f.Fatalf("%s: %v", tc.what, err)
			}
			result := f.deployCode(tc.code)
			undo := live("")
			if got := result.MarkersSuffice(); got != tc.suffice {
				f.Errorf("%s: the markers suffice: %v, description %q", tc.what, got, result.Description)
			}
			if !result.MarkersSuffice() {
				undo = result.RollbackData().Request(false)
			}
			if _, err := f.manual(undo); err != nil || f.alias("live") != tc.to {
				f.Errorf("%s: undone by %+v: %v; live is %s, want %s", tc.what, undo, err, f.alias("live"), tc.to)
			}
		}
	})
}

func TestAManualRollbackNamesWhatIsMissing(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		_, err := f.lambda.CreateAlias(f.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("shop"), Name: aws.String("manual"), FunctionVersion: aws.String("1")})
		if err != nil {
			f.Fatal(err)
		}
		other := RollbackData{Function: "shop", Account: "somebody", Version: "1", Aliases: map[string]string{"live": "1"}}
		for want, r := range map[string]Request{
			"there is no function none in us-east-1":                         {Function: "none", Aliases: map[string]string{"live": ""}},
			"function shop in us-east-1 has no alias nobody":                 {Function: "shop", Aliases: map[string]string{"nobody": ""}},
			"there is no version 9":                                          live("9"),
			"it is the first one that the alias pointed to":                  live(""),
			"no version's description says what the alias pointed to before": {Function: "shop", Aliases: map[string]string{"manual": ""}},
			"are of another account than 000000000000":                       other.Request(false),
			"function shop is of another account than 000000000000":          RequestOf(definition.Name{Name: "shop", Account: "999999999999"}),
			"it is in Region eu-west-1, but us-east-1 is requested":          {Function: "shop", Region: "eu-west-1"},
			"$LATEST of shop cannot be restored: no alias names":             {Function: "shop", Latest: true},
			"function shop has no version 8":                                 {Function: "shop", Latest: true, RestorePoint: "8"},
		} {
			_, err := f.manual(r)
			var not *NotStartedError
			if !errors.As(err, &not) || !strings.Contains(err.Error(), want) {
				f.Errorf("%s: ends with %v", want, err)
			}
		}
	})
}

func TestANewAliasIsDeletedByRollbackData(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.aliases = []string{"live", "next"}
		data := f.deployCode("2").RollbackData()
		if data.Aliases["next"] != None || data.Aliases["live"] != "1" {
			f.Fatalf("data %+v", data)
		}
		for i, changes := range []bool{true, false} {
			if changed, err := f.manual(data.Request(false)); err != nil || changed != changes || f.alias("next") != "" || f.alias("live") != "1" {
				f.Errorf("time %d: changed %v, %v; next is %q, live %s", i+1, changed, err, f.alias("next"), f.alias("live"))
			}
		}
	})
}

// A shared alias goes back to what it points to, without the weight.
func TestACanaryIsTakenOutByHand(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.mustDeploy()
		f.write("code/index.js", "2")
		f.options.Traffic = parseTraffic(f.T, "10%")
		f.mustDeploy()
		for i, changes := range []bool{true, false} {
			changed, err := f.manual(live(""))
			now := f.plan("function.yaml")[0].Before.Aliases["live"]
			if err != nil || changed != changes || now.Version != "1" || len(now.Weights) > 0 {
				f.Errorf("time %d: changed %v, %v; live is %+v", i+1, changed, err, now.Alias)
			}
		}
	})
}

// A journal that another process holds is not waited for.
func TestAHeldJournalIsNotWaitedFor(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		runID := f.newRun()
		target, err := Manual(f.Context(), f.connect(), live(""), runID)
		if err != nil {
			f.Fatal(err)
		}
		record := f.record(runID)
		store, err := record.Storage.Create(runID)
		if err != nil {
			f.Fatal(err)
		}
		held, err := journal.Create(f.Context(), store, journal.Header{Run: "other", Salt: Salt(), Targets: []journal.Target{target.Target}}, f.work().Now)
		if err != nil {
			f.Fatal(err)
		}
		_, err = record.Adopt(f.Context(), target, f.work().Now)
		var not *NotStartedError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), store.Name()) {
			f.Errorf("ends with %v", err)
		}
		if err := held.Close(); err != nil {
			f.Error(err)
		}
		if f.alias("live") != "2" {
			f.Errorf("live is %s", f.alias("live"))
		}
	})
}

func TestADeploymentThatDoesNotStopIsNotWaitedForLonger(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		store := func() journal.Store { return journal.NewFile(f.dir + "/held.jsonl") }
		held, err := journal.Create(f.Context(), store(), journal.Header{Run: "other", Salt: Salt(), Targets: []journal.Target{{Function: "f", Region: "r", Account: "a"}}}, f.work().Now)
		if err != nil {
			f.Fatal(err)
		}
		work := f.work()
		work.Timing = timing.Default()
		_, err = TakeOver(f.Context(), store(), work)
		var blocked *BlockedError
		if !errors.As(err, &blocked) || !strings.Contains(err.Error(), "did not end within 34s") {
			f.Errorf("ends with %v", err)
		}
		if err := held.Close(); err != nil {
			f.Error(err)
		}
	})
}

func TestRollbackDataAreChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`: "names no function", `null`: "names no function", `[{}]`: "entry 1: it names no function", `[null]`: "entry 1: it names no function",
		`{}`: "it is a JSON object, not a list", ``: "it is not JSON", `["f"]`: "it is a JSON string, not a list", `[{"function": "f"}`: "it is not JSON",
		`[{"function": "f", "aliases": {"live": {}}}]`: "aliases cannot be a JSON object", `[{"function": "f", "region": "../x"}]`: `function f: "../x" is not the name of an AWS Region`,
		`[{"function": "a b"}]`:                         "entry 1: ",
		`[{"function": "f", "aliases": {"live": "x"}}]`: `"x" is not a version`, `[{"function": "f", "aliases": {"live": ""}}]`: "an alias without a name or a version",
		`[{"function": "f", "aliases": {"": "1"}}]`: "an alias without a name or a version", `[{"function": "f", "restorePoint": "0"}]`: `"0" is not a version`,
		`[{"function": "f", "aliases": {"live": "1"}, "weights": {"live": {"2": 5}}}]`:               `cannot give version 2 the weight 5`,
		`[{"function": "f", "aliases": {"live": "1"}, "weights": {"live": {"x": 0.5}}}]`:             `"x" is not a version`,
		`[{"function": "f", "weights": {"live": {"2": 0.5}}}]`:                                       `alias "live" cannot give`,
		`[{"function": "f", "aliases": {"live": "1"}}, {"function": "f", "aliases": {"live": "2"}}]`: `entry 2: function f: it is named twice`,
		`[{"function": "f", "version": "-1"}, {"function": ""}]`:                                     "\nentry 2: it names no function",
	} {
		if _, err := ParseRollbackData(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	good := `[{"function":"f","region":"eu-west-1","account":"h","version":"2","restorePoint":"1","aliases":{"live":"1","new":"none","old":"$LATEST"}}]`
	if data, err := ParseRollbackData(good); err != nil || len(data) != 1 || data[0].Request(true).RestorePoint != "1" {
		t.Errorf("%v, %v", data, err)
	}
}

// Weights of a version that is gone would fail half-way.
func TestAManualRollbackAsksForTheVersionsOfItsWeights(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.deployCode("2")
		_, err := f.manual(Request{Function: "shop", Aliases: map[string]string{"live": "1"}, Weights: map[string]map[string]float64{"live": {"9": 0.5}}})
		var notStarted *NotStartedError
		if !errors.As(err, &notStarted) || !strings.Contains(err.Error(), "there is no version 9") || f.alias("live") != "2" {
			f.Errorf("%v; live is %s", err, f.alias("live"))
		}
	})
}
