package codedeploy

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsjson"
)

// The states of a deployment.
const (
	created    = "Created"
	inProgress = "InProgress"
	succeeded  = "Succeeded"
	failed     = "Failed"
	stopped    = "Stopped"
)

// deployment is one deployment, as it is stored.
type deployment struct {
	ID, Account, Region     string
	Application, Group      string
	Config                  string
	Description, Creator    string
	Revision                revision
	Spec                    appSpec
	Rollback                []string // events on which a rollback follows
	Alarms                  []string // looked at while it runs
	Status                  string
	Error                   *errorInformation
	RollbackInfo            rollbackInfo
	Created, Started, Ended time.Time
	Phase                   phase
	PhaseBegan              time.Time
	Hook                    hook
	Shifted                 int // percent of the new version
	AlarmsSeen              time.Time
}

type errorInformation struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type rollbackInfo struct {
	RollbackDeploymentID           string `json:"rollbackDeploymentId,omitempty"`
	RollbackTriggeringDeploymentID string `json:"rollbackTriggeringDeploymentId,omitempty"`
	RollbackMessage                string `json:"rollbackMessage,omitempty"`
}

// hook is the execution of a lifecycle event hook.
type hook struct {
	ID     string
	Status string // what the function reported, "" until then
	At     time.Time
}

func (d *deployment) over() bool {
	return d.Status == succeeded || d.Status == failed || d.Status == stopped
}

func (d *deployment) caller() api.Caller {
	return api.Caller{
		Account: d.Account, Region: d.Region, AccessKeyID: d.Account,
		PrincipalARN: "arn:" + api.Partition(d.Region) + ":sts::" + d.Account + ":assumed-role/codedeploy/" + d.ID,
	}
}

func groupARN(c api.Caller, application, name string) string {
	return "arn:" + api.Partition(c.Region) + ":codedeploy:" + c.Region + ":" + c.Account + ":deploymentgroup:" + application + "/" + name
}

func (s *Service) allowed(c api.Caller, action, resource string) *api.Error {
	if s.options.Access == nil {
		return nil
	}
	if reason := s.options.Access(c, "codedeploy:"+action, resource); reason != "" {
		return api.NewError(400, "AccessDeniedException", reason)
	}
	return nil
}

// mayReadConfig is asked of whoever creates a deployment, whose configuration may be
// its group's.
func (s *Service) mayReadConfig(c api.Caller, name string) *api.Error {
	return s.allowed(c, "GetDeploymentConfig", "arn:"+api.Partition(c.Region)+":codedeploy:"+c.Region+":"+c.Account+":deploymentconfig:"+name)
}

func (s *Service) save(d *deployment) *api.Error {
	key := prefix + d.Account + "/" + d.Region + "/deployment/" + d.ID
	if err := s.options.Store.Put(key, d); err != nil {
		return awsjson.Internal(err)
	}
	s.deployments[d.ID] = d
	return nil
}

// newID is a deployment id such as d-A1B2C3D4E.
func newID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return "d-" + string(b[:])
}

type createInput struct {
	ApplicationName, DeploymentGroupName, DeploymentConfigName, Description string
	Revision                                                                *revision
	AutoRollbackConfiguration                                               *rollbackConfiguration
	OverrideAlarmConfiguration                                              *alarmConfiguration
}

