package session

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/lambda-rollout/lambda-rollout/internal/address"
)

// endpoints says where the calls to a service go, where that is not AWS itself
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
type endpoints struct {
	// all is the endpoint of the inputs or of the journal; it is before all others.
	all string
	// pinned keeps out what environment and profile say: only all and own count.
	pinned bool
	own    map[string]string
	// ignored is the user's wish that configured endpoints do not count.
	ignored bool
	env     func(string) string
	profile config.SharedConfig
}

func (s *Session) findEndpoints(profile config.SharedConfig) endpoints {
	ignored := s.env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
	return endpoints{
		all: s.opts.Endpoint, pinned: s.opts.Pinned, own: s.opts.Endpoints,
		ignored: ignored == "true" || ignored == "" && aws.ToBool(profile.IgnoreConfiguredEndpoints),
		env:     s.env, profile: profile,
	}
}

// check refuses, before the first call, an endpoint that no call can be sent to.
// Where it comes from is said as its user wrote it.
func (e endpoints) check() error {
	if e.all != "" || e.pinned || e.ignored {
		return checkEndpoint("the endpoint", e.all)
	}
	wrong := []error{
		checkEndpoint("AWS_ENDPOINT_URL", e.env("AWS_ENDPOINT_URL")),
		checkEndpoint("endpoint_url of the profile "+e.profile.Profile, e.profile.BaseEndpoint),
	}
	for _, service := range []string{
		"LAMBDA", "STS", "S3", "ECR", "IAM", "SSM", "SECRETS_MANAGER", "CLOUDWATCH", "CLOUDWATCH_LOGS", "CLOUDTRAIL", "CODEDEPLOY", "RESOURCE_GROUPS_TAGGING_API",
	} {
		wrong = append(wrong, checkEndpoint("AWS_ENDPOINT_URL_"+service, e.env("AWS_ENDPOINT_URL_"+service)))
	}
	if e.general() == "" {
		wrong = append(wrong, checkProxy("HTTPS_PROXY", e.env("HTTPS_PROXY")), checkProxy("https_proxy", e.env("https_proxy")))
	}
	return errors.Join(wrong...)
}

// checkProxy refuses what net/http would take for the address of a proxy, and try in
// vain (https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config).
func checkProxy(name, proxy string) error {
	if proxy == "" {
		return nil
	}
	scheme, rest, is := strings.Cut(proxy, "://")
	if !is {
		scheme, rest = "http", proxy
	}
	if scheme == "socks5" || scheme == "socks5h" {
		scheme = "http"
	}
	if _, err := address.Parse(scheme + "://" + rest); err != nil {
		return fmt.Errorf("%s: %q is not the address of a proxy: %w; an address has the form http://proxy.example:3128", name, address.Shown(proxy), err)
	}
	return nil
}

func checkEndpoint(name, endpoint string) error {
	if endpoint == "" {
		return nil
	}
	if _, err := address.Parse(endpoint); err != nil {
		return fmt.Errorf("%s: %q is not an address of a server: %w; an address has the form http://localhost:4566", name, address.Shown(endpoint), err)
	}
	return nil
}

// general is the endpoint of all services that have none of their own.
func (e endpoints) general() string {
	switch {
	case e.all != "" || e.pinned || e.ignored:
		return e.all
	case e.env("AWS_ENDPOINT_URL") != "":
		return e.env("AWS_ENDPOINT_URL")
	}
	return e.profile.BaseEndpoint
}

// of is the endpoint of a service, by the SDK's ID for it; "" is AWS itself.
func (e endpoints) of(sdkID string) string {
	name := strings.ToUpper(strings.ReplaceAll(sdkID, " ", "_"))
	variable := "AWS_ENDPOINT_URL_" + name
	switch {
	case e.all != "":
		return e.all
	case e.pinned:
		return e.own[variable]
	case e.ignored:
		return ""
	case e.env(variable) != "":
		return e.env(variable)
	case e.env("AWS_ENDPOINT_URL") != "":
		return e.env("AWS_ENDPOINT_URL")
	}
	if own := e.profile.Services.ServiceValues[strings.ToLower(name)]["endpoint_url"]; own != "" {
		return own
	}
	return e.profile.BaseEndpoint
}

// apply sets the endpoint of every client that is made from a configuration,
// after the SDK's own reading of the process environment, which is not the
// Session's.
func (e endpoints) apply(sdkID string, clientOptions any) {
	field := reflect.ValueOf(clientOptions).Elem().FieldByName("BaseEndpoint")
	if !field.IsValid() {
		return
	}
	var endpoint *string
	if url := e.of(sdkID); url != "" {
		endpoint = &url
	}
	field.Set(reflect.ValueOf(endpoint))
}

// Endpoint is where the calls go that have no endpoint of their own service; ""
// is AWS itself.
func (s *Session) Endpoint() string { return s.endpoints.general() }

// EndpointOf is where the calls to a service go, by the SDK's ID for it, such as
// IAM or CloudWatch Logs; "" is AWS itself.
func (s *Session) EndpointOf(sdkID string) string { return s.endpoints.of(sdkID) }

// variants answers the SDK's questions for the FIPS and dual-stack variants of AWS's own
// endpoints.
type variants struct {
	env     func(string) string
	profile config.SharedConfig
}

// GetUseFIPSEndpoint is asked by each client for its configuration.
func (v variants) GetUseFIPSEndpoint(ctx context.Context) (aws.FIPSEndpointState, bool, error) {
	switch strings.ToLower(v.env("AWS_USE_FIPS_ENDPOINT")) {
	case "true":
		return aws.FIPSEndpointStateEnabled, true, nil
	case "false":
		return aws.FIPSEndpointStateDisabled, true, nil
	}
	return v.profile.GetUseFIPSEndpoint(ctx)
}

// GetUseDualStackEndpoint is asked by each client for its configuration.
func (v variants) GetUseDualStackEndpoint(ctx context.Context) (aws.DualStackEndpointState, bool, error) {
	switch strings.ToLower(v.env("AWS_USE_DUALSTACK_ENDPOINT")) {
	case "true":
		return aws.DualStackEndpointStateEnabled, true, nil
	case "false":
		return aws.DualStackEndpointStateDisabled, true, nil
	}
	return v.profile.GetUseDualStackEndpoint(ctx)
}
