package definition

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// SettingKind is what a setting is, by its key in a settings document.
type SettingKind string

// The kinds of settings. AWS keeps each of them apart from a function's
// configuration and changes it by calls of its own.
const (
	ReservedConcurrencySetting    SettingKind = "reservedConcurrency"
	ProvisionedConcurrencySetting SettingKind = "provisionedConcurrency"
	FunctionURLSetting            SettingKind = "functionUrl"
	PermissionSetting             SettingKind = "permissions"
	EventInvokeSetting            SettingKind = "eventInvokeConfig"
	RecursiveLoopSetting          SettingKind = "recursiveLoop"
	RuntimeManagementSetting      SettingKind = "runtimeManagement"
	ScalingSetting                SettingKind = "scalingConfig"
)

// SettingKey names one setting of a function.
type SettingKey struct {
	Kind SettingKind `json:"kind"`
	// Qualifier is the alias or version that it belongs to; "" is the function.
	Qualifier string `json:"qualifier,omitempty"`
	// Sid names a statement of a policy; "" for every other kind.
	Sid string `json:"sid,omitempty"`
}

// String describes the setting: "permissions.allow-api of live".
func (k SettingKey) String() string {
	s := string(k.Kind)
	if k.Sid != "" {
		s += "." + k.Sid
	}
	if k.Qualifier != "" {
		s += " of " + k.Qualifier
	}
	return s
}

// SettingValue is what a setting is set to. The types of this package are the
// only ones.
//
//sumtype:decl
type SettingValue interface {
	// Kind is the kind of setting that has such values.
	Kind() SettingKind
	// details are the parts that differ from AWS's defaults, in canonical form.
	details() []detail
}

// detail is one part of a setting, for comparison and for people.
type detail struct{ name, text string }

// Setting is a setting with its value; nil where it is not set.
type Setting struct {
	SettingKey
	Value SettingValue
}

// ReservedConcurrency is how many invocations a function may run at once, and
// what no other function may take of its account; 0 switches it off
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html).
type ReservedConcurrency struct{ Executions int32 }

// ProvisionedConcurrency is how many environments of what an alias points to are
// kept ready
// (https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html).
type ProvisionedConcurrency struct {
	ProvisionedConcurrentExecutions int32
	// OnVersion, in a document, asks for them on the version that the alias points
	// to, and not on the alias.
	OnVersion bool `json:",omitempty"`
}

// EventInvoke is what becomes of asynchronous invocations
// (https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html).
type EventInvoke struct {
	MaximumEventAgeInSeconds *int32                  `json:",omitempty"`
	MaximumRetryAttempts     *int32                  `json:",omitempty"`
	DestinationConfig        *EventInvokeDestination `json:",omitempty"`
}

// EventInvokeDestination is where the records of invocations go.
type EventInvokeDestination struct {
	OnSuccess *Destination `json:",omitempty"`
	OnFailure *Destination `json:",omitempty"`
}

// Destination is the ARN of a queue, topic, bus, bucket or function.
type Destination struct{ Destination string }

// Permission is one statement of a resource policy, in the shape of AddPermission
// (https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html).
type Permission struct {
	Action                string
	Principal             string
	SourceArn             string `json:",omitempty"`
	SourceAccount         string `json:",omitempty"`
	EventSourceToken      string `json:",omitempty"`
	PrincipalOrgID        string `json:",omitempty"`
	FunctionUrlAuthType   string `json:",omitempty"`
	InvokedViaFunctionUrl *bool  `json:",omitempty"`
	// Other is what a statement in AWS holds that AddPermission could not have
	// written, as JSON.
	Other string `json:",omitempty"`
}

// FunctionURL is the configuration of a function's own HTTPS address
// (https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html).
type FunctionURL struct {
	AuthType   string
	InvokeMode string `json:",omitempty"`
	Cors       *Cors  `json:",omitempty"`
	// URL is the address, as AWS shows it; it is not compared.
	URL string `json:",omitempty"`
}

// Cors is which web pages of other origins may call a function URL.
type Cors struct {
	AllowCredentials *bool    `json:",omitempty"`
	AllowHeaders     []string `json:",omitempty"`
	AllowMethods     []string `json:",omitempty"`
	AllowOrigins     []string `json:",omitempty"`
	ExposeHeaders    []string `json:",omitempty"`
	MaxAge           *int32   `json:",omitempty"`
}

// RecursiveLoop is what AWS does about a function that invokes itself in a loop:
// Allow, or Terminate
// (https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html).
type RecursiveLoop struct{ Mode string }

// RuntimeManagement is when AWS takes a new version of the runtime: Auto,
// FunctionUpdate, or Manual with the version's ARN
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html).
type RuntimeManagement struct {
	UpdateRuntimeOn   string
	RuntimeVersionArn string `json:",omitempty"`
}

// Scaling bounds the environments of a function on managed instances
// (https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionScalingConfig.html).
type Scaling struct {
	MinExecutionEnvironments *int32 `json:",omitempty"`
	MaxExecutionEnvironments *int32 `json:",omitempty"`
}

// Kind returns ReservedConcurrencySetting.
func (ReservedConcurrency) Kind() SettingKind { return ReservedConcurrencySetting }

