package lambda

import "slices"

// What an ordered failure ends.
const (
	stateOfCreate  = "create"
	stateOfUpdate  = "update"
	stateOfVersion = "version"
)

// orderedFailures are failures that tests have ordered for the next creations, updates
// and versions.
type orderedFailures []ordered

type ordered struct {
	what, function string
	outcome        Outcome
}

// Fail makes the next creation ("create"), update ("update") or published
// version ("version") of a function ("" is any) end as Failed.
func (s *Service) Fail(what, function string, o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, ordered{what, function, o})
}

// take returns the failure ordered for a creation, update or version, nil where
// there is none, and forgets it.
func (o *orderedFailures) take(t target, what string) *Outcome {
	i := slices.IndexFunc(*o, func(f ordered) bool {
		return f.what == what && (f.function == "" || f.function == t.name)
	})
	if i < 0 {
		return nil
	}
	taken := (*o)[i].outcome
	*o = slices.Delete(*o, i, i+1)
	return &taken
}
