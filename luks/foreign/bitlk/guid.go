// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"encoding/binary"
	"time"

	"github.com/orthrus-luks/orthrus/dm/uuid"
)

// GUID is 16 bytes as they lie on disk: the first three groups are little-endian.
type GUID [16]byte

// String writes the GUID as everybody does, in lower case.
func (g GUID) String() string {
	le := binary.LittleEndian
	var b [16]byte
	binary.BigEndian.PutUint32(b[:], le.Uint32(g[:]))
	binary.BigEndian.PutUint16(b[4:], le.Uint16(g[4:]))
	binary.BigEndian.PutUint16(b[6:], le.Uint16(g[6:]))
	copy(b[8:], g[8:])
	return uuid.Format(b)
}

// ticksTo1970 is how many units of 100 ns a FILETIME has counted, since 1601, when Unix time begins.
const ticksTo1970 = 116444736000000000

// ticks makes a time of a FILETIME, which any 64 bits are.
func ticks(n uint64) time.Time {
	seconds := int64(n/10_000_000) - ticksTo1970/10_000_000
	return time.Unix(seconds, int64(n%10_000_000)*100)
}
