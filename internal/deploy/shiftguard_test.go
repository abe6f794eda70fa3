package deploy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
)

// Ten per cent, a test of one's own, then everything: the shift is not blind.
func TestAShiftJudgesWhatWasMeasuredSoFar(t *testing.T) {
	for _, c := range []struct {
		name    string
		rates   map[string]float64
		percent float64
		decide  OnInconclusive
		minutes time.Duration
		want    string // in the error; "" shifts
		log     string
	}{
		{"worse", map[string]float64{"2": 0.3}, 100, ExtendStage, 5, "version 2 of function shop failed in", "the new version fails more often"},
		{"worse, and less of it", map[string]float64{"2": 0.3}, 0, ExtendStage, 5, "", ""},
		{"equal", nil, 100, ExtendStage, 5, "", "no sign of a worse rate"},
		{"too few", nil, 100, ExtendStage, 1, "", "cannot tell from what was measured so far"},
		{"too few to be asked for", nil, 100, RollBackStage, 1, "on-inconclusive is rollback", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rates := newRates(2, c.rates)
			run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
				f.access.Timing.MetricDelay = 0
				f.options.Watch.Guard.OnInconclusive = c.decide
				f.deployCode("1")
				f.options.Traffic = parseTraffic(t, "20%")
				f.deployCode("2")
				stop := f.load(f.Context(), 100)
				time.Sleep(c.minutes * time.Minute)
				stop()
				time.Sleep(time.Hour)
				_, err := f.shift(f.Context(), to(""), share(c.percent))
				var not *NotStartedError
				if refused := errors.As(err, &not) && strings.Contains(err.Error(), c.want); refused != (c.want != "") || c.want == "" && err != nil {
					f.Fatalf("ends with %v\n%s", err, f.log)
				}
				if shared := f.weights()["2"] == 0.2; shared != (c.want != "") {
					f.Errorf("live is %s with %v", f.alias("live"), f.weights())
				}
				f.logged(c.log)
			})
		})
	}
}

// What a shift with stages measured before is part of its evidence.
func TestAShiftInStagesGoesOnFromWhatWasMeasured(t *testing.T) {
	rates := newRates(2, nil)
	run(t, awslocal.Options{Handler: rates.handle, Seed: 5}, func(f *fixture) {
		f.access.Timing.MetricDelay = 0
		f.deployCode("1")
		f.options.Traffic = parseTraffic(t, "20%")
		f.deployCode("2")
		defer f.load(f.Context(), 100)()
		time.Sleep(4 * time.Minute)
		rates.mu.Lock()
		rates.rates = map[string]float64{"2": 0.5}
		rates.mu.Unlock()
		_, err := f.shift(f.Context(), to(""), parseTraffic(t, "40%/5m"))
		var failed *FailedError
		if !errors.As(err, &failed) || f.weights()["2"] != 0.2 {
			f.Errorf("ends with %v; live has %v\n%s", err, f.weights(), f.log)
		}
	})
}
