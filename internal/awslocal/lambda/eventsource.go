package lambda

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// eventSourceMapping connects a queue or stream with a function, a version or an
// alias. It belongs to the account and outlives its function, as in AWS
// (DeleteFunction, API reference). No source is polled, and none has to exist.
type eventSourceMapping struct {
	UUID            string
	Account, Region string
	FunctionName    string
	Qualifier       string `json:",omitempty"`
	Enabled         bool
	Settings        mappingSettings
	Tags            map[string]string `json:",omitempty"`
	Modified        time.Time
	Change          *mappingChange `json:",omitempty"`
}

// mappingChange is what is under way: a state that lasts until Due.
type mappingChange struct {
	State string
	Due   time.Time
}

// The states of EventSourceMappingConfiguration (API reference).
const (
	mappingCreating  = "Creating"
	mappingEnabling  = "Enabling"
	mappingEnabled   = "Enabled"
	mappingDisabling = "Disabling"
	mappingDisabled  = "Disabled"
	mappingUpdating  = "Updating"
	mappingDeleting  = "Deleting"
)

// mappingSettings are the members that CreateEventSourceMapping and the answers
// have in common. Those whose inside nobody reads here stay as they were given.
type mappingSettings struct {
	BatchSize                           *int            `json:",omitempty"`
	BisectBatchOnFunctionError          *bool           `json:",omitempty"`
	DestinationConfig                   json.RawMessage `json:",omitempty"`
	EventSourceArn                      string          `json:",omitempty"`
	FilterCriteria                      json.RawMessage `json:",omitempty"`
	FunctionResponseTypes               *[]string       `json:",omitempty"`
	KMSKeyArn                           string          `json:",omitempty"`
	MaximumBatchingWindowInSeconds      *int            `json:",omitempty"`
	MaximumRecordAgeInSeconds           *int            `json:",omitempty"`
	MaximumRetryAttempts                *int            `json:",omitempty"`
	ParallelizationFactor               *int            `json:",omitempty"`
	Queues                              []string        `json:",omitempty"`
	Topics                              []string        `json:",omitempty"`
	StartingPosition                    string          `json:",omitempty"`
	StartingPositionTimestamp           json.RawMessage `json:",omitempty"`
	TumblingWindowInSeconds             *int            `json:",omitempty"`
	ScalingConfig                       json.RawMessage `json:",omitempty"`
	MetricsConfig                       json.RawMessage `json:",omitempty"`
	LoggingConfig                       json.RawMessage `json:",omitempty"`
	ProvisionedPollerConfig             json.RawMessage `json:",omitempty"`
	SelfManagedEventSource              json.RawMessage `json:",omitempty"`
	SourceAccessConfigurations          json.RawMessage `json:",omitempty"`
	AmazonManagedKafkaEventSourceConfig json.RawMessage `json:",omitempty"`
	SelfManagedKafkaEventSourceConfig   json.RawMessage `json:",omitempty"`
	DocumentDBEventSourceConfig         json.RawMessage `json:",omitempty"`
}

type mappingInput struct {
	FunctionName *string
	Enabled      *bool
	Tags         map[string]string
	mappingSettings
}

// mappingConfiguration is how the API shows a mapping.
type mappingConfiguration struct {
	UUID                  string
	EventSourceMappingArn string
	FunctionArn           string
	LastModified          float64 // seconds since 1970
	LastProcessingResult  string  `json:",omitempty"`
	State                 string
	StateTransitionReason string
	mappingSettings
}

func mappingPrefix(account, region string) string {
	return "lambda/" + account + "/" + region + "/event-source-mapping/"
}

func (m *eventSourceMapping) key() string { return mappingPrefix(m.Account, m.Region) + m.UUID }

func (m *eventSourceMapping) functionARN() string {
	return functionARN(m.Account, m.Region, m.FunctionName, m.Qualifier)
}

func (m *eventSourceMapping) arn() string {
	return "arn:" + api.Partition(m.Region) + ":lambda:" + m.Region + ":" + m.Account + ":event-source-mapping:" + m.UUID
}