// Kind returns ProvisionedConcurrencySetting.
func (ProvisionedConcurrency) Kind() SettingKind { return ProvisionedConcurrencySetting }

// Kind returns EventInvokeSetting.
func (EventInvoke) Kind() SettingKind { return EventInvokeSetting }

// Kind returns PermissionSetting.
func (Permission) Kind() SettingKind { return PermissionSetting }

// Kind returns FunctionURLSetting.
func (FunctionURL) Kind() SettingKind { return FunctionURLSetting }

// Kind returns RecursiveLoopSetting.
func (RecursiveLoop) Kind() SettingKind { return RecursiveLoopSetting }

// Kind returns RuntimeManagementSetting.
func (RuntimeManagement) Kind() SettingKind { return RuntimeManagementSetting }

// Kind returns ScalingSetting.
func (Scaling) Kind() SettingKind { return ScalingSetting }

func (r ReservedConcurrency) details() []detail { return []detail{{"", fmt.Sprint(r.Executions)}} }

func (p ProvisionedConcurrency) details() []detail {
	return []detail{{"", fmt.Sprint(p.ProvisionedConcurrentExecutions)}}
}

// details leaves out AWS's defaults: six hours, two retries, no destination.
func (e EventInvoke) details() []detail {
	var all []detail
	if age := e.MaximumEventAgeInSeconds; age != nil && *age != 21_600 {
		all = append(all, detail{"maximumEventAgeInSeconds", fmt.Sprint(*age)})
	}
	if retries := e.MaximumRetryAttempts; retries != nil && *retries != 2 {
		all = append(all, detail{"maximumRetryAttempts", fmt.Sprint(*retries)})
	}
	if d := e.DestinationConfig; d != nil {
		for _, to := range []struct {
			name string
			to   *Destination
		}{{"onFailure", d.OnFailure}, {"onSuccess", d.OnSuccess}} {
			if to.to != nil && to.to.Destination != "" {
				all = append(all, detail{"destinationConfig." + to.name, to.to.Destination})
			}
		}
	}
	return all
}

func (p Permission) details() []detail {
	var via string
	if p.InvokedViaFunctionUrl != nil {
		via = fmt.Sprint(*p.InvokedViaFunctionUrl)
	}
	return present(
		detail{"action", p.Action}, detail{"principal", principal(p.Principal)},
		detail{"sourceArn", p.SourceArn}, detail{"sourceAccount", p.SourceAccount},
		detail{"eventSourceToken", p.EventSourceToken}, detail{"principalOrgID", p.PrincipalOrgID},
		detail{"functionUrlAuthType", p.FunctionUrlAuthType}, detail{"invokedViaFunctionUrl", via},
		detail{"other", p.Other},
	)
}

// principal is an account by its number: AWS shows the ARN of its root.
func principal(p string) string {
	if parts := strings.Split(p, ":"); len(parts) == 6 && parts[2] == "iam" && parts[5] == "root" {
		return parts[4]
	}
	return p
}

func (u FunctionURL) details() []detail {
	mode := u.InvokeMode
	if mode == "BUFFERED" {
		mode = ""
	}
	all := present(detail{"authType", u.AuthType}, detail{"invokeMode", mode})
	if u.Cors == nil {
		return all
	}
	credentials, age := "", ""
	if u.Cors.AllowCredentials != nil && *u.Cors.AllowCredentials {
		credentials = "true"
	}
	if u.Cors.MaxAge != nil && *u.Cors.MaxAge != 0 {
		age = fmt.Sprint(*u.Cors.MaxAge)
	}
	return append(all, present(
		detail{"cors.allowCredentials", credentials},
		detail{"cors.allowHeaders", sortedList(u.Cors.AllowHeaders, strings.ToLower)},
		detail{"cors.allowMethods", sortedList(u.Cors.AllowMethods, strings.ToUpper)},
		detail{"cors.allowOrigins", sortedList(u.Cors.AllowOrigins, func(s string) string { return s })},
		detail{"cors.exposeHeaders", sortedList(u.Cors.ExposeHeaders, strings.ToLower)},
		detail{"cors.maxAge", age},
	)...)
}

// sortedList is a list whose order means nothing.
func sortedList(values []string, fold func(string) string) string {
	var folded []string
	for _, v := range values {
		folded = append(folded, fold(v))
	}
	slices.Sort(folded)
	return strings.Join(slices.Compact(folded), ", ")
}

func (r RecursiveLoop) details() []detail { return []detail{{"", r.Mode}} }

func (r RuntimeManagement) details() []detail {
	return present(detail{"updateRuntimeOn", r.UpdateRuntimeOn}, detail{"runtimeVersionArn", r.RuntimeVersionArn})
}

func (s Scaling) details() []detail {
	var all []detail
	if s.MinExecutionEnvironments != nil {
		all = append(all, detail{"minExecutionEnvironments", fmt.Sprint(*s.MinExecutionEnvironments)})
	}
	if s.MaxExecutionEnvironments != nil {
		all = append(all, detail{"maxExecutionEnvironments", fmt.Sprint(*s.MaxExecutionEnvironments)})
	}
	return all
}

