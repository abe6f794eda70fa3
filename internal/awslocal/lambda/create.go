package lambda

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

type createInput struct {
	FunctionName string
	configInput
	Code                 codeInput
	Architectures        []string
	PackageType          string
	Publish              bool
	Tags                 map[string]string
	CodeSigningConfigArn string
	TenancyConfig        *json.RawMessage
}

func (s *Service) createFunction(r *request) (answer, error) {
	var in createInput
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	api.RecordOf(r.ctx).Resource = in.FunctionName
	t, err := r.newName(in.FunctionName)
	if err != nil {
		return answer{}, err
	}
	if err := in.check(); err != nil {
		return answer{}, err
	}
	if err := s.checkNewRuntime(in.Runtime); err != nil {
		return answer{}, err
	}
	if err := s.mayCreate(r, t, &in); err != nil {
		return answer{}, err
	}
	f, err := s.newFunction(r, t, &in)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.view(t.account, t.region, t.name)
	if err != nil {
		return answer{}, err
	}
	if old != nil {
		return answer{}, conflict("Function already exist: " + t.name)
	}
	if f.CodeSigning != "" {
		there, err := s.hasCodeSigning(f.CodeSigning)
		if err != nil {
			return answer{}, err
		}
		if !there {
			return answer{}, codeSigningNotFound(f.CodeSigning)
		}
	}
	if err := s.useLayers(r, f, in.Layers); err != nil {
		return answer{}, err
	}
	f.Latest.Life = creating(f.Latest.Modified.Add(s.Pending), s.failures.take(t, stateOfCreate))
	shown := f.show(&f.Latest, "")
	if in.Publish {
		// The answer shows the version's number, under the function's own ARN and
		// RevisionId (TestLambdaVersions::test_publish_version_on_create).
		f.publish(s.Clock(), f.Latest.Config.Description)
		f.Versions[0].Life = f.Latest.Life
		f.Versions[0].Life.Next = &transition{Due: f.Latest.Life.Next.Due, RevisionID: api.NewID(), Life: f.Latest.Life.Next.Life}
		shown.Version = f.Versions[0].Version
	}
	return answer{http.StatusCreated, shown}, s.save(r, f)
}

// newFunction takes in the code and fills what was left out with AWS's
// defaults.
func (s *Service) newFunction(r *request, t target, in *createInput) (*function, error) {
	now := s.Clock()
	f := &function{Account: t.account, Region: t.region, Name: t.name, Tags: in.Tags,
		CodeSigning: in.CodeSigningConfigArn}
	c := config{
		Timeout: 3, MemorySize: 128, PackageType: "Zip", Architectures: []string{"x86_64"},
		EphemeralStorage: ephemeralStorage{512},
		TracingConfig:    tracingConfig{"PassThrough"},
		SnapStart:        snapStart{"None", "Off"},
		LoggingConfig:    loggingConfig{LogFormat: "Text", LogGroup: "/aws/lambda/" + t.name},
		TenancyConfig:    in.TenancyConfig,
	}
	if in.PackageType != "" {
		c.PackageType = in.PackageType
	}
	if len(in.Architectures) > 0 {
		c.Architectures = in.Architectures
	}
	c.put(&in.configInput)
	c.RuntimeVersionConfig = c.runtimeVersion(api.Partition(t.region), t.region)
	taken, err := s.takeCode(r, &in.Code, c.PackageType)
	if err != nil {
		return nil, err
	}
	f.Latest = version{Version: latest, RevisionID: api.NewID(), Modified: now, Config: c, Code: taken}
	return f, nil
}

// check refuses what the service refuses before it looks at the code.
func (in *createInput) check() error {
	var f violations
	if in.Role == nil {
		f = append(f, "Value null at 'role' failed to satisfy constraint: Member must not be null")
	}
	in.constrain(&f)
	constrainArchitectures(&f, in.Architectures)
	if !slices.Contains([]string{"", "Zip", "Image"}, in.PackageType) {
		f.add("packageType", in.PackageType, "Member must satisfy enum value set: [Image, Zip]")
	}
	if err := f.err(); err != nil {
		return err
	}
	if len(in.Tags) > maxTags {
		return errTooManyTags
	}
	if err := in.configInput.check(); err != nil {
		return err
	}
	if in.PackageType == "Image" {
		return in.checkImage()
	}
	switch {
	case in.Runtime == nil || *in.Runtime == "":
		return invalid("Runtime is mandatory for functions created with deployment packages.")
	case in.Handler == nil || *in.Handler == "":
		return invalid("Handler is mandatory for functions created with deployment packages.")
	case in.ImageConfig != nil && !in.ImageConfig.empty():
		return invalid("ImageConfig is not supported for functions created with deployment packages.")
	}
	return nil
}

func (in *createInput) checkImage() error {
	switch {
	case in.Runtime != nil && *in.Runtime != "" || in.Handler != nil && *in.Handler != "":
		return invalid("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")
	case in.Layers != nil && len(*in.Layers) > 0:
		return invalid("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")
	}
	return nil
}
