package awslocal

import (
	"math"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/cloudwatch"
)

// Traffic is what callers send to the aliases of a function for a minute, without running
// it: CloudWatch counts it alone.
type Traffic struct {
	Account, Region, Function string
	// Invocations are those of each alias.
	Invocations int
	// NewestFails is how much of the newest version's invocations fails, 0 to 1; those of
	// the others succeed.
	NewestFails float64
	Duration    time.Duration
}

// Send counts the traffic, by the weights that the aliases have now.
func (s *Server) Send(t Traffic) {
	routes, newest := s.lambda.Routes(t.Account, t.Region, t.Function)
	for alias, versions := range routes {
		for version, weight := range versions {
			fails := 0.0
			if version == newest {
				fails = t.NewestFails
			}
			n := int(math.Round(float64(t.Invocations) * weight))
			s.cloudwatch.RecordMany(cloudwatch.Invocations{
				Account: t.Account, Region: t.Region, Function: t.Function, Resource: t.Function + ":" + alias, SharedVersion: version,
				Time: s.Now(), Count: n, Errors: int(math.Round(float64(n) * fails)), Duration: t.Duration,
			})
		}
	}
}

// PlantAlarm makes an alarm exist, which is in ALARM or OK until it is planted again.
func (s *Server) PlantAlarm(account, region, name string, alarming bool) error {
	return s.cloudwatch.Plant(account, region, name, alarming)
}
