// Package notify tells others what happens in a run: any receiver of CloudEvents, and
// the deployments of a GitHub repository.
//
// It promises that a run is never held up and never fails for it: what is to be told
// waits in a bounded queue, each message is tried three times at most, and once one
// was not delivered the next are tried once. At the end of a run the queue has five
// seconds. What is not delivered is one warning. A message holds no value of the
// environment, and no warning holds a URL's path or query, which may be a secret.
package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Doer sends requests, as an http.Client does.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

const (
	queueSize = 256
	// perAttempt bounds one try, attempts and pause how often and when it is made
	// again.
	perAttempt = 3 * time.Second
	attempts   = 3
	pause      = 500 * time.Millisecond
	// lastWords is how long the queue has at the end of a run.
	lastWords = 5 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 1 << 20
)

// message is one request. build makes it when its turn has come, nil where there is
// nothing to send any more; answered reads a 2xx answer.
type message struct {
	build    func() *call
	answered func(body []byte) error
}

type call struct {
	url    string
	header map[string]string
	body   []byte
}

// outbox sends messages in their order, from a goroutine of its own.
type outbox struct {
	client Doer
	queue  chan message
	cancel context.CancelFunc
	done   chan struct{}

	// mu guards what follows: an event may come late, from a call that a signal left
	// behind.
	mu       sync.Mutex
	closed   bool
	overflow int

	// lost counts what was not delivered, and failure is why the first of it was not;
	// overflow counts what found no place in the queue.
	lost    int
	failure error
}

func newOutbox(client Doer) *outbox {
	ctx, cancel := context.WithCancel(context.Background())
	o := &outbox{client: client, queue: make(chan message, queueSize), cancel: cancel, done: make(chan struct{})}
	go o.work(ctx)
	return o
}

// add puts a message into the queue; after the end of the run nobody is told any more.
func (o *outbox) add(m message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	select {
	case o.queue <- m:
	default:
		o.overflow++
	}
}

// close waits for the queue to be sent, for a bounded time, and returns why something
// was not delivered.
func (o *outbox) close(within time.Duration) error {
	o.mu.Lock()
	o.closed = true
	close(o.queue)
	o.mu.Unlock()
	limit := time.AfterFunc(within, o.cancel)
	<-o.done
	limit.Stop()
	o.cancel()
	if lost := o.lost + o.overflow; lost > 0 {
		if o.failure == nil {
			o.failure = errors.New("too many at once")
		}
		if lost == 1 {
			return fmt.Errorf("1 message was not delivered: %w", o.failure)
		}
		return fmt.Errorf("%d messages were not delivered: %w", lost, o.failure)
	}
	return nil
}

func (o *outbox) work(ctx context.Context) {
	defer close(o.done)
	for m := range o.queue {
		if err := o.deliver(ctx, m); err != nil {
			if o.lost++; o.failure == nil {
				o.failure = err
			}
		}
	}
}

// deliver tries again after what may pass: faults of the network, 429 and 5xx.
func (o *outbox) deliver(ctx context.Context, m message) error {
	c := m.build()
	if c == nil {
		return nil
	}
	for n := 1; ; n++ {
		passes, err := o.attempt(ctx, m, c)
		if err == nil || !passes || n == attempts || o.failure != nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(n) * pause):
		}
	}
}

// attempt sends a message once; passes reports whether another attempt may succeed.
func (o *outbox) attempt(ctx context.Context, m message, c *call) (passes bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, perAttempt)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(c.body))
	if err != nil {
		return false, errors.New("it is not a URL")
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	resp, err := o.client.Do(req)
	if err != nil {
		var withURL *url.Error
		if errors.As(err, &withURL) {
			err = withURL.Err
		}
		return true, fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch code := resp.StatusCode; {
	case code/100 != 2:
		return code == http.StatusTooManyRequests || code >= 500, fmt.Errorf("%s answered %s", req.URL.Host, resp.Status)
	case m.answered == nil:
		return false, nil // whatever the text of the answer is
	case err != nil:
		return true, fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	return false, m.answered(body)
}
