package lambda

import (
	"net/http"
)

func (s *Service) deleteFunction(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	switch {
	case t.qualifier == latest:
		return answer{}, invalid("$LATEST version cannot be deleted without deleting the function.")
	case t.qualifier != "" && !isNumber(t.qualifier) && t.qualifier[0] != '$':
		return answer{}, invalid("Deletion of aliases is not currently supported.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.existing(t, functionNotFound(t.arn("")))
	if err != nil {
		return answer{}, err
	}
	if t.qualifier == "" {
		return answer{status: http.StatusNoContent}, s.remove(r, f)
	}
	if err := f.dropVersion(t.qualifier); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, s.save(r, f)
}

// dropVersion removes a published version that no alias names.
func (f *function) dropVersion(number string) error {
	if number == latestPublished {
		f.LatestPublished = nil
		return nil
	}
	for i := range f.Versions {
		if f.Versions[i].Version != number {
			continue
		}
		if used := f.aliasesOf(number); len(used) > 0 {
			return conflict("Version " + number + " is in use by aliases: " + list(used))
		}
		f.Versions = append(f.Versions[:i], f.Versions[i+1:]...)
		delete(f.Policies, number)
		delete(f.EventInvoke, number)
		delete(f.Provisioned, number)
		delete(f.Runtimes, number)
		return nil
	}
	return nil
}
