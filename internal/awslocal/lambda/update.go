package lambda

import (
	"net/http"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// change reads a function for a call that changes $LATEST: it must exist, be
// settled, and have the RevisionId. The caller holds s.mu.
func (s *Service) change(t target, revisionID string) (*function, error) {
	f, err := s.existing(t, functionNotFound(t.arn("")))
	if err != nil {
		return nil, err
	}
	if err := f.busy(); err != nil {
		return nil, err
	}
	return f, matches(revisionID, f.Latest.RevisionID)
}

// begin starts an update of $LATEST: invocations stay with what served before.
func (s *Service) begin(f *function, t target) {
	now := s.Clock()
	if f.Latest.Serving == nil {
		f.Latest.Serving = &served{f.Latest.Config.clone(), f.Latest.Code}
	}
	f.Latest.Life = updating(now.Add(s.InProgress), s.failures.take(t, stateOfUpdate))
	f.Latest.touch(now)
}

// updateFunctionConfiguration takes the RevisionId as its first precondition
// and moves it even where nothing changes (test_redundant_updates).
func (s *Service) updateFunctionConfiguration(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		configInput
		RevisionId string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	in.constrain(&broken)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	if err := in.check(); err != nil {
		return answer{}, err
	}
	if err := s.checkUpdatedRuntime(in.Runtime); err != nil {
		return answer{}, err
	}
	if err := s.mayUse(r, &in.configInput); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.change(t, in.RevisionId)
	if err != nil {
		return answer{}, err
	}
	if in.Runtime == nil {
		if err := s.checkUpdatedRuntime(&f.Latest.Config.Runtime); err != nil {
			return answer{}, err
		}
	}
	if err := f.immutable(&in.configInput); err != nil {
		return answer{}, err
	}
	s.begin(f, t)
	c := &f.Latest.Config
	c.put(&in.configInput)
	c.RuntimeVersionConfig = c.runtimeVersion(api.Partition(t.region), t.region)
	if err := s.useLayers(r, f, in.Layers); err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, f.show(&f.Latest, "")}, s.save(r, f)
}

// immutable refuses what no update may change.
func (f *function) immutable(in *configInput) error {
	c := &f.Latest.Config
	switch {
	case c.imagePackage() && (in.Runtime != nil && *in.Runtime != "" || in.Handler != nil && *in.Handler != "" || in.Layers != nil && len(*in.Layers) > 0):
		return invalid("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")
	case !c.imagePackage() && in.ImageConfig != nil && !in.ImageConfig.empty():
		return invalid("ImageConfig is not supported for functions created with deployment packages.")
	case in.DurableConfig != nil && c.DurableConfig == nil:
		return invalid("DurableConfig cannot be added to an existing function.")
	case in.CapacityProviderConfig != nil && c.CapacityProviderConfig == nil:
		return invalid("CapacityProviderConfig cannot be added to an existing function.")
	case in.SnapStart != nil && in.SnapStart.ApplyOn == snapStartPublished && in.Runtime == nil && !hasSnapStart(c.Runtime):
		return invalid(c.Runtime + " is not supported for SnapStart enabled functions.")
	}
	return nil
}

func (s *Service) updateFunctionCode(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	var in struct {
		codeInput
		Architectures []string
		Publish       bool
		PublishTo     string
		DryRun        bool
		RevisionId    string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	constrainArchitectures(&broken, in.Architectures)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	packageType, err := s.packageType(t)
	if err != nil {
		return answer{}, err
	}
	taken, err := s.takeCode(r, &in.codeInput, packageType)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.change(t, in.RevisionId)
	if err != nil {
		return answer{}, err
	}
	if err := s.checkUpdatedRuntime(&f.Latest.Config.Runtime); err != nil {
		return answer{}, err
	}
	if err := s.checkSizeWithLayers(r, &f.Latest.Config, taken.Unzipped); err != nil {
		return answer{}, err
	}
	if !in.DryRun {
		s.begin(f, t)
	}
	f.Latest.Code = taken
	if len(in.Architectures) > 0 {
		f.Latest.Config.Architectures = in.Architectures
		f.Latest.Config.RuntimeVersionConfig = f.Latest.Config.runtimeVersion(api.Partition(t.region), t.region)
	}
	if in.DryRun {
		return answer{http.StatusOK, f.show(&f.Latest, "")}, nil
	}
	shown := f.show(&f.Latest, "")
	if in.Publish {
		v := s.publishPending(f, t)
		shown = f.show(v, v.Version)
	}
	return answer{http.StatusOK, shown}, s.save(r, f)
}

// packageType is read before the code is taken in, so that a body of 50 MB is
// not stored for a function that is not there.
func (s *Service) packageType(t target) (string, error) {
	f, err := s.look(t, functionNotFound(t.arn("")))
	if err != nil {
		return "", err
	}
	return f.Latest.Config.PackageType, nil
}
