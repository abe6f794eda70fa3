package traffic

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSchedulesAreRead(t *testing.T) {
	t.Parallel()
	minutes := func(percent, n int) Stage {
		return Stage{Percent: float64(percent), Wait: time.Duration(n) * time.Minute}
	}
	all := Stage{Percent: 100}
	for in, want := range map[string]Schedule{
		"":                               {all},
		"AllAtOnce":                      {all},
		"allatonce":                      {all},
		"LambdaAllAtOnce":                {all},
		"100%":                           {all},
		"Canary10Percent5Minutes":        {minutes(10, 5), all},
		"LambdaCanary10Percent15Minutes": {minutes(10, 15), all},
		"CodeDeployDefault.LambdaCanary10Percent30Minutes":     {minutes(10, 30), all},
		"Linear10PercentEvery1Minute":                          {minutes(10, 1), minutes(20, 1), minutes(30, 1), minutes(40, 1), minutes(50, 1), minutes(60, 1), minutes(70, 1), minutes(80, 1), minutes(90, 1), all},
		"CodeDeployDefault.LambdaLinear10PercentEvery3Minutes": {minutes(10, 3), minutes(20, 3), minutes(30, 3), minutes(40, 3), minutes(50, 3), minutes(60, 3), minutes(70, 3), minutes(80, 3), minutes(90, 3), all},
		"Linear40PercentEvery2Minutes":                         {minutes(40, 2), minutes(80, 2), all},
		"10%/5m, 50%/1h":                                       {minutes(10, 5), minutes(50, 60), all},
		"10%/5m,50%":                                           {minutes(10, 5), {Percent: 50}},
		"10%/5m, 100%":                                         {minutes(10, 5), all},
		"0.25% / 90s":                                          {{Percent: 0.25, Wait: 90 * time.Second}, all},
		"0%":                                                   {{}},
		"10%":                                                  {{Percent: 10}},
	} {
		got, err := Parse(split(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
		again, err := Parse(split(got.String()))
		if err != nil || !cmp.Equal(got, again) {
			t.Errorf("%q is written as %q and read back as %v, %v", in, got.String(), again, err)
		}
		if got.Gradual() != (got[0].Percent < 100) {
			t.Errorf("%q: Gradual is %v", in, got.Gradual())
		}
	}
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func TestSchedulesThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Canary":                          "neither a name",
		"Canary0Percent5Minutes":          "may be 0",
		"Linear10PercentEvery0Minutes":    "may be 0",
		"Canary100Percent5Minutes":        "neither a name",
		"ECSCanary10Percent5Minutes":      "neither a name",
		"10":                              "neither a name",
		"10%,50%":                         `"10%" has no duration: write 10%/5m`,
		"50%/5m,10%/5m":                   "comes after 50%",
		"10%/5m,10%/5m":                   "comes after 10%",
		"100%/5m":                         "nothing to wait for",
		"101%":                            "from 0 to 100",
		"-1%":                             "from 0 to 100",
		"NaN%":                            "from 0 to 100",
		"0.125%":                          "two decimals",
		"10%/5":                           "no time with its unit",
		"10%/":                            "no time with its unit",
		"10%/0s":                          "more than 0",
		"10%/200h":                        "at most 120h",
		"AllAtOnce,10%":                   "not a stage",
		"Canary10Percent5Minutes,50%":     "not a stage",
		"Linear10PercentEvery9999Minutes": "at most 120h",
	} {
		if got, err := Parse(split(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestWeightsAreTheNumbersThatAWSGivesBack(t *testing.T) {
	t.Parallel()
	for percent, want := range map[float64]float64{0: 0, 0.01: 0.0001, 10: 0.1, 33.3: 0.333, 57: 0.57, 99.99: 0.9999} {
		if got := Weight(percent); got != want {
			t.Errorf("Weight(%v) = %v, want %v", percent, got, want)
		}
		if got := PercentOf(want); got != percent {
			t.Errorf("PercentOf(%v) = %v, want %v", want, got, percent)
		}
	}
}

func TestTotalIsTheTimesOfAllStages(t *testing.T) {
	t.Parallel()
	schedule, err := Parse([]string{"10%/5m", "50%/90s"})
	if err != nil {
		t.Fatal(err)
	}
	if got := schedule.Total(); got != 390*time.Second || schedule.Last() != 100 {
		t.Errorf("%s takes %s and ends at %v", schedule, got, schedule.Last())
	}
	if got := Schedule(nil).Last(); got != 100 {
		t.Errorf("no schedule ends at %v", got)
	}
}

// FuzzParse: what is read is in order, and is read back as it is written.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"10%/5m, 50%", "Canary10Percent5Minutes", "Linear1PercentEvery1Minute", "0.5%/1h", "100%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		schedule, err := Parse(split(s))
		if err != nil {
			return
		}
		for i, stage := range schedule {
			if stage.Percent < 0 || stage.Percent > 100 || i > 0 && stage.Percent <= schedule[i-1].Percent {
				t.Fatalf("%q is read as %v", s, schedule)
			}
		}
		again, err := Parse(split(schedule.String()))
		if err != nil || !cmp.Equal(schedule, again) {
			t.Fatalf("%q is written as %q and read back as %v, %v", s, schedule.String(), again, err)
		}
	})
}

func TestGroupsOfCodeDeployAreRead(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Group{
		"codedeploy:app/group":                   {"app", "group"},
		" codedeploy:shop-{alias}/{function}_x ": {"shop-{alias}", "{function}_x"},
		"codedeploy:{function}/{alias}":          {"{function}", "{alias}"},
	} {
		got, is, err := ParseGroup(in)
		if err != nil || !is || got != want {
			t.Errorf("%q: %v, %v, %v", in, got, is, err)
		}
	}
	for in, want := range map[string]string{
		"codedeploy:app":      "names no deployment group",
		"codedeploy:/group":   `"" is not a name`,
		"codedeploy:app/":     `"" is not a name`,
		"codedeploy:app/a b":  `"a b" is not a name`,
		"codedeploy:app/{x}":  `"{x}" is not a name`,
		"codedeploy:app/g/10": `"g/10" is not a name`,
	} {
		if _, is, err := ParseGroup(in); !is || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", in, is, err, want)
		}
	}
	if _, is, err := ParseGroup("CodeDeployDefault.LambdaAllAtOnce"); is || err != nil {
		t.Errorf("a configuration is taken for a group: %v", err)
	}
	if got, want := (Group{"{function}", "x-{alias}-{function}"}).For("f", "live"), (Group{"f", "x-live-f"}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
