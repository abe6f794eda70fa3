// Package codedeploy is the embedded AWS CodeDeploy for the compute platform
// Lambda: it moves an alias from one version to another by the server's clock.
//
// It promises what the CodeDeploy API Reference and "Deployments on an AWS Lambda
// compute platform" say: traffic by the deployment configuration, hooks that a
// function answers, alarms that stop, one deployment at a time in a group, and a
// rollback that is a deployment of its own. State is durable. A deployment moves
// when the server gets a request (Tick), to where it should be by then. Instances
// and containers are not served. Where AWS documents no text, errors are worded
// here; their codes are AWS's.
package codedeploy

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

const prefix = "codedeploy/"

// Lambda is what a deployment does to functions, as its account.
type Lambda interface {
	// AliasVersion is the version that an alias points to.
	AliasVersion(c api.Caller, function, alias string) (string, error)
	// Route points an alias to a version, with a weight for another one, or
	// without where other is "".
	Route(c api.Caller, function, alias string, to Routing) error
	// InvokeHook runs a function with a payload and waits for it.
	InvokeHook(ctx context.Context, c api.Caller, function string, payload []byte) error
}

// Routing is where an alias sends its traffic.
type Routing struct {
	Version, Other string
	Weight         float64 // of Other
}

// Options are what a Service needs of the rest of the embedded AWS.
type Options struct {
	Store  *store.Store
	Clock  api.Clock
	Lambda Lambda
	// Alarming returns those of the named alarms that are in ALARM.
	Alarming func(c api.Caller, names []string) []string
	// Access returns why a caller may not do something, "" where it may.
	Access func(c api.Caller, action, resource string) string
}

// Service keeps the applications, groups and deployments of every account and
// Region.
type Service struct {
	awsjson.Service
	options Options

	mu           sync.Mutex
	applications map[string]*application // by store key
	deployments  map[string]*deployment  // by id
	active       atomic.Int32            // deployments that are not over
	hooks        sync.WaitGroup
	ended        context.Context
	end          context.CancelFunc
}

type application struct {
	Name    string
	ID      string
	Created time.Time
	Groups  map[string]*group
}

type group struct {
	ID            string
	Name          string
	Role          string
	Config        string
	Alarms        []string
	AlarmsEnabled bool
	Rollback      []string // events; nil: off
}

// New serves what the store holds.
func New(o Options) (*Service, error) {
	s := &Service{options: o, applications: map[string]*application{}, deployments: map[string]*deployment{}}
	s.ended, s.end = context.WithCancel(context.Background())
	s.Service = awsjson.Service{
		Target: "CodeDeploy_20141006.",
		Operations: map[string]awsjson.Operation{
			"CreateApplication":                    awsjson.Op(s.createApplication),
			"CreateDeploymentConfig":               awsjson.Op(s.createDeploymentConfig),
			"GetDeploymentConfig":                  awsjson.Op(s.getDeploymentConfig),
			"CreateDeploymentGroup":                awsjson.Op(s.createDeploymentGroup),
			"GetDeploymentGroup":                   awsjson.Op(s.getDeploymentGroup),
			"CreateDeployment":                     awsjson.Op(s.createDeployment),
			"GetDeployment":                        awsjson.Op(s.getDeployment),
			"ListDeployments":                      awsjson.Op(s.listDeployments),
			"StopDeployment":                       awsjson.Op(s.stopDeployment),
			"PutLifecycleEventHookExecutionStatus": awsjson.Op(s.putHookStatus),
		},
		Changing: map[string]bool{
			"CreateApplication": true, "CreateDeploymentConfig": true, "CreateDeploymentGroup": true, "CreateDeployment": true,
			"StopDeployment": true, "PutLifecycleEventHookExecutionStatus": true,
		},
	}
	for _, key := range o.Store.Keys(prefix) {
		if err := s.load(key); err != nil {
			return nil, fmt.Errorf("load CodeDeploy's state: %w", err)
		}
	}
	return s, nil
}

