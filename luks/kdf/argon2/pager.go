// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pager provides memory chunk by chunk, with huge pages unless they cost more than they bring. Huge
// pages can be slow to get, where free memory is scattered and must be compacted first, or where a
// hypervisor has taken it back: slower by seconds than the whole derivation. (Seen in a virtual
// machine: 0.2 ms for one at hand and 5 ms for one that the host must find, 0.7 ms for 512 ordinary
// pages.) So their price is watched, and where it is high, compared with that of ordinary pages; and
// since dear ones come in runs, one is tried again now and then.
type pager struct {
	worth time.Duration // that a huge page saves later

	mutex sync.Mutex
	price [2]time.Duration // of a chunk, average over the last ones, by kind of page
	tried [2]int           // chunks
	since int              // ordinary chunks since the last huge one
}

// The kinds of page.
const (
	huge     = 0
	ordinary = 1
)

// samples is the number of chunks over which prices are averaged.
const samples = 8

// tryAgain is the number of ordinary chunks after which a huge one is tried again.
const tryAgain = 32

// worthPerPass is what a huge page saves in each pass over it: 2048 blocks, whose references
// mostly miss the TLB with ordinary pages, at some 0.1 µs.
const worthPerPass = 200 * time.Microsecond

func newPager(passes uint32) *pager {
	return &pager{worth: time.Duration(passes) * worthPerPass}
}

// provide fills chunk with pages.
func (p *pager) provide(chunk []byte) error {
	kind, advice := p.choose(), unix.MADV_HUGEPAGE
	if kind == ordinary {
		advice = unix.MADV_NOHUGEPAGE
	}
	_ = unix.Madvise(chunk, advice) // fails where the kernel knows no huge pages
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	if err := populate(chunk); err != nil {
		return err
	}
	p.record(kind, threadTime()-start)
	return nil
}

// threadTime is the processor time of this thread: the kernel's search for pages, and the hypervisor's,
// count, and what other processes do meanwhile does not.
func threadTime() time.Duration {
	var used unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used); err != nil {
		return 0
	}
	return time.Duration(used.Nano())
}

// choose returns the kind of page for the next chunk.
func (p *pager) choose() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.tried[huge] < samples || p.price[huge] <= p.worth {
		return huge
	}
	if p.tried[ordinary] < samples || p.price[huge]-p.price[ordinary] > p.worth && p.since < tryAgain {
		return ordinary
	}
	return huge
}

func (p *pager) record(kind int, took time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.tried[kind]++
	if kind == huge && p.since >= tryAgain {
		p.price[huge] = took // what earlier ones cost says nothing any more
	}
	p.price[kind] += (took - p.price[kind]) / time.Duration(min(p.tried[kind], samples))
	p.since++
	if kind == huge {
		p.since = 0
	}
}

// populate has the kernel provide the pages of p.
func populate(p []byte) error {
	err := unix.Madvise(p, unix.MADV_POPULATE_WRITE)
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	for page := os.Getpagesize(); len(p) > 0; p = p[min(page, len(p)):] { // before Linux 5.14
		p[0] = 0
	}
	return nil
}
