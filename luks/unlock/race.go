// SPDX-License-Identifier: Apache-2.0

package unlock

import (
	"context"
	"runtime"
	"sync"

	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// attempt is the outcome of a passphrase on one keyslot.
type attempt struct {
	key *Key
	err error
}

// race runs try on the keyslots, begun in their order, `width` of them side by side. The first hit
// ends those begun after it; those begun before may finish, so that the earliest keyslot that
// opens is the one that counts, however the threads run. Attempts that were ended or never begun
// have the zero value; keys that do not count are closed.
func race(ctx context.Context, slots []view.Keyslot, width int,
	try func(context.Context, view.Keyslot) (*Key, error),
) []attempt {
	r := &runners{
		attempts: make([]attempt, len(slots)), cancels: make([]context.CancelFunc, len(slots)),
		first: len(slots),
	}
	free := make(chan struct{}, width)
	var running sync.WaitGroup
	for i, slot := range slots {
		free <- struct{}{}
		own, begun := r.begin(ctx, i)
		if !begun {
			break
		}
		running.Go(func() {
			key, err := try(own, slot)
			r.end(i, attempt{key, err})
			<-free
		})
	}
	running.Wait()
	return r.attempts
}

// runners keeps what the attempts know of each other.
type runners struct {
	mu       sync.Mutex
	attempts []attempt
	cancels  []context.CancelFunc
	first    int // index of the earliest hit so far
}

// begin gives attempt i a context of its own, unless an earlier keyslot opened already.
func (r *runners) begin(ctx context.Context, i int) (context.Context, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first < i || ctx.Err() != nil {
		return nil, false
	}
	own, cancel := context.WithCancel(ctx)
	r.cancels[i] = cancel
	return own, true
}

// end records attempt i; a hit ends all later ones and drops a later hit.
func (r *runners) end(i int, a attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancels[i]()
	if i > r.first {
		a.err = a.key.Close()
		a.key = nil
	}
	r.attempts[i] = a
	if a.key == nil {
		return
	}
	for j := i + 1; j < len(r.attempts); j++ {
		if cancel := r.cancels[j]; cancel != nil {
			cancel()
		}
		if late := r.attempts[j].key; late != nil {
			r.attempts[j] = attempt{err: late.Close()}
		}
	}
	r.first = i
}

// sideBySide is how many of the keyslots can be derived at once: as many as there are processors
// for their lanes, and memory for half of what is free.
func sideBySide(slots []view.Keyslot) int {
	lanes, memory := 1, uint64(1)
	for _, s := range slots {
		if p := s.Spec.KDF; p.Type != kdf.PBKDF2 {
			lanes = max(lanes, int(min(p.CPUs, 1<<16)))
			memory = max(memory, p.MemoryBytes())
		}
	}
	width := runtime.GOMAXPROCS(0) / lanes
	return max(1, min(width, int(min(kdf.FreeMemory()/2/memory, 1<<10))))
}
