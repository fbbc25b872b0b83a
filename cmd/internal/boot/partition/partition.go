// SPDX-License-Identifier: Apache-2.0

// Package partition reads the uuid and the name of a partition from the table of its disk, which is
// where PARTUUID and PARTLABEL come from when no udevd and no new kernel tells them.
//
// A GPT (UEFI 5.3), in the second sector of the disk or, where that one is damaged, in the last:
//
//	 0          8          12       16     20    24       32        40
//	+----------+----------+--------+------+-----+--------+---------+
//	| EFI PART | revision | header | CRC  |  0  | own    | other   |
//	|          |          | size   |      |     | sector | sector  |
//	+----------+----------+--------+------+-----+--------+---------+
//	 40        48         56       72            80       84       88
//	+---------+----------+--------+-------------+--------+--------+
//	| first   | last     | disk   | sector of   | number | size   | CRC of
//	| usable  | usable   | guid   | the entries |        |        | entries
//	+---------+----------+--------+-------------+--------+--------+
//
// Each entry: type 0, guid 16, first and last sector 32 and 40, flags 48, name at 56 (36 units of
// UTF-16). Numbers are little-endian. An MBR has its signature le32 at 440; partition n is then known
// as "signature-n", both in hexadecimal.
package partition

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// ErrNone: the disk has no table that is known here, or no partition of that number.
var ErrNone = errors.New("no such partition in a GPT or MBR")

// Entry is what a table says of one partition.
type Entry struct {
	UUID string // in lower case
	Name string // of GPT; may be empty
	Type string // guid of GPT, in lower case; may be empty
}

const (
	maxEntries   = 1024
	maxEntrySize = 4096
)

// Read looks partition number n (from 1) up in the table of a disk of that size, whose logical
// sectors have that many bytes. The error is ErrNone or that of the disk.
func Read(disk io.ReaderAt, size, sector int64, n int) (Entry, error) {
	var failure error
	for _, at := range []int64{sector, extent.Down(size, sector) - sector} {
		entry, err := readGPT(disk, at, sector, n)
		if err == nil {
			return entry, nil
		}
		if !errors.Is(err, ErrNone) {
			failure = err
		}
	}
	if failure != nil {
		return Entry{}, failure
	}
	return readMBR(disk, n)
}

func readGPT(disk io.ReaderAt, at, sector int64, n int) (Entry, error) {
	header := make([]byte, 512)
	if err := read(disk, header, at); err != nil {
		return Entry{}, err
	}
	le := binary.LittleEndian
	length, count, size := le.Uint32(header[12:]), le.Uint32(header[80:]), le.Uint32(header[84:])
	if !bytes.HasPrefix(header, []byte("EFI PART")) || length < 92 || length > 512 || !checksum(header[:length]) {
		return Entry{}, ErrNone
	}
	first := le.Uint64(header[72:])
	if n < 1 || n > int(min(count, maxEntries)) || size < 128 || size > maxEntrySize || first > 1<<50 {
		return Entry{}, ErrNone
	}
	entry := make([]byte, 128)
	if err := read(disk, entry, int64(first)*sector+int64(n-1)*int64(size)); err != nil {
		return Entry{}, err
	}
	if bytes.Equal(entry[:16], make([]byte, 16)) {
		return Entry{}, ErrNone
	}
	return Entry{guid(entry[16:32]), name(entry[56:128]), guid(entry[:16])}, nil
}

// checksum: of the header with its own field taken for zeros.
func checksum(header []byte) bool {
	bare := bytes.Clone(header)
	clear(bare[16:20])
	return crc32.ChecksumIEEE(bare) == binary.LittleEndian.Uint32(header[16:])
}

func read(disk io.ReaderAt, p []byte, at int64) error {
	if at < 0 {
		return ErrNone
	}
	n, err := disk.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return ErrNone
	}
	return err
}

func guid(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

func name(b []byte) string {
	var units []uint16
	for ; len(b) > 1; b = b[2:] {
		unit := binary.LittleEndian.Uint16(b)
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units))
}

func readMBR(disk io.ReaderAt, n int) (Entry, error) {
	sector := make([]byte, 512)
	if err := read(disk, sector, 0); err != nil {
		return Entry{}, err
	}
	signature := binary.LittleEndian.Uint32(sector[440:])
	if sector[510] != 0x55 || sector[511] != 0xaa || signature == 0 || n < 1 {
		return Entry{}, ErrNone
	}
	return Entry{UUID: fmt.Sprintf("%08x-%02x", signature, n)}, nil
}
