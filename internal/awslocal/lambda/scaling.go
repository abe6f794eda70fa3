package lambda

import "net/http"

// scaling bounds the environments of a function on managed instances. The shapes
// are those of the API model; that AWS refuses it for any other function is
// inferred, as nobody recorded it ("Lambda Managed Instances").
type scaling struct {
	Min int `json:"MinExecutionEnvironments,omitempty"`
	Max int `json:"MaxExecutionEnvironments,omitempty"`
}

type scalingOutput struct {
	FunctionArn                    string
	AppliedFunctionScalingConfig   scaling
	RequestedFunctionScalingConfig scaling
}

// latestPublished is the qualifier of what was published last.
const latestPublished = "$LATEST.PUBLISHED"

// scalingTarget reads the function and the qualifier of a call.
func (s *Service) scalingTarget(r *request) (*function, string, error) {
	qualifier := r.query("Qualifier")
	if qualifier == "" || !namePattern.matches(r.vars["FunctionName"]) {
		return nil, "", violations{"Value null at 'qualifier' failed to satisfy constraint: Member must not be null"}.err()
	}
	t, err := r.locate(namePattern.find(r.vars["FunctionName"]))
	if err != nil {
		return nil, "", err
	}
	f, err := s.edit(t.account, t.region, t.name)
	if err == nil && (f == nil || qualifier != latestPublished && f.resolve(qualifier) == nil) {
		err = functionNotFound(t.arn(qualifier))
	}
	return f, qualifier, err
}

func (s *Service) putFunctionScalingConfig(r *request) (answer, error) {
	var in struct{ FunctionScalingConfig scaling }
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.scalingTarget(r)
	if err != nil {
		return answer{}, err
	}
	if f.Latest.Config.CapacityProviderConfig == nil {
		return answer{}, invalid("The function does not use a capacity provider.")
	}
	if c := in.FunctionScalingConfig; c.Max > 0 && c.Min > c.Max {
		return answer{}, invalid("MinExecutionEnvironments must not be greater than MaxExecutionEnvironments.")
	}
	if f.Scaling == nil {
		f.Scaling = map[string]scaling{}
	}
	f.Scaling[qualifier] = in.FunctionScalingConfig
	return answer{http.StatusAccepted, struct{ FunctionState string }{f.Latest.Life.State}}, s.save(r, f)
}

func (s *Service) getFunctionScalingConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.scalingTarget(r)
	if err != nil {
		return answer{}, err
	}
	c := f.Scaling[qualifier]
	return answer{http.StatusOK, scalingOutput{f.arn(qualifier), c, c}}, nil
}
