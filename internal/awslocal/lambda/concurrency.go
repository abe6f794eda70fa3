package lambda

import (
	"net/http"
	"strconv"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

type concurrency struct{ ReservedConcurrentExecutions int }

// accountConcurrency is the quota of an account that nobody has raised, and
// minUnreserved what must stay unreserved (developer guide, "Reserved
// concurrency").
const (
	accountConcurrency = 1000
	minUnreserved      = 100
)

// unqualified refuses a target with a qualifier
// (TestLambdaReservedConcurrency::test_function_concurrency_exceptions).
func (t target) unqualified() error {
	if t.qualifier == "" {
		return nil
	}
	return invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
}

// editUnqualified reads the function that a call on functions alone names.
func (s *Service) editUnqualified(r *request, missing string) (*function, error) {
	t, err := r.target()
	if err != nil {
		return nil, err
	}
	f, err := s.existing(t, functionNotFound(t.arn(missing)))
	if err != nil {
		return nil, err
	}
	return f, t.unqualified()
}

// reservedElsewhere adds up what the Region's other functions have reserved.
func (s *Service) reservedElsewhere(f *function) (int, error) {
	sum := 0
	for _, name := range s.functions(f.Account, f.Region) {
		other, err := s.view(f.Account, f.Region, name)
		if err != nil {
			return 0, err
		}
		if name != f.Name && other.Reserved != nil {
			sum += *other.Reserved
		}
	}
	return sum, nil
}

func (s *Service) putFunctionConcurrency(r *request) (answer, error) {
	var in struct{ ReservedConcurrentExecutions *int }
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editUnqualified(r, latest)
	if err != nil {
		return answer{}, err
	}
	var broken violations
	if in.ReservedConcurrentExecutions == nil {
		broken = append(broken, "Value null at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must not be null")
	}
	broken.between("reservedConcurrentExecutions", in.ReservedConcurrentExecutions, 0, 0)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	sum, err := s.reservedElsewhere(f)
	if err != nil {
		return answer{}, err
	}
	wanted := *in.ReservedConcurrentExecutions
	if accountConcurrency-sum-wanted < minUnreserved {
		return answer{}, withoutType(invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [" +
			strconv.Itoa(minUnreserved) + "]."))
	}
	if sum := f.provisionedSum(); sum > wanted {
		return answer{}, withoutType(invalid("ReservedConcurrentExecutions " + strconv.Itoa(wanted) +
			" should not be lower than function's total provisioned concurrency [" + strconv.Itoa(sum) + "]."))
	}
	f.Reserved = &wanted
	return answer{http.StatusOK, concurrency{wanted}}, s.save(r, f)
}

// withoutType leaves Type out of an error, as some of Lambda's own services do.
func withoutType(e *api.Error) *api.Error {
	e.Fields = map[string]string{"Type": ""}
	return e
}

func (s *Service) getFunctionConcurrency(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editUnqualified(r, "")
	if err != nil {
		return answer{}, err
	}
	if f.Reserved == nil {
		return answer{http.StatusOK, struct{}{}}, nil
	}
	return answer{http.StatusOK, concurrency{*f.Reserved}}, nil
}

func (s *Service) deleteFunctionConcurrency(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editUnqualified(r, latest)
	if err != nil {
		return answer{}, err
	}
	f.Reserved = nil
	return answer{status: http.StatusNoContent}, s.save(r, f)
}