// present keeps the details that have a text.
func present(all ...detail) []detail {
	return slices.DeleteFunc(all, func(m detail) bool { return m.text == "" })
}

// SameSetting reports whether two values mean the same to AWS: what it fills in,
// and the order of lists without one, make no difference. nil is a setting that
// is not set.
func SameSetting(a, b SettingValue) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Kind() == b.Kind() && slices.Equal(a.details(), b.details())
}

// DefaultSetting is what clears a setting that cannot be removed, only set to
// what AWS begins with; nil where there is a call that removes it.
func DefaultSetting(kind SettingKind) SettingValue {
	switch kind {
	case RecursiveLoopSetting:
		return RecursiveLoop{Mode: "Terminate"}
	case RuntimeManagementSetting:
		return RuntimeManagement{UpdateRuntimeOn: "Auto"}
	case ScalingSetting:
		return Scaling{}
	}
	return nil
}

// DiffSetting lists what changes about a setting, part by part.
func DiffSetting(key SettingKey, from, to SettingValue) []Change {
	field := "Settings." + key.String()
	before, after := membersOf(from), membersOf(to)
	var all []Change
	add := func(name string) {
		was, will := textOf(before, name), textOf(after, name)
		if was == will {
			return
		}
		c := Change{Field: field, From: was, To: will, Kind: Changed}
		if name != "" {
			c.Field += ": " + name
		}
		switch {
		case was == "":
			c.Kind = Set
		case will == "":
			c.Kind = Removed
		}
		all = append(all, c)
	}
	for _, m := range before {
		add(m.name)
	}
	for _, m := range after {
		if textOf(before, m.name) == "" {
			add(m.name)
		}
	}
	if len(all) == 0 && (from == nil) != (to == nil) {
		// All of it is as AWS has it by default, but it is there or it is not.
		c := Change{Field: field, To: "defaults", Kind: Set}
		if to == nil {
			c = Change{Field: field, From: "defaults", Kind: Removed}
		}
		all = append(all, c)
	}
	return all
}

func membersOf(v SettingValue) []detail {
	if v == nil {
		return nil
	}
	return v.details()
}

func textOf(all []detail, name string) string {
	for _, m := range all {
		if m.name == name {
			return m.text
		}
	}
	return ""
}

// DescribeSetting describes a value in one line: "authType NONE, invokeMode
// RESPONSE_STREAM"; "none" where it is not set.
func DescribeSetting(v SettingValue) string {
	if v == nil {
		return "none"
	}
	var parts []string
	for _, m := range v.details() {
		parts = append(parts, strings.TrimSpace(m.name+" "+m.text))
	}
	if len(parts) == 0 {
		return "defaults"
	}
	return strings.Join(parts, ", ")
}

// ownSid begins the Sid of a statement that a document does not name: it tells
// by itself that a statement is of such a document.
const ownSid = "lambda-rollout-"

// OwnSid reports whether a statement got its Sid from this program.
func OwnSid(sid string) bool { return strings.HasPrefix(sid, ownSid) }

// sidOf makes a Sid of what a statement says.
func sidOf(p Permission) string {
	sum := sha256.New()
	for _, m := range p.details() {
		fmt.Fprintf(sum, "%s=%q\n", m.name, m.text)
	}
	return ownSid + hex.EncodeToString(sum.Sum(nil))[:12]
}

// settingJSON is how a journal keeps a setting.
type settingJSON struct {
	SettingKey
	Value json.RawMessage `json:"value,omitempty"`
}

// MarshalJSON writes the setting as a journal keeps it.
func (s Setting) MarshalJSON() ([]byte, error) {
	out := settingJSON{SettingKey: s.SettingKey}
	if s.Value != nil {
		var err error
		if out.Value, err = json.Marshal(s.Value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads a setting of a journal.
func (s *Setting) UnmarshalJSON(text []byte) error {
	var in settingJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	s.SettingKey, s.Value = in.SettingKey, nil
	if len(in.Value) == 0 {
		return nil
	}
	var err error
	switch in.Kind {
	case ReservedConcurrencySetting:
		s.Value, err = settingOf[ReservedConcurrency](in.Value)
	case ProvisionedConcurrencySetting:
		s.Value, err = settingOf[ProvisionedConcurrency](in.Value)
	case FunctionURLSetting:
		s.Value, err = settingOf[FunctionURL](in.Value)
	case PermissionSetting:
		s.Value, err = settingOf[Permission](in.Value)
	case EventInvokeSetting:
		s.Value, err = settingOf[EventInvoke](in.Value)
	case RecursiveLoopSetting:
		s.Value, err = settingOf[RecursiveLoop](in.Value)
	case RuntimeManagementSetting:
		s.Value, err = settingOf[RuntimeManagement](in.Value)
	case ScalingSetting:
		s.Value, err = settingOf[Scaling](in.Value)
	default:
		err = fmt.Errorf("unknown setting %q", in.Kind)
	}
	return err
}

func settingOf[T SettingValue](text []byte) (SettingValue, error) {
	var v T
	err := json.Unmarshal(text, &v)
	return v, err
}
