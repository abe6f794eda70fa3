package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"github.com/lambda-rollout/lambda-rollout/internal/awsfacts"
)

// A limiter stays just below the rates of the control plane, so that two calls
// squeezed together on the way do not cross them, and others get a turn.
const (
	callsPerSecond       = awsfacts.ControlPlaneRate - 1
	getPolicyPerSecond   = awsfacts.GetPolicyRate - 1
	getFunctionPerSecond = awsfacts.GetFunctionRate - 5
)

// Limits holds what the Sessions of a process share: the limiters, one for each account and
// Region, and the certificates that were read.
type Limits struct {
	mu  sync.Mutex
	all map[limitKey]*limiter
	// calls counts what went out, by operation.
	calls map[string]int
	// uploads are the bytes of code under way.
	uploads *semaphore.Weighted
	// bundles are the certificates by the SHA-256 of their text.
	bundles map[[sha256.Size]byte]*x509.CertPool
}

type limitKey struct{ account, region string }

// NewLimits is made once in a process and passed to each Session.
func NewLimits() *Limits {
	return &Limits{
		all: map[limitKey]*limiter{}, calls: map[string]int{}, uploads: semaphore.NewWeighted(uploadBytes),
		bundles: map[[sha256.Size]byte]*x509.CertPool{},
	}
}

// of is the limiter of an account in a Region. Before the account is known it goes
// by the access key, and keeps what it has counted once it is.
func (l *Limits) of(region, account, accessKey string) *limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	byAccount, byKey := limitKey{account, region}, limitKey{accessKey, region}
	found := l.all[byAccount]
	if account == "" || found == nil {
		found = l.all[byKey]
	}
	if found == nil {
		found = &limiter{
			calls:       newWindow(callsPerSecond),
			getPolicy:   newWindow(getPolicyPerSecond),
			getFunction: newWindow(getFunctionPerSecond),
		}
	}
	l.all[byKey] = found
	if account != "" {
		l.all[byAccount] = found
	}
	return found
}

// Calls is how many calls of Lambda's control plane went out, by operation.
func (l *Limits) Calls() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.calls)
}

func (l *Limits) count(operation string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[operation]++
}

// limiter is what one account and Region accepts, by the quotas that AWS counts
// apart.
type limiter struct{ calls, getPolicy, getFunction *window }

// of is the window of an operation, nil where the control plane does not count it.
func (l *limiter) of(operation string) *window {
	switch operation {
	case "Invoke", "InvokeWithResponseStream":
		return nil
	case "GetFunction":
		return l.getFunction
	case "GetPolicy":
		return l.getPolicy
	}
	return l.calls
}

// window lets at most rate calls through in any second: the first ones at once,
// so that a small deploy never waits. AWS's quota is shared with every other
// caller of the account, so a call that was throttled halves the rate, and each
// second without another one raises it by one, up to the most.
type window struct {
	mu sync.Mutex
	// times are the last calls, in a ring as long as the highest rate; next is the
	// place of the oldest.
	times []time.Time
	next  int
	rate  int
	// changed is when the rate was last lowered or raised.
	changed time.Time
}

func newWindow(most int) *window { return &window{times: make([]time.Time, most), rate: most} }

// take reserves a turn and returns when it comes.
func (w *window) take(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.climb(now)
	most := len(w.times)
	// The call that is rate calls back must be a second old.
	at := w.times[(w.next-w.rate+most)%most].Add(time.Second)
	if last := w.times[(w.next-1+most)%most]; at.Before(last) {
		at = last
	}
	if at.Before(now) {
		at = now
	}
	w.times[w.next] = at
	w.next = (w.next + 1) % most
	return at
}

// climb raises the rate by the seconds that passed since it last changed.
func (w *window) climb(now time.Time) {
	if w.rate == len(w.times) {
		return
	}
	if seconds := int(now.Sub(w.changed) / time.Second); seconds > 0 {
		w.rate = min(len(w.times), w.rate+seconds)
		w.changed = w.changed.Add(time.Duration(seconds) * time.Second)
	}
}

// slow halves the rate, once in a second: calls that are under way together are
// throttled together.
func (w *window) slow(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.climb(now)
	if now.Sub(w.changed) < time.Second {
		return
	}
	w.rate, w.changed = max(1, w.rate/2), now
}

// wait takes a turn and sleeps until it comes. A turn once taken is not given
// back: who gives up early leaves it empty. It fails when ctx has ended, even if
// the turn came at the same moment.
func (w *window) wait(ctx context.Context) error {
	now := time.Now()
	at := w.take(now)
	if !at.After(now) {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return context.Cause(ctx)
}

// Limit is an API option for the clients of Lambda's control plane in a Region:
// each attempt of each call waits for its turn. The account is the one that the
// credentials belong to.
func (s *Session) Limit(region string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("lambda-rollout:limit",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				turns, taken := ctx.Value(turnKey{}).(*window)
				if !taken {
					var err error
					if turns, err = s.takeTurn(ctx, region); err != nil {
						return middleware.FinalizeOutput{}, middleware.Metadata{}, err
					}
				}
				out, meta, err := next.HandleFinalize(ctx, in)
				if turns != nil && awsfacts.IsThrottled(errorCode(err)) {
					turns.slow(time.Now())
				}
				return out, meta, err
			}), "Retry", middleware.After)
	}
}

// takeTurn waits for the turn of the context's operation, and returns the window
// that it is counted in.
func (s *Session) takeTurn(ctx context.Context, region string) (turns *window, err error) {
	creds, err := s.base.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	id, _ := s.seen()
	operation := awsmiddleware.GetOperationName(ctx)
	if !s.opts.Unlimited {
		turns = s.opts.Limits.of(region, cmp.Or(id.Account, creds.AccountID), creds.AccessKeyID).of(operation)
	}
	err = mayGoOut(ctx, func(ctx context.Context) error {
		if turns == nil {
			return nil
		}
		return turns.wait(ctx)
	})
	if err != nil {
		return nil, err
	}
	s.opts.Limits.count(operation)
	return turns, nil
}
