package cloudwatch

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

const (
	alarmPrefix = "cloudwatch/alarm/"
	composite   = "CompositeAlarm"
	metricAlarm = "MetricAlarm"
	// maxAlarmNames is the most names that one call may name ("DescribeAlarms").
	maxAlarmNames = 100
)

// alarm is one alarm, metric or composite, under the API's own names.
type alarm struct {
	AlarmName                          string
	AlarmArn                           string
	AlarmDescription                   string
	AlarmConfigurationUpdatedTimestamp time.Time
	ActionsEnabled                     *bool
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	StateValue                         string
	StateReason                        string
	StateReasonData                    string
	StateUpdatedTimestamp              time.Time
	StateTransitionedTimestamp         time.Time
	AlarmRule                          string // of a composite alarm
	MetricName                         string
	Namespace                          string
	Statistic                          string
	ExtendedStatistic                  string
	Dimensions                         []dimension
	Period                             int
	Unit                               string
	EvaluationPeriods                  int
	DatapointsToAlarm                  int
	Threshold                          *float64
	ComparisonOperator                 string
	TreatMissingData                   string
	EvaluateLowSampleCountPercentile   string
	Metrics                            []metricQuery
	ThresholdMetricId                  string
	// SetAt is when SetAlarmState set the state, zero where it was evaluated.
	SetAt time.Time `wire:"-"`
}

func alarmKey(c api.Caller, name string) string {
	return alarmPrefix + c.Account + "/" + c.Region + "/" + name
}

// putMetricAlarm rests on "PutMetricAlarm": a new alarm starts with
// INSUFFICIENT_DATA, a changed one keeps its state.
func (s *Service) putMetricAlarm(c api.Caller, in *alarm) (any, *api.Error) {
	in.AlarmRule = ""
	switch {
	case in.EvaluationPeriods < 1:
		return nil, invalid("The parameter EvaluationPeriods must be greater than or equal to 1")
	case in.ComparisonOperator == "":
		return nil, invalid("The parameter ComparisonOperator is required")
	case in.Metrics == nil && in.MetricName == "":
		return nil, invalid("Exactly one of Metrics or MetricName must be specified")
	case in.Metrics == nil && in.Statistic == "" && in.ExtendedStatistic == "":
		return nil, invalid("Exactly one of Statistic and ExtendedStatistic must be specified")
	case in.Metrics == nil && (in.Period < 10 || in.Period > 10 && in.Period < 60 && in.Period%10 != 0 || in.Period > 60 && in.Period%60 != 0):
		return nil, invalid("Period must be 10, 20, 30 or a multiple of 60")
	}
	return nil, s.putAlarm(c, in)
}

// putCompositeAlarm rests on "PutCompositeAlarm": the alarms that the rule names
// must exist.
func (s *Service) putCompositeAlarm(c api.Caller, in *alarm) (any, *api.Error) {
	if in.AlarmRule == "" {
		return nil, invalid("The parameter AlarmRule is required")
	}
	rule, err := parseRule(in.AlarmRule)
	if err != nil {
		return nil, invalid("Could not save the composite alarm as the alarm rule is not valid: %s", err)
	}
	var missing []string
	s.mu.RLock()
	for _, name := range rule.alarms() {
		if s.alarms[alarmKey(c, name)] == nil && name != in.AlarmName {
			missing = append(missing, name)
		}
	}
	s.mu.RUnlock()
	if missing != nil {
		return nil, invalid("Could not save the composite alarm as alarms [%s] in the alarm rule do not exist", strings.Join(missing, ", "))
	}
	return nil, s.putAlarm(c, in)
}

