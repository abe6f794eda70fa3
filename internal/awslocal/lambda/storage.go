package lambda

import (
	"net/http"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// view returns a function to read, nil where there is none. It must not be
// changed, and is not settled: see shown. The caller holds s.mu.
func (s *Service) view(account, region, name string) (*function, error) {
	key := functionKey(account, region, name)
	if f := s.cache[key]; f != nil {
		return f, nil
	}
	f := new(function)
	ok, err := s.Store.Get(key, f)
	if !ok || err != nil {
		return nil, err
	}
	s.cache[key] = f
	return f, nil
}

// edit returns a settled copy of a function for a call to change and save, nil
// where there is none. The caller holds s.mu.
func (s *Service) edit(account, region, name string) (*function, error) {
	seen, err := s.view(account, region, name)
	if seen == nil || err != nil {
		return nil, err
	}
	f := new(function)
	copyInto(reflect.ValueOf(f).Elem(), reflect.ValueOf(seen).Elem())
	f.settle(s.Clock())
	return f, nil
}

// copyInto makes a value a copy of another of its type that shares nothing with it that
// could change. What structs do not export is shared.
func copyInto(to, from reflect.Value) {
	to.Set(from)
	switch kind := from.Kind(); {
	case kind == reflect.Struct && from.Type() != reflect.TypeFor[time.Time]():
		for i := range from.NumField() {
			if from.Type().Field(i).IsExported() {
				copyInto(to.Field(i), from.Field(i))
			}
		}
	case kind == reflect.Pointer && !from.IsNil():
		to.Set(reflect.New(from.Type().Elem()))
		copyInto(to.Elem(), from.Elem())
	case kind == reflect.Interface && !from.IsNil():
		v := reflect.New(from.Elem().Type()).Elem()
		copyInto(v, from.Elem())
		to.Set(v)
	case kind == reflect.Slice && !from.IsNil():
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			copyInto(to.Index(i), from.Index(i))
		}
	case kind == reflect.Map && !from.IsNil():
		to.Set(reflect.MakeMapWithSize(from.Type(), from.Len()))
		for key, value := range from.Seq2() {
			v := reflect.New(from.Type().Elem()).Elem()
			copyInto(v, value)
			to.SetMapIndex(key, v)
		}
	}
}

// existing is edit for a function that must be there; missing is how its absence
// is worded.
func (s *Service) existing(t target, missing *api.Error) (*function, error) {
	f, err := s.edit(t.account, t.region, t.name)
	if err == nil && f == nil {
		err = missing
	}
	return f, err
}

// look is view for a function that must be there, for calls that change nothing.
func (s *Service) look(t target, missing *api.Error) (*function, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.view(t.account, t.region, t.name)
	if err == nil && f == nil {
		err = missing
	}
	return f, err
}

// save makes the change of f last. Nothing changes where it fails.
func (s *Service) save(r *request, f *function) error {
	if err := s.Store.Put(f.key(), f); err != nil {
		return err
	}
	delete(s.cache, f.key())
	api.Changed(r.ctx)
	return nil
}

func (s *Service) remove(r *request, f *function) error {
	if err := s.Store.Delete(f.key()); err != nil {
		return err
	}
	delete(s.cache, f.key())
	api.Changed(r.ctx)
	return nil
}

// functions lists the names of an account's functions in a Region.
func (s *Service) functions(account, region string) []string {
	keys := s.Store.Keys(functionPrefix(account, region))
	for i, k := range keys {
		keys[i] = path.Base(k)
	}
	return keys
}

// Regions are those in which an account has a function of a name, sorted.
func (s *Service) Regions(account, name string) []string {
	var regions []string
	prefix := "lambda/" + account + "/"
	for _, key := range s.Store.Keys(prefix) {
		region, found, ok := strings.Cut(strings.TrimPrefix(key, prefix), "/function/")
		if ok && found == name {
			regions = append(regions, region)
		}
	}
	return regions
}

// Tags are the tags of each function of an account and Region, by its ARN.
func (s *Service) Tags(account, region string) (map[string]map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]map[string]string{}
	for _, name := range s.functions(account, region) {
		f, err := s.view(account, region, name)
		if err != nil {
			return nil, err
		}
		all[f.arn("")] = f.Tags
	}
	return all, nil
}

// Live reports whether some version of a function or layer has the blob, for the
// store's sweep.
func (s *Service) Live() (func(sha256 string) bool, error) {
	live := map[string]bool{}
	for _, key := range s.Store.Keys("lambda/") {
		switch {
		case strings.Contains(key, "/function/"):
			var f function
			if _, err := s.Store.Get(key, &f); err != nil {
				return nil, err
			}
			for _, v := range append(f.Versions, f.Latest) {
				live[v.Code.Blob] = true
				if v.Serving != nil {
					live[v.Serving.Code.Blob] = true
				}
			}
		case strings.Contains(key, "/layer/"):
			var l layer
			if _, err := s.Store.Get(key, &l); err != nil {
				return nil, err
			}
			for _, v := range l.Versions {
				live[v.Blob] = true
			}
		}
	}
	return func(sha256 string) bool { return live[sha256] }, nil
}

func notFound(format string) *api.Error {
	return api.NewError(http.StatusNotFound, "ResourceNotFoundException", format)
}

func functionNotFound(arn string) *api.Error { return notFound("Function not found: " + arn) }

func invalid(message string) *api.Error {
	return api.NewError(http.StatusBadRequest, "InvalidParameterValueException", message)
}

func conflict(message string) *api.Error {
	return api.NewError(http.StatusConflict, "ResourceConflictException", message)
}
