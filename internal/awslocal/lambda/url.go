package lambda

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"time"
)

// functionURL is the URL configuration of a function or an alias. Its rules and
// messages are those of TestLambdaUrl.
type functionURL struct {
	ID         string
	AuthType   string
	Cors       *cors `json:",omitempty"`
	InvokeMode string
	Created    time.Time
	Modified   time.Time
}

type cors struct {
	AllowCredentials *bool    `json:",omitempty"`
	AllowHeaders     []string `json:",omitempty"`
	AllowMethods     []string `json:",omitempty"`
	AllowOrigins     []string `json:",omitempty"`
	ExposeHeaders    []string `json:",omitempty"`
	MaxAge           *int     `json:",omitempty"`
}

type urlOutput struct {
	FunctionUrl      string
	FunctionArn      string
	AuthType         string
	Cors             *cors  `json:",omitempty"`
	CreationTime     string `json:",omitempty"`
	LastModifiedTime string `json:",omitempty"`
	InvokeMode       string `json:",omitempty"`
}

// showURL shows a URL that leads back to this server, by the host that the client
// called it by.
func (f *function) showURL(r *request, qualifier string) urlOutput {
	u := f.URLs[qualifier]
	return urlOutput{
		FunctionUrl: "http://" + u.ID + ".lambda-url." + f.Region + ".localhost" + port(r.http.Host) + "/",
		FunctionArn: f.arn(qualifier), AuthType: u.AuthType, Cors: u.Cors, InvokeMode: u.InvokeMode,
		CreationTime: u.Created.UTC().Format(modifiedFormat), LastModifiedTime: u.Modified.UTC().Format(modifiedFormat),
	}
}

// port is the port of a host with its colon, "" without one.
func port(host string) string {
	_, number, err := net.SplitHostPort(host)
	if err != nil {
		return ""
	}
	return ":" + number
}

const urlQualifierPattern = `((?!^\d+$)^[0-9a-zA-Z-_]+$)`

var errNoResource = notFound("The resource you requested does not exist.")

// urlTarget reads the function or alias of a call; versions have no URL.
func (r *request) urlTarget() (target, error) {
	if q := r.query("Qualifier"); q != "" && (!aliasPattern.matches(q) || isNumber(q)) {
		var broken violations
		broken.add("qualifier", q, "Member must satisfy regular expression pattern: "+urlQualifierPattern)
		return target{}, broken.err()
	}
	return r.target()
}

// editURL reads a function and the alias that a call names, or answers missing.
func (s *Service) editURL(t target, missing error) (*function, error) {
	f, err := s.edit(t.account, t.region, t.name)
	if err != nil {
		return nil, err
	}
	if f == nil || t.qualifier != "" && f.Aliases[t.qualifier] == nil {
		return nil, missing
	}
	return f, nil
}

type urlInput struct {
	AuthType   string
	Cors       *cors
	InvokeMode string
}

func (in *urlInput) constrain(creating bool) error {
	var broken violations
	switch {
	case in.AuthType != "":
		broken.enum("authType", in.AuthType, "NONE", "AWS_IAM")
	case creating:
		broken = append(broken, "Value null at 'authType' failed to satisfy constraint: Member must not be null")
	}
	broken.enum("invokeMode", in.InvokeMode, "", "BUFFERED", "RESPONSE_STREAM")
	return broken.err()
}

// urlChange reads what a function URL shall be, and whose.
func (r *request) urlChange(creating bool) (in urlInput, t target, err error) {
	if err := r.decode(&in); err != nil {
		return in, t, err
	}
	if t, err = r.urlTarget(); err != nil {
		return in, t, err
	}
	return in, t, in.constrain(creating)
}

func (s *Service) createFunctionURLConfig(r *request) (answer, error) {
	in, t, err := r.urlChange(true)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editURL(t, notFound("Function does not exist"))
	if err != nil {
		return answer{}, err
	}
	if f.URLs[t.qualifier] != nil {
		return answer{}, conflict("Failed to create function url config for [functionArn = " + t.arn(t.qualifier) +
			"]. Error message:  FunctionUrlConfig exists for this Lambda function")
	}
	if f.URLs == nil {
		f.URLs = map[string]*functionURL{}
	}
	now := s.Clock()
	u := &functionURL{ID: hexOf(t.arn(t.qualifier))[:32], AuthType: in.AuthType, Cors: in.Cors, InvokeMode: "BUFFERED", Created: now, Modified: now}
	if in.InvokeMode != "" {
		u.InvokeMode = in.InvokeMode
	}
	f.URLs[t.qualifier] = u
	out := f.showURL(r, t.qualifier)
	out.LastModifiedTime, out.InvokeMode = "", in.InvokeMode
	return answer{http.StatusCreated, out}, s.save(r, f)
}

func (s *Service) getFunctionURLConfig(r *request) (answer, error) {
	t, err := r.urlTarget()
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editURL(t, errNoResource)
	if err != nil {
		return answer{}, err
	}
	if f.URLs[t.qualifier] == nil {
		return answer{}, errNoResource
	}
	return answer{http.StatusOK, f.showURL(r, t.qualifier)}, nil
}

func (s *Service) updateFunctionURLConfig(r *request) (answer, error) {
	in, t, err := r.urlChange(false)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editURL(t, notFound("Function does not exist"))
	if err != nil {
		return answer{}, err
	}
	u := f.URLs[t.qualifier]
	if u == nil {
		return answer{}, errNoResource
	}
	if in.AuthType != "" {
		u.AuthType = in.AuthType
	}
	if in.InvokeMode != "" {
		u.InvokeMode = in.InvokeMode
	}
	if in.Cors != nil {
		u.Cors = in.Cors
	}
	u.Modified = s.Clock()
	out := f.showURL(r, t.qualifier)
	out.InvokeMode = in.InvokeMode
	return answer{http.StatusOK, out}, s.save(r, f)
}

func (s *Service) deleteFunctionURLConfig(r *request) (answer, error) {
	t, err := r.urlTarget()
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.editURL(t, errNoResource)
	if err != nil {
		return answer{}, err
	}
	if f.URLs[t.qualifier] == nil {
		return answer{}, errNoResource
	}
	delete(f.URLs, t.qualifier)
	return answer{status: http.StatusNoContent}, s.save(r, f)
}

func (s *Service) listFunctionURLConfigs(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	f, err := s.look(t, notFound("Function does not exist"))
	if err != nil {
		return answer{}, err
	}
	var out []urlOutput
	for _, q := range slices.Sorted(maps.Keys(f.URLs)) {
		out = append(out, f.showURL(r, q))
	}
	return page(r, "FunctionUrlConfigs", out)
}