func (s *Service) putAlarm(c api.Caller, in *alarm) *api.Error {
	if in.AlarmName == "" || len(in.AlarmName) > 255 {
		return invalid(
			"1 validation error detected: Value '%s' at 'alarmName' failed to satisfy constraint: Member must have length between 1 and 255",
			in.AlarmName,
		)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC().Truncate(time.Millisecond)
	in.AlarmArn = "arn:" + api.Partition(c.Region) + ":cloudwatch:" + c.Region + ":" + c.Account + ":alarm:" + in.AlarmName
	in.AlarmConfigurationUpdatedTimestamp = now
	if in.ActionsEnabled == nil {
		enabled := true
		in.ActionsEnabled = &enabled
	}
	in.StateValue, in.StateReason = "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation"
	in.StateUpdatedTimestamp, in.StateTransitionedTimestamp, in.StateReasonData, in.SetAt = now, now, "", time.Time{}
	if old := s.alarms[alarmKey(c, in.AlarmName)]; old != nil {
		in.StateValue, in.StateReason, in.StateReasonData = old.StateValue, old.StateReason, old.StateReasonData
		in.StateUpdatedTimestamp, in.StateTransitionedTimestamp, in.SetAt = old.StateUpdatedTimestamp, old.StateTransitionedTimestamp, old.SetAt
	}
	return s.keepAlarm(c, in)
}

func (s *Service) keepAlarm(c api.Caller, a *alarm) *api.Error {
	key := alarmKey(c, a.AlarmName)
	if err := s.store.Put(key, a); err != nil {
		return api.NewError(http.StatusInternalServerError, "InternalServiceFault", err.Error())
	}
	s.alarms[key] = a
	return nil
}

type describeAlarmsInput struct {
	AlarmNames      []string
	AlarmNamePrefix string
	AlarmTypes      []string
	StateValue      string
	ActionPrefix    string
	MaxRecords      *int
	NextToken       string
}

type describeAlarmsOutput struct {
	CompositeAlarms []*alarm
	MetricAlarms    []*alarm
	NextToken       string
}

// describeAlarms rests on "DescribeAlarms": without AlarmTypes metric alarms
// alone are returned, and names that do not exist are ignored.
func (s *Service) describeAlarms(c api.Caller, in *describeAlarmsInput) (any, *api.Error) {
	limit := 100
	if in.MaxRecords != nil {
		limit = *in.MaxRecords
	}
	switch {
	case len(in.AlarmNames) > maxAlarmNames:
		return nil, invalid(
			"1 validation error detected: Value at 'alarmNames' failed to satisfy constraint: Member must have length less than or equal to 100",
		)
	case len(in.AlarmNames) > 0 && in.AlarmNamePrefix != "":
		return nil, invalid("Must specify either AlarmNames or AlarmNamePrefix, but not both")
	case limit < 1 || limit > 100:
		return nil, invalid(
			"1 validation error detected: Value '%d' at 'maxRecords' failed to satisfy constraint: Member must be between 1 and 100",
			limit,
		)
	}
	after, err := base64.StdEncoding.DecodeString(in.NextToken)
	if err != nil {
		return nil, api.NewError(http.StatusBadRequest, "InvalidNextToken", "The next token specified is invalid.")
	}
	out := describeAlarmsOutput{CompositeAlarms: []*alarm{}, MetricAlarms: []*alarm{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.evaluateAll(c); err != nil {
		return nil, err
	}
	found := s.matching(c, in)
	found = slices.DeleteFunc(found, func(a *alarm) bool { return a.AlarmName <= string(after) })
	if len(found) > limit {
		found = found[:limit]
		out.NextToken = base64.StdEncoding.EncodeToString([]byte(found[limit-1].AlarmName))
	}
	for _, a := range found {
		if a.AlarmRule != "" {
			out.CompositeAlarms = append(out.CompositeAlarms, a)
		} else {
			out.MetricAlarms = append(out.MetricAlarms, a)
		}
	}
	return out, nil
}

// matching are the caller's alarms that a request asks for, sorted by name.
func (s *Service) matching(c api.Caller, in *describeAlarmsInput) []*alarm {
	var found []*alarm
	prefix := alarmKey(c, "")
	for key, a := range s.alarms {
		kind := metricAlarm
		if a.AlarmRule != "" {
			kind = composite
		}
		wanted := strings.HasPrefix(key, prefix) &&
			(in.AlarmNames == nil || slices.Contains(in.AlarmNames, a.AlarmName)) &&
			strings.HasPrefix(a.AlarmName, in.AlarmNamePrefix) &&
			(slices.Contains(in.AlarmTypes, kind) || len(in.AlarmTypes) == 0 && kind == metricAlarm) &&
			(in.StateValue == "" || in.StateValue == a.StateValue) &&
			(in.ActionPrefix == "" || slices.ContainsFunc(slices.Concat(a.OKActions, a.AlarmActions, a.InsufficientDataActions), func(action string) bool { return strings.HasPrefix(action, in.ActionPrefix) }))
		if wanted {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, func(a, b *alarm) int { return strings.Compare(a.AlarmName, b.AlarmName) })
	return found
}

type setAlarmStateInput struct{ AlarmName, StateValue, StateReason, StateReasonData string }

// setAlarmState rests on "SetAlarmState".
func (s *Service) setAlarmState(c api.Caller, in *setAlarmStateInput) (any, *api.Error) {
	switch {
	case !slices.Contains([]string{"OK", "ALARM", "INSUFFICIENT_DATA"}, in.StateValue):
		return nil, invalid(
			"1 validation error detected: Value '%s' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]",
			in.StateValue,
		)
	case in.StateReason == "":
		return nil, invalid("The parameter StateReason is required")
	case in.StateReasonData != "" && !json.Valid([]byte(in.StateReasonData)):
		return nil, api.NewError(http.StatusBadRequest, "InvalidFormat", "StateReasonData is not valid JSON")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.alarms[alarmKey(c, in.AlarmName)]
	if old == nil {
		return nil, errNoAlarm(in.AlarmName)
	}
	next := *old
	next.StateReason, next.StateReasonData = in.StateReason, in.StateReasonData
	next.StateUpdatedTimestamp = s.now().UTC().Truncate(time.Millisecond)
	next.SetAt = next.StateUpdatedTimestamp
	if next.StateValue != in.StateValue {
		next.StateValue, next.StateTransitionedTimestamp = in.StateValue, next.StateUpdatedTimestamp
	}
	return nil, s.keepAlarm(c, &next)
}

func errNoAlarm(names ...string) *api.Error {
	return api.NewError(http.StatusNotFound, "ResourceNotFound", "Alarms not found: "+strings.Join(names, ", "))
}

type deleteAlarmsInput struct{ AlarmNames []string }

// deleteAlarms rests on "DeleteAlarms": where one name is wrong, none is
// deleted.
func (s *Service) deleteAlarms(c api.Caller, in *deleteAlarmsInput) (any, *api.Error) {
	if len(in.AlarmNames) > maxAlarmNames {
		return nil, invalid(
			"1 validation error detected: Value at 'alarmNames' failed to satisfy constraint: Member must have length less than or equal to 100",
		)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var missing []string
	for _, name := range in.AlarmNames {
		if s.alarms[alarmKey(c, name)] == nil {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return nil, errNoAlarm(missing...)
	}
	for _, name := range in.AlarmNames {
		key := alarmKey(c, name)
		if err := s.store.Delete(key); err != nil {
			return nil, api.NewError(http.StatusInternalServerError, "InternalServiceFault", err.Error())
		}
		delete(s.alarms, key)
	}
	return nil, nil
}
