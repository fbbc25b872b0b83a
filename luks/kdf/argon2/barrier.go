// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"sync"
	"sync/atomic"
)

// spins is how often a waiting thread looks before it sleeps: some 20 µs, a few times what waking costs.
const spins = 20000

// barrier lets a fixed number of threads meet again and again, until it is cancelled. Lanes are
// equally long, so the others are usually there within microseconds.
type barrier struct {
	parties int32
	arrived atomic.Int32
	round   atomic.Uint32 // odd once cancelled, otherwise twice the number of meetings
	mutex   sync.Mutex
	opened  sync.Cond
}

const cancelledBit = 1

func newBarrier(parties int) *barrier {
	b := &barrier{parties: int32(parties)}
	b.opened.L = &b.mutex
	return b
}

// wait returns when all parties have called it, or when the barrier is cancelled, which it reports by false.
func (b *barrier) wait() bool {
	round := b.round.Load() &^ cancelledBit
	if b.arrived.Add(1) == b.parties {
		b.arrived.Store(0)
		b.change(func() { b.round.Add(2) })
		return !b.cancelled()
	}
	for range spins {
		if b.round.Load() != round {
			return !b.cancelled()
		}
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for b.round.Load() == round {
		b.opened.Wait()
	}
	return !b.cancelled()
}

// cancel lets everybody go, now and for good.
func (b *barrier) cancel() { b.change(func() { b.round.Or(cancelledBit) }) }

func (b *barrier) cancelled() bool { return b.round.Load()&cancelledBit != 0 }

// change changes round and wakes those who sleep until it does.
func (b *barrier) change(round func()) {
	b.mutex.Lock()
	round()
	b.mutex.Unlock()
	b.opened.Broadcast()
}
