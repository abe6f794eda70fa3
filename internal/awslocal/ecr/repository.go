package ecr

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// repository is one repository with its images. It is never changed: a change
// makes another one.
type repository struct {
	Account, Region, Name string
	Created               time.Time
	Mutability            string // MUTABLE or IMMUTABLE
	Policy                string
	Images                map[string]image // by digest
	Tags                  map[string]string
}

type image struct {
	MediaType string
	Size      int64
	Pushed    time.Time
}

func repoKey(account, region, name string) string {
	return repoPrefix + account + "/" + region + "/" + name
}

func (r *repository) host() string {
	suffix := "amazonaws.com"
	if strings.HasPrefix(r.Region, "cn-") {
		suffix += ".cn"
	}
	return r.Account + ".dkr.ecr." + r.Region + "." + suffix
}

func (r *repository) arn() string {
	return "arn:" + api.Partition(r.Region) + ":ecr:" + r.Region + ":" + r.Account + ":repository/" + r.Name
}

// copy returns a repository that may be changed and then kept.
func (r *repository) copy() *repository {
	next := *r
	next.Images, next.Tags = maps.Clone(r.Images), maps.Clone(r.Tags)
	return &next
}

func (s *Service) keep(r *repository) *api.Error {
	key := repoKey(r.Account, r.Region, r.Name)
	if err := s.store.Put(key, r); err != nil {
		return api.NewError(http.StatusInternalServerError, "ServerException", err.Error())
	}
	s.repositories[key] = r
	return nil
}

// named is how requests name a repository.
type named struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
}

// find returns the repository that a request names, of another account if its
// policy allows action.
func (s *Service) find(c api.Caller, n named, action string) (*repository, *api.Error) {
	account := n.RegistryID
	if account == "" {
		account = c.Account
	}
	r := s.repositories[repoKey(account, c.Region, n.RepositoryName)]
	if account != c.Account {
		if refusal := s.foreign(c, r, account, n.RepositoryName, action); refusal != nil {
			return nil, refusal
		}
	}
	if r == nil {
		return nil, api.NewError(
			http.StatusBadRequest,
			"RepositoryNotFoundException",
			fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", n.RepositoryName, account),
		)
	}
	return r, nil
}

// foreign rests on "Repository policies in Amazon ECR".
func (s *Service) foreign(c api.Caller, r *repository, account, name, action string) *api.Error {
	if r == nil {
		r = &repository{Account: account, Region: c.Region, Name: name}
	}
	message := "User: " + c.PrincipalARN + " is not authorized to perform: " + action + " on resource: " + r.arn() + " because no resource-based policy allows the " + action + " action"
	if s.access != nil && r.Policy != "" {
		message = s.access.RepositoryAccess(c, r.Policy, action, r.arn())
	}
	if message == "" {
		return nil
	}
	return api.NewError(http.StatusBadRequest, "AccessDeniedException", message)
}

type described struct {
	RepositoryArn      string  `json:"repositoryArn"`
	RegistryID         string  `json:"registryId"`
	RepositoryName     string  `json:"repositoryName"`
	RepositoryURI      string  `json:"repositoryUri"`
	CreatedAt          float64 `json:"createdAt"`
	ImageTagMutability string  `json:"imageTagMutability"`
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func describe(r *repository) described {
	return described{r.arn(), r.Account, r.Name, r.host() + "/" + r.Name, seconds(r.Created), r.Mutability}
}

var repositoryName = lazyregexp.New(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

func invalid(format string, args ...any) *api.Error {
	return api.NewError(http.StatusBadRequest, "InvalidParameterException", "Invalid parameter at "+fmt.Sprintf(format, args...))
}

type createInput struct {
	named
	ImageTagMutability string `json:"imageTagMutability"`
}

// createRepository rests on "CreateRepository".
func (s *Service) createRepository(c api.Caller, in *createInput) (any, *api.Error) {
	if !repositoryName.MatchString(in.RepositoryName) || len(in.RepositoryName) < 2 || len(in.RepositoryName) > 256 {
		return nil, invalid("'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '%s''", repositoryName)
	}
	if in.ImageTagMutability == "" {
		in.ImageTagMutability = "MUTABLE"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.repositories[repoKey(c.Account, c.Region, in.RepositoryName)] != nil {
		return nil, api.NewError(
			http.StatusBadRequest,
			"RepositoryAlreadyExistsException",
			fmt.Sprintf("The repository with name '%s' already exists in the registry with id '%s'", in.RepositoryName, c.Account),
		)
	}
	r := &repository{
		Account:    c.Account,
		Region:     c.Region,
		Name:       in.RepositoryName,
		Created:    s.now().UTC(),
		Mutability: in.ImageTagMutability,
		Images:     map[string]image{},
		Tags:       map[string]string{},
	}
	if err := s.keep(r); err != nil {
		return nil, err
	}
	return map[string]described{"repository": describe(r)}, nil
}

// page cuts a page out of sorted items; tokens are positions.
func page[T any](items []T, maxResults *int, token string) ([]T, *string, *api.Error) {
	limit, start := 100, 0
	if maxResults != nil {
		limit = *maxResults
	}
	if limit < 1 || limit > 1000 {
		return nil, nil, invalid("'maxResults' failed to satisfy constraint: 'must be between 1 and 1000'")
	}
	if token != "" {
		raw, err := base64.StdEncoding.DecodeString(token)
		if err == nil {
			start, err = strconv.Atoi(string(raw))
		}
		if err != nil || start < 0 {
			return nil, nil, invalid("'nextToken' failed to satisfy constraint: 'it is not one of this service'")
		}
	}
	items = items[min(start, len(items)):]
	if len(items) <= limit {
		return items, nil, nil
	}
	next := base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(start + limit)))
	return items[:limit], &next, nil
}

type describeRepositoriesInput struct {
	RegistryID      string   `json:"registryId"`
	RepositoryNames []string `json:"repositoryNames"`
	MaxResults      *int     `json:"maxResults"`
	NextToken       string   `json:"nextToken"`
}

type repositoriesOutput struct {
	Repositories []described `json:"repositories"`
	NextToken    *string     `json:"nextToken,omitempty"`
}

// describeRepositories rests on "DescribeRepositories".
func (s *Service) describeRepositories(c api.Caller, in *describeRepositoriesInput) (any, *api.Error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if in.RegistryID == "" {
		in.RegistryID = c.Account
	}
	names := in.RepositoryNames
	if len(names) == 0 && in.RegistryID == c.Account {
		prefix := repoKey(c.Account, c.Region, "")
		for key := range s.repositories {
			if name, ok := strings.CutPrefix(key, prefix); ok {
				names = append(names, name)
			}
		}
		slices.Sort(names)
	}
	out := repositoriesOutput{Repositories: []described{}}
	var err *api.Error
	if names, out.NextToken, err = page(names, in.MaxResults, in.NextToken); err != nil {
		return nil, err
	}
	for _, name := range names {
		r, err := s.find(c, named{in.RegistryID, name}, "ecr:DescribeRepositories")
		if err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, describe(r))
	}
	return out, nil
}

