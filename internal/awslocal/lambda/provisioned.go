package lambda

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// provisioned is provisioned concurrency of a version or an alias. Its rules and
// messages are those of TestLambdaProvisionedConcurrency.
type provisioned struct {
	Requested int
	Modified  time.Time
	Ready     time.Time // IN_PROGRESS until then
}

type provisionedOutput struct {
	FunctionArn                              string `json:",omitempty"` // in lists only
	RequestedProvisionedConcurrentExecutions int
	AvailableProvisionedConcurrentExecutions int
	AllocatedProvisionedConcurrentExecutions int
	Status                                   string
	LastModified                             string
}

func (p *provisioned) show(now time.Time) provisionedOutput {
	out := provisionedOutput{RequestedProvisionedConcurrentExecutions: p.Requested, Status: "IN_PROGRESS",
		LastModified: p.Modified.UTC().Format(modifiedFormat)}
	if !now.Before(p.Ready) {
		out.Status = "READY"
		out.AvailableProvisionedConcurrentExecutions = p.Requested
		out.AllocatedProvisionedConcurrentExecutions = p.Requested
	}
	return out
}

// provisionedSum is what a function has taken of its account's concurrency.
func (f *function) provisionedSum() int {
	sum := 0
	for _, p := range f.Provisioned {
		sum += p.Requested
	}
	return sum
}

// published reads the version or alias that a call on provisioned concurrency
// names; onLatest is how $LATEST is refused.
func (s *Service) publishedTarget(r *request, onLatest string) (*function, target, error) {
	t, err := r.target()
	if err != nil {
		return nil, t, err
	}
	if t.qualifier == "" {
		return nil, t, violations{"Value null at 'qualifier' failed to satisfy constraint: Member must not be null"}.err()
	}
	if t.qualifier == latest {
		return nil, t, invalid(onLatest)
	}
	f, err := s.edit(t.account, t.region, t.name)
	if err != nil {
		return nil, t, err
	}
	if f != nil && f.resolve(t.qualifier) != nil {
		return f, t, nil
	}
	if isNumber(t.qualifier) {
		return nil, t, functionNotFound(t.arn(t.qualifier))
	}
	return nil, t, notFound("Cannot find alias arn: " + t.arn(t.qualifier))
}

const mustBePublished = "The function resource provided must be an alias or a published version."

func (s *Service) putProvisionedConcurrencyConfig(r *request) (answer, error) {
	var in struct{ ProvisionedConcurrentExecutions *int }
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	if in.ProvisionedConcurrentExecutions == nil {
		broken = append(broken, "Value null at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must not be null")
	}
	broken.between("provisionedConcurrentExecutions", in.ProvisionedConcurrentExecutions, 1, 0)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, t, err := s.publishedTarget(r, "Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	if err != nil {
		return answer{}, err
	}
	if err := f.mayProvision(t.qualifier); err != nil {
		return answer{}, err
	}
	wanted := *in.ProvisionedConcurrentExecutions
	if err := s.enoughConcurrency(f, t.qualifier, wanted); err != nil {
		return answer{}, err
	}
	now := s.Clock()
	p := &provisioned{Requested: wanted, Modified: now, Ready: now.Add(s.InProgress)}
	if f.Provisioned == nil {
		f.Provisioned = map[string]*provisioned{}
	}
	f.Provisioned[t.qualifier] = p
	out := p.show(now)
	out.Status, out.AllocatedProvisionedConcurrentExecutions, out.AvailableProvisionedConcurrentExecutions = "IN_PROGRESS", 0, 0
	return answer{http.StatusAccepted, out}, s.save(r, f)
}

// mayProvision refuses a version whose alias has provisioned concurrency, an
// alias whose version has, and an alias with weights (developer guide,
// "Configuring provisioned concurrency").
func (f *function) mayProvision(qualifier string) error {
	if a := f.Aliases[qualifier]; a != nil {
		switch {
		case f.Provisioned[a.FunctionVersion] != nil:
			return conflict("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
		case len(a.Weights) > 0:
			return invalid("Alias with weights can not be used with Provisioned Concurrency")
		}
		return nil
	}
	for name := range f.Provisioned {
		if a := f.Aliases[name]; a != nil && a.FunctionVersion == qualifier {
			return conflict("Version is pointed by a Provisioned Concurrency alias")
		}
	}
	return nil
}

// enoughConcurrency words its violations as test_provisioned_concurrency_limits.
func (s *Service) enoughConcurrency(f *function, qualifier string, wanted int) error {
	sum, err := s.reservedElsewhere(f)
	if err != nil {
		return err
	}
	others := f.provisionedSum()
	if p := f.Provisioned[qualifier]; p != nil {
		others -= p.Requested
	}
	switch {
	case f.Reserved != nil && others+wanted > *f.Reserved:
		return withoutType(invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"))
	case f.Reserved != nil:
		return nil
	case wanted > accountConcurrency-sum-others:
		return withoutType(invalid("Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [" +
			strconv.Itoa(accountConcurrency-sum-others) + "]."))
	case accountConcurrency-sum-others-wanted < minUnreserved:
		return withoutType(invalid("Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [" +
			strconv.Itoa(minUnreserved) + "]."))
	}
	return nil
}

func (s *Service) getProvisionedConcurrencyConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, t, err := s.publishedTarget(r, mustBePublished)
	if err != nil {
		return answer{}, err
	}
	p := f.Provisioned[t.qualifier]
	if p == nil {
		return answer{}, api.NewError(http.StatusNotFound, "ProvisionedConcurrencyConfigNotFoundException",
			"No Provisioned Concurrency Config found for this function")
	}
	return answer{http.StatusOK, p.show(s.Clock())}, nil
}

func (s *Service) deleteProvisionedConcurrencyConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, t, err := s.publishedTarget(r, mustBePublished)
	if err != nil {
		return answer{}, err
	}
	delete(f.Provisioned, t.qualifier)
	return answer{status: http.StatusNoContent}, s.save(r, f)
}

func (s *Service) listProvisionedConcurrencyConfigs(r *request) (answer, error) {
	f, _, _, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	var out []provisionedOutput
	for _, q := range slices.Sorted(maps.Keys(f.Provisioned)) {
		o := f.Provisioned[q].show(s.Clock())
		o.FunctionArn = f.arn(q)
		out = append(out, o)
	}
	return page(r, "ProvisionedConcurrencyConfigs", out)
}

// moveProvisioned gives an alias with provisioned concurrency that moves the
// weights by which AWS shifts its traffic for a while, and refuses weights of
// the caller's own.
func (s *Service) moveProvisioned(f *function, old, a *alias) error {
	p := f.Provisioned[a.Name]
	if p == nil {
		return nil
	}
	if len(a.Weights) > 0 {
		return invalid("Alias with weights can not be used with Provisioned Concurrency")
	}
	if old.FunctionVersion == a.FunctionVersion || old.FunctionVersion == latest {
		return nil
	}
	until := s.Clock().Add(s.InProgress)
	a.Moving = &moving{Until: until, Weights: map[string]float64{old.FunctionVersion: 0.5}}
	p.Ready = until
	return nil
}
