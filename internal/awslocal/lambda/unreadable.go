package lambda

import "slices"

// Fields of GetFunction that can be made unreadable.
const (
	FieldEnvironment    = "Environment"
	FieldImageConfig    = "ImageConfig"
	FieldRuntimeVersion = "RuntimeVersion"
	FieldCode           = "Code"
	FieldTags           = "Tags"
)

// fieldError replaces a field that could not be read (API reference,
// EnvironmentError and its like).
type fieldError struct{ ErrorCode, Message string }

var denied = &fieldError{"AccessDeniedException", "Lambda was unable to read this field: access to the key or the resource was denied."}

// Hide makes fields of a function unreadable, as a missing kms:Decrypt or
// lambda:ListTags does; no fields make all readable again.
func (s *Service) Hide(function string, fields ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden == nil {
		s.hidden = map[string][]string{}
	}
	s.hidden[function] = fields
}

// hides reports whether a field of a function is unreadable. The caller holds s.mu.
func (s *Service) hides(function, field string) bool {
	return slices.Contains(s.hidden[function], field)
}

// readable puts errors in the place of what is hidden.
func (s *Service) readable(c functionConfiguration) functionConfiguration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Environment != nil && s.hides(c.FunctionName, FieldEnvironment) {
		c.Environment = &environment{Error: denied}
	}
	if c.ImageConfigResponse != nil && s.hides(c.FunctionName, FieldImageConfig) {
		c.ImageConfigResponse = &imageConfigResponse{Error: denied}
	}
	if s.hides(c.FunctionName, FieldRuntimeVersion) {
		c.RuntimeVersionConfig = &runtimeVersionConfig{Error: denied}
	}
	return c
}

// readableAll is readable for all that GetFunction shows.
func (s *Service) readableAll(out getFunctionOutput) getFunctionOutput {
	out.Configuration = s.readable(out.Configuration)
	name := out.Configuration.FunctionName
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hides(name, FieldCode) {
		out.Code = codeLocation{RepositoryType: out.Code.RepositoryType, Error: denied}
	}
	if s.hides(name, FieldTags) {
		out.Tags, out.TagsError = nil, denied
	}
	return out
}
