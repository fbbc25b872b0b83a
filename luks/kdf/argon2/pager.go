// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pager provides memory chunk by chunk, with huge pages unless they cost more than they bring. Free
// memory that is scattered must be compacted for huge pages, which can take longer than the whole
// derivation. So the first chunks get huge pages, and if those are slow, the next ones ordinary
// pages, and all others whatever did better.
type pager struct {
	worth time.Duration // that a huge page saves later

	mutex sync.Mutex
	spent [2]time.Duration // on samples, by kind of page
	tried [2]int           // samples
}

// The kinds of page.
const (
	huge     = 0
	ordinary = 1
)

// samples is the number of chunks of a kind that are measured before deciding.
const samples = 8

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
	start := time.Now()
	if err := populate(chunk); err != nil {
		return err
	}
	p.record(kind, time.Since(start))
	return nil
}

// choose returns the kind of page for the next chunk.
func (p *pager) choose() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch {
	case p.tried[huge] < samples || p.average(huge) <= p.worth:
		return huge
	case p.tried[ordinary] < samples || p.average(huge)-p.average(ordinary) > p.worth:
		return ordinary
	}
	return huge
}

func (p *pager) record(kind int, took time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.tried[kind] < samples {
		p.spent[kind] += took
		p.tried[kind]++
	}
}

func (p *pager) average(kind int) time.Duration { return p.spent[kind] / time.Duration(p.tried[kind]) }

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
