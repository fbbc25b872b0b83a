// SPDX-License-Identifier: Apache-2.0

package bitlk

import "encoding/binary"

// startupKey is what a startup key file (.BEK) holds:
//
//	0        48 ┌ entry of type 6, value 9 ─────────────────────────────────────────────┐
//	┌────────┬──┴───┬─────────┬────────┬───────────────────────────────────────────────┐
//	│ header │ head │ GUID 16 │ time 8 │ entries: 1 the key, 2 name, 17 volume's GUID  │
//	└────────┴──────┴─────────┴────────┴───────────────────────────────────────────────┘
//
// The header is a metadata header: size of the file at 0, version 1 at 4, its own size at 8, GUID at 16.
type startupKey struct {
	guid   GUID  // of the VMK that it opens
	volume *GUID // Windows 11 writes it; nil for none
	key    []byte
}

const startupHead = 48

// parseStartupKey reads a key file; nil for what is none. The key is a part of p.
func parseStartupKey(p []byte) *startupKey {
	le := binary.LittleEndian
	if len(p) < startupHead || uint64(le.Uint32(p)) != uint64(len(p)) || le.Uint32(p[4:]) != 1 ||
		le.Uint32(p[8:]) != startupHead {
		return nil
	}
	list, err := parseEntries("startup key", p[startupHead:])
	if err != nil || len(list) != 1 || !list[0].is(typeStartup, valueExternal) || len(list[0].data) < 24 {
		return nil
	}
	inner, err := parseEntries("startup key", list[0].data[24:])
	if err != nil {
		return nil
	}
	var s startupKey
	copy(s.guid[:], p[16:])
	for _, e := range inner {
		s.take(e)
	}
	if s.key == nil {
		return nil
	}
	return &s
}

func (s *startupKey) take(e entry) {
	switch {
	case e.value == valueKey && len(e.data) == 4+keySize:
		s.key = e.data[4:]
	case e.is(typeVolumeGUID, valueGUID) && len(e.data) >= 16:
		s.volume = new(GUID)
		copy(s.volume[:], e.data)
	}
}
