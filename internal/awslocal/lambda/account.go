package lambda

import (
	"cmp"
	"net/http"
)

type accountSettings struct {
	AccountLimit struct {
		TotalCodeSize                  int64
		CodeSizeUnzipped               int64
		CodeSizeZipped                 int64
		ConcurrentExecutions           int
		UnreservedConcurrentExecutions int
	}
	AccountUsage struct {
		TotalCodeSize int64
		FunctionCount int
	}
}

// maxTotalCode is what all functions and layers of a Region may hold (developer
// guide, "Lambda quotas").
const maxTotalCode = 80530636800

// SetCodeStorage sets how many bytes of code GetAccountSettings says an account may have;
// 0 is AWS' own number. Nothing enforces it.
func (s *Service) SetCodeStorage(bytes int64) { s.totalCode.Store(bytes) }

func (s *Service) codeStorage() int64 { return cmp.Or(s.totalCode.Load(), maxTotalCode) }

// getAccountSettings adds up the code of $LATEST, versions and layers
// (TestLambdaAccountSettings::test_account_settings_total_code_size).
func (s *Service) getAccountSettings(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out accountSettings
	limit, usage := &out.AccountLimit, &out.AccountUsage
	limit.TotalCodeSize, limit.CodeSizeUnzipped, limit.CodeSizeZipped = s.codeStorage(), maxUnzipped, maxZipped
	limit.ConcurrentExecutions, limit.UnreservedConcurrentExecutions = accountConcurrency, accountConcurrency
	for _, name := range s.functions(r.caller.Account, r.caller.Region) {
		f, err := s.view(r.caller.Account, r.caller.Region, name)
		if err != nil {
			return answer{}, err
		}
		usage.FunctionCount++
		usage.TotalCodeSize += f.Latest.Code.Size
		for i := range f.Versions {
			usage.TotalCodeSize += f.Versions[i].Code.Size
		}
		if f.Reserved != nil {
			limit.UnreservedConcurrentExecutions -= *f.Reserved
		}
	}
	for _, key := range s.Store.Keys(layerPrefix(r.caller.Account, r.caller.Region)) {
		var l layer
		if _, err := s.Store.Get(key, &l); err != nil {
			return answer{}, err
		}
		for _, v := range l.Versions {
			usage.TotalCodeSize += v.Size
		}
	}
	return answer{http.StatusOK, out}, nil
}

// runtimeChoice is how the runtime of a version is kept up to date.
type runtimeChoice struct {
	UpdateRuntimeOn   string
	RuntimeVersionArn string `json:",omitempty"`
}

type runtimeManagement struct {
	runtimeChoice
	FunctionArn string
}

func (s *Service) putRuntimeManagementConfig(r *request) (answer, error) {
	var in runtimeChoice
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	broken.enum("updateRuntimeOn", in.UpdateRuntimeOn, "Auto", "FunctionUpdate", "Manual")
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	switch manual := in.UpdateRuntimeOn == "Manual"; {
	case manual && in.RuntimeVersionArn == "":
		return answer{}, invalid("RuntimeVersionArn must be provided when UpdateRuntimeOn is Manual.")
	case !manual && in.RuntimeVersionArn != "":
		return answer{}, invalid("RuntimeVersionArn is only supported when UpdateRuntimeOn is Manual.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, t, err := s.editVersion(r)
	if err != nil {
		return answer{}, err
	}
	if f.Runtimes == nil {
		f.Runtimes = map[string]*runtimeChoice{}
	}
	f.Runtimes[t.qualifier] = &in
	return answer{http.StatusOK, runtimeManagement{in, f.arn(t.qualifier)}}, s.save(r, f)
}

// editVersion reads the version that a call names, $LATEST where it names none.
func (s *Service) editVersion(r *request) (*function, target, error) {
	t, err := r.eventInvokeTarget()
	if err != nil {
		return nil, t, err
	}
	f, err := s.edit(t.account, t.region, t.name)
	if err == nil && (f == nil || f.version(t.qualifier) == nil) {
		err = functionNotFound(t.arn(t.qualifier))
	}
	return f, t, err
}

func (s *Service) getRuntimeManagementConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, t, err := s.editVersion(r)
	if err != nil {
		return answer{}, err
	}
	out := runtimeManagement{runtimeChoice{UpdateRuntimeOn: "Auto"}, f.arn(t.qualifier)}
	if c := f.Runtimes[t.qualifier]; c != nil {
		out.runtimeChoice = *c
	}
	return answer{http.StatusOK, out}, nil
}

type recursion struct{ RecursiveLoop string }

func (s *Service) putFunctionRecursionConfig(r *request) (answer, error) {
	var in recursion
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	broken.enum("recursiveLoop", in.RecursiveLoop, "Allow", "Terminate")
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editUnqualified(r, "")
	if err != nil {
		return answer{}, err
	}
	f.Recursion = in.RecursiveLoop
	if f.Recursion == "Terminate" {
		f.Recursion = "" // AWS's default: set and unset are one state
	}
	return answer{http.StatusOK, in}, s.save(r, f)
}

func (s *Service) getFunctionRecursionConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editUnqualified(r, "")
	if err != nil {
		return answer{}, err
	}
	out := recursion{"Terminate"}
	if f.Recursion != "" {
		out.RecursiveLoop = f.Recursion
	}
	return answer{http.StatusOK, out}, nil
}
