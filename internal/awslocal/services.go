package awslocal

import (
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/call"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"
)

// plug makes the services and joins them.
func (s *Server) plug() error {
	s.lambda = lambda.New(lambda.Options{
		Store:      s.store,
		Clock:      s.Now,
		Pending:    s.options.Pending,
		InProgress: s.options.InProgress,
	})
	s.services = map[string]call.Service{
		"lambda": s.lambda,
	}
	live, err := s.lambda.Live()
	if err != nil {
		return err
	}
	return s.store.Sweep(live)
}