// stream reports whether the source is read by shards; queues and brokers are
// not.
func (s *mappingSettings) stream() bool {
	return strings.Contains(s.EventSourceArn, ":kinesis:") || strings.Contains(s.EventSourceArn, ":dynamodb:")
}

func (s *mappingSettings) queue() bool { return strings.Contains(s.EventSourceArn, ":sqs:") }

// state is what a mapping shows at a time.
func (m *eventSourceMapping) state(now time.Time) string {
	switch {
	case m.changing(now):
		return m.Change.State
	case m.Enabled:
		return mappingEnabled
	}
	return mappingDisabled
}

func (m *eventSourceMapping) changing(now time.Time) bool {
	return m.Change != nil && now.Before(m.Change.Due)
}

// gone reports whether a deletion has ended.
func (m *eventSourceMapping) gone(now time.Time) bool {
	return m.Change != nil && m.Change.State == mappingDeleting && !now.Before(m.Change.Due)
}

func (m *eventSourceMapping) show(state string) mappingConfiguration {
	out := mappingConfiguration{
		UUID: m.UUID, EventSourceMappingArn: m.arn(), FunctionArn: m.functionARN(), LastModified: float64(m.Modified.UnixMilli()) / 1000,
		State: state, StateTransitionReason: "USER_INITIATED", mappingSettings: m.Settings,
	}
	if m.Settings.stream() {
		out.StateTransitionReason, out.LastProcessingResult = "User action", "No records processed"
	}
	return out
}

// defaults are those of CreateEventSourceMapping (API reference), by the kind of
// source.
func (s *mappingSettings) defaults() {
	size, window := 100, 0
	if s.queue() {
		size = 10
	}
	fallback(&s.BatchSize, size)
	fallback(&s.MaximumBatchingWindowInSeconds, window)
	fallback(&s.FunctionResponseTypes, []string{})
	if !s.stream() {
		return
	}
	fallback(&s.BisectBatchOnFunctionError, false)
	fallback(&s.MaximumRecordAgeInSeconds, -1)
	fallback(&s.MaximumRetryAttempts, -1)
	fallback(&s.ParallelizationFactor, 1)
	fallback(&s.TumblingWindowInSeconds, 0)
	if s.DestinationConfig == nil {
		s.DestinationConfig = json.RawMessage(`{"OnFailure":{}}`)
	}
}

