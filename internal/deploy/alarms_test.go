package deploy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awstest"
	"github.com/lambda-rollout/lambda-rollout/internal/event"
	"github.com/lambda-rollout/lambda-rollout/internal/metrics"
)

func (f *fixture) cloudwatch() *cloudwatch.Client {
	return cloudwatch.NewFromConfig(f.aws.Config(awstest.Region, awstest.Key))
}

// alarm makes an alarm on the errors of shop: more than five a minute.
func (f *fixture) alarm(name string) {
	f.Helper()
	_, err := f.cloudwatch().PutMetricAlarm(f.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Errors"), Statistic: types.StatisticSum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: aws.String("shop")}},
	})
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) setAlarm(name string, state types.StateValue) {
	f.Helper()
	_, err := f.cloudwatch().SetAlarmState(f.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("a test")})
	if err != nil {
		f.Fatal(err)
	}
}

// later changes an alarm's state while the deployment runs.
func (f *fixture) later(after time.Duration, name string, states ...types.StateValue) {
	time.AfterFunc(after, func() {
		for _, s := range states {
			_, err := f.cloudwatch().SetAlarmState(context.Background(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: s, StateReason: aws.String("a test")})
			if err != nil {
				f.Error(err)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestAnAlarmThatChangesForTheWorseTakesEverythingBack(t *testing.T) {
	for _, c := range []struct {
		name     string
		traffic  string
		bake     time.Duration
		known    bool
		from     types.StateValue
		after    time.Duration
		states   []types.StateValue
		rollBack bool
	}{
		{"in a stage", "10%/5m", 0, false, types.StateValueOk, 2 * time.Minute, []types.StateValue{types.StateValueAlarm}, true},
		{"while it bakes", "AllAtOnce", 5 * time.Minute, false, types.StateValueOk, 2 * time.Minute, []types.StateValue{types.StateValueAlarm}, true},
		{"without enough data before", "10%/5m", 0, false, types.StateValueInsufficientData, 2 * time.Minute, []types.StateValue{types.StateValueAlarm}, true},
		{"after the end", "10%/5m", 0, false, types.StateValueOk, 6 * time.Minute, []types.StateValue{types.StateValueAlarm}, false},
		{"that was known and stays", "10%/5m", 0, true, types.StateValueAlarm, 2 * time.Minute, nil, false},
		{"that was known and lacks data in between", "10%/5m", 0, true, types.StateValueAlarm, time.Minute, []types.StateValue{types.StateValueInsufficientData, types.StateValueAlarm}, false},
		{"that was known, went and came again", "10%/5m", 0, true, types.StateValueAlarm, time.Minute, []types.StateValue{types.StateValueOk, types.StateValueAlarm}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, awslocal.Options{}, func(f *fixture) {
				f.deployCode("1")
				f.alarm("errors")
				f.setAlarm("errors", c.from)
				f.options.Traffic = parseTraffic(t, c.traffic)
				f.options.Watch.Alarms, f.options.Watch.Bake = []Alarm{{Name: "errors", Known: c.known}}, c.bake
				f.write("code/index.js", "2")
				f.later(c.after, "errors", c.states...)
				_, err := f.deploy(f.Context(), "function.yaml")
				var failed *FailedError
				if errors.As(err, &failed) != c.rollBack || !c.rollBack && err != nil {
					f.Fatalf("ends with %v\n%s", err, f.log)
				}
				if c.rollBack && (!strings.Contains(err.Error(), "alarm errors in "+awstest.Region+" changed to ALARM: a test") || f.alias("live") != "1" || len(f.weights()) > 0) {
					f.Errorf("ends with %v; live is %s with %v", err, f.alias("live"), f.weights())
				}
				if evidence := f.journal().Evidence; c.rollBack && evidence[len(evidence)-1].Decision != "rollback" {
					f.Errorf("the journal holds %+v", evidence)
				}
				time.Sleep(5 * time.Minute) // for what is still to change
			})
		})
	}
}

func TestAlarmsAreLookedAtBeforeTheStart(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.alarm("errors")
		f.setAlarm("errors", types.StateValueAlarm)
		_, err := f.cloudwatch().PutCompositeAlarm(f.Context(), &cloudwatch.PutCompositeAlarmInput{AlarmName: aws.String("all"), AlarmRule: aws.String("ALARM(errors)")})
		if err != nil {
			f.Fatal(err)
		}
		before := f.state()
		f.write("code/index.js", "2")
		for want, watched := range map[string][]Alarm{
			"errors in " + awstest.Region + " is in ALARM already: a test": {{Name: "errors"}},
			"all in " + awstest.Region + " is in ALARM already":            {{Name: "errors", Known: true}, {Name: "all"}},
			"there is no metric alarm and no composite alarm error in":     {{Name: "error"}, {Name: "all", Known: true}},
		} {
			f.options.Watch.Alarms = watched
			_, err := f.deploy(f.Context(), "function.yaml")
			var not *NotStartedError
			if !errors.As(err, &not) || !strings.Contains(err.Error(), want) {
				f.Errorf("%v: ends with %v", watched, err)
			}
		}
		if diff := cmp.Diff(before, f.state()); diff != "" {
			f.Error(diff)
		}
		f.options.Watch.Alarms = []Alarm{{Name: "errors", Known: true}, {Name: "all", Known: true}}
		if _, err := f.deploy(f.Context(), "function.yaml"); err != nil || f.alias("live") != "2" {
			f.Errorf("ends with %v; live is %s", err, f.alias("live"))
		}
	})
}

// An alarm stands because the old version fails: the fix goes through.
func TestAFixGoesThroughAlthoughAnAlarmStands(t *testing.T) {
	rates := newRates(1, map[string]float64{"1": 0.3})
	run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
		f.access.Timing.MetricDelay = 0
		f.alarm("errors")
		f.options.Watch.Alarms = nil
		f.deployCode("1")
		stop := f.load(f.Context(), 240)
		time.Sleep(3 * time.Minute)
		f.options.Traffic = parseTraffic(t, "10%/3m")
		f.options.Watch.Alarms, f.options.Watch.Bake = []Alarm{{Name: "errors", Known: true}}, 3*time.Minute
		f.deployCode("2")
		stop()
		f.logged("Alarm errors in "+awstest.Region+" is ALARM", "changed from ALARM to OK")
	})
}

