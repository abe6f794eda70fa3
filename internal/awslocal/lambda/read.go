package lambda

import (
	"net/http"
	"strconv"
)

func (s *Service) getFunction(r *request) (answer, error) {
	f, v, t, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	body := getFunctionOutput{Configuration: f.shownAt(v, t.qualifier, s.Clock()), Code: s.location(r, v), Tags: f.Tags}
	if refused := s.mayListTags(r, t); refused != nil {
		body.Tags, body.TagsError = nil, refused
	}
	if f.Reserved != nil {
		body.Concurrency = &concurrency{*f.Reserved}
	}
	return answer{http.StatusOK, s.readableAll(body)}, nil
}

type getFunctionOutput struct {
	Configuration functionConfiguration
	Code          codeLocation
	Tags          map[string]string `json:",omitempty"`
	TagsError     *fieldError       `json:",omitempty"`
	Concurrency   *concurrency      `json:",omitempty"`
}

func (s *Service) getFunctionConfiguration(r *request) (answer, error) {
	f, v, t, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, s.readable(f.shownAt(v, t.qualifier, s.Clock()))}, nil
}

// read finds the version that a request names.
func (s *Service) read(r *request) (*function, *version, target, error) {
	t, err := r.target()
	if err != nil {
		return nil, nil, t, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.view(t.account, t.region, t.name)
	if err != nil {
		return nil, nil, t, err
	}
	if f != nil {
		if v := f.resolve(t.qualifier); v != nil {
			return f, v, t, nil
		}
	}
	return nil, nil, t, functionNotFound(t.arn(t.qualifier))
}

func (s *Service) listFunctions(r *request) (answer, error) {
	var broken violations
	if v := r.query("FunctionVersion"); v != "" {
		broken.enum("functionVersion", v, "ALL")
	}
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := r.query("FunctionVersion") == "ALL"
	now := s.Clock()
	var out []functionConfiguration
	for _, name := range s.functions(r.caller.Account, r.caller.Region) {
		f, err := s.view(r.caller.Account, r.caller.Region, name)
		if err != nil {
			return answer{}, err
		}
		if !all {
			out = append(out, f.listed(&f.Latest, "", now))
			continue
		}
		out = append(out, f.listed(&f.Latest, latest, now))
		for i := range f.Versions {
			out = append(out, f.listed(&f.Versions[i], f.Versions[i].Version, now))
		}
	}
	return page(r, "Functions", out)
}

func (s *Service) listVersionsByFunction(r *request) (answer, error) {
	f, _, _, err := s.read(r)
	if err != nil {
		return answer{}, err
	}
	now := s.Clock()
	out := []functionConfiguration{f.listed(&f.Latest, latest, now)}
	for i := range f.Versions {
		out = append(out, f.listed(&f.Versions[i], f.Versions[i].Version, now))
	}
	return page(r, "Versions", out)
}

// page returns MaxItems of the items that follow Marker. A marker is the place of
// the first item that has not been given yet.
func page[T any](r *request, name string, items []T) (answer, error) {
	start, size := 0, 50
	if m := r.query("Marker"); m != "" {
		var err error
		if start, err = strconv.Atoi(m); err != nil || start < 0 {
			return answer{}, invalid("Invalid Marker")
		}
	}
	if m := r.query("MaxItems"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 1 || n > 10000 {
			var f violations
			f.add("maxItems", m, "Member must have value between 1 and 10000")
			return answer{}, f.err()
		}
		size = min(n, 50)
	}
	start = min(start, len(items))
	end := min(start+size, len(items))
	body := map[string]any{name: append([]T{}, items[start:end]...)}
	if end < len(items) {
		body["NextMarker"] = strconv.Itoa(end)
	}
	return answer{http.StatusOK, body}, nil
}
