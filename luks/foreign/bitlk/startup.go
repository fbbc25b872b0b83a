// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"encoding/binary"
	"fmt"
)

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

// meant tells whether what was given is meant to be a startup key file: it names a master key that one opens.
func (v *Volume) meant(given []byte) bool {
	for _, m := range v.VMKs {
		if m.Protection == ByStartupKey && len(given) >= startupHead && string(given[16:32]) == string(m.GUID[:]) {
			return true
		}
	}
	return false
}

// parseStartupKey reads a key file. The key is a part of p. The error is a StartupKeyError.
func parseStartupKey(p []byte) (*startupKey, error) {
	le := binary.LittleEndian
	entry := &StartupKeyError{"Unexpected metadata entry found when parsing startup key."}
	switch {
	case len(p) < startupHead:
		return nil, entry
	case le.Uint32(p[4:]) != 1:
		return nil, &StartupKeyError{fmt.Sprintf("Unsupported BEK metadata version %d", le.Uint32(p[4:]))}
	case uint64(le.Uint32(p)) != uint64(len(p)):
		return nil, &StartupKeyError{
			fmt.Sprintf("Unexpected BEK metadata size %d does not match BEK file length", le.Uint32(p)),
		}
	case le.Uint32(p[8:]) != startupHead:
		return nil, entry
	}
	list, err := parseEntries("startup key", p[startupHead:])
	if err != nil || len(list) != 1 || !list[0].is(typeStartup, valueExternal) || len(list[0].data) < 24 {
		return nil, entry
	}
	inner, err := parseEntries("startup key", list[0].data[24:])
	if err != nil {
		return nil, entry
	}
	var s startupKey
	copy(s.guid[:], p[16:])
	for _, e := range inner {
		s.take(e)
	}
	if s.key == nil {
		return nil, entry
	}
	return &s, nil
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
