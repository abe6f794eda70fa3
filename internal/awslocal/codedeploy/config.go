package codedeploy

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
)

// config is how traffic goes over: Step percent at once and after each Interval,
// everything after the first Interval where Canary is set.
type config struct {
	Name     string
	Canary   bool
	Step     int
	Interval time.Duration
}

// share is the percentage of the new version when traffic has shifted for a time.
func (c *config) share(after time.Duration) int {
	switch {
	case c.Step >= 100 || c.Interval <= 0:
		return 100
	case c.Canary && after >= c.Interval:
		return 100
	case c.Canary:
		return c.Step
	}
	return min(100, c.Step*(1+int(after/c.Interval)))
}

// predefined are the configurations of "Deployment configurations on an AWS Lambda
// compute platform".
var predefined = func() map[string]*config {
	all := map[string]*config{}
	add := func(name string, c config) {
		c.Name = "CodeDeployDefault.Lambda" + name
		all[c.Name] = &c
	}
	add("AllAtOnce", config{Step: 100})
	for _, minutes := range []int{5, 10, 15, 30} {
		add(fmt.Sprintf("Canary10Percent%dMinutes", minutes), config{Canary: true, Step: 10, Interval: time.Duration(minutes) * time.Minute})
	}
	for _, minutes := range []int{1, 2, 3, 10} {
		plural := "s"
		if minutes == 1 {
			plural = ""
		}
		add(fmt.Sprintf("Linear10PercentEvery%dMinute%s", minutes, plural), config{Step: 10, Interval: time.Duration(minutes) * time.Minute})
	}
	return all
}()

func configKey(c api.Caller, name string) string {
	return prefix + c.Account + "/" + c.Region + "/config/" + name
}

// config finds a configuration, nil where there is none.
func (s *Service) config(c api.Caller, name string) *config {
	if known := predefined[name]; known != nil {
		return known
	}
	own := new(config)
	if ok, err := s.options.Store.Get(configKey(c, name), own); !ok || err != nil {
		return nil
	}
	return own
}

type timeBased struct{ CanaryPercentage, CanaryInterval, LinearPercentage, LinearInterval int }

// createDeploymentConfig rests on "CreateDeploymentConfig" with a
// trafficRoutingConfig; intervals are minutes.
func (s *Service) createDeploymentConfig(ctx context.Context, in *struct {
	DeploymentConfigName, ComputePlatform string
	TrafficRoutingConfig                  struct {
		Type                             string
		TimeBasedCanary, TimeBasedLinear timeBased
	}
}) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	own := &config{Name: in.DeploymentConfigName}
	switch canary, linear := in.TrafficRoutingConfig.TimeBasedCanary, in.TrafficRoutingConfig.TimeBasedLinear; in.TrafficRoutingConfig.Type {
	case "TimeBasedCanary":
		own.Canary, own.Step, own.Interval = true, canary.CanaryPercentage, time.Duration(canary.CanaryInterval)*time.Minute
	case "TimeBasedLinear":
		own.Step, own.Interval = linear.LinearPercentage, time.Duration(linear.LinearInterval)*time.Minute
	case "AllAtOnce":
		own.Step = 100
	default:
		return nil, refusal("InvalidTrafficRoutingConfigurationException", "The traffic routing type %q is not valid.", in.TrafficRoutingConfig.Type)
	}
	switch {
	case !namePattern.MatchString(own.Name) || strings.HasPrefix(own.Name, "CodeDeployDefault."):
		return nil, refusal("InvalidDeploymentConfigNameException", "Deployment Configuration name is invalid: %q", own.Name)
	case s.config(c, own.Name) != nil:
		return nil, refusal("DeploymentConfigAlreadyExistsException", "Deployment Configuration already exists: %s", own.Name)
	case own.Step < 1 || own.Step > 100 || own.Step < 100 && own.Interval < time.Minute:
		return nil, refusal("InvalidTrafficRoutingConfigurationException", "A percentage of %s at intervals of %s is not valid.", strconv.Itoa(own.Step), own.Interval)
	}
	if err := s.options.Store.Put(configKey(c, own.Name), own); err != nil {
		return nil, awsjson.Internal(err)
	}
	return struct {
		ID string `json:"deploymentConfigId"`
	}{api.NewID()}, nil
}

type routingInfo struct {
	Type            string      `json:"type"`
	TimeBasedCanary *canaryInfo `json:"timeBasedCanary,omitempty"`
	TimeBasedLinear *linearInfo `json:"timeBasedLinear,omitempty"`
}

type canaryInfo struct {
	Percentage int `json:"canaryPercentage"`
	Interval   int `json:"canaryInterval"`
}

type linearInfo struct {
	Percentage int `json:"linearPercentage"`
	Interval   int `json:"linearInterval"`
}

func (c *config) routing() routingInfo {
	minutes := int(c.Interval / time.Minute)
	switch {
	case c.Step >= 100:
		return routingInfo{Type: "AllAtOnce"}
	case c.Canary:
		return routingInfo{Type: "TimeBasedCanary", TimeBasedCanary: &canaryInfo{c.Step, minutes}}
	}
	return routingInfo{Type: "TimeBasedLinear", TimeBasedLinear: &linearInfo{c.Step, minutes}}
}

type configInfo struct {
	Name            string      `json:"deploymentConfigName"`
	ComputePlatform string      `json:"computePlatform"`
	Routing         routingInfo `json:"trafficRoutingConfig"`
}

// getDeploymentConfig rests on "GetDeploymentConfig".
func (s *Service) getDeploymentConfig(ctx context.Context, in *struct{ DeploymentConfigName string }) (any, *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.DeploymentConfigName == "" {
		return nil, refusal("DeploymentConfigNameRequiredException", "Deployment configuration name is missing")
	}
	c := s.config(api.From(ctx), in.DeploymentConfigName)
	if c == nil {
		return nil, refusal("DeploymentConfigDoesNotExistException", "No Deployment Configuration found for name: %s", in.DeploymentConfigName)
	}
	return struct {
		Info configInfo `json:"deploymentConfigInfo"`
	}{configInfo{c.Name, "Lambda", c.routing()}}, nil
}
