package journal

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Origin is the part of a pipeline that a run is. Fields that the host does not
// tell are empty.
type Origin struct {
	// Host is the kind of host: github, woodpecker, drone, ….
	Host       string `json:"host,omitempty"`
	Repository string `json:"repository,omitempty"`
	Workflow   string `json:"workflow,omitempty"`
	// Pipeline is the host's number or id of the run, Attempt counts its re-runs.
	Pipeline string `json:"pipeline,omitempty"`
	Attempt  string `json:"attempt,omitempty"`
	Job      string `json:"job,omitempty"`
	// Axis tells the copies of one job in a matrix apart.
	Axis string `json:"axis,omitempty"`
	// Began is when the host began the pipeline, as it writes it. It tells runs
	// apart where Pipeline does not.
	Began string `json:"began,omitempty"`
}

// Relation is what a journal that was found is to the process that found it.
type Relation int

// The relations of a journal to the process that found it.
const (
	// Own: it is of the same run.
	Own Relation = iota
	// Foreign: it is of another repository or run.
	Foreign
	// Doubtful: nothing tells the two runs apart, and nothing shows that they
	// are one.
	Doubtful
)

// Relate compares the origin of a journal that was found with that of the
// process that found it. The text is what differs, or what is not known.
func (h Header) Relate(now Origin) (Relation, string) {
	then := Origin{Repository: h.Repository}
	if h.Origin != nil {
		then = *h.Origin
		then.Repository = h.Repository
	}
	for _, field := range []struct{ name, then, now string }{
		{"host", then.Host, now.Host},
		{"repository", then.Repository, now.Repository},
		{"workflow", then.Workflow, now.Workflow},
		{"run", then.Pipeline, now.Pipeline},
		{"attempt", then.Attempt, now.Attempt},
		{"job", then.Job, now.Job},
		{"axis", then.Axis, now.Axis},
	} {
		if field.then != "" && field.now != "" && field.then != field.now {
			return Foreign, fmt.Sprintf("it is of %s %s, not of %s", field.name, field.then, field.now)
		}
	}
	switch {
	case h.Origin == nil:
		return Doubtful, "the release that wrote it did not record which run it is of"
	case distinct(then.Pipeline):
		return Own, ""
	case !distinct(then.Began) || !distinct(now.Began):
		return Doubtful, fmt.Sprintf("the CI server gives every run the number %q and does not say when this one began", now.Pipeline)
	case then.Began != now.Began:
		return Foreign, "it is of a run that began at " + then.Began + ", not at " + now.Began
	}
	return Own, ""
}

// distinct reports whether a host's number tells runs apart: where a pipeline is
// carried out on the user's machine it is 0 each time.
func distinct(number string) bool { return strings.Trim(number, "0") != "" }

// Belief is what environment and inputs name, to compare a journal with before
// anything is asked or sent where it says.
type Belief struct {
	// Endpoint is the endpoint of Lambda that the environment names, "" for AWS
	// itself; Endpoints are those of single services, as in Header.
	Endpoint  string
	Endpoints map[string]string
	// LocalDir is the folder of the embedded AWS that the inputs name; Local is
	// true where they ask for it.
	LocalDir string
	Local    bool
	// Role is the role that the inputs name, Connectors are the roles of the
	// connectors; empty where they name none.
	Role       string
	Connectors []string
	// Accounts are those that the inputs allow; empty where they allow any.
	Accounts []string
}

// Check compares what a journal names with what environment and inputs name.
// Calls go to the journal's endpoint with this process's credentials, so an
// endpoint must be named by both. A role and an account must agree where the
// inputs name any. The error lists everything that differs.
func (h Header) Check(b Belief) error {
	var errs []error
	seen := map[string]bool{}
	differs := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !seen[text] {
			seen[text] = true
			errs = append(errs, errors.New(text))
		}
	}
	for _, t := range h.Targets {
		dir, local := strings.CutPrefix(t.Endpoint, LocalEndpoint)
		switch {
		case local && dir != b.LocalDir:
			differs("it was written for the embedded AWS in %s, and local-dir names %s (set local-dir to that folder)", dir, orNone(b.LocalDir))
		case !local && b.Local:
			differs("its calls went to %s, and local asks for the embedded AWS", orAWS(t.Endpoint))
		case !local && t.Endpoint != b.Endpoint:
			differs("its calls went to %s, and the environment names %s (set AWS_ENDPOINT_URL as it was in the deploy)", orAWS(t.Endpoint), orAWS(b.Endpoint))
		}
		if b.Role != "" && t.Role != b.Role {
			differs("it was written with the role %s, and role-to-assume names %s", orNone(t.Role), b.Role)
		}
		if len(b.Connectors) > 0 && t.Connector != "" && !slices.Contains(b.Connectors, t.Connector) {
			differs("function %s was deployed with the role %s, which connectors does not name", t.Function, t.Connector)
		}
		if len(b.Accounts) > 0 && !slices.Contains(b.Accounts, t.Account) {
			differs("function %s is in account %s, which allowed-account-ids does not name", t.Function, t.Account)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.Endpoints)) {
		if b.Endpoints[name] != h.Endpoints[name] {
			differs("its %s was %s, and the environment names %s", name, h.Endpoints[name], orAWS(b.Endpoints[name]))
		}
	}
	// Of the services only Lambda changes anything: it must not be another one than
	// the environment names, though the journal's is named for all services.
	if now := b.Endpoints[lambdaEndpoint]; now != "" && h.Endpoints[lambdaEndpoint] == "" && h.callsAWS() {
		differs("it had no %s, and the environment names %s", lambdaEndpoint, now)
	}
	return errors.Join(errs...)
}

const lambdaEndpoint = "AWS_ENDPOINT_URL_LAMBDA"

// callsAWS reports whether a target is elsewhere than in the embedded AWS of this
// process.
func (h Header) callsAWS() bool {
	return slices.ContainsFunc(h.Targets, func(t Target) bool { return !strings.HasPrefix(t.Endpoint, LocalEndpoint) })
}

func orAWS(endpoint string) string {
	if endpoint == "" {
		return "AWS itself"
	}
	return endpoint
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}
