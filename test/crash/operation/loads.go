// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"sync"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// loads loads volumes, those with equal metadata once: most crash states differ in key material only.
// It remembers the last few.
type loads struct {
	seen          []disk.Range
	facts         func(*luks.Volume) string
	mu            sync.Mutex
	known, before map[disk.Sum]loaded // before is the generation that goes next
}

// generation is how many volumes are remembered before the oldest ones go.
const generation = 16

// watched is a device that tells whether it was read outside of some ranges, and that can let go of
// its image.
type watched struct {
	readOnly
	seen    []disk.Range
	outside bool
}

func (d *watched) ReadAt(p []byte, offset int64) (int, error) {
	if !(disk.Range{Offset: offset, Length: int64(len(p))}).Within(d.seen) {
		d.outside = true
	}
	return d.Image.ReadAt(p, offset)
}

type loaded struct {
	volume *luks.Volume // cannot be read through any more
	facts  string
	err    error
}

func newLoads(seen []disk.Range, facts func(*luks.Volume) string) *loads {
	return &loads{seen: seen, facts: facts, known: map[disk.Sum]loaded{}}
}

// load returns the volume in the image and its facts. Nothing may be read through the volume.
func (l *loads) load(m *disk.Image) (*luks.Volume, string, error) {
	sum := m.SumOfAll(l.seen)
	r, ok := l.recall(sum)
	if ok {
		return r.volume, r.facts, r.err
	}
	dev := &watched{readOnly: readOnly{m}, seen: l.seen}
	r.volume, r.err = luks.Load(context.Background(), dev)
	dev.Image = nil
	if r.err == nil {
		r.facts = l.facts(r.volume)
	}
	if !dev.outside {
		l.keep(sum, r)
	}
	return r.volume, r.facts, r.err
}

func (l *loads) recall(sum disk.Sum) (loaded, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.known[sum]; ok {
		return r, true
	}
	r, ok := l.before[sum]
	if ok {
		l.known[sum] = r
	}
	return r, ok
}

func (l *loads) keep(sum disk.Sum, r loaded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) >= generation {
		l.known, l.before = map[disk.Sum]loaded{}, l.known
	}
	l.known[sum] = r
}
