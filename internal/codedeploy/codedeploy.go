// Package codedeploy hands the traffic of an alias to AWS CodeDeploy, on its compute
// platform Lambda, and asks what became of it.
//
// It promises that a call which changes something goes out once, and that every
// deployment says by its description which run created it. It makes no decision and
// waits for nothing.
//
// Sources: https://docs.aws.amazon.com/codedeploy/latest/APIReference/Welcome.html,
// https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html#reference-appspec-file-structure-resources-lambda.
package codedeploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
	"github.com/lambda-rollout/lambda-rollout/internal/session"
	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

// Client asks the CodeDeploy of one account and Region.
type Client struct {
	caller *session.Caller
	region string
}

// New returns the client of a session in a Region. It makes no call.
func New(ctx context.Context, s *session.Session, region string) *Client {
	return &Client{region: region, caller: s.Caller(session.Service{
		ID: "CodeDeploy", SigningName: "codedeploy", Region: region,
		Endpoint: awsfacts.ServiceEndpoint("codedeploy", region, s.UsesFIPS(ctx)), Target: "CodeDeploy_20141006",
	})}
}

// Status is the state of a deployment.
type Status string

// The states in which a deployment is over. All others are of one that is not.
const (
	Succeeded Status = "Succeeded"
	Failed    Status = "Failed"
	Stopped   Status = "Stopped"
	// Gone is no state of CodeDeploy's: it knows no such deployment, as when somebody
	// deleted its group.
	Gone Status = "Gone"
)

// running are the states of a deployment of Lambda's that is not over.
var running = []string{"Created", "Queued", "InProgress", "Ready"}

// Deployment is what CodeDeploy says of a deployment.
type Deployment struct {
	ID          string
	Status      Status
	Description string
	// Reason says why it failed or was stopped; "" while it goes well.
	Reason string
	// RolledBackBy is the deployment that takes the alias back, RollsBack the one
	// that this deployment takes back; "" for none.
	RolledBackBy, RollsBack string
}

// Over reports whether the deployment moves no traffic any more.
func (d Deployment) Over() bool {
	return slices.Contains([]Status{Succeeded, Failed, Stopped, Gone}, d.Status)
}

// Order is what a deployment is to do: to lead an alias from one version to another.
type Order struct {
	Group           traffic.Group
	Function, Alias string
	From, To        string
	// Description names the run, by which the deployment is found again.
	Description string
}

// noGroup are the codes of "there is none"
// (https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_GetDeploymentGroup.html).
var noGroup = []string{"ApplicationDoesNotExistException", "DeploymentGroupDoesNotExistException"}

// isNone returns the words of an answer with one of these codes.
func isNone(err error, codes ...string) (words string, is bool) {
	api, is := errors.AsType[smithy.APIError](err)
	if !is || !slices.Contains(codes, api.ErrorCode()) {
		return "", false
	}
	return api.ErrorMessage(), true
}

// Group returns the schedule by which a group shifts traffic. Its error is that there
// is no such group, or that it is not one for Lambda.
func (c *Client) Group(ctx context.Context, g traffic.Group) (traffic.Schedule, error) {
	var out struct {
		Info struct {
			ComputePlatform      string `json:"computePlatform"`
			DeploymentConfigName string `json:"deploymentConfigName"`
		} `json:"deploymentGroupInfo"`
	}
	if err := c.caller.JSON(ctx, "GetDeploymentGroup", groupRequest{g.Application, g.Name}, &out); err != nil {
		if words, is := isNone(err, noGroup...); is {
			return nil, fmt.Errorf("there is no deployment group %s in %s: create it, or name another one in traffic (%s)", g, c.region, words)
		}
		return nil, c.failed(err, "read the deployment group "+g.String(), "GetDeploymentGroup")
	}
	if platform := out.Info.ComputePlatform; platform != "Lambda" {
		return nil, fmt.Errorf("the deployment group %s in %s has the compute platform %s, not Lambda", g, c.region, platform)
	}
	name := out.Info.DeploymentConfigName
	var config struct {
		Info struct {
			Routing routing `json:"trafficRoutingConfig"`
		} `json:"deploymentConfigInfo"`
	}
	if err := c.caller.JSON(ctx, "GetDeploymentConfig", configRequest{name}, &config); err != nil {
		return nil, c.failed(err, "read the deployment configuration "+name, "GetDeploymentConfig")
	}
	return config.Info.Routing.schedule(), nil
}

