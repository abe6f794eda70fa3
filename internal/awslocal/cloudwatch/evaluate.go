package cloudwatch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// The states of an alarm.
const (
	stateOK           = "OK"
	stateAlarm        = "ALARM"
	stateInsufficient = "INSUFFICIENT_DATA"
)

// extraPeriods are looked at beyond EvaluationPeriods, so that data which arrives
// late is found ("Configuring how CloudWatch alarms treat missing data", where a
// range of five serves three evaluation periods).
const extraPeriods = 2

// evaluateAll brings the states of the caller's alarms up to now: those of metrics
// first, then composite ones, which may rest on each other. The caller holds s.mu.
func (s *Service) evaluateAll(c api.Caller) *api.Error {
	s.metrics.arrive(s.now())
	prefix := alarmKey(c, "")
	var composites []*alarm
	for _, key := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[key]
		switch {
		case !strings.HasPrefix(key, prefix):
		case a.AlarmRule != "":
			composites = append(composites, a)
		default:
			if err := s.evaluateMetric(c, a); err != nil {
				return err
			}
		}
	}
	return s.evaluateComposites(c, composites)
}

// Alarming are those of the named alarms that are in ALARM, for services that watch
// alarms.
func (s *Service) Alarming(c api.Caller, names []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.evaluateAll(c); err != nil {
		return nil // a state that cannot be kept is evaluated again
	}
	var active []string
	for _, name := range names {
		if s.stateOf(c, name) == stateAlarm {
			active = append(active, name)
		}
	}
	return active
}

// move gives an alarm a state that was evaluated.
func (s *Service) move(c api.Caller, a *alarm, state, reason string) *api.Error {
	if a.StateValue == state {
		return nil
	}
	next := *a
	next.StateValue, next.StateReason, next.StateReasonData, next.SetAt = state, reason, "", time.Time{}
	next.StateUpdatedTimestamp = s.now().UTC().Truncate(time.Millisecond)
	next.StateTransitionedTimestamp = next.StateUpdatedTimestamp
	return s.keepAlarm(c, &next)
}

// evaluateMetric moves a metric alarm. A new one keeps its first state until the
// minute has ended in which it was made.
func (s *Service) evaluateMetric(c api.Caller, a *alarm) *api.Error {
	breaches := comparisons[a.ComparisonOperator]
	stat, ok := a.metricStat()
	if !ok || breaches == nil || a.Threshold == nil {
		return nil
	}
	value, err := statistic(stat.Stat)
	if err != nil {
		return nil // an alarm that was put with a statistic that is unknown here
	}
	end := s.now().Unix() / 60
	if end == a.AlarmConfigurationUpdatedTimestamp.Unix()/60 {
		return nil
	}
	series := s.metrics.series[seriesKey(c.Account, c.Region, stat.Metric.Namespace, stat.Metric.MetricName, stat.Metric.Dimensions)]
	span := int64(max(1, stat.Period/60))
	w := window{needed: a.EvaluationPeriods, alarming: a.DatapointsToAlarm}
	if w.alarming == 0 {
		w.alarming = w.needed
	}
	newest := time.Time{}
	for i := range int64(a.EvaluationPeriods + extraPeriods) {
		begin := end - (i+1)*span
		var sum *minute
		for slot := begin; slot < begin+span; slot++ {
			if one := series[slot]; one != nil {
				sum = sum.plus(one)
			}
		}
		if sum == nil {
			continue
		}
		if newest.IsZero() {
			newest = time.Unix((begin+span)*60, 0)
		}
		v := value(sum)
		w.points = append(w.points, point{v, time.Unix(begin*60, 0).UTC(), breaches(v, *a.Threshold)})
	}
	if !a.SetAt.IsZero() && !newest.After(a.SetAt) {
		return nil
	}
	state := w.state(a.TreatMissingData, a.StateValue)
	return s.move(c, a, state, w.reason(a, state))
}