type deleteRepositoryInput struct {
	named
	Force bool `json:"force"`
}

// deleteRepository rests on "DeleteRepository": one with images only by force.
func (s *Service) deleteRepository(c api.Caller, in *deleteRepositoryInput) (any, *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(c, in.named, "ecr:DeleteRepository")
	if err != nil {
		return nil, err
	}
	if len(r.Images) > 0 && !in.Force {
		return nil, api.NewError(
			http.StatusBadRequest,
			"RepositoryNotEmptyException",
			fmt.Sprintf(
				"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images",
				r.Name,
				r.Account,
			),
		)
	}
	key := repoKey(r.Account, r.Region, r.Name)
	if err := s.store.Delete(key); err != nil {
		return nil, api.NewError(http.StatusInternalServerError, "ServerException", err.Error())
	}
	delete(s.repositories, key)
	return map[string]described{"repository": describe(r)}, nil
}

type policyInput struct {
	named
	PolicyText string `json:"policyText"`
}

type policyOutput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
	PolicyText     string `json:"policyText"`
}

// getRepositoryPolicy rests on "GetRepositoryPolicy".
func (s *Service) getRepositoryPolicy(c api.Caller, in *policyInput) (any, *api.Error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, err := s.find(c, in.named, "ecr:GetRepositoryPolicy")
	if err != nil {
		return nil, err
	}
	if r.Policy == "" {
		return nil, noPolicy(r)
	}
	return policyOutput{r.Account, r.Name, r.Policy}, nil
}

func noPolicy(r *repository) *api.Error {
	return api.NewError(
		http.StatusBadRequest,
		"RepositoryPolicyNotFoundException",
		fmt.Sprintf("Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", r.Name, r.Account),
	)
}

// setRepositoryPolicy rests on "SetRepositoryPolicy".
func (s *Service) setRepositoryPolicy(c api.Caller, in *policyInput) (any, *api.Error) {
	if len(in.PolicyText) > 10240 || !json.Valid([]byte(in.PolicyText)) {
		return nil, invalid("'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'")
	}
	return s.changePolicy(c, in, "ecr:SetRepositoryPolicy")
}

// deleteRepositoryPolicy rests on "DeleteRepositoryPolicy".
func (s *Service) deleteRepositoryPolicy(c api.Caller, in *policyInput) (any, *api.Error) {
	in.PolicyText = ""
	return s.changePolicy(c, in, "ecr:DeleteRepositoryPolicy")
}

func (s *Service) changePolicy(c api.Caller, in *policyInput, action string) (any, *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(c, in.named, action)
	if err != nil {
		return nil, err
	}
	shown := in.PolicyText
	if in.PolicyText == "" {
		if r.Policy == "" {
			return nil, noPolicy(r)
		}
		shown = r.Policy
	}
	next := r.copy()
	next.Policy = in.PolicyText
	if err := s.keep(next); err != nil {
		return nil, err
	}
	return policyOutput{r.Account, r.Name, shown}, nil
}
