// Package awsjson serves the JSON 1.1 protocol of AWS: a POST whose X-Amz-Target
// names the operation and whose body is one document.
//
// It promises that a body is bounded, that a value of the wrong type is a
// SerializationException, and that members which an input does not have are
// ignored, as AWS ignores them. It holds no state and knows no service.
package awsjson

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// maxBody bounds a request of most services; their largest document, a secret of
// 64 KB in base64, is far below it.
const maxBody = 1 << 20

// Operation answers one call with a document, nil for an empty one.
type Operation func(ctx context.Context, body []byte) (any, *api.Error)

// Op makes an Operation of a function on its input.
func Op[In any](serve func(context.Context, *In) (any, *api.Error)) Operation {
	return func(ctx context.Context, body []byte) (any, *api.Error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, api.NewError(http.StatusBadRequest, "SerializationException", err.Error())
		}
		return serve(ctx, in)
	}
}

// Service is the HTTP side of one service. It is an api.Service.
type Service struct {
	// Target is what X-Amz-Target begins with, "AmazonSSM.".
	Target     string
	Operations map[string]Operation
	// Changing are the operations that change something that lasts.
	Changing map[string]bool
	// MaxBody bounds a request in bytes; 0 is 1 MiB.
	MaxBody int64
}

// Operation names the API call that r makes.
func (s *Service) Operation(r *http.Request) string {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), s.Target)
	if !ok {
		return ""
	}
	return name
}

// WriteError writes an error that the server found before the service was asked.
func (s *Service) WriteError(w http.ResponseWriter, _ *http.Request, e *api.Error) {
	api.WriteJSON11(w, e)
}

// ServeHTTP answers one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := s.serve(w, r)
	if err != nil {
		api.WriteJSON11(w, err)
		return
	}
	if out == nil {
		out = struct{}{}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out) // a client that has gone has no use for the answer
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) (any, *api.Error) {
	name := s.Operation(r)
	serve := s.Operations[name]
	if serve == nil {
		return nil, api.NewError(http.StatusBadRequest, "UnknownOperationException", "The embedded AWS has no operation "+r.Header.Get("X-Amz-Target"))
	}
	limit := cmp.Or(s.MaxBody, maxBody)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, api.NewError(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", fmt.Sprintf("Request must be smaller than %d bytes", limit))
	case err != nil:
		return nil, api.NewError(http.StatusBadRequest, "SerializationException", err.Error())
	case len(body) == 0:
		body = []byte("{}")
	}
	out, refusal := serve(r.Context(), body)
	if refusal == nil && s.Changing[name] {
		api.Changed(r.Context())
	}
	return out, refusal
}

// Invalid is the error of a constraint that a value breaks.
func Invalid(code, format string, args ...any) *api.Error {
	return api.NewError(http.StatusBadRequest, code, fmt.Sprintf(format, args...))
}

// Internal is the answer where state cannot be written.
func Internal(err error) *api.Error {
	return api.NewError(http.StatusInternalServerError, "InternalServerError", err.Error())
}

// Time is written as JSON 1.1 does: seconds since 1970, with a fraction.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("%s is not a time in seconds", b)
	}
	t.Time = time.UnixMilli(int64(seconds * 1000)).UTC()
	return nil
}

// Page cuts a sorted list to what a token and a limit leave, and returns the token
// of the next page, "" on the last. A token that this function did not make is an
// error, nil otherwise.
func Page[T any](all []T, token string, limit int, bad *api.Error) ([]T, string, *api.Error) {
	at := 0
	if token != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(token, "page-"))
		if err != nil || n < 0 || !strings.HasPrefix(token, "page-") {
			return nil, "", bad
		}
		at = min(n, len(all))
	}
	if len(all)-at <= limit {
		return all[at:], "", nil
	}
	return all[at : at+limit], "page-" + strconv.Itoa(at+limit), nil
}