// load reads one document of the store: configurations are read when they are used.
func (s *Service) load(key string) error {
	switch {
	case strings.Contains(key, "/application/"):
		a := new(application)
		_, err := s.options.Store.Get(key, a)
		s.applications[key] = a
		return err
	case strings.Contains(key, "/deployment/"):
		d := new(deployment)
		_, err := s.options.Store.Get(key, d)
		s.deployments[d.ID] = d
		if !d.over() {
			s.active.Add(1)
		}
		return err
	}
	return nil
}

// Close ends the hooks that run.
func (s *Service) Close() error {
	s.end()
	s.hooks.Wait()
	return nil
}

func refusal(code, format string, args ...any) *api.Error {
	return api.NewError(http.StatusBadRequest, code, fmt.Sprintf(format, args...))
}

func applicationKey(c api.Caller, name string) string {
	return prefix + c.Account + "/" + c.Region + "/application/" + name
}

func (s *Service) application(c api.Caller, name string) (*application, *api.Error) {
	if name == "" {
		return nil, refusal("ApplicationNameRequiredException", "Application name is required")
	}
	a := s.applications[applicationKey(c, name)]
	if a == nil {
		return nil, refusal("ApplicationDoesNotExistException", "No application found for name: %s", name)
	}
	return a, nil
}

func (s *Service) group(c api.Caller, owner, name string) (*application, *group, *api.Error) {
	a, err := s.application(c, owner)
	if err != nil {
		return nil, nil, err
	}
	if name == "" {
		return nil, nil, refusal("DeploymentGroupNameRequiredException", "Deployment Group name is missing")
	}
	g := a.Groups[name]
	if g == nil {
		return nil, nil, refusal("DeploymentGroupDoesNotExistException", "No Deployment Group found for name: %s", name)
	}
	return a, g, nil
}

func (s *Service) saveApplication(c api.Caller, a *application) *api.Error {
	key := applicationKey(c, a.Name)
	if err := s.options.Store.Put(key, a); err != nil {
		return awsjson.Internal(err)
	}
	s.applications[key] = a
	return nil
}

var namePattern = lazyregexp.New(`^[A-Za-z0-9+=,.@_:-]{1,100}$`)

// createApplication rests on "CreateApplication".
func (s *Service) createApplication(ctx context.Context, in *struct{ ApplicationName, ComputePlatform string }) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !namePattern.MatchString(in.ApplicationName):
		return nil, refusal("InvalidApplicationNameException", "Application name is invalid: %q", in.ApplicationName)
	case in.ComputePlatform != "Lambda":
		return nil, refusal("InvalidComputePlatformException", "The embedded AWS serves the compute platform Lambda alone, not %q.", in.ComputePlatform)
	case s.applications[applicationKey(c, in.ApplicationName)] != nil:
		return nil, refusal("ApplicationAlreadyExistsException", "Application already exists: %s", in.ApplicationName)
	}
	a := &application{Name: in.ApplicationName, ID: api.NewID(), Created: s.options.Clock(), Groups: map[string]*group{}}
	return struct {
		ID string `json:"applicationId"`
	}{a.ID}, s.saveApplication(c, a)
}

type alarmConfiguration struct {
	Enabled bool    `json:"enabled"`
	Alarms  []named `json:"alarms"`
}

type named struct {
	Name string `json:"name"`
}

func (a *alarmConfiguration) names() []string {
	var names []string
	for _, one := range a.Alarms {
		names = append(names, one.Name)
	}
	return names
}

type rollbackConfiguration struct {
	Enabled bool     `json:"enabled"`
	Events  []string `json:"events"`
}

