package cloudwatch

import (
	"errors"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// Plant makes an alarm exist, which is in ALARM or OK whatever the metrics are: a
// composite one whose rule is constant.
func (s *Service) Plant(account, region, name string, alarming bool) error {
	rule := "FALSE"
	if alarming {
		rule = "TRUE"
	}
	c := api.Caller{Account: account, Region: region}
	if _, err := s.putCompositeAlarm(c, &alarm{AlarmName: name, AlarmRule: rule}); err != nil {
		return errors.New(err.Message)
	}
	return nil
}

// Invocations are many runs of a function in one minute.
type Invocations struct {
	Account, Region, Function string
	// Resource is "fn:alias", SharedVersion the version that ran.
	Resource, SharedVersion string
	Time                    time.Time
	Count, Errors           int
	Duration                time.Duration
}

// RecordMany counts them as Record counts each.
func (s *Service) RecordMany(i Invocations) {
	if i.Count == 0 {
		return
	}
	count, milliseconds := float64(i.Count), float64(i.Duration.Microseconds())/1000
	sums := map[string]sample{
		"Invocations": {count: count, sum: count, low: 1, high: 1, value: 1, equal: true},
		"Errors":      {count: count, sum: float64(i.Errors), high: 1},
		"Duration":    {count: count, sum: count * milliseconds, low: milliseconds, high: milliseconds, value: milliseconds, equal: true},
	}
	function, resource := dimension{"FunctionName", i.Function}, dimension{"Resource", i.Resource}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, v := range sums {
		for _, dimensions := range [][]dimension{{function}, {function, resource}, {function, resource, {"ExecutedVersion", i.SharedVersion}}} {
			s.metrics.add(seriesKey(i.Account, i.Region, "AWS/Lambda", name, dimensions), i.Time, v)
		}
	}
}