// createDeployment rests on "CreateDeployment": a group has one deployment at a
// time.
func (s *Service) createDeployment(ctx context.Context, in *createInput) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	a, g, err := s.group(c, in.ApplicationName, in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	if in.Revision == nil {
		return nil, refusal("RevisionRequiredException", "The revision ID was not specified.")
	}
	spec, problem := in.Revision.read()
	if problem != nil {
		return nil, refusal("InvalidRevisionException", "The revision is not valid: %s", problem)
	}
	d := &deployment{
		ID: newID(), Account: c.Account, Region: c.Region, Application: a.Name, Group: g.Name, Config: g.Config, Description: in.Description,
		Creator: "user", Revision: *in.Revision, Spec: spec, Rollback: g.Rollback, Status: created, Created: s.options.Clock().UTC(),
	}
	if in.DeploymentConfigName != "" {
		d.Config = in.DeploymentConfigName
	}
	if s.config(c, d.Config) == nil {
		return nil, refusal("DeploymentConfigDoesNotExistException", "No Deployment Configuration found for name: %s", d.Config)
	}
	if err := s.mayReadConfig(c, d.Config); err != nil {
		return nil, err
	}
	if in.AutoRollbackConfiguration != nil {
		if d.Rollback, err = in.AutoRollbackConfiguration.check(); err != nil {
			return nil, err
		}
	}
	if g.AlarmsEnabled {
		d.Alarms = g.Alarms
	}
	if o := in.OverrideAlarmConfiguration; o != nil {
		d.Alarms = nil
		if o.Enabled {
			d.Alarms = o.names()
		}
	}
	for _, other := range s.deployments {
		if !other.over() && other.Account == d.Account && other.Region == d.Region && other.Application == d.Application && other.Group == d.Group {
			return nil, refusal("DeploymentLimitExceededException", "The Deployment Group '%s' already has an active Deployment '%s'", d.Group, other.ID)
		}
	}
	d.PhaseBegan = d.Created
	s.active.Add(1)
	return struct {
		ID string `json:"deploymentId"`
	}{d.ID}, s.save(d)
}

// find reads a deployment of the caller's account and Region.
func (s *Service) find(c api.Caller, id string) (*deployment, *api.Error) {
	switch d := s.deployments[id]; {
	case id == "":
		return nil, refusal("DeploymentIdRequiredException", "The deployment ID is missing")
	case !strings.HasPrefix(id, "d-"):
		return nil, refusal("InvalidDeploymentIdException", "Deployment ID format is invalid: %s", id)
	case d == nil || d.Account != c.Account || d.Region != c.Region:
		return nil, refusal("DeploymentDoesNotExistException", "The deployment %s could not be found", id)
	default:
		return d, nil
	}
}

type deploymentInfo struct {
	ApplicationName           string                 `json:"applicationName"`
	DeploymentGroupName       string                 `json:"deploymentGroupName"`
	DeploymentConfigName      string                 `json:"deploymentConfigName"`
	DeploymentID              string                 `json:"deploymentId"`
	Revision                  revision               `json:"revision"`
	Status                    string                 `json:"status"`
	ErrorInformation          *errorInformation      `json:"errorInformation,omitempty"`
	CreateTime                awsjson.Time           `json:"createTime"`
	StartTime                 *awsjson.Time          `json:"startTime,omitempty"`
	CompleteTime              *awsjson.Time          `json:"completeTime,omitempty"`
	DeploymentOverview        map[string]int         `json:"deploymentOverview"`
	Description               string                 `json:"description,omitempty"`
	Creator                   string                 `json:"creator"`
	AutoRollbackConfiguration *rollbackConfiguration `json:"autoRollbackConfiguration"`
	RollbackInfo              *rollbackInfo          `json:"rollbackInfo,omitempty"`
	DeploymentStyle           map[string]string      `json:"deploymentStyle"`
	ComputePlatform           string                 `json:"computePlatform"`
}

// getDeployment rests on "GetDeployment".
func (s *Service) getDeployment(ctx context.Context, in *struct{ DeploymentID string }) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.find(c, in.DeploymentID)
	if err != nil {
		return nil, err
	}
	if err := s.allowed(c, "GetDeployment", groupARN(c, d.Application, d.Group)); err != nil {
		return nil, err
	}
	info := deploymentInfo{
		ApplicationName: d.Application, DeploymentGroupName: d.Group, DeploymentConfigName: d.Config, DeploymentID: d.ID, Revision: d.Revision,
		Status: d.Status, ErrorInformation: d.Error, CreateTime: awsjson.Time{Time: d.Created}, Description: d.Description, Creator: d.Creator,
		AutoRollbackConfiguration: &rollbackConfiguration{d.Rollback != nil, append([]string{}, d.Rollback...)}, DeploymentStyle: style, ComputePlatform: "Lambda",
		DeploymentOverview: map[string]int{"Pending": 0, "InProgress": 0, "Succeeded": 0, "Failed": 0, "Skipped": 0, "Ready": 0},
	}
	overview := map[string]string{created: "Pending", inProgress: "InProgress", succeeded: "Succeeded", failed: "Failed", stopped: "Skipped"}
	info.DeploymentOverview[overview[d.Status]] = 1
	if !d.Started.IsZero() {
		info.StartTime = &awsjson.Time{Time: d.Started}
	}
	if !d.Ended.IsZero() {
		info.CompleteTime = &awsjson.Time{Time: d.Ended}
	}
	if d.RollbackInfo != (rollbackInfo{}) {
		info.RollbackInfo = &d.RollbackInfo
	}
	return struct {
		Info deploymentInfo `json:"deploymentInfo"`
	}{info}, nil
}