var rollbackEvents = []string{"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}

// check returns the events of a configuration; none where it is off.
func (r *rollbackConfiguration) check() ([]string, *api.Error) {
	if r == nil || !r.Enabled {
		return nil, nil
	}
	if len(r.Events) == 0 {
		return nil, refusal("InvalidAutoRollbackConfigException", "Auto Rollback events are missing")
	}
	for _, e := range r.Events {
		if !slices.Contains(rollbackEvents, e) {
			return nil, refusal("InvalidAutoRollbackConfigException", "Invalid Auto Rollback event: %s", e)
		}
	}
	return r.Events, nil
}

type groupInput struct {
	ApplicationName, DeploymentGroupName, DeploymentConfigName, ServiceRoleArn string
	AlarmConfiguration                                                         *alarmConfiguration
	AutoRollbackConfiguration                                                  *rollbackConfiguration
	DeploymentStyle                                                            *struct{ DeploymentType, DeploymentOption string }
}

// createDeploymentGroup rests on "CreateDeploymentGroup" and "Create a deployment
// group for a Lambda deployment".
func (s *Service) createDeploymentGroup(ctx context.Context, in *groupInput) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(c, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	g := &group{ID: api.NewID(), Name: in.DeploymentGroupName, Role: in.ServiceRoleArn, Config: in.DeploymentConfigName}
	if g.Config == "" {
		g.Config = "CodeDeployDefault.LambdaAllAtOnce"
	}
	switch {
	case !namePattern.MatchString(g.Name):
		return nil, refusal("InvalidDeploymentGroupNameException", "Deployment Group name is invalid: %q", g.Name)
	case a.Groups[g.Name] != nil:
		return nil, refusal("DeploymentGroupAlreadyExistsException", "Deployment Group already exists: %s", g.Name)
	case g.Role == "":
		return nil, refusal("RoleRequiredException", "The service role ARN is missing")
	case !strings.HasPrefix(g.Role, "arn:") || !strings.Contains(g.Role, ":role/"):
		return nil, refusal("InvalidRoleException", "%s is not the ARN of a role", g.Role)
	case in.DeploymentStyle != nil && in.DeploymentStyle.DeploymentType != "BLUE_GREEN":
		return nil, refusal("InvalidDeploymentStyleException", "For Lambda deployments, only BLUE_GREEN with WITH_TRAFFIC_CONTROL is supported.")
	case s.config(c, g.Config) == nil:
		return nil, refusal("DeploymentConfigDoesNotExistException", "No Deployment Configuration found for name: %s", g.Config)
	}
	if g.Rollback, err = in.AutoRollbackConfiguration.check(); err != nil {
		return nil, err
	}
	if in.AlarmConfiguration != nil {
		g.Alarms, g.AlarmsEnabled = in.AlarmConfiguration.names(), in.AlarmConfiguration.Enabled
	}
	if len(g.Alarms) > 10 {
		return nil, refusal("AlarmsLimitExceededException", "The maximum number of alarms for a deployment group (10) was exceeded.")
	}
	a.Groups[g.Name] = g
	return struct {
		ID string `json:"deploymentGroupId"`
	}{g.ID}, s.saveApplication(c, a)
}

type groupInfo struct {
	ApplicationName           string                 `json:"applicationName"`
	DeploymentGroupID         string                 `json:"deploymentGroupId"`
	DeploymentGroupName       string                 `json:"deploymentGroupName"`
	DeploymentConfigName      string                 `json:"deploymentConfigName"`
	ServiceRoleArn            string                 `json:"serviceRoleArn"`
	ComputePlatform           string                 `json:"computePlatform"`
	AlarmConfiguration        *alarmConfiguration    `json:"alarmConfiguration,omitempty"`
	AutoRollbackConfiguration *rollbackConfiguration `json:"autoRollbackConfiguration,omitempty"`
	DeploymentStyle           map[string]string      `json:"deploymentStyle"`
}

var style = map[string]string{"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}

// getDeploymentGroup rests on "GetDeploymentGroup".
func (s *Service) getDeploymentGroup(ctx context.Context, in *struct{ ApplicationName, DeploymentGroupName string }) (any, *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, g, err := s.group(api.From(ctx), in.ApplicationName, in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	info := groupInfo{a.Name, g.ID, g.Name, g.Config, g.Role, "Lambda", &alarmConfiguration{Enabled: g.AlarmsEnabled, Alarms: []named{}}, &rollbackConfiguration{g.Rollback != nil, g.Rollback}, style}
	for _, name := range g.Alarms {
		info.AlarmConfiguration.Alarms = append(info.AlarmConfiguration.Alarms, named{name})
	}
	return struct {
		Info groupInfo `json:"deploymentGroupInfo"`
	}{info}, nil
}
