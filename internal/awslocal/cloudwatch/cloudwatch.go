// Package cloudwatch is the embedded Amazon CloudWatch: the metrics of the
// functions that ran here, at once or with AWS's delay, and alarms on them.
//
// It promises to answer in the three protocols that clients use: Smithy RPC v2
// CBOR (the SDK for Go), JSON 1.0, and the query protocol (older CLIs). Alarms
// are durable. Metrics live in memory, bounded, and end with the process. An alarm
// is evaluated when its state is asked for, over whole minutes; a state that
// SetAlarmState set stays until the metric has newer data, so that a test can set
// one. It knows no metric math and no anomaly detection: such alarms move by
// SetAlarmState alone.
//
// Rules are those of the Amazon CloudWatch API Reference.
package cloudwatch

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/awsquery"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

const (
	xmlns      = "http://monitoring.amazonaws.com/doc/2010-08-01/"
	service    = "GraniteServiceVersion20100801"
	cborPath   = "/service/" + service + "/operation/"
	jsonTarget = service + "."
	// maxBody bounds a request, unpacked ("PutMetricData": 1 MB).
	maxBody = 1 << 20
)

// Service answers CloudWatch's requests. Its methods may be called side by
// side.
type Service struct {
	store *store.Store
	now   api.Clock

	mu      sync.RWMutex
	alarms  map[string]*alarm // by store key; never changed once in here
	metrics metrics
	delay   Delay
}

// New serves the alarms that st holds. Errors: a document that cannot be read.
func New(st *store.Store, now api.Clock) (*Service, error) {
	s := &Service{store: st, now: now, alarms: map[string]*alarm{}, metrics: newMetrics()}
	for _, key := range st.Keys(alarmPrefix) {
		var a alarm
		if _, err := st.Get(key, &a); err != nil {
			return nil, fmt.Errorf("load alarms: %w", err)
		}
		s.alarms[key] = &a
	}
	return s, nil
}

// operation returns an API call's answer, nil for none, for the tree of its input.
type operation func(*Service, api.Caller, any) (any, *api.Error)

// op makes an operation of a function on its input struct.
func op[T any](serve func(*Service, api.Caller, *T) (any, *api.Error)) operation {
	return func(s *Service, c api.Caller, from any) (any, *api.Error) {
		in := new(T)
		if err := fill(reflect.ValueOf(in).Elem(), from, ""); err != nil {
			return nil, api.NewError(http.StatusBadRequest, "SerializationException", err.Error())
		}
		return serve(s, c, in)
	}
}

var operations = map[string]operation{
	"PutMetricAlarm":    op((*Service).putMetricAlarm),
	"PutCompositeAlarm": op((*Service).putCompositeAlarm),
	"DescribeAlarms":    op((*Service).describeAlarms),
	"SetAlarmState":     op((*Service).setAlarmState),
	"DeleteAlarms":      op((*Service).deleteAlarms),
	"PutMetricData":     op((*Service).putMetricData),
	"GetMetricData":     op((*Service).getMetricData),
}

// changing are the operations that change something that lasts.
var changing = map[string]bool{"PutMetricAlarm": true, "PutCompositeAlarm": true, "SetAlarmState": true, "DeleteAlarms": true}

// protocol is how a client speaks.
type protocol int

const (
	queryProtocol protocol = iota
	jsonProtocol
	cborProtocol
)

func protocolOf(r *http.Request) (protocol, string) {
	if name, ok := strings.CutPrefix(r.URL.Path, cborPath); ok {
		return cborProtocol, name
	}
	if name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), jsonTarget); ok {
		return jsonProtocol, name
	}
	return queryProtocol, awsquery.Operation(r)
}

// Operation names the API call that r makes.
func (s *Service) Operation(r *http.Request) string {
	_, name := protocolOf(r)
	return name
}

// ServeHTTP answers one CloudWatch request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, name := protocolOf(r)
	if p == queryProtocol {
		s.serveQuery(w, r, name)
		return
	}
	var out any
	in, err := readTree(w, r, p)
	if err == nil {
		out, err = s.serve(r, name, in)
	}
	if err != nil {
		s.WriteError(w, r, err)
		return
	}
	writeTree(w, p, http.StatusOK, out)
}

func (s *Service) serve(r *http.Request, name string, in any) (any, *api.Error) {
	serve := operations[name]
	if serve == nil {
		return nil, api.NewError(http.StatusBadRequest, "UnknownOperationException", "CloudWatch has no operation "+name+" here")
	}
	out, err := serve(s, api.From(r.Context()), in)
	if err != nil {
		return nil, err
	}
	if changing[name] {
		api.Changed(r.Context())
	}
	if out == nil {
		return members{}, nil
	}
	return tree(reflect.ValueOf(out)), nil
}

func (s *Service) serveQuery(w http.ResponseWriter, r *http.Request, name string) {
	served := awsquery.Operations{}
	if operations[name] != nil {
		served[name] = func(r *http.Request) (any, *api.Error) {
			in, err := decodeForm(r.Form)
			if err != nil {
				return nil, api.NewError(http.StatusBadRequest, "MalformedQueryString", err.Error())
			}
			return s.serve(r, name, in)
		}
	}
	served.Handle(w, r, xmlns)
}

// readTree reads a request's document, which the SDK packs when it is large.
func readTree(w http.ResponseWriter, r *http.Request, p protocol) (any, *api.Error) {
	body := io.Reader(http.MaxBytesReader(w, r.Body, maxBody))
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, api.NewError(http.StatusBadRequest, "SerializationException", err.Error())
		}
		body = io.LimitReader(unpacked, maxBody+1)
	}
	b, err := io.ReadAll(body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || len(b) > maxBody {
		return nil, api.NewError(
			http.StatusRequestEntityTooLarge,
			"RequestEntityTooLargeException",
			fmt.Sprintf("Request must be smaller than %d bytes", maxBody),
		)
	}
	var in any = map[string]any{}
	if err == nil && len(b) > 0 {
		if p == cborProtocol {
			in, err = decodeCBOR(b)
		} else {
			err = json.Unmarshal(b, &in)
		}
	}
	if err != nil {
		return nil, api.NewError(http.StatusBadRequest, "SerializationException", err.Error())
	}
	return in, nil
}

func writeTree(w http.ResponseWriter, p protocol, status int, out any) {
	var b []byte
	if p == cborProtocol {
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		b = encodeCBOR(out)
	} else {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		b, _ = json.Marshal(out) // trees always marshal: NaN is not let in
	}
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone has no use for the answer
}

// WriteError writes an error in the protocol of the request; for clients that
// came from the query protocol its old code is in a header ("Smithy: AWS
// query compatible trait").
func (s *Service) WriteError(w http.ResponseWriter, r *http.Request, e *api.Error) {
	p, _ := protocolOf(r)
	if p == queryProtocol {
		awsquery.WriteError(w, xmlns, e)
		return
	}
	fault := "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	w.Header().Set("X-Amzn-Query-Error", e.Code+";"+fault)
	writeTree(w, p, e.Status, members{{"__type", "com.amazonaws.cloudwatch#" + e.Code}, {"message", e.Message}})
}

func invalid(format string, args ...any) *api.Error {
	return api.NewError(http.StatusBadRequest, "ValidationError", fmt.Sprintf(format, args...))
}

func invalidValue(name, value string) *api.Error {
	return api.NewError(
		http.StatusBadRequest,
		"InvalidParameterValue",
		fmt.Sprintf("The value %s for parameter %s is not supported.", value, name),
	)
}
