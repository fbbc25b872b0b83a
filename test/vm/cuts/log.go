// SPDX-License-Identifier: Apache-2.0

package cuts

import (
	"encoding/binary"
	"fmt"
)

// Write is one entry of the log that wrote or flushed.
type Write struct {
	Offset int64 // bytes
	Data   []byte
	Flush  bool
}

const (
	logMagic   = 0x6a736677736872
	logFlush   = 1
	logDiscard = 4
	logMark    = 8
)

// ParseLog reads the whole log.
func ParseLog(log []byte) ([]Write, error) {
	le := binary.LittleEndian
	if magic := le.Uint64(log); magic != logMagic {
		return nil, fmt.Errorf("magic %x", magic)
	}
	count, size := le.Uint64(log[16:]), uint64(le.Uint32(log[24:]))
	at := size
	var writes []Write
	for range count {
		if at+size > uint64(len(log)) {
			return nil, fmt.Errorf("log of %d entries ends early", count)
		}
		sector, sectors, flags := le.Uint64(log[at:]), le.Uint64(log[at+8:]), le.Uint64(log[at+16:])
		at += size
		w := Write{Offset: int64(sector * size), Flush: flags&logFlush != 0}
		if flags&(logDiscard|logMark) == 0 {
			if at+sectors*size > uint64(len(log)) {
				return nil, fmt.Errorf("entry of %d sectors ends behind the log", sectors)
			}
			w.Data = log[at : at+sectors*size]
			at += sectors * size
		}
		writes = append(writes, w)
	}
	return writes, nil
}