// Create creates a deployment, once, and returns its id. CodeDeploy rolls it back if
// it fails, is stopped, or one of the group's alarms is on, whatever the group says:
// whoever creates it promises that.
func (c *Client) Create(ctx context.Context, o Order) (id string, err error) {
	var out struct {
		ID string `json:"deploymentId"`
	}
	err = c.caller.ChangeJSON(ctx, "CreateDeployment", createRequest{
		Application: o.Group.Application, Group: o.Group.Name, Description: o.Description, Revision: revisionOf(o), Rollback: alwaysBack,
	}, &out)
	if err != nil {
		return "", c.failed(err, fmt.Sprintf("hand alias %s of %s to the deployment group %s", o.Alias, o.Function, o.Group), "CreateDeployment")
	}
	if out.ID == "" {
		return "", fmt.Errorf("CodeDeploy's answer names no deployment of the group %s", o.Group)
	}
	return out.ID, nil
}

// Get returns a deployment, Gone where there is none.
func (c *Client) Get(ctx context.Context, id string) (Deployment, error) {
	var out struct {
		Info struct {
			Status      Status `json:"status"`
			Description string `json:"description"`
			Error       struct {
				Code    string `json:"code"`
				Message string `json:"message"`
			} `json:"errorInformation"`
			Rollback struct {
				By string `json:"rollbackDeploymentId"`
				Of string `json:"rollbackTriggeringDeploymentId"`
			} `json:"rollbackInfo"`
		} `json:"deploymentInfo"`
	}
	if err := c.caller.JSON(ctx, "GetDeployment", deploymentRequest{Deployment: id}, &out); err != nil {
		if words, is := isNone(err, "DeploymentDoesNotExistException"); is {
			return Deployment{ID: id, Status: Gone, Reason: words}, nil
		}
		return Deployment{}, c.failed(err, "read the deployment "+id, "GetDeployment")
	}
	d := Deployment{
		ID: id, Status: out.Info.Status, Description: out.Info.Description, Reason: out.Info.Error.Code,
		RolledBackBy: out.Info.Rollback.By, RollsBack: out.Info.Rollback.Of,
	}
	if out.Info.Error.Message != "" {
		d.Reason += ": " + out.Info.Error.Message
	}
	return d, nil
}

// Running returns the deployments of a group that are not over.
func (c *Client) Running(ctx context.Context, g traffic.Group) ([]Deployment, error) {
	return c.list(ctx, listRequest{Application: g.Application, Group: g.Name, Statuses: running}, g)
}

// clockSkew is by how much this machine's clock may be ahead of CodeDeploy's.
const clockSkew = 15 * time.Minute

// Since returns the deployments of a group that were created at a time or later.
func (c *Client) Since(ctx context.Context, g traffic.Group, at time.Time) ([]Deployment, error) {
	since := timeRange{Start: at.Add(-clockSkew).Unix()}
	return c.list(ctx, listRequest{Application: g.Application, Group: g.Name, Created: &since}, g)
}

// list returns no deployment for a group that does not exist.
func (c *Client) list(ctx context.Context, in listRequest, g traffic.Group) ([]Deployment, error) {
	var all []Deployment
	for {
		var out struct {
			IDs  []string `json:"deployments"`
			Next string   `json:"nextToken"`
		}
		if err := c.caller.JSON(ctx, "ListDeployments", in, &out); err != nil {
			if _, is := isNone(err, noGroup...); is {
				return nil, nil
			}
			return nil, c.failed(err, "list the deployments of the group "+g.String(), "ListDeployments")
		}
		for _, id := range out.IDs {
			d, err := c.Get(ctx, id)
			if err != nil {
				return nil, err
			}
			if d.Status != Gone {
				all = append(all, d)
			}
		}
		if out.Next == "" || len(out.IDs) == 0 {
			return all, nil
		}
		in.Next = out.Next
	}
}

// Stop ends a deployment, once; another one then takes the alias back.
func (c *Client) Stop(ctx context.Context, id string) error {
	err := c.caller.ChangeJSON(ctx, "StopDeployment", deploymentRequest{Deployment: id, Back: true}, &struct{}{})
	if err != nil {
		return c.failed(err, "stop the deployment "+id, "StopDeployment")
	}
	return nil
}

// failed says what failed, and which permission is missing where that is why.
func (c *Client) failed(err error, what, operation string) error {
	return fmt.Errorf("%s in %s: %w", what, c.region, session.Explain(err, session.Call{Action: "codedeploy:" + operation, Resource: "*"}))
}
