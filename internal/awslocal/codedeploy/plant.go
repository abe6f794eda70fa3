package codedeploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// Planted is a deployment group as another CodeDeploy shows it.
type Planted struct {
	Account, Region string
	// Group is an answer of GetDeploymentGroup, Config one of GetDeploymentConfig about the
	// group's configuration.
	Group, Config json.RawMessage
}

// Plant makes a group that exists elsewhere exist here, with its application and its
// configuration, and returns the names of its alarms.
func (s *Service) Plant(p Planted) (alarms []string, err error) {
	var in struct {
		Info groupInfo `json:"deploymentGroupInfo"`
	}
	if err := json.Unmarshal(p.Group, &in); err != nil {
		return nil, fmt.Errorf("copy a deployment group: %w", err)
	}
	info, c := in.Info, api.Caller{Account: p.Account, Region: p.Region}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.plantConfig(c, p.Config); err != nil {
		return nil, err
	}
	key := applicationKey(c, info.ApplicationName)
	a := s.applications[key]
	if a == nil {
		a = &application{Name: info.ApplicationName, ID: api.NewID(), Created: s.options.Clock(), Groups: map[string]*group{}}
	}
	g := &group{ID: info.DeploymentGroupID, Name: info.DeploymentGroupName, Role: info.ServiceRoleArn, Config: info.DeploymentConfigName}
	if r := info.AutoRollbackConfiguration; r != nil && r.Enabled {
		g.Rollback = r.Events
	}
	if alarm := info.AlarmConfiguration; alarm != nil {
		g.Alarms, g.AlarmsEnabled = alarm.names(), alarm.Enabled
	}
	a.Groups[g.Name] = g
	if err := s.saveApplication(c, a); err != nil {
		return nil, errors.New(err.Message)
	}
	return g.Alarms, nil
}

// plantConfig keeps a configuration that is not one of CodeDeploy's own.
func (s *Service) plantConfig(c api.Caller, raw json.RawMessage) error {
	var in struct {
		Info configInfo `json:"deploymentConfigInfo"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return fmt.Errorf("copy a deployment configuration: %w", err)
	}
	own := &config{Name: in.Info.Name, Step: 100}
	if canary := in.Info.Routing.TimeBasedCanary; canary != nil {
		own.Canary, own.Step, own.Interval = true, canary.Percentage, time.Duration(canary.Interval)*time.Minute
	}
	if linear := in.Info.Routing.TimeBasedLinear; linear != nil {
		own.Step, own.Interval = linear.Percentage, time.Duration(linear.Interval)*time.Minute
	}
	if predefined[own.Name] != nil {
		return nil
	}
	return s.options.Store.Put(configKey(c, own.Name), own)
}

// Fail ends every deployment that runs as Failed, with one of the codes of
// "ErrorInformation". Where stuck is set, what rolls it back fails as well.
func (s *Service) Fail(code, message string, stuck bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 2 {
		for _, d := range s.running() {
			s.fail(d, code, message)
		}
		if !stuck {
			return
		}
	}
}
