package awslocal

import (
	"errors"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/codedeploy"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/s3"
)

// Fork returns a Server in memory that begins with the state of s, and whose changes s
// never sees; handler takes the place of its own, where there is one. s must be closed
// after it.
func (s *Server) Fork(handler Handler) (*Server, error) {
	kept, err := s.store.Fork()
	if err != nil {
		return nil, err
	}
	o := s.options
	o.Dir, o.ReadOnly = "", false
	if handler != nil {
		o.Handler = handler
	}
	return newServer(o, kept)
}

// Planted is a function as another AWS shows it.
type Planted = lambda.Planted

// Plant makes a function that exists elsewhere exist here, with the numbers of its
// versions and its RevisionIds. Its code is a stand-in: see StandIn.
func (s *Server) Plant(p Planted) error { return s.lambda.Plant(p) }

// StandIn is the zip that stands for the code of a hash: the same for the same hash, and
// another one for every other.
func StandIn(codeSha256 string) []byte { return lambda.StandIn(codeSha256) }

// PlantedObject is an object as another S3 has it.
type PlantedObject = s3.Planted

// PlantObject makes an object that exists elsewhere exist here.
func (s *Server) PlantObject(p PlantedObject) error { return s.s3.Plant(p) }

// PlantImage makes an image that exists elsewhere exist here, by its URI with a digest:
// functions of account are made of it.
func (s *Server) PlantImage(account, uri string) error { return s.ecr.Plant(account, uri) }

// PlantedGroup is a deployment group as another CodeDeploy shows it.
type PlantedGroup = codedeploy.Planted

// PlantGroup makes a deployment group that exists elsewhere exist here, and its alarms,
// which are in OK. It returns their names.
func (s *Server) PlantGroup(p PlantedGroup) ([]string, error) {
	alarms, err := s.codedeploy.Plant(p)
	for _, name := range alarms {
		err = errors.Join(err, s.PlantAlarm(p.Account, p.Region, name, false))
	}
	return alarms, err
}

// FailDeployments ends what CodeDeploy has under way as Failed, with a code such as
// IAM_ROLE_PERMISSIONS; where stuck is set, it cannot take the aliases back either.
func (s *Server) FailDeployments(code, message string, stuck bool) {
	s.codedeploy.Fail(code, message, stuck)
}

// PlantCodeSigning makes a code signing configuration that exists elsewhere exist here, by
// its ARN.
func (s *Server) PlantCodeSigning(arn string) error { return s.lambda.PlantCodeSigning(arn) }

// PlantLayer makes a version of a layer that exists elsewhere exist here, by its ARN: size
// is what functions show of it.
func (s *Server) PlantLayer(arn string, size int64) error { return s.lambda.PlantLayer(arn, size) }
