package session

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Service is a service of which the program needs one or two operations. Its SDK
// client would cost seconds of the build and hundreds of kilobytes of the binary;
// a Caller signs with the SDK's signer instead, and tries again by the policy of
// all reads.
type Service struct {
	// ID is the SDK's ID for the service, which settings about endpoints use.
	ID string
	// SigningName is the service's name in signatures and in IAM's actions.
	SigningName string
	// Region is where the call is signed for; empty means the default Region.
	Region string
	// Endpoint is AWS's own, used where the settings name no other.
	Endpoint string
	// Target, of a service that speaks AWS JSON, comes before the operation in
	// X-Amz-Target
	// (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
	Target string
	// ContentType is that of AWS JSON 1.1 where it is empty; 1.0 has another one.
	ContentType string
	// Version is that of the API of a service that speaks the query protocol
	// (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html).
	Version string
}

// Caller makes calls to a Service. Those that read are tried again after any failure
// that may pass.
type Caller struct {
	session  *Session
	service  Service
	endpoint string
	// Custom is true where the endpoint is not AWS's own.
	Custom bool
}

// Caller returns the Caller of a service.
func (s *Session) Caller(service Service) *Caller {
	if service.Region == "" {
		service.Region = s.base.Region
	}
	c := &Caller{session: s, service: service, endpoint: service.Endpoint}
	if own := s.endpoints.of(service.ID); own != "" {
		c.endpoint, c.Custom = own, true
	}
	return c
}

// UsesFIPS reports whether the settings ask for the FIPS variant of AWS's own
// endpoints.
func (s *Session) UsesFIPS(ctx context.Context) bool {
	for _, source := range s.base.ConfigSources {
		if v, ok := source.(variants); ok {
			state, _, err := v.GetUseFIPSEndpoint(ctx)
			return err == nil && state == aws.FIPSEndpointStateEnabled
		}
	}
	return false
}

// JSON makes a call of the AWS JSON protocol that reads. A refusal is a
// smithy.APIError in a smithy.OperationError, as of an SDK client.
func (c *Caller) JSON(ctx context.Context, operation string, in, out any) error {
	r, err := c.jsonRequest(operation, in, out)
	if err != nil {
		return err
	}
	return c.call(ctx, r)
}

// ChangeJSON makes a call of the AWS JSON protocol that changes something: once, and
// not after SendBefore forbids it.
func (c *Caller) ChangeJSON(ctx context.Context, operation string, in, out any) error {
	r, err := c.jsonRequest(operation, in, out)
	if err != nil {
		return err
	}
	if err := mayGoOut(ctx, func(context.Context) error { return nil }); err != nil {
		return err
	}
	return c.attempt(ctx, r)
}

func (c *Caller) jsonRequest(operation string, in, out any) (request, error) {
	body, err := json.Marshal(in)
	return request{
		operation: operation, subject: subjectOf(in), body: body,
		header:  map[string]string{"Content-Type": cmp.Or(c.service.ContentType, "application/x-amz-json-1.1"), "X-Amz-Target": c.service.Target + "." + operation},
		decode:  func(answer []byte) error { return json.Unmarshal(answer, out) },
		refusal: jsonRefusal,
	}, err
}

// Query makes a call of the query protocol, which answers in XML.
func (c *Caller) Query(ctx context.Context, operation string, form url.Values, out any) error {
	form.Set("Action", operation)
	form.Set("Version", c.service.Version)
	return c.call(ctx, request{
		operation: operation, subject: form.Get("RoleName"), body: []byte(form.Encode()),
		header:  map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
		decode:  func(answer []byte) error { return xml.Unmarshal(answer, out) },
		refusal: queryRefusal,
	})
}

// request is a call in one of the protocols.
type request struct {
	operation, subject string
	header             map[string]string
	body               []byte
	decode             func(answer []byte) error
	refusal            func(answer []byte) (code, message string)
}

// call sends a request as often as the policy for reads allows.
func (c *Caller) call(ctx context.Context, r request) error {
	retryer := c.session.opts.readRetryer()
	var refused refusalCount
	for attempt := 1; ; attempt++ {
		err := refused.end(ctx, c.attempt(ctx, r))
		if err == nil || ctx.Err() != nil || attempt == retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
			return err
		}
		pause, noPause := retryer.RetryDelay(attempt, err)
		if noPause != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// attempt sends a request once, within the Session's bound, and reports it.
func (c *Caller) attempt(ctx context.Context, r request) error {
	bound := c.session.opts.callTimeout(ctx)
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if bound > 0 {
		bounded, cancel = context.WithTimeout(ctx, bound)
	}
	defer cancel()
	start := time.Now()
	status, err := c.send(bounded, r)
	if err != nil && bounded.Err() == context.DeadlineExceeded && ctx.Err() == nil {
		err = CallTimeout{Operation: r.operation, After: bound}
	}
	if err != nil && !isType[credentialsFailed](err) {
		err = &smithy.OperationError{ServiceID: c.service.ID, OperationName: r.operation, Err: err}
	}
	if hook := c.session.opts.Trace; hook != nil {
		hook(Attempt{Service: c.service.ID, Operation: r.operation, Subject: r.subject, Status: status, Err: err, Took: time.Since(start)})
	}
	return err
}

// credentialsFailed is an error of the credentials, which belongs to no call.
type credentialsFailed struct{ error }

func (e credentialsFailed) Unwrap() error { return e.error }

// maxAnswer bounds an answer, in bytes: the largest image manifest has 4 MiB, and
// JSON may escape every byte of it.
const maxAnswer = 9 << 20

func (c *Caller) send(ctx context.Context, r request) (status int, err error) {
	creds, err := c.session.base.Credentials.Retrieve(ctx)
	if err != nil {
		return 0, credentialsFailed{err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(r.body))
	if err != nil {
		return 0, err
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	req.Header.Set("User-Agent", program+"/"+c.session.opts.version())
	sum := sha256.Sum256(r.body)
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hex.EncodeToString(sum[:]), c.service.SigningName, c.service.Region, time.Now()); err != nil {
		return 0, fmt.Errorf("sign the call: %w", err)
	}
	resp, err := c.session.base.HTTPClient.Do(req)
	if err != nil {
		return 0, &smithyhttp.RequestSendError{Err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return resp.StatusCode, &smithyhttp.RequestSendError{Err: err}
	}
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, refused(resp, answer, r.refusal)
	}
	if err := r.decode(answer); err != nil {
		return resp.StatusCode, &smithy.DeserializationError{Err: err, Snapshot: answer[:min(len(answer), 1024)]}
	}
	return resp.StatusCode, nil
}

// refused is a service's refusal in the form of the SDK's errors.
func refused(resp *http.Response, answer []byte, read func([]byte) (code, message string)) error {
	code, message := read(answer)
	if code == "" {
		code, message = "UnknownError", resp.Status
	}
	return &awshttp.ResponseError{
		RequestID: resp.Header.Get("X-Amzn-Requestid"),
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: resp},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		},
	}
}

// jsonRefusal reads an error of AWS JSON; its type may carry a namespace.
func jsonRefusal(answer []byte) (code, message string) {
	var text struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(answer, &text); err != nil {
		return "", ""
	}
	return text.Type[strings.LastIndexByte(text.Type, '#')+1:], text.Message
}

// queryRefusal reads an error of the query protocol.
func queryRefusal(answer []byte) (code, message string) {
	var text struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(answer, &text); err != nil {
		return "", ""
	}
	return text.Code, text.Message
}
