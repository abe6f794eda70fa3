package lambda

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// codeSigning is a code signing configuration. Signatures are not checked here.
// Its rules and messages are those of TestCodeSigningConfig.
type codeSigning struct {
	Account     string
	Region      string
	ID          string
	Description string
	Publishers  json.RawMessage
	Policies    signingPolicies
	Modified    time.Time
}

type signingPolicies struct{ UntrustedArtifactOnDeployment string }

type codeSigningOutput struct {
	CodeSigningConfigId  string
	CodeSigningConfigArn string
	Description          string
	AllowedPublishers    json.RawMessage
	CodeSigningPolicies  signingPolicies
	LastModified         string
}

func codeSigningPrefix(account, region string) string {
	return "lambda/" + account + "/" + region + "/code-signing/"
}

func (c *codeSigning) arn() string {
	return "arn:" + api.Partition(c.Region) + ":lambda:" + c.Region + ":" + c.Account + ":code-signing-config:" + c.ID
}

func (c *codeSigning) show() map[string]codeSigningOutput {
	return map[string]codeSigningOutput{"CodeSigningConfig": {c.ID, c.arn(), c.Description, c.Publishers, c.Policies,
		c.Modified.UTC().Format(modifiedFormat)}}
}

type codeSigningInput struct {
	Description         *string
	AllowedPublishers   json.RawMessage
	CodeSigningPolicies *signingPolicies
}

func (c *codeSigning) put(in *codeSigningInput, now time.Time) {
	give(&c.Description, in.Description)
	give(&c.Policies, in.CodeSigningPolicies)
	if in.AllowedPublishers != nil {
		c.Publishers = in.AllowedPublishers
	}
	c.Modified = now
}

func (s *Service) createCodeSigningConfig(r *request) (answer, error) {
	var in codeSigningInput
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	if in.AllowedPublishers == nil {
		return answer{}, violations{"Value null at 'allowedPublishers' failed to satisfy constraint: Member must not be null"}.err()
	}
	c := &codeSigning{Account: r.caller.Account, Region: r.caller.Region,
		ID: "csc-" + strings.ReplaceAll(api.NewID(), "-", "")[:17], Policies: signingPolicies{"Warn"}}
	c.put(&in, s.Clock())
	return answer{http.StatusCreated, c.show()}, s.saveCodeSigning(r, c)
}

func (s *Service) saveCodeSigning(r *request, c *codeSigning) error {
	api.Changed(r.ctx)
	return s.Store.Put(codeSigningPrefix(c.Account, c.Region)+c.ID, c)
}

// codeSigning reads the configuration of an ARN, nil where there is none.
func (s *Service) codeSigning(arn string) (*codeSigning, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 7 {
		return nil, nil
	}
	c := new(codeSigning)
	ok, err := s.Store.Get(codeSigningPrefix(parts[4], parts[3])+parts[6], c)
	if !ok || err != nil {
		return nil, err
	}
	return c, nil
}

// namedCodeSigning reads the configuration that a path names.
func (s *Service) namedCodeSigning(r *request) (*codeSigning, error) {
	arn := r.vars["CodeSigningConfigArn"]
	c, err := s.codeSigning(arn)
	if err == nil && c == nil {
		err = withoutType(notFound("The Lambda code signing configuration " + arn + " can not be found."))
	}
	return c, err
}

func (s *Service) hasCodeSigning(arn string) (bool, error) {
	c, err := s.codeSigning(arn)
	return c != nil, err
}

func codeSigningNotFound(arn string) error {
	return api.NewError(http.StatusNotFound, "CodeSigningConfigNotFoundException",
		"The code signing configuration cannot be found. Check that the provided configuration is not deleted: "+arn+".")
}

func (s *Service) getCodeSigningConfig(r *request) (answer, error) {
	c, err := s.namedCodeSigning(r)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, c.show()}, nil
}

func (s *Service) updateCodeSigningConfig(r *request) (answer, error) {
	var in codeSigningInput
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.namedCodeSigning(r)
	if err != nil {
		return answer{}, err
	}
	c.put(&in, s.Clock())
	return answer{http.StatusOK, c.show()}, s.saveCodeSigning(r, c)
}

func (s *Service) deleteCodeSigningConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.namedCodeSigning(r)
	if err != nil {
		return answer{}, err
	}
	users, err := s.signedBy(r, c.arn())
	if err != nil {
		return answer{}, err
	}
	if len(users) > 0 {
		return answer{}, conflict("The code signing configuration is in use by one or more functions: " + list(users))
	}
	api.Changed(r.ctx)
	return answer{status: http.StatusNoContent}, s.Store.Delete(codeSigningPrefix(c.Account, c.Region) + c.ID)
}

func (s *Service) listCodeSigningConfigs(r *request) (answer, error) {
	var out []codeSigningOutput
	for _, key := range s.Store.Keys(codeSigningPrefix(r.caller.Account, r.caller.Region)) {
		var c codeSigning
		if _, err := s.Store.Get(key, &c); err != nil {
			return answer{}, err
		}
		out = append(out, c.show()["CodeSigningConfig"])
	}
	return page(r, "CodeSigningConfigs", out)
}

// signedBy lists the functions that have a configuration.
func (s *Service) signedBy(r *request, arn string) ([]string, error) {
	var out []string
	for _, name := range s.functions(r.caller.Account, r.caller.Region) {
		f, err := s.view(r.caller.Account, r.caller.Region, name)
		if err != nil {
			return nil, err
		}
		if f.CodeSigning == arn {
			out = append(out, f.arn(""))
		}
	}
	return out, nil
}

func (s *Service) listFunctionsByCodeSigningConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.namedCodeSigning(r)
	if err != nil {
		return answer{}, err
	}
	arns, err := s.signedBy(r, c.arn())
	if err != nil {
		return answer{}, err
	}
	return page(r, "FunctionArns", arns)
}

type functionCodeSigning struct {
	CodeSigningConfigArn string `json:",omitempty"`
	FunctionName         string `json:",omitempty"`
}

func (s *Service) putFunctionCodeSigningConfig(r *request) (answer, error) {
	var in struct{ CodeSigningConfigArn string }
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	there, err := s.hasCodeSigning(in.CodeSigningConfigArn)
	if err != nil {
		return answer{}, err
	}
	if !there {
		return answer{}, codeSigningNotFound(in.CodeSigningConfigArn)
	}
	f, err := s.editUnqualified(r, "")
	if err != nil {
		return answer{}, err
	}
	f.CodeSigning = in.CodeSigningConfigArn
	return answer{http.StatusOK, functionCodeSigning{f.CodeSigning, f.Name}}, s.save(r, f)
}

func (s *Service) getFunctionCodeSigningConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editUnqualified(r, "")
	if err != nil {
		return answer{}, err
	}
	if f.CodeSigning == "" {
		return answer{http.StatusOK, functionCodeSigning{}}, nil
	}
	return answer{http.StatusOK, functionCodeSigning{f.CodeSigning, f.Name}}, nil
}

func (s *Service) deleteFunctionCodeSigningConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editUnqualified(r, "")
	if err != nil {
		return answer{}, err
	}
	f.CodeSigning = ""
	return answer{status: http.StatusNoContent}, s.save(r, f)
}
