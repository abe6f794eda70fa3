package codedeploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/traffic"
)

type groupRequest struct {
	Application string `json:"applicationName"`
	Group       string `json:"deploymentGroupName"`
}

type configRequest struct {
	Name string `json:"deploymentConfigName"`
}

type deploymentRequest struct {
	Deployment string `json:"deploymentId"`
	Back       bool   `json:"autoRollbackEnabled,omitempty"`
}

type listRequest struct {
	Application string     `json:"applicationName"`
	Group       string     `json:"deploymentGroupName"`
	Statuses    []string   `json:"includeOnlyStatuses,omitempty"`
	Created     *timeRange `json:"createTimeRange,omitempty"`
	Next        string     `json:"nextToken,omitempty"`
}

// timeRange is in seconds since 1970.
type timeRange struct {
	Start int64 `json:"start"`
}

type createRequest struct {
	Application string   `json:"applicationName"`
	Group       string   `json:"deploymentGroupName"`
	Description string   `json:"description"`
	Revision    revision `json:"revision"`
	Rollback    rollback `json:"autoRollbackConfiguration"`
}

type revision struct {
	Type    string  `json:"revisionType"`
	AppSpec content `json:"appSpecContent"`
}

type content struct {
	Content string `json:"content"`
	Sha256  string `json:"sha256"`
}

type rollback struct {
	Enabled bool     `json:"enabled"`
	Events  []string `json:"events"`
}

var alwaysBack = rollback{true, []string{"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}}

// appSpec is an AppSpec file of the Lambda platform.
type appSpec struct {
	Version   string                `json:"version"`
	Resources []map[string]resource `json:"Resources"`
}

type resource struct {
	Type       string     `json:"Type"`
	Properties properties `json:"Properties"`
}

type properties struct {
	Name, Alias, CurrentVersion, TargetVersion string
}

// revisionOf is the revision that leads an alias from one version to another.
func revisionOf(o Order) revision {
	text, _ := json.Marshal(appSpec{Version: "0.0", Resources: []map[string]resource{{ // strings always marshal
		o.Alias: {Type: "AWS::Lambda::Function", Properties: properties{o.Function, o.Alias, o.From, o.To}},
	}}})
	sum := sha256.Sum256(text)
	return revision{"AppSpecContent", content{string(text), hex.EncodeToString(sum[:])}}
}

// routing is how a deployment configuration shifts traffic; intervals are minutes.
type routing struct {
	Canary struct {
		Percentage int `json:"canaryPercentage"`
		Interval   int `json:"canaryInterval"`
	} `json:"timeBasedCanary"`
	Linear struct {
		Percentage int `json:"linearPercentage"`
		Interval   int `json:"linearInterval"`
	} `json:"timeBasedLinear"`
}

// schedule is the same in stages.
func (r routing) schedule() traffic.Schedule {
	switch {
	case r.Canary.Percentage > 0:
		return traffic.Canary(r.Canary.Percentage, time.Duration(r.Canary.Interval)*time.Minute)
	case r.Linear.Percentage > 0:
		return traffic.Linear(r.Linear.Percentage, time.Duration(r.Linear.Interval)*time.Minute)
	}
	return traffic.AllAtOnce()
}
