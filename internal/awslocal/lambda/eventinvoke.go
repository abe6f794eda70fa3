package lambda

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// eventInvoke is how asynchronous invocations of a version or alias are
// retried. Its rules and messages are those of TestLambdaEventInvokeConfig.
type eventInvoke struct {
	MaximumRetryAttempts     *int `json:",omitempty"`
	MaximumEventAgeInSeconds *int `json:",omitempty"`
	DestinationConfig        destinationConfig
	Modified                 time.Time
}

type destinationConfig struct {
	OnSuccess destination
	OnFailure destination
}

type destination struct {
	Destination string `json:",omitempty"`
}

type eventInvokeOutput struct {
	LastModified             float64 // seconds since 1970
	FunctionArn              string
	MaximumRetryAttempts     *int `json:",omitempty"`
	MaximumEventAgeInSeconds *int `json:",omitempty"`
	DestinationConfig        destinationConfig
}

func (f *function) showEventInvoke(qualifier string) eventInvokeOutput {
	e := f.EventInvoke[qualifier]
	return eventInvokeOutput{LastModified: float64(e.Modified.UnixMilli()) / 1000, FunctionArn: f.arn(qualifier),
		MaximumRetryAttempts: e.MaximumRetryAttempts, MaximumEventAgeInSeconds: e.MaximumEventAgeInSeconds,
		DestinationConfig: e.DestinationConfig}
}

type eventInvokeInput struct {
	MaximumRetryAttempts     *int
	MaximumEventAgeInSeconds *int
	DestinationConfig        *struct{ OnSuccess, OnFailure *destination }
}

var destinationPattern = newPattern(`$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)`)

func (in *eventInvokeInput) constrain() error {
	var broken violations
	broken.between("maximumRetryAttempts", in.MaximumRetryAttempts, 0, 2)
	broken.between("maximumEventAgeInSeconds", in.MaximumEventAgeInSeconds, 60, 21600)
	if d := in.DestinationConfig; d != nil {
		if d.OnSuccess != nil {
			broken.pattern("destinationConfig.onSuccess.destination", d.OnSuccess.Destination, destinationPattern)
		}
		if d.OnFailure != nil {
			broken.pattern("destinationConfig.onFailure.destination", d.OnFailure.Destination, destinationPattern)
		}
	}
	if err := broken.err(); err != nil {
		return err
	}
	if in.MaximumRetryAttempts == nil && in.MaximumEventAgeInSeconds == nil && in.DestinationConfig == nil {
		return invalid("You must specify at least one of error handling or destination setting.")
	}
	return nil
}

// checkDestination refuses destinations that no service of AWS serves, a
// function that is not there, and the function itself.
func (s *Service) checkDestination(f *function, arn, wanted string) error {
	parts := strings.SplitN(arn, ":", 8)
	switch {
	case arn == "":
		return nil
	case len(parts) < 6 || !slices.Contains([]string{"lambda", "sqs", "sns", "events", "s3"}, parts[2]):
		return invalid("The provided destination config DestinationConfig(" + wanted + ") is invalid.")
	case parts[2] != "lambda":
		return nil
	case len(parts) < 7:
		return invalid("The destination ARN " + arn + " is invalid.")
	case parts[6] == f.Name:
		return invalid("You can't specify the function as a destination for itself.")
	}
	other, err := s.view(f.Account, f.Region, parts[6])
	if err == nil && other == nil {
		err = invalid("The destination ARN " + arn + " is invalid.")
	}
	return err
}

func describeDestinations(success, failure *destination) string {
	show := func(kind string, d *destination) string {
		if d == nil {
			return "null"
		}
		return kind + "(destination=" + d.Destination + ")"
	}
	return "onSuccess=" + show("OnSuccess", success) + ", onFailure=" + show("OnFailure", failure)
}

// eventInvokeTarget names $LATEST where no qualifier is given.
func (r *request) eventInvokeTarget() (target, error) {
	t, err := r.target()
	if t.qualifier == "" {
		t.qualifier = latest
	}
	return t, err
}