// A run over several Regions looks for each alarm in all of them.
func TestAnAlarmMustExistInEveryRegionOfTheRun(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.access.Session.Region = ""
		f.access.Session.LookupEnv = func(name string) (string, bool) {
			if name == "AWS_REGION" {
				return awstest.Region, true
			}
			return f.env(name)
		}
		for _, region := range []string{awstest.Region, "eu-west-1"} {
			f.write(region+".yaml", definitionOf("arn:aws:lambda:"+region+":"+awstest.Account+":function:shop", ""))
		}
		f.alarm("errors")
		f.options.Watch.Alarms = []Alarm{{Name: "errors"}}
		_, err := f.deploy(f.Context(), awstest.Region+".yaml", "eu-west-1.yaml")
		var refused *NotStartedError
		want := "there is no metric alarm and no composite alarm errors in eu-west-1 of account " + awstest.Account
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "errors in "+awstest.Region+" of") {
			f.Errorf("%v, want %q", err, want)
		}
		if n := len(f.saved); n > 0 {
			f.Errorf("%d journals were begun", n)
		}
	})
}

// Nobody relies on an alarm that is not there any more.
func TestAnAlarmThatIsDeletedMeanwhileIsSaid(t *testing.T) {
	run(t, awslocal.Options{}, func(f *fixture) {
		f.deployCode("1")
		f.alarm("errors")
		f.options.Watch.Alarms = []Alarm{{Name: "errors"}}
		f.options.Traffic, f.options.Watch.Guard.Off = parseTraffic(t, "10%/2m"), true
		time.AfterFunc(time.Minute, func() {
			if _, err := f.cloudwatch().DeleteAlarms(context.Background(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"errors"}}); err != nil {
				f.Error(err)
			}
		})
		f.deployCode("2")
		f.logged("the alarms cannot be read now: alarm errors in us-east-1 is gone")
	})
}

// An alarm that lacks data for a while is no better than before, and each change is reported
// once.
func TestOnlyAChangeOfAnAlarmForTheWorseCounts(t *testing.T) {
	t.Parallel()
	const ok, bad, none = metrics.OK, metrics.InAlarm, metrics.InsufficientData
	for name, tc := range map[string]struct {
		first  metrics.State
		states []metrics.State
		// worse are the looks that end the run; told is how many changes are emitted.
		worse []int
		told  int
	}{
		"it stays":                    {ok, []metrics.State{ok, ok}, nil, 0},
		"to ALARM":                    {ok, []metrics.State{ok, bad, bad}, []int{1}, 1},
		"from the beginning":          {none, []metrics.State{bad}, []int{0}, 1},
		"known, and it stays":         {bad, []metrics.State{bad, bad}, nil, 0},
		"known, without data between": {bad, []metrics.State{none, bad}, nil, 2},
		"known, good, bad again":      {bad, []metrics.State{ok, bad}, []int{1}, 2},
		"without data, then good":     {bad, []metrics.State{none, ok, bad}, []int{2}, 3},
		"once is enough":              {ok, []metrics.State{bad, none, bad}, []int{0}, 3},
	} {
		var told recordedEvents
		g := &metricsGroup{region: "eu-west-1"}
		a := &alarms{Work: Work{Events: &told}, seen: map[alarmAt]*alarmState{{g, "errors"}: {metrics.Alarm{Name: "errors", State: tc.first}, tc.first == bad}}}
		var worse []int
		for i, state := range tc.states {
			if err := a.changed(g, metrics.Alarm{Name: "errors", State: state, Reason: "5xx"}); err != nil {
				worse = append(worse, i)
				if err.Error() != "alarm errors in eu-west-1 changed to ALARM: 5xx" {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if !slices.Equal(worse, tc.worse) || len(told) != tc.told {
			t.Errorf("%s: worse at %v, want %v; told %v", name, worse, tc.worse, told)
		}
	}
}

type recordedEvents []event.Event

func (r *recordedEvents) Emit(e event.Event) { *r = append(*r, e) }
