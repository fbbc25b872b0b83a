// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"context"
	"sync"
)

// leaving counts what cancelled derivations still wipe and unmap: the process's memory, and therefore
// one count for the process.
var leaving departures

// Wait returns when the memory of all cancelled derivations is wiped and unmapped. A program calls it
// before it ends.
func Wait() { leaving.wait(context.Background()) }

// departures counts things under way. The zero value has none.
type departures struct {
	mu    sync.Mutex
	count int
	none  chan struct{} // closed when count falls to 0; nil where it is 0
}

func (d *departures) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count == 0 {
		d.none = make(chan struct{})
	}
	d.count++
}

func (d *departures) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count--; d.count == 0 {
		close(d.none)
		d.none = nil
	}
}

// wait returns when there are none, or ctx is done, and reports whether there was anything to wait for.
func (d *departures) wait(ctx context.Context) bool {
	d.mu.Lock()
	none := d.none
	d.mu.Unlock()
	if none == nil {
		return false
	}
	select {
	case <-none:
	case <-ctx.Done():
	}
	return true
}
