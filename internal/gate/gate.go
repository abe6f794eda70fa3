// Package gate asks somebody outside whether a run may go on: an address that gets
// a signed JSON document by POST, or a Lambda function.
//
// It promises that only a clear yes is a yes: a redirect, an answer that it does
// not understand and silence are a no at the end. A question that is asked again
// keeps its id. No message, error or text of this package holds the query of an
// address, its user or its password, and none holds the secret.
//
// The signature is that of Standard Webhooks, for which libraries exist
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
package gate

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/address"
	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

// Moment is when a gate is asked.
type Moment string

// The moments of a run. Event gates are told what happens and never decide.
const (
	BeforeWave    Moment = "before-wave"
	BeforeTraffic Moment = "before-traffic"
	BeforeStage   Moment = "before-stage"
	AfterTraffic  Moment = "after-traffic"
	Event         Moment = "event"
)

// Moments are the names of all moments, in their order in a run.
func Moments() []string {
	return []string{string(BeforeWave), string(BeforeTraffic), string(BeforeStage), string(AfterTraffic), string(Event)}
}

// Gate is whom to ask at a moment.
type Gate struct {
	Moment Moment
	To     Destination
}

// String names the gate for the user.
func (g Gate) String() string { return fmt.Sprintf("%s (%s)", g.Moment, g.To) }

// Destination is an Address or a Function. Its String may be shown to everybody.
//
//sumtype:decl
type Destination interface {
	fmt.Stringer
	sealed()
}

// Address is a URL that gets a JSON document.
type Address struct{ url *url.URL }

// Function is a Lambda function that is invoked.
type Function struct {
	Partition, Region, Account, Name string
	// Qualifier is an alias or a version; "" for none.
	Qualifier string
}

func (Address) sealed()  {}
func (Function) sealed() {}

// String is the address without user, password and query.
func (a Address) String() string {
	shown := url.URL{Scheme: a.url.Scheme, Host: a.url.Host, Path: a.url.Path}
	if a.url.RawQuery != "" {
		return shown.String() + "?***"
	}
	return shown.String()
}

// Secrets are the parts of the address that nobody should see.
func (a Address) Secrets() []string {
	var all []string
	if password, has := a.url.User.Password(); has {
		all = append(all, password)
	}
	if a.url.RawQuery != "" {
		all = append(all, a.url.RawQuery)
		for _, values := range a.url.Query() {
			all = append(all, values...)
		}
	}
	return all
}

// ARN is the function's name without the qualifier.
func (f Function) ARN() string {
	return "arn:" + f.Partition + ":lambda:" + f.Region + ":" + f.Account + ":function:" + f.Name
}

// String is the ARN, with the qualifier where there is one.
func (f Function) String() string {
	if f.Qualifier == "" {
		return f.ARN()
	}
	return f.ARN() + ":" + f.Qualifier
}

var functionARN = lazyregexp.New(`^arn:(aws[a-z-]*):lambda:([a-z0-9-]+):(\d{12}):function:([a-zA-Z0-9_-]{1,64})(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)

// ParseDestination reads an https address or a function's ARN. Plain http is for
// this machine alone: whoever is between could say yes. The error does not show the
// text, which may hold a secret.
func ParseDestination(text string) (Destination, error) {
	if strings.HasPrefix(text, "arn:") {
		m := functionARN.FindStringSubmatch(text)
		if m == nil {
			return nil, errors.New("the ARN is not that of a Lambda function, its version or alias")
		}
		return Function{Partition: m[1], Region: m[2], Account: m[3], Name: m[4], Qualifier: m[5]}, nil
	}
	u, err := address.Parse(text)
	switch {
	case errors.Is(err, address.ErrPort):
		return nil, err
	case err != nil:
		return nil, errors.New("it is neither an https address nor the ARN of a Lambda function")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%s is not https: anybody between could answer in its place", Address{u})
	}
	u.Fragment, u.RawFragment = "", ""
	return Address{u}, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
