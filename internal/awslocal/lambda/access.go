package lambda

import (
	"errors"
	"net/http"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// Access decides what a caller may do; a refusal is in AWS's words, "" is yes. The
// server asks it for every call; Lambda asks for what is in a body.
type Access interface {
	Allow(c api.Caller, action, resource string, condition map[string][]string) (refusal string)
}

func (s *Service) may(r *request, action, resource string, condition map[string][]string) error {
	if s.Access == nil {
		return nil
	}
	if refusal := s.Access.Allow(r.caller, action, resource, condition); refusal != "" {
		return api.NewError(http.StatusForbidden, "AccessDeniedException", refusal)
	}
	return nil
}

// mayUse checks the role that a configuration passes to the function and the
// layers that it reads ("Granting a user permissions to pass a role to an AWS
// service"; Service Authorization Reference, GetLayerVersion).
func (s *Service) mayUse(r *request, in *configInput) error {
	if in.Role != nil {
		if err := s.may(r, "iam:PassRole", *in.Role, map[string][]string{"iam:PassedToService": {"lambda.amazonaws.com"}}); err != nil {
			return err
		}
	}
	if in.Layers == nil {
		return nil
	}
	for _, layer := range *in.Layers {
		if err := s.may(r, "lambda:GetLayerVersion", layer, nil); err != nil {
			return err
		}
	}
	return nil
}

// mayCreate checks what a new function needs: itself, its tags, its role and
// its layers.
func (s *Service) mayCreate(r *request, t target, in *createInput) error {
	if err := s.may(r, "lambda:CreateFunction", t.arn(""), nil); err != nil {
		return err
	}
	if len(in.Tags) > 0 {
		if err := s.may(r, "lambda:TagResource", t.arn(""), nil); err != nil {
			return err
		}
	}
	return s.mayUse(r, &in.configInput)
}

// mayListTags hides the tags from a caller that may read the function alone.
func (s *Service) mayListTags(r *request, t target) *fieldError {
	var refusal *api.Error
	if errors.As(s.may(r, "lambda:ListTags", t.arn(""), nil), &refusal) {
		return &fieldError{refusal.Code, refusal.Message}
	}
	return nil
}
