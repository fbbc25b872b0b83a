// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"sync"

	"github.com/orthrus-luks/orthrus/luks/kdf/argon2"
)

// Gate lets derivations of several volumes run side by side while memory lasts. One that needs none, or one when no
// other runs, is always let through: what is too much for the machine is refused elsewhere.
type Gate struct {
	available func() uint64

	mu      sync.Mutex
	taken   uint64 // bytes, by those that run
	changed chan struct{}
}

// NewGate makes a gate for a machine whose available memory is asked for each time, in bytes.
func NewGate(available func() uint64) *Gate {
	return &Gate{available: available, changed: make(chan struct{})}
}

// Enter waits for memory; the returned step gives it back.
func (g *Gate) Enter(ctx context.Context, need uint64) (leave func(), err error) {
	for {
		changed, ok := g.take(need)
		if ok {
			return func() { g.giveBack(need) }, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-changed:
		}
	}
}

// take succeeds where half of what is free would do: those that run have not taken all of theirs yet.
func (g *Gate) take(need uint64) (changed <-chan struct{}, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if need == 0 || g.taken == 0 || (g.taken+need)*2 <= g.available() {
		g.taken += need
		return nil, true
	}
	return g.changed, false
}

func (g *Gate) giveBack(need uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken -= need
	close(g.changed)
	g.changed = make(chan struct{})
}

// Reserve is what a derivation leaves of the memory that the kernel calls available, in bytes. A machine
// that boots has nothing to give up: with 72,984 KiB available a keyslot of 65,536 KiB made the kernel
// panic, with 74,920 KiB it opened (Linux 6.1, 144 to 150 MiB of memory, this program as init). It is
// nearly twice what that machine needed.
const Reserve = 16 << 20

// Available is the memory that one derivation may take now, in bytes; 0 where it is not known.
func Available() uint64 { return beyondReserve(argon2.Available()) }

func beyondReserve(n uint64, known bool) uint64 {
	switch {
	case !known:
		return 0
	case n <= Reserve:
		return 1
	}
	return n - Reserve
}
