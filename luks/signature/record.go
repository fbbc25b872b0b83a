// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/orthrus-luks/orthrus/dm/uuid"
)

// record is an on-disk structure, long enough for every field that is asked of it.
type record []byte

func (r record) le16(at int) uint16 { return binary.LittleEndian.Uint16(r[at:]) }
func (r record) le32(at int) uint32 { return binary.LittleEndian.Uint32(r[at:]) }
func (r record) le64(at int) uint64 { return binary.LittleEndian.Uint64(r[at:]) }
func (r record) be16(at int) uint16 { return binary.BigEndian.Uint16(r[at:]) }
func (r record) be32(at int) uint32 { return binary.BigEndian.Uint32(r[at:]) }
func (r record) be64(at int) uint64 { return binary.BigEndian.Uint64(r[at:]) }

// text is a label or uuid kept as text: up to the first NUL, trailing blanks dropped.
func (r record) text(at, n int) string {
	b, _, _ := bytes.Cut(r[at:at+n], []byte{0})
	return clean(string(b))
}

// utf16le is text of n 16-bit units.
func (r record) utf16le(at, n int) string {
	return r.units(at, n, binary.LittleEndian)
}

func (r record) units(at, n int, order binary.ByteOrder) string {
	var units []uint16
	for i := range n {
		u := order.Uint16(r[at+2*i:])
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return clean(string(utf16.Decode(units)))
}

func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "_")
	}
	return strings.TrimRight(s, " \n")
}

// uuid is a 16-byte DCE uuid; all zeros is none.
func (r record) uuid(at int) string {
	b := [16]byte(r[at : at+16])
	if b == [16]byte{} {
		return ""
	}
	return uuid.Format(b)
}

// guid is a uuid whose first three fields are little-endian (UEFI, Microsoft).
func (r record) guid(at int) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", r.le32(at), r.le16(at+4), r.le16(at+6), []byte(r[at+8:at+10]),
		[]byte(r[at+10:at+16]))
}

func (r record) hex(at, n int) string { return hex.EncodeToString(r[at : at+n]) }

// serial is a FAT volume serial number.
func serial(n uint32) string { return fmt.Sprintf("%04X-%04X", n>>16, n&0xffff) }

// product multiplies, and gives 0, unknown, for what no device can have.
func product(count, unit uint64) int64 {
	high, low := bits.Mul64(count, unit)
	if high != 0 || low > math.MaxInt64 {
		return 0
	}
	return int64(low)
}

// shifted is product for a unit given as a power of two.
func shifted(count uint64, shift uint) int64 {
	if shift > 62 {
		return 0
	}
	return product(count, 1<<shift)
}

func powerOfTwo(n, least, most uint32) bool { return n >= least && n <= most && n&(n-1) == 0 }

// crc32c is the usual CRC-32C of r with the four bytes at hole taken as zeros (no hole: -1).
func crc32c(r record, hole int) uint32 {
	return sum(crc32.MakeTable(crc32.Castagnoli), 0xffffffff, r, hole) ^ 0xffffffff
}

// crcRaw is the CRC-32 register after r, from a seed and without the final inversion.
func crcRaw(seed uint32, r record, hole int) uint32 { return sum(crc32.IEEETable, seed, r, hole) }

func sum(table *crc32.Table, register uint32, r record, hole int) uint32 {
	crc := register ^ 0xffffffff
	if hole >= 0 {
		crc = crc32.Update(crc, table, r[:hole])
		crc = crc32.Update(crc, table, make([]byte, 4))
		r = r[hole+4:]
	}
	return crc32.Update(crc, table, r) ^ 0xffffffff
}
