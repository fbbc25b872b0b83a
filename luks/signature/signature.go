// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"io"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// Usage is the class of a signature, in blkid's words.
type Usage string

// Usages.
const (
	Filesystem     Usage = "filesystem"
	RAID           Usage = "raid" // arrays, volume managers, caches
	Crypto         Usage = "crypto"
	PartitionTable Usage = "partition table"
	Other          Usage = "other" // swap, suspend images, external journals
)

// Signature is one magic that was found, with what the structure around it says.
type Signature struct {
	Kind    string // blkid's TYPE or PTTYPE: "ext4", "crypto_LUKS", "LVM2_member", "gpt", …
	Usage   Usage
	Version string // of the format where it matters: "1" and "2" for crypto_LUKS
	UUID    string // as blkid writes it; "" if the format has none or it is not looked for
	Label   string // "" likewise

	Offset      int64 // of the magic, bytes from the start of the device
	MagicLength int   // bytes

	// Extent is where the structure ends according to itself, in bytes from the start of the
	// device: everything it uses on this device lies below. 0 is unknown or in doubt.
	Extent int64
	// Backup: not the place where the format is recognised first, but a copy (btrfs mirrors, GPT
	// at the end, the secondary LUKS2 head). blkid does not show most of them.
	Backup bool
	// Damaged: the format has a checksum and it is wrong, or a part could not be read. blkid
	// does not show most of these. The Extent is 0 then.
	Damaged bool
}

// Foreign tells whether a device is known by it as something else than a LUKS volume: copies and damaged remains
// claim nothing.
func (s Signature) Foreign() bool { return s.Kind != "crypto_LUKS" && !s.Backup && !s.Damaged }

// Unreadable is the error of Detect when places could not be read.
type Unreadable struct {
	Ranges []extent.Extent // ascending, at most 64
	Err    error           // of the first
}

func (e *Unreadable) Error() string { return "signature: unreadable places: " + e.Err.Error() }

func (e *Unreadable) Unwrap() error { return e.Err }

// Detect lists the signatures on a device of the given size in bytes, in the order of their
// offsets. Places that cannot be read do not stop it: then the list comes with an *Unreadable,
// and what may lie there is unknown. Memory stays below 8 MiB.
func Detect(r io.ReaderAt, size int64) ([]Signature, error) {
	v := &view{reader: r, size: size, chunks: map[int64]*chunk{}}
	var found []Signature
	for _, f := range formats(size) {
		if s, ok := f.look(v); ok {
			found = append(found, s)
		}
	}
	found = append(found, v.bootSector()...)
	found = append(found, v.zfs()...)
	sort.SliceStable(found, func(i, j int) bool { return found[i].Offset < found[j].Offset })
	return found, v.err()
}

// format is one magic at one place.
type format struct {
	kind   string
	usage  Usage
	at     int64  // where the structure starts, bytes
	magic  string // its magic
	from   int    // where in the structure the magic is
	length int    // bytes of the structure that parse needs
	backup bool
	parse  func(v *view, r record, s *Signature) bool // fills in s; false: not this format
}

// shortMagic is the length up to which a magic proves nothing without the rest of the structure.
const shortMagic = 3

func (f format) look(v *view) (Signature, bool) {
	s := Signature{
		Kind: f.kind, Usage: f.usage, Offset: f.at + int64(f.from), MagicLength: len(f.magic),
		Backup: f.backup,
	}
	if magic := v.read(s.Offset, len(f.magic)); magic == nil || string(magic) != f.magic {
		return s, false
	}
	if f.parse == nil {
		return s, true
	}
	r := v.read(f.at, f.length)
	if r == nil {
		s.Damaged = true
		return s, len(f.magic) > shortMagic
	}
	ok := f.parse(v, r, &s)
	if s.Damaged {
		s.Extent = 0
	}
	return s, ok
}

// places repeats a format at other places.
func (f format) places(offsets ...int64) (all []format) {
	for _, f.at = range offsets {
		all = append(all, f)
	}
	return all
}

// copies repeats a format as a backup at other places.
func (f format) copies(offsets ...int64) []format {
	f.backup = true
	return f.places(offsets...)
}

func formats(size int64) []format {
	return slices.Concat(luks(), partitionTables(size), unixFilesystems(size), flashFilesystems(),
		microsoft(), optical(), apple(size), swap(), arrays(size), volumes(), plainMagics(size))
}
