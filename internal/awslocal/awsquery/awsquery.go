// Package query is the AWS query protocol as STS, IAM and CloudWatch speak it:
// a form with an Action in, XML out ("Making query requests", IAM User Guide).
//
// It bounds what it reads and knows no service.
package awsquery

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// maxBody bounds a request's form, and so what it can make the server hold.
const maxBody = 2 << 20

// Operation is the request's Action, "" where it has none. A form that cannot
// be read has none either; Handle then says why.
func Operation(r *http.Request) string {
	if parse(r) != nil {
		return ""
	}
	return r.Form.Get("Action")
}

// parse reads the form once. http.Request.ParseForm forgets a failure, so the
// failed body stays in the request and tells it again.
func parse(r *http.Request) error {
	if failed, ok := r.Body.(failedBody); ok {
		return failed.err
	}
	if r.Form == nil && r.Body != nil {
		r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	}
	err := r.ParseForm()
	if err != nil {
		r.Body = failedBody{r.Body, err}
	}
	return err
}

// failedBody is a body that held no form.
type failedBody struct {
	io.ReadCloser
	err error
}

// Operations are a service's API calls by name. Each returns what is inside
// the Result element; nil for calls that answer without one.
type Operations map[string]func(*http.Request) (any, *api.Error)

// Handle answers one request for the service of namespace xmlns.
func (o Operations) Handle(w http.ResponseWriter, r *http.Request, xmlns string) {
	err := parse(r)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		api.WriteQueryXML(
			w,
			xmlns,
			api.NewError(
				http.StatusRequestEntityTooLarge,
				"RequestEntityTooLarge",
				"Request body exceeds "+strconv.Itoa(maxBody)+" bytes",
			),
		)
		return
	case err != nil:
		api.WriteQueryXML(
			w,
			xmlns,
			api.NewError(http.StatusBadRequest, "MalformedQueryString", "The query string contains a syntax error"),
		)
		return
	}
	action := r.Form.Get("Action")
	serve := o[action]
	if serve == nil {
		api.WriteQueryXML(
			w,
			xmlns,
			api.NewError(http.StatusBadRequest, "InvalidAction", "Could not find operation "+action+" for version "+r.Form.Get("Version")),
		)
		return
	}
	result, failure := serve(r)
	if failure != nil {
		api.WriteQueryXML(w, xmlns, failure)
		return
	}
	write(w, xmlns, action, result)
}

// WriteError writes an error that the server has found before the service was
// asked. The query protocol names four of them without "Exception" ("Common
// errors" of STS, IAM and CloudWatch).
func WriteError(w http.ResponseWriter, xmlns string, e *api.Error) {
	switch e.Code {
	case "AccessDeniedException", "ExpiredTokenException", "MissingAuthenticationTokenException", "IncompleteSignatureException":
		short := *e
		short.Code = strings.TrimSuffix(e.Code, "Exception")
		e = &short
	}
	api.WriteQueryXML(w, xmlns, e)
}

func write(w http.ResponseWriter, xmlns, action string, result any) {
	type metadata struct {
		RequestID string `xml:"RequestId"`
	}
	response := xml.StartElement{
		Name: xml.Name{Local: action + "Response"},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: xmlns}},
	}
	body := struct {
		Result   any
		Metadata metadata `xml:"ResponseMetadata"`
	}{Metadata: metadata{w.Header().Get(api.RequestIDHeader)}}
	if result != nil {
		body.Result = named{action + "Result", result}
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusOK)
	_ = xml.NewEncoder(w).EncodeElement(body, response) // a client that has gone has no use for the answer
}

// named marshals a value under a name of its own.
type named struct {
	name  string
	value any
}

func (n named) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(n.value, xml.StartElement{Name: xml.Name{Local: n.name}})
}

// List reads a list of strings: Name.member.1, Name.member.2 and so on.
func List(form url.Values, name string) []string {
	var list []string
	for i := 1; ; i++ {
		key := name + ".member." + strconv.Itoa(i)
		if !form.Has(key) {
			return list
		}
		list = append(list, form.Get(key))
	}
}

// Structs reads a list of structures: the members of each by name.
func Structs(form url.Values, name string) []url.Values {
	var list []url.Values
	for i := 1; ; i++ {
		prefix := name + ".member." + strconv.Itoa(i) + "."
		one := url.Values{}
		for key, values := range form {
			if rest, ok := strings.CutPrefix(key, prefix); ok {
				one[rest] = values
			}
		}
		if len(one) == 0 {
			return list
		}
		list = append(list, one)
	}
}

// Int reads a number between low and high; fallback where it is absent.
func Int(form url.Values, name string, fallback, low, high int) (int, *api.Error) {
	text := form.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		word, bound := "greater than or equal to", low
		if n > high {
			word, bound = "less than or equal to", high
		}
		return 0, Invalid(text, name, "Member must have value "+word+" "+strconv.Itoa(bound))
	}
	return n, nil
}

// Invalid is the error of a value that a service's model refuses.
func Invalid(value, name, constraint string) *api.Error {
	field := strings.ToLower(name[:1]) + name[1:]
	return api.NewError(
		http.StatusBadRequest,
		"ValidationError",
		"1 validation error detected: Value '"+value+"' at '"+field+"' failed to satisfy constraint: "+constraint,
	)
}