func fallback[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

// merge takes over the members that an update names.
func (s *mappingSettings) merge(in mappingSettings) error {
	given, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return json.Unmarshal(given, s)
}

// Patterns of the API model.
var sourcePattern = newPattern(`arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`)

func (in *mappingInput) constrain(creating bool) error {
	var broken violations
	if creating && in.FunctionName == nil {
		broken = append(broken, "Value null at 'functionName' failed to satisfy constraint: Member must not be null")
	}
	if in.FunctionName != nil {
		broken.length("functionName", *in.FunctionName, 256)
		broken.pattern("functionName", *in.FunctionName, namePattern)
	}
	if in.EventSourceArn != "" {
		broken.pattern("eventSourceArn", in.EventSourceArn, sourcePattern)
	}
	broken.between("batchSize", in.BatchSize, 1, 10000)
	broken.between("maximumBatchingWindowInSeconds", in.MaximumBatchingWindowInSeconds, 0, 300)
	broken.between("maximumRecordAgeInSeconds", in.MaximumRecordAgeInSeconds, -1, 604800)
	broken.between("maximumRetryAttempts", in.MaximumRetryAttempts, -1, 10000)
	broken.between("parallelizationFactor", in.ParallelizationFactor, 1, 10)
	broken.between("tumblingWindowInSeconds", in.TumblingWindowInSeconds, 0, 900)
	if in.StartingPosition != "" {
		broken.enum("startingPosition", in.StartingPosition, "LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")
	}
	return broken.err()
}

// check refuses what the service itself refuses of a new mapping
// (TestLambdaEventSourceMappings::test_create_starting_position_validation_exceptions
// and test_event_source_mapping_exceptions of LocalStack's snapshots).
func (in *mappingInput) check() error {
	switch {
	case in.EventSourceArn == "" && in.SelfManagedEventSource == nil:
		return invalid("Unrecognized event source.")
	case in.queue() && in.StartingPosition != "":
		return invalid("StartingPosition is not valid for SQS event sources.")
	case in.stream() && in.StartingPosition == "":
		return invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	case in.StartingPositionTimestamp != nil && in.StartingPosition != "AT_TIMESTAMP":
		return invalid("Timestamp only valid with StartingPosition AT_TIMESTAMP")
	}
	return checkTags(in.Tags)
}

// mappings are those of a Region that a condition admits, by UUID. The caller
// holds s.mu.
func (s *Service) mappings(account, region string, admit func(*eventSourceMapping) bool) ([]*eventSourceMapping, error) {
	var found []*eventSourceMapping
	for _, key := range s.Store.Keys(mappingPrefix(account, region)) {
		m := new(eventSourceMapping)
		if _, err := s.Store.Get(key, m); err != nil {
			return nil, err
		}
		if !m.gone(s.Clock()) && admit(m) {
			found = append(found, m)
		}
	}
	return found, nil
}

// mapping finds the one that a path names. The caller holds s.mu.
func (s *Service) mapping(r *request) (*eventSourceMapping, error) {
	m := new(eventSourceMapping)
	found, err := s.Store.Get(mappingPrefix(r.caller.Account, r.caller.Region)+r.vars["UUID"], m)
	if err == nil && (!found || m.gone(s.Clock())) {
		err = errNoResource
	}
	return m, err
}

func (s *Service) saveMapping(r *request, m *eventSourceMapping) error {
	api.Changed(r.ctx)
	api.RecordOf(r.ctx).Resource = m.arn()
	return s.Store.Put(m.key(), m)
}

// mappingTarget reads the function of a mapping, which must exist with its
// qualifier.
func (s *Service) mappingTarget(r *request, name string) (target, error) {
	t, err := r.locate(namePattern.find(name))
	if err != nil {
		return t, err
	}
	f, err := s.view(t.account, t.region, t.name)
	switch {
	case err != nil:
		return t, err
	case f == nil || t.qualifier != "" && f.version(t.qualifier) == nil && f.Aliases[t.qualifier] == nil:
		return t, invalid("Function does not exist")
	}
	return t, nil
}

func (s *Service) createEventSourceMapping(r *request) (answer, error) {
	var in mappingInput
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	if err := in.constrain(true); err != nil {
		return answer{}, err
	}
	if err := in.check(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.mappingTarget(r, *in.FunctionName)
	if err != nil {
		return answer{}, err
	}
	in.defaults()
	m := &eventSourceMapping{
		UUID: api.NewID(), Account: t.account, Region: t.region, FunctionName: t.name, Qualifier: t.qualifier, Settings: in.mappingSettings,
		Enabled: in.Enabled == nil || *in.Enabled, Tags: in.Tags, Modified: s.Clock(),
		Change: &mappingChange{mappingCreating, s.Clock().Add(s.Pending)},
	}
	same, err := s.mappings(t.account, t.region, func(other *eventSourceMapping) bool {
		return other.functionARN() == m.functionARN() && other.Settings.EventSourceArn == m.Settings.EventSourceArn && m.Settings.EventSourceArn != ""
	})
	if err != nil {
		return answer{}, err
	}
	if len(same) > 0 {
		return answer{}, conflict(`The event source arn (" ` + m.Settings.EventSourceArn + ` ") and function (" ` + t.name +
			` ") provided mapping already exists. Please update or delete the existing mapping with UUID ` + same[0].UUID)
	}
	return answer{http.StatusAccepted, m.show(mappingCreating)}, s.saveMapping(r, m)
}

func (s *Service) getEventSourceMapping(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.mapping(r)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, m.show(m.state(s.Clock()))}, nil
}

// listEventSourceMappings finds those of the very function, version or alias that
// is named: a mapping of an alias is no mapping of the function. What is named
// need not exist any more.
func (s *Service) listEventSourceMappings(r *request) (answer, error) {
	source, function := r.query("EventSourceArn"), ""
	var broken violations
	if source != "" {
		broken.pattern("eventSourceArn", source, sourcePattern)
	}
	name := r.query("FunctionName")
	if name != "" {
		broken.length("functionName", name, 256)
		broken.pattern("functionName", name, namePattern)
	}
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	if name != "" {
		t, err := r.locate(namePattern.find(name))
		if err != nil {
			return answer{}, err
		}
		function = t.arn(t.qualifier)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.mappings(r.caller.Account, r.caller.Region, func(m *eventSourceMapping) bool {
		return (source == "" || m.Settings.EventSourceArn == source) && (function == "" || m.functionARN() == function)
	})
	if err != nil {
		return answer{}, err
	}
	shown := make([]mappingConfiguration, 0, len(found))
	for _, m := range found {
		shown = append(shown, m.show(m.state(s.Clock())))
	}
	return page(r, "EventSourceMappings", shown)
}

// inUse refuses to change a mapping whose last change has not ended
// (ResourceInUseException, API reference).
func (m *eventSourceMapping) inUse(verb string, now time.Time) error {
	if !m.changing(now) {
		return nil
	}
	return api.NewError(http.StatusBadRequest, "ResourceInUseException", "Cannot "+verb+" the event source mapping because it is in use.")
}

func (s *Service) updateEventSourceMapping(r *request) (answer, error) {
	var in mappingInput
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	if err := in.constrain(false); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.mapping(r)
	if err != nil {
		return answer{}, err
	}
	if err := m.inUse("update", s.Clock()); err != nil {
		return answer{}, err
	}
	if in.FunctionName != nil {
		t, err := s.mappingTarget(r, *in.FunctionName)
		if err != nil {
			return answer{}, err
		}
		m.FunctionName, m.Qualifier = t.name, t.qualifier
	}
	in.EventSourceArn = "" // no update carries it
	if err := m.Settings.merge(in.mappingSettings); err != nil {
		return answer{}, err
	}
	state := mappingUpdating
	if in.Enabled != nil && *in.Enabled != m.Enabled {
		m.Enabled = *in.Enabled
		state = mappingDisabling
		if m.Enabled {
			state = mappingEnabling
		}
	}
	m.Modified, m.Change = s.Clock(), &mappingChange{state, s.Clock().Add(s.InProgress)}
	return answer{http.StatusAccepted, m.show(state)}, s.saveMapping(r, m)
}

func (s *Service) deleteEventSourceMapping(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.mapping(r)
	if err != nil {
		return answer{}, err
	}
	if err := m.inUse("delete", s.Clock()); err != nil {
		return answer{}, err
	}
	m.Modified, m.Change = s.Clock(), &mappingChange{mappingDeleting, s.Clock().Add(s.InProgress)}
	return answer{http.StatusAccepted, m.show(mappingDeleting)}, s.saveMapping(r, m)
}

// dumpMappings are the mappings of an account as a client would compare them, by
// "Region/function:qualifier source".
func (s *Service) dumpMappings(account string) (map[string]any, error) {
	dumped := map[string]any{}
	for _, key := range s.Store.Keys("lambda/" + account + "/") {
		if !strings.Contains(key, "/event-source-mapping/") {
			continue
		}
		m := new(eventSourceMapping)
		if _, err := s.Store.Get(key, m); err != nil {
			return nil, err
		}
		if m.gone(s.Clock()) {
			continue
		}
		shown, err := document(struct {
			mappingSettings
			State string
			Tags  map[string]string
		}{m.Settings, m.state(s.Clock()), maps.Clone(m.Tags)})
		if err != nil {
			return nil, err
		}
		dumped[strings.Join(slices.DeleteFunc([]string{m.Region + "/" + m.FunctionName, m.Qualifier}, func(s string) bool { return s == "" }), ":")+" "+m.Settings.EventSourceArn] = shown
	}
	return dumped, nil
}
