// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"io"
	"sync"
)

// overlay reads a hash device with some of its blocks replaced.
type overlay struct {
	below io.ReaderAt
	size  int64 // of a block, bytes

	mu     sync.RWMutex
	blocks map[int64][]byte // by number, from the start of the device
}

func newOverlay(below io.ReaderAt, size uint32) *overlay {
	return &overlay{below: below, size: int64(size), blocks: map[int64][]byte{}}
}

// put replaces the block at an offset, a multiple of the block size.
func (o *overlay) put(offset int64, block []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.blocks[offset/o.size] = block
}

// ReadAt implements io.ReaderAt.
func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if len(o.blocks) == 0 {
		return o.below.ReadAt(p, off)
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		piece := p[done:][:min(int64(len(p)-done), o.size-at%o.size)]
		if block, found := o.blocks[at/o.size]; found {
			done += copy(piece, block[at%o.size:])
			continue
		}
		n, err := o.below.ReadAt(piece, at)
		if done += n; n < len(piece) {
			return done, err
		}
	}
	return done, nil
}

// writeTo writes the replaced blocks.
func (o *overlay) writeTo(w io.WriterAt) error {
	for number, block := range o.blocks {
		if _, err := w.WriteAt(block, number*o.size); err != nil {
			return err
		}
	}
	return nil
}
