package lambda

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// Trail keeps the management calls that were answered.
type Trail interface{ Record(TrailEvent) error }

// TrailEvent is one management call as CloudTrail sees it.
type TrailEvent struct {
	Caller     api.Caller
	Event      string
	ReadOnly   bool
	Function   string
	ARN        string
	Parameters map[string]any
	Response   map[string]any
	Error      *api.Error
	RequestID  string
	Agent      string
	InvokedBy  string
}

// eventNames are the names of events, which have the API's version in them
// ("Viewing CloudTrail Event history", Lambda APIs). Where CloudTrail's
// documentation lists none the operation's own is recorded.
var eventNames = map[string]string{
	"CreateFunction": "CreateFunction20150331", "DeleteFunction": "DeleteFunction20150331",
	"UpdateFunctionCode": "UpdateFunctionCode20150331v2", "UpdateFunctionConfiguration": "UpdateFunctionConfiguration20150331v2",
	"PublishVersion": "PublishVersion20150331", "CreateAlias": "CreateAlias20150331", "UpdateAlias": "UpdateAlias20150331",
	"DeleteAlias": "DeleteAlias20150331", "AddPermission": "AddPermission20150331v2", "RemovePermission": "RemovePermission20150331v2",
	"TagResource": "TagResource20170331v2", "UntagResource": "UntagResource20170331v2", "ListTags": "ListTags20170331",
	"CreateEventSourceMapping": "CreateEventSourceMapping20150331", "UpdateEventSourceMapping": "UpdateEventSourceMapping20150331",
	"DeleteEventSourceMapping": "DeleteEventSourceMapping20150331", "GetFunction": "GetFunction20150331v2",
	"GetFunctionConfiguration": "GetFunctionConfiguration20150331v2", "GetAlias": "GetAlias20150331", "ListAliases": "ListAliases20150331",
	"ListFunctions": "ListFunctions20150331", "ListVersionsByFunction": "ListVersionsByFunction20150331", "GetPolicy": "GetPolicy20150331v2",
	"PublishLayerVersion": "PublishLayerVersion20181031", "PutFunctionConcurrency": "PutFunctionConcurrency20171031",
	"DeleteFunctionConcurrency": "DeleteFunctionConcurrency20171031", "GetAccountSettings": "GetAccountSettings20160819",
}

// queryNames are the query parameters that name something.
var queryNames = []string{"Qualifier", "RevisionId", "FunctionVersion"}

// trail records an answer before it is written, so that a client which has its
// answer finds the event.
func (s *Service) trail(r *request, operation string, a answer, failure error) error {
	if s.Trail == nil || operation == "Invoke" {
		return nil
	}
	e := TrailEvent{
		Caller: r.caller, Event: operation, Function: r.vars["FunctionName"], Parameters: map[string]any{}, Agent: r.http.UserAgent(),
		ReadOnly: r.http.Method == http.MethodGet, RequestID: r.requestID,
	}
	if strings.HasSuffix(e.Agent, ".amazonaws.com") {
		e.InvokedBy = e.Agent // an AWS service names itself so
	}
	if name := eventNames[operation]; name != "" {
		e.Event = name
	}
	maps.Copy(e.Parameters, r.parameters)
	for name, value := range r.vars {
		e.Parameters[lowerFirst(name)] = value
	}
	for _, name := range queryNames {
		if v := r.query(name); v != "" {
			e.Parameters[lowerFirst(name)] = v
		}
	}
	if name, ok := e.Parameters["functionName"].(string); ok {
		e.Function = name
	}
	if failure != nil {
		if !errors.As(failure, &e.Error) {
			e.Error = api.NewError(http.StatusInternalServerError, "ServiceException", failure.Error())
		}
	} else if !e.ReadOnly {
		e.Response, _ = recorded(reflect.ValueOf(a.body)).(map[string]any)
	}
	if arn, ok := e.Response["functionArn"].(string); ok {
		e.ARN = arn
	}
	return s.Trail.Record(e)
}

// secretMembers are recorded without what is in them ("Logging AWS Lambda API
// calls using AWS CloudTrail", CreateFunction).
var secretMembers = []string{"ZipFile", "Environment"}

// recorded is a document as CloudTrail writes it: names begin with a small
// letter, keys of maps stay, and what is empty is left out.
func recorded(v reflect.Value) any {
	for v.IsValid() && (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) {
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil
	}
	if raw, ok := v.Interface().(json.RawMessage); ok {
		return string(raw)
	}
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		record(v, out)
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[key.String()] = recorded(v.MapIndex(key))
		}
		return out
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil // code
		}
		out := make([]any, 0, v.Len())
		for i := range v.Len() {
			out = append(out, recorded(v.Index(i)))
		}
		return out
	}
	return v.Interface()
}

// record adds the members of a struct, those of embedded ones included.
func record(v reflect.Value, into map[string]any) {
	for i := range v.NumField() {
		f, field := v.Field(i), v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		switch {
		case field.Anonymous && f.Kind() == reflect.Struct:
			record(f, into)
		case !field.IsExported() || name == "-" || f.IsZero():
		case slices.Contains(secretMembers, name):
			into[lowerFirst(name)] = map[string]any{}
			if name == "ZipFile" {
				delete(into, "zipFile")
			}
		default:
			into[lowerFirst(name)] = recorded(f)
		}
	}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
