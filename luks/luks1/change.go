// SPDX-License-Identifier: Apache-2.0

package luks1

import "bytes"

// straddling is the keyslot which lies in both sectors.
const straddling = 6

// Write is one 512-byte sector to be written at Offset (bytes, a multiple of 512). Each Write of a
// list is made durable before the next one starts.
type Write struct {
	Offset int64
	Data   []byte
}

// Changes plans how the header in onDisk (at least 1024 bytes, as read) becomes next: at most three
// writes, none when nothing changes. After each of them alone
//
//   - the header decodes, and is valid if it and next are;
//   - an enabled keyslot is wholly the old one or wholly the new one;
//   - every keyslot enabled before and after is enabled, and either all those enabled before
//     are, or all those enabled after.
//
// Keyslots that are to be enabled come first, those to be disabled last, so the material of the
// former is durable before the first write, and that of the latter is wiped before or after all
// of them. An enabled keyslot 6 cannot get new contents in place (ErrStraddles): disable it first.
//
// Bytes of the two sectors that belong to no changed field stay as they are.
func Changes(onDisk []byte, next Header) ([]Write, error) {
	if len(onDisk) < ReservedSize {
		return nil, fieldError(ErrShort, "header", "%d of %d bytes", len(onDisk), ReservedSize)
	}
	old, err := Decode(onDisk)
	if err != nil {
		return nil, err
	}
	before := onDisk[:ReservedSize]
	enabled, err := overlay(before, enabledEarly(old, next))
	if err != nil {
		return nil, err
	}
	after, err := overlay(before, next)
	if err != nil {
		return nil, err
	}
	if old.Keyslots[straddling].Enabled() && next.Keyslots[straddling].Enabled() && straddles(before, after) {
		return nil, slotError(ErrStraddles, straddling, "keyslot", "")
	}
	var list []Write
	list = appendSector(list, 1, before, enabled)
	list = appendSector(list, 0, before, after)
	list = appendSector(list, 1, enabled, after)
	return list, nil
}

// enabledEarly is old with the keyslots that next enables.
func enabledEarly(old, next Header) Header {
	for i, k := range next.Keyslots {
		if k.Enabled() && !old.Keyslots[i].Enabled() {
			old.Keyslots[i] = k
		}
	}
	return old
}

func overlay(onDisk []byte, h Header) ([]byte, error) {
	b := bytes.Clone(onDisk)
	return b, h.put(b)
}

// straddles tells whether the straddling keyslot differs in both sectors.
func straddles(a, b []byte) bool {
	const start = offKeyslots + straddling*slotSize
	return !bytes.Equal(a[start:SectorSize], b[start:SectorSize]) &&
		!bytes.Equal(a[SectorSize:start+slotSize], b[SectorSize:start+slotSize])
}

func appendSector(list []Write, sector int, from, to []byte) []Write {
	start := sector * SectorSize
	data := to[start : start+SectorSize]
	if bytes.Equal(from[start:start+SectorSize], data) {
		return list
	}
	return append(list, Write{Offset: int64(start), Data: data})
}

// Fresh plans the writing of a header where none is: the sector with the magic last. The key
// material is durable before.
func Fresh(h Header) ([]Write, error) {
	b, err := h.Encode()
	if err != nil {
		return nil, err
	}
	return []Write{
		{Offset: SectorSize, Data: b[SectorSize:]},
		{Offset: 0, Data: b[:SectorSize]},
	}, nil
}
