package awslocal

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/iam"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/sts"
)

// PutRole makes a role, with its trust policy and its identity policies, or
// replaces the one of that name. Sessions of a role that has identity
// policies are held to them. Errors: an ARN or a policy that is none.
func (s *Server) PutRole(r iam.Role) error { return s.iam.PutRole(r) }

// StartExecution makes a durable execution run on a version of a function, for as
// long as the Server lasts. An error means that there is no such version.
func (s *Server) StartExecution(account, region, function, version string) error {
	return s.lambda.StartExecution(account, region, function, version)
}

// SetBucketReaders sets which principals may read a bucket: ARNs of roles or
// sessions, account numbers, or "*"; nil goes back to the owner's account. An
// error means that there is no such bucket.
func (s *Server) SetBucketReaders(bucket string, principals []string) error {
	if !s.s3.SetReaders(bucket, principals) {
		return fmt.Errorf("set the readers of %s: there is no such bucket", bucket)
	}
	return nil
}

// WebIdentities are the tokens by which roles were assumed, oldest first, the
// last hundred of them.
func (s *Server) WebIdentities() []sts.WebIdentity { return s.sts.WebIdentities() }

func (s *Server) controlRole(r *http.Request) error {
	var in struct {
		ARN, TrustPolicy string
		Policies         map[string]string
		MaxSession       duration
	}
	if err := decodeControl(r, &in); err != nil {
		return err
	}
	return s.PutRole(iam.Role{ARN: in.ARN, TrustPolicy: in.TrustPolicy, Policies: in.Policies, MaxSession: time.Duration(in.MaxSession)})
}

func (s *Server) controlReaders(r *http.Request) error {
	var in struct {
		Bucket     string
		Principals []string
	}
	if err := decodeControl(r, &in); err != nil {
		return err
	}
	return s.SetBucketReaders(in.Bucket, in.Principals)
}