// metricStat is what a metric alarm looks at; false where that is metric math.
func (a *alarm) metricStat() (metricStat, bool) {
	if a.Metrics == nil {
		var m metricStat
		m.Metric.Namespace, m.Metric.MetricName, m.Metric.Dimensions = a.Namespace, a.MetricName, a.Dimensions
		m.Period, m.Stat = a.Period, a.Statistic+a.ExtendedStatistic
		return m, true
	}
	if len(a.Metrics) != 1 || a.Metrics[0].MetricStat == nil {
		return metricStat{}, false
	}
	return *a.Metrics[0].MetricStat, true
}

var comparisons = map[string]func(value, threshold float64) bool{
	"GreaterThanThreshold":          func(v, t float64) bool { return v > t },
	"GreaterThanOrEqualToThreshold": func(v, t float64) bool { return v >= t },
	"LessThanThreshold":             func(v, t float64) bool { return v < t },
	"LessThanOrEqualToThreshold":    func(v, t float64) bool { return v <= t },
}

// point is one period of an alarm's metric.
type point struct {
	value     float64
	begin     time.Time
	breaching bool
}

// window is what an alarm sees of its metric, newest first, missing periods left
// out.
type window struct {
	points           []point
	needed, alarming int
}

// state follows the tables of "Configuring how CloudWatch alarms treat missing
// data": with enough real data the newest of it decides; else what is missing is
// filled up as the alarm says.
func (w *window) state(missing, current string) string {
	if len(w.points) > w.needed {
		w.points = w.points[:w.needed]
	}
	breaching := 0
	for _, p := range w.points {
		if p.breaching {
			breaching++
		}
	}
	fill := w.needed - len(w.points)
	switch {
	case missing == "breaching":
		return alarmIf(breaching+fill >= w.alarming)
	case fill == 0, missing == "notBreaching":
		return alarmIf(breaching >= w.alarming)
	case len(w.points) == 0 && missing == "ignore":
		return current
	case len(w.points) == 0:
		return stateInsufficient
	case missing == "ignore" && breaching < w.alarming && breaching == len(w.points):
		return current // the periods that are missing could decide either way
	}
	return alarmIf(breaching >= min(w.alarming, len(w.points)))
}

func alarmIf(alarming bool) string {
	if alarming {
		return stateAlarm
	}
	return stateOK
}

// reason is worded as CloudWatch words it.
func (w *window) reason(a *alarm, state string) string {
	if len(w.points) == 0 {
		reason := "no datapoints were received for " + fmt.Sprint(w.needed) + " periods"
		if w.needed == 1 {
			reason = "no datapoints were received for 1 period"
		}
		switch {
		case state == stateInsufficient:
			return "Insufficient Data: " + strings.TrimPrefix(reason, "no datapoints were received for ") + " of data missing"
		case a.TreatMissingData == "breaching" || a.TreatMissingData == "notBreaching":
			treated := map[string]string{"breaching": "[Breaching]", "notBreaching": "[NonBreaching]"}[a.TreatMissingData]
			return "Threshold Crossed: " + reason + " and " + fmt.Sprint(w.needed) + " missing datapoints were treated as " + treated + "."
		}
		return reason
	}
	counted, listed := 0, []string{}
	for _, p := range w.points {
		if p.breaching == (state == stateAlarm) {
			counted++
			listed = append(listed, fmt.Sprintf("%v (%s)", p.value, p.begin.Format("02/01/06 15:04:05")))
		}
	}
	word := "was"
	if counted != 1 {
		word = "were"
	}
	if state != stateAlarm {
		word += " not"
	}
	return fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints [%s] %s %s the threshold (%v).",
		counted, len(w.points), strings.Join(listed, ", "), word, comparisonWords[a.ComparisonOperator], *a.Threshold)
}

var comparisonWords = map[string]string{
	"GreaterThanThreshold":          "greater than",
	"GreaterThanOrEqualToThreshold": "greater than or equal to",
	"LessThanThreshold":             "less than",
	"LessThanOrEqualToThreshold":    "less than or equal to",
}
