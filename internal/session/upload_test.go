package session

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Code is in memory only while its call is on its way: 8 MB of it at once, and what
// is larger alone.
func TestOnlySoMuchCodeIsInMemoryAtOnce(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]int{1 << 20: 8, 3 << 20: 2, 8 << 20: 1, 50 << 20: 1} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, &fakeAWS{}, keysEnv, Options{Unlimited: true})
			var mu sync.Mutex
			now, most := 0, 0
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					_, release, err := s.Upload(t.Context(), "us-east-1", "UpdateFunctionCode", size)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(time.Second)
					mu.Lock()
					now--
					mu.Unlock()
					release()
				})
			}
			all.Wait()
			if most != want {
				t.Errorf("%d zips of %d bytes at once, want %d", most, size, want)
			}
		})
	}
}

// A call that carries code has one turn, which it takes before it is in memory.
func TestACallWithCodeTakesOneTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{}, keysEnv, Options{})
		began := time.Now()
		for range 2 * callsPerSecond {
			ctx, release, err := s.Upload(t.Context(), "us-east-1", "UpdateFunctionCode", 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := get(ctx, s, "us-east-1"); err != nil {
				t.Fatal(err)
			}
			release()
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("the calls of two seconds took %s", took)
		}
		if n := s.opts.Limits.Calls(); n["UpdateFunctionCode"] != 2*callsPerSecond || len(n) != 1 {
			t.Errorf("counted %v", n)
		}
	})
}

func TestCodeThatWaitsForBandwidthDoesNotGoOutAfterTheStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, &fakeAWS{}, keysEnv, Options{})
		_, release, err := s.Upload(t.Context(), "us-east-1", "UpdateFunctionCode", uploadBytes)
		if err != nil {
			t.Fatal(err)
		}
		turns, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if _, _, err := s.Upload(SendBefore(t.Context(), turns), "us-east-1", "UpdateFunctionCode", 1); !errors.Is(err, ErrNotSent) {
			t.Errorf("got %v", err)
		}
		release()
		if _, release, err = s.Upload(t.Context(), "us-east-1", "UpdateFunctionCode", uploadBytes); err != nil {
			t.Fatal(err)
		}
		release()
	})
}
