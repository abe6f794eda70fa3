package codedeploy

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// A group that another CodeDeploy shows exists here with its schedule and its alarms, also
// for a service that begins from the same store: a configuration is no deployment.
func TestAPlantedGroupIsTheOneThatWasShown(t *testing.T) {
	t.Parallel()
	kept, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	begin := func() *Service {
		s, err := New(Options{Store: kept, Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	alarms, err := begin().Plant(Planted{
		Account: "111122223333", Region: "eu-west-1",
		Group: json.RawMessage(`{"deploymentGroupInfo": {"applicationName": "app", "deploymentGroupName": "live", "deploymentConfigName": "slow", "serviceRoleArn": "arn:aws:iam::111122223333:role/r",
			"alarmConfiguration": {"enabled": true, "alarms": [{"name": "errors"}]}, "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE"]}}}`),
		Config: json.RawMessage(`{"deploymentConfigInfo": {"deploymentConfigName": "slow", "trafficRoutingConfig": {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 5, "canaryInterval": 90}}}}`),
	})
	if err != nil || !slices.Equal(alarms, []string{"errors"}) {
		t.Fatalf("alarms %q, %v", alarms, err)
	}
	s, c := begin(), api.Caller{Account: "111122223333", Region: "eu-west-1"}
	if n := len(s.deployments); n != 0 || s.active.Load() != 0 {
		t.Errorf("%d deployments, %d of them run", n, s.active.Load())
	}
	want := config{Name: "slow", Canary: true, Step: 5, Interval: 90 * time.Minute}
	if config := s.config(c, "slow"); config == nil || *config != want {
		t.Errorf("the configuration is %+v", config)
	}
	_, g, refused := s.group(c, "app", "live")
	if refused != nil || !g.AlarmsEnabled || !slices.Equal(g.Rollback, []string{"DEPLOYMENT_FAILURE"}) || g.Config != "slow" {
		t.Errorf("the group is %+v, %v", g, refused)
	}
}
