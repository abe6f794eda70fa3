package lambda

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// execution is a durable execution ("Execution", API reference). None runs here by
// itself: tests start them.
type execution struct {
	DurableExecutionArn  string
	DurableExecutionName string
	FunctionArn          string
	StartTimestamp       float64 // seconds since 1970
	Status               string
}

// StartExecution makes a durable execution run on a version of a function, for as
// long as this process lasts. Errors: there is no such function or version.
func (s *Service) StartExecution(account, region, function, version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.view(account, region, function)
	if err != nil {
		return err
	}
	if f == nil || f.resolve(version) == nil {
		return functionNotFound(function + ":" + version)
	}
	name := "run-" + strconv.Itoa(len(s.executions)+1)
	s.executions = append(s.executions, execution{
		DurableExecutionArn:  f.arn(version) + "/durable-execution/" + name + "/" + api.NewID(),
		DurableExecutionName: name, FunctionArn: f.arn(version), Status: "RUNNING",
		StartTimestamp: float64(s.Clock().UnixMilli()) / 1000,
	})
	return nil
}

// listDurableExecutions rests on "ListDurableExecutionsByFunction": without a
// qualifier those of every version, the newest first.
func (s *Service) listDurableExecutions(r *request) (answer, error) {
	f, v, t, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	statuses := r.http.URL.Query()["Statuses"]
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []execution
	for _, e := range slices.Backward(s.executions) {
		of := strings.HasPrefix(e.FunctionArn, f.arn("")+":")
		if t.qualifier != "" {
			of = e.FunctionArn == f.arn(v.Version)
		}
		if of && (len(statuses) == 0 || slices.Contains(statuses, e.Status)) {
			out = append(out, e)
		}
	}
	return page(r, "DurableExecutions", out)
}
