package awslocal

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/lambda"
)

// serveLocal answers what is no AWS call: the downloads of Code.Location, and
// with Options.Control the switches:
//
//	POST   /_local/faults    a Fault, or a list of them; Delay is "500ms"
//	DELETE /_local/faults    disarm all
//	POST   /_local/fail      {"What": "create|update|version", "Function", "Code", "Reason"}
//	POST   /_local/hide      {"Function", "Fields": ["Environment", "ImageConfig", "RuntimeVersion", "Code", "Tags"]}
//	POST   /_local/clock     {"Advance": "5m"}
//	POST   /_local/metrics   {"From": "60s", "To": "180s"}: how late metrics can be read
//	POST   /_local/role      {"ARN", "TrustPolicy", "Policies": {name: document}, "MaxSession": "1h"}
//	POST   /_local/readers   {"Bucket", "Principals": [ARN, account or "*"]}; null: the owner's account
//	GET    /_local/identities  the tokens by which roles were assumed
//	GET    /_local/dump      ?account=…: State
//	GET    /_local/calls     the log of calls
//	DELETE /_local/calls     empty it
func (s *Server) serveLocal(w http.ResponseWriter, r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, lambda.DownloadPath) && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		s.lambda.ServeCode(w, r)
		return true
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/_local/")
	if !ok || !s.options.Control {
		return false
	}
	serve := controls[r.Method+" "+rest]
	if serve == nil {
		http.Error(w, "no such switch", http.StatusBadRequest)
		return true
	}
	body, err := serve(s, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // a client that has gone has no use for the answer
	return true
}

// controls are the switches by method and path.
var controls = map[string]func(*Server, *http.Request) (any, error){
	"POST faults":    change((*Server).controlFaults),
	"DELETE faults":  change(func(s *Server, _ *http.Request) error { s.ClearFaults(); return nil }),
	"POST fail":      change((*Server).controlFail),
	"POST hide":      change((*Server).controlHide),
	"POST clock":     change((*Server).controlClock),
	"POST metrics":   change((*Server).controlMetrics),
	"POST role":      change((*Server).controlRole),
	"POST readers":   change((*Server).controlReaders),
	"GET identities": func(s *Server, _ *http.Request) (any, error) { return s.WebIdentities(), nil },
	"GET dump":       (*Server).controlDump,
	"GET calls":      func(s *Server, _ *http.Request) (any, error) { return s.Calls(), nil },
	"DELETE calls":   change(func(s *Server, _ *http.Request) error { s.ResetCalls(); return nil }),
}

// change makes a switch of one that answers nothing.
func change(serve func(*Server, *http.Request) error) func(*Server, *http.Request) (any, error) {
	return func(s *Server, r *http.Request) (any, error) { return nil, serve(s, r) }
}

func (s *Server) controlDump(r *http.Request) (any, error) {
	account := r.URL.Query().Get("account")
	if account == "" {
		account = s.options.Account
	}
	return s.Dump(account)
}

// duration reads "500ms".
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration(v)
	return err
}

// maxControl bounds the body of a control call.
const maxControl = 1 << 20

func decodeControl(r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxControl))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

func (s *Server) controlFaults(r *http.Request) error {
	var raw json.RawMessage
	if err := decodeControl(r, &raw); err != nil {
		return err
	}
	if !strings.HasPrefix(string(raw), "[") {
		raw = append(append(json.RawMessage("["), raw...), ']')
	}
	var in []struct {
		Fault
		Delay duration
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	for _, f := range in {
		f.Fault.Delay = time.Duration(f.Delay)
		s.Inject(f.Fault)
	}
	return nil
}

func (s *Server) controlFail(r *http.Request) error {
	var in struct{ What, Function, Code, Reason string }
	if err := decodeControl(r, &in); err != nil {
		return err
	}
	s.Fail(in.What, in.Function, in.Code, in.Reason)
	return nil
}

func (s *Server) controlHide(r *http.Request) error {
	var in struct {
		Function string
		Fields   []string
	}
	if err := decodeControl(r, &in); err != nil {
		return err
	}
	s.Hide(in.Function, in.Fields...)
	return nil
}

func (s *Server) controlClock(r *http.Request) error {
	var in struct{ Advance duration }
	if err := decodeControl(r, &in); err != nil {
		return err
	}
	s.Advance(time.Duration(in.Advance))
	return nil
}

// Fail makes the next creation ("create"), update ("update") or publication
// ("version") of a function ("" is any) end as Failed, with a reason code such
// as InvalidImage and a reason.
func (s *Server) Fail(what, function, code, reason string) {
	s.lambda.Fail(what, function, lambda.Outcome{Code: code, Reason: reason})
}

// Hide makes fields of a function's GetFunction unreadable, as a missing
// permission does: lambda.FieldEnvironment and its like, or none to end it.
func (s *Server) Hide(function string, fields ...string) { s.lambda.Hide(function, fields...) }

// SetCodeStorage sets how many bytes of code the accounts may have, as GetAccountSettings
// says; 0 is AWS' own number.
func (s *Server) SetCodeStorage(bytes int64) { s.lambda.SetCodeStorage(bytes) }

// FunctionRegions are the Regions in which an account has a function of a name,
// sorted; "" is the account of credentials that name none.
func (s *Server) FunctionRegions(account, name string) []string {
	if account == "" {
		account = s.options.Account
	}
	return s.lambda.Regions(account, name)
}

// State is an account's Lambda, without what no deploy can put back: RevisionIds,
// times, version counters. Keys are "Region/function".
type State struct {
	// Functions hold configuration, code, aliases, tags, policies, concurrency,
	// URLs and event-invoke configurations of $LATEST and of the function.
	Functions map[string]any
	// Versions hold the published versions, which stay when a deploy is undone.
	Versions map[string]any
	// Mappings hold the event source mappings, by "Region/function:qualifier
	// source".
	Mappings map[string]any
}

// Dump returns the State of an account, in a canonical form: two dumps are equal
// if and only if nothing differs that a client could see, but for the things
// named at State.
func (s *Server) Dump(account string) (State, error) {
	s.codedeploy.Tick()
	d, err := s.lambda.Dump(account)
	return State(d), err
}
