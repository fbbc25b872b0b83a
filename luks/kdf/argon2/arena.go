// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arena is anonymous memory outside the Go heap. unsafe serves to find its address, for alignment.
type arena struct {
	mapping []byte
	bytes   []byte // the part that begins at a multiple of chunkSize
	threads int    // to populate and wipe with
	unmap   func(mapping []byte) error
}

// chunkSize is what the memory is populated and wiped by, in bytes: a huge page on most machines.
const chunkSize = 2 << 20

// newArena maps size bytes and has the kernel provide all of them now, since running out of memory
// later would be a signal rather than an error. passes is how often the memory will be gone through.
func newArena(ctx context.Context, size uint64, passes uint32) (*arena, error) {
	left, err := admit(ctx, size)
	if err != nil {
		return nil, err
	}
	a, err := reserve(size)
	if err == nil {
		err = a.populate(ctx, newPager(passes))
	}
	if err != nil && ctx.Err() == nil {
		err = &MemoryError{Needed: size, Available: left.ram + left.swap, Err: err}
	}
	if err != nil {
		return nil, errors.Join(err, a.leave(ctx))
	}
	if size <= left.ram {
		a.lock(ctx)
	}
	return a, nil
}

// admit returns what there is, where that is enough or not known. What cancelled derivations are
// about to give back is waited for where it matters.
func admit(ctx context.Context, size uint64) (remainder, error) {
	left, known := available(machine{})
	if known && size > left.ram+left.swap && leaving.wait(ctx) {
		left, known = available(machine{})
	}
	if known && size > left.ram+left.swap {
		return left, &MemoryError{Needed: size, Available: left.ram + left.swap}
	}
	return left, ctx.Err()
}

// lock keeps the memory out of swap, as far as that is allowed: RLIMIT_MEMLOCK is small for ordinary users.
func (a *arena) lock(ctx context.Context) {
	const step = 16 * chunkSize // some milliseconds of ordinary pages
	for rest := a.bytes; len(rest) > 0 && ctx.Err() == nil; rest = rest[min(step, len(rest)):] {
		if unix.Mlock(rest[:min(step, len(rest))]) != nil {
			return
		}
	}
}

// reserve maps size bytes and nothing behind them. The arena is valid for release also after an error.
func reserve(size uint64) (*arena, error) {
	a := &arena{threads: runtime.GOMAXPROCS(0), unmap: unix.Munmap}
	if size > math.MaxInt-chunkSize {
		return a, unix.ENOMEM
	}
	mapping, err := unix.Mmap(-1, 0, int(size)+chunkSize, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return a, err
	}
	_ = unix.Madvise(mapping, unix.MADV_DONTDUMP)
	_ = unix.Madvise(mapping, unix.MADV_DONTFORK)
	start := -uintptr(unsafe.Pointer(&mapping[0])) % chunkSize
	a.mapping, a.bytes = mapping, mapping[start:uint64(start)+size]
	return a, nil
}

// populate has p provide all chunks.
func (a *arena) populate(ctx context.Context, p *pager) error {
	var failure atomic.Pointer[error]
	a.each(func(chunk []byte) {
		if failure.Load() != nil || ctx.Err() != nil {
			return
		}
		if err := p.provide(chunk); err != nil {
			failure.Store(&err)
		}
	})
	if err := failure.Load(); err != nil {
		return *err
	}
	return ctx.Err()
}

// each calls do for all chunks, several at a time.
func (a *arena) each(do func(chunk []byte)) {
	chunks := int64((len(a.bytes) + chunkSize - 1) / chunkSize)
	var taken atomic.Int64
	work := func() {
		for i := taken.Add(1) - 1; i < chunks; i = taken.Add(1) - 1 {
			do(a.bytes[i*chunkSize : min((i+1)*chunkSize, int64(len(a.bytes)))])
		}
	}
	var group sync.WaitGroup
	for range min(int64(a.threads), chunks) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
}

// leave releases the memory; after a cancellation, behind the caller's back.
func (a *arena) leave(ctx context.Context) error {
	if ctx.Err() == nil || len(a.mapping) <= promptly {
		return a.release()
	}
	leaving.begin()
	go func() {
		defer leaving.end()
		_ = a.release() // the memory is wiped even if the kernel will not have it back
	}()
	return nil
}

// promptly is how many bytes are wiped and unmapped in a few milliseconds on any machine.
const promptly = 16 << 20

// release wipes and unmaps the memory.
func (a *arena) release() error {
	if a.mapping == nil {
		return nil
	}
	a.wipe()
	if err := a.unmap(a.mapping); err != nil {
		return fmt.Errorf("unmapping: %w", err)
	}
	a.mapping, a.bytes = nil, nil
	return nil
}

// wipe overwrites the memory. For this much, clear uses the widest stores there are, past the caches.
func (a *arena) wipe() { a.each(func(chunk []byte) { clear(chunk) }) }
