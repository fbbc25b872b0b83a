// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestNobodyPassesTheBarrierBeforeAllAreThere(t *testing.T) {
	const parties, rounds = 5, 200
	b := newBarrier(parties)
	var arrived atomic.Int64
	var group sync.WaitGroup
	for range parties {
		group.Go(func() {
			for round := range int64(rounds) {
				arrived.Add(1)
				if !b.wait() || arrived.Load() < (round+1)*parties {
					t.Errorf("passed with %d arrivals in round %d", arrived.Load(), round)
					b.cancel()
					return
				}
			}
		})
	}
	group.Wait()
}

func TestCancellingTheBarrierFreesWaiters(t *testing.T) {
	b := newBarrier(3)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if b.wait() {
				t.Error("passed without the third")
			}
		})
	}
	time.Sleep(5 * time.Millisecond) // one finds it cancelled spinning or sleeping, both must work
	b.cancel()
	group.Wait()
	if b.wait() || !b.cancelled() {
		t.Error("a cancelled barrier holds")
	}
}