// listDeployments rests on "ListDeployments": newest first.
func (s *Service) listDeployments(ctx context.Context, in *struct {
	ApplicationName, DeploymentGroupName, NextToken string
	IncludeOnlyStatuses                             []string
	CreateTimeRange                                 struct{ Start, End *awsjson.Time }
}) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.ApplicationName != "" {
		if _, _, err := s.group(c, in.ApplicationName, in.DeploymentGroupName); err != nil {
			return nil, err
		}
	}
	within := func(d *deployment) bool {
		begin, end := in.CreateTimeRange.Start, in.CreateTimeRange.End
		return (begin == nil || !d.Created.Before(begin.Time)) && (end == nil || !d.Created.After(end.Time))
	}
	var found []*deployment
	for _, d := range s.deployments {
		if within(d) && d.Account == c.Account && d.Region == c.Region && (in.ApplicationName == "" || d.Application == in.ApplicationName && d.Group == in.DeploymentGroupName) &&
			(len(in.IncludeOnlyStatuses) == 0 || slices.Contains(in.IncludeOnlyStatuses, d.Status)) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b *deployment) int { return b.Created.Compare(a.Created) })
	ids := []string{}
	for _, d := range found {
		ids = append(ids, d.ID)
	}
	page, next, err := awsjson.Page(ids, in.NextToken, 100, refusal("InvalidNextTokenException", "The next token is not valid."))
	return struct {
		Deployments []string `json:"deployments"`
		NextToken   string   `json:"nextToken,omitempty"`
	}{page, next}, err
}

// stopDeployment rests on "StopDeployment": with autoRollbackEnabled, or a group
// that rolls back on request, the alias goes back in a deployment of its own; else
// it stays as it is.
func (s *Service) stopDeployment(ctx context.Context, in *struct {
	DeploymentID        string
	AutoRollbackEnabled *bool
}) (any, *api.Error) {
	c := api.From(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.find(c, in.DeploymentID)
	if err != nil {
		return nil, err
	}
	if d.over() {
		return nil, refusal("DeploymentAlreadyCompletedException", "Deployment %s has already been completed", d.ID)
	}
	back := slices.Contains(d.Rollback, "DEPLOYMENT_STOP_ON_REQUEST")
	if in.AutoRollbackEnabled != nil {
		back = *in.AutoRollbackEnabled
	}
	if err := s.finish(d, ending{status: stopped, code: "MANUAL_STOP", message: "The deployment was stopped by " + c.PrincipalARN + ".", back: back}); err != nil {
		return nil, err
	}
	return struct {
		Status  string `json:"status"`
		Message string `json:"statusMessage"`
	}{"Succeeded", "No more traffic shifts."}, nil
}

// putHookStatus rests on "PutLifecycleEventHookExecutionStatus".
func (s *Service) putHookStatus(ctx context.Context, in *struct{ DeploymentID, LifecycleEventHookExecutionID, Status string }) (any, *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.find(api.From(ctx), in.DeploymentID)
	switch {
	case err != nil:
		return nil, err
	case d.Hook.ID == "" || d.Hook.ID != in.LifecycleEventHookExecutionID:
		return nil, refusal("InvalidLifecycleEventHookExecutionIdException", "The lifecycle event hook execution ID %s is not valid.", in.LifecycleEventHookExecutionID)
	case d.Hook.Status != "" || d.over():
		return nil, refusal("LifecycleEventAlreadyCompletedException", "The lifecycle event has already been completed.")
	case in.Status != succeeded && in.Status != failed:
		return nil, refusal("InvalidLifecycleEventHookExecutionStatusException", "The status %q is not valid: Succeeded or Failed.", in.Status)
	}
	d.Hook.Status, d.Hook.At = in.Status, s.options.Clock().UTC()
	return struct {
		ID string `json:"lifecycleEventHookExecutionId"`
	}{d.Hook.ID}, s.save(d)
}
