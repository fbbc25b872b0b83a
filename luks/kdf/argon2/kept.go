// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"context"
	"errors"
	"sync"
)

// Kept is the memory of derivations that follow each other: the kernel provides and clears it once instead of
// each time. It grows to what was needed at once, and is wiped and given back by Close. The zero value and nil
// keep nothing yet; nil keeps nothing ever.
type Kept struct {
	mu   sync.Mutex
	free []*arena
}

// take returns an arena of that size, or gives back all that are free: a new one is about to need the room.
func (k *Kept) take(size uint64) (*arena, error) {
	if k == nil {
		return nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, a := range k.free {
		if uint64(len(a.bytes)) == size {
			k.free = append(k.free[:i], k.free[i+1:]...)
			return a, nil
		}
	}
	return nil, k.empty()
}

// put keeps an arena for the next derivation, unless this one was cancelled.
func (k *Kept) put(ctx context.Context, a *arena) error {
	if k == nil || ctx.Err() != nil {
		return a.leave(ctx)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.free = append(k.free, a)
	return nil
}

// Close wipes the memory and gives it back. What derivations still use they give back themselves, if they
// were cancelled before it.
func (k *Kept) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.empty()
}

func (k *Kept) empty() error {
	var all []error
	for _, a := range k.free {
		all = append(all, a.release())
	}
	k.free = nil
	return errors.Join(all...)
}
