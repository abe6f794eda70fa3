package awslocal

import (
	"net/http"
	"sync"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// Rates of the control plane, a second (developer guide, "Lambda quotas", API
// requests). Invoke has quotas of its own and is not held here.
const (
	rateGetFunction = 100
	rateGetPolicy   = 15
	rateOthers      = 15
)

// quota is a token bucket for each account, Region and group of calls.
type quota struct {
	mu      sync.Mutex
	buckets map[quotaKey]*bucket
}

type quotaKey struct{ account, region, group string }

type bucket struct {
	tokens float64
	at     time.Time
}

func (q *quota) take(now time.Time, c api.Caller, operation string) *api.Error {
	key, rate := quotaKey{c.Account, c.Region, "control"}, float64(rateOthers)
	switch operation {
	case "Invoke", "InvokeAsync", "InvokeWithResponseStream":
		return nil
	case "GetFunction":
		key.group, rate = operation, rateGetFunction
	case "GetPolicy":
		key.group, rate = operation, rateGetPolicy
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.buckets == nil {
		q.buckets = map[quotaKey]*bucket{}
	}
	b := q.buckets[key]
	if b == nil {
		b = &bucket{tokens: rate, at: now}
		q.buckets[key] = b
	}
	b.tokens = min(rate, b.tokens+now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.tokens < 1 {
		e := api.NewError(http.StatusTooManyRequests, "TooManyRequestsException", "Rate exceeded")
		e.Fields = map[string]string{"Reason": "CallerRateLimitExceeded"}
		return e
	}
	b.tokens--
	return nil
}