func noEventInvoke(t target) error {
	return notFound("The function " + t.arn(t.qualifier) + " doesn't have an EventInvokeConfig")
}

// changeEventInvoke puts a configuration, or lays it over the one there is.
func (s *Service) changeEventInvoke(r *request, over bool) (answer, error) {
	var in eventInvokeInput
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	t, err := r.eventInvokeTarget()
	if err != nil {
		return answer{}, err
	}
	if err := in.constrain(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.edit(t.account, t.region, t.name)
	if err != nil {
		return answer{}, err
	}
	if f == nil || f.resolve(t.qualifier) == nil {
		return answer{}, notFound("The function doesn't exist.")
	}
	e := &eventInvoke{}
	if over {
		if e = f.EventInvoke[t.qualifier]; e == nil {
			return answer{}, noEventInvoke(t)
		}
	}
	if err := s.layOver(f, e, &in); err != nil {
		return answer{}, err
	}
	e.Modified = s.Clock()
	if f.EventInvoke == nil {
		f.EventInvoke = map[string]*eventInvoke{}
	}
	f.EventInvoke[t.qualifier] = e
	return answer{http.StatusOK, f.showEventInvoke(t.qualifier)}, s.save(r, f)
}

func (s *Service) layOver(f *function, e *eventInvoke, in *eventInvokeInput) error {
	if in.MaximumRetryAttempts != nil {
		e.MaximumRetryAttempts = in.MaximumRetryAttempts
	}
	if in.MaximumEventAgeInSeconds != nil {
		e.MaximumEventAgeInSeconds = in.MaximumEventAgeInSeconds
	}
	d := in.DestinationConfig
	if d == nil {
		return nil
	}
	for _, to := range []struct {
		at    *destination
		given *destination
	}{{&e.DestinationConfig.OnSuccess, d.OnSuccess}, {&e.DestinationConfig.OnFailure, d.OnFailure}} {
		if to.given == nil {
			continue
		}
		if err := s.checkDestination(f, to.given.Destination, describeDestinations(d.OnSuccess, d.OnFailure)); err != nil {
			return err
		}
		*to.at = *to.given
	}
	return nil
}

func (s *Service) putFunctionEventInvokeConfig(r *request) (answer, error) {
	return s.changeEventInvoke(r, false)
}

func (s *Service) updateFunctionEventInvokeConfig(r *request) (answer, error) {
	return s.changeEventInvoke(r, true)
}

func (s *Service) getFunctionEventInvokeConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, t, err := s.withEventInvoke(r)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, f.showEventInvoke(t.qualifier)}, nil
}

// withEventInvoke reads a function that has the configuration asked for.
func (s *Service) withEventInvoke(r *request) (*function, target, error) {
	t, err := r.eventInvokeTarget()
	if err != nil {
		return nil, t, err
	}
	f, err := s.edit(t.account, t.region, t.name)
	if err == nil && (f == nil || f.EventInvoke[t.qualifier] == nil) {
		err = noEventInvoke(t)
	}
	return f, t, err
}

func (s *Service) deleteFunctionEventInvokeConfig(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, t, err := s.withEventInvoke(r)
	if err != nil {
		return answer{}, err
	}
	delete(f.EventInvoke, t.qualifier)
	return answer{status: http.StatusNoContent}, s.save(r, f)
}

func (s *Service) listFunctionEventInvokeConfigs(r *request) (answer, error) {
	t, err := r.target()
	if err != nil {
		return answer{}, err
	}
	f, err := s.look(t, notFound("The function doesn't exist."))
	if err != nil {
		return answer{}, err
	}
	var out []eventInvokeOutput
	for _, q := range slices.Sorted(maps.Keys(f.EventInvoke)) {
		out = append(out, f.showEventInvoke(q))
	}
	return page(r, "FunctionEventInvokeConfigs", out)
}
