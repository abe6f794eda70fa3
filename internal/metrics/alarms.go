package metrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/lambda-rollout/lambda-rollout/internal/session"
)

// State is the state of an alarm.
type State string

// The states of an alarm.
const (
	OK               State = "OK"
	InAlarm          State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// Alarm is a metric alarm or a composite alarm.
type Alarm struct {
	Name   string `json:"AlarmName"`
	State  State  `json:"StateValue"`
	Reason string `json:"StateReason"`
}

// maxAlarms is how many names one call takes
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html).
const maxAlarms = 100

type alarmsRequest struct {
	AlarmNames []string
	AlarmTypes []string
	MaxRecords int
	NextToken  string `json:",omitempty"`
}

type alarmsResponse struct {
	MetricAlarms, CompositeAlarms []Alarm
	NextToken                     string
}

// Alarms returns the alarms of these names that exist, by name.
func (c *Client) Alarms(ctx context.Context, names []string) (map[string]Alarm, error) {
	found := map[string]Alarm{}
	for begin := 0; begin < len(names); begin += maxAlarms {
		some := names[begin:min(begin+maxAlarms, len(names))]
		if err := c.alarms(ctx, some, found); err != nil {
			err = session.Explain(err, session.Call{Action: "cloudwatch:DescribeAlarms", Resource: "*"})
			return nil, fmt.Errorf("read the alarms in %s: %w", c.region, err)
		}
	}
	return found, nil
}

func (c *Client) alarms(ctx context.Context, names []string, found map[string]Alarm) error {
	// Without their type composite alarms are left out.
	in := alarmsRequest{AlarmNames: names, AlarmTypes: []string{"MetricAlarm", "CompositeAlarm"}, MaxRecords: maxAlarms}
	for range len(names) + 1 {
		var out alarmsResponse
		if err := c.caller.JSON(ctx, "DescribeAlarms", in, &out); err != nil {
			return err
		}
		for _, list := range [][]Alarm{out.MetricAlarms, out.CompositeAlarms} {
			for _, a := range list {
				found[a.Name] = a
			}
		}
		if out.NextToken == "" {
			return nil
		}
		in.NextToken = out.NextToken
	}
	return errors.New("CloudWatch's answer has more pages than alarms")
}
