package deploy

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Targets begin in their order, so many at once in each Region.
func TestTargetsBeginInTheirOrder(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			free := slots{size: size}
			var mu sync.Mutex
			began, running := map[string][]int{}, map[string]int{}
			var all sync.WaitGroup
			for i := range 20 {
				for _, region := range []string{"eu-central-1", "us-east-1"} {
					turn := free.queue(region)
					all.Go(func() {
						release := turn.take(t.Context())
						defer release()
						mu.Lock()
						began[region] = append(began[region], i)
						if running[region]++; running[region] > size {
							t.Errorf("%d at once in %s", running[region], region)
						}
						mu.Unlock()
						time.Sleep(time.Duration(20-i) * time.Second)
						mu.Lock()
						running[region]--
						mu.Unlock()
					})
				}
			}
			all.Wait()
			for region, order := range began {
				if size == 1 && !slices.IsSorted(order) || len(order) != 20 {
					t.Errorf("%s: %v", region, order)
				}
			}
		})
	}
}

func TestATurnEndsWithItsContext(t *testing.T) {
	t.Parallel()
	free := slots{size: 1}
	first, second := free.queue("eu-central-1"), free.queue("eu-central-1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if first.take(ctx) == nil {
		t.Error("a turn that has come is not taken")
	}
	if second.take(ctx) != nil {
		t.Error("a turn that has not come is taken")
	}
}
