// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"
)

const sector = 512 // bytes; the unit of sizes and offsets in status

// Status is what status shows of a mapping. Zero values leave their line out where noted.
type Status struct {
	Path      string // "/dev/mapper/name"
	Active    bool
	InUse     bool   // somebody has it open
	Type      string // "LUKS2", "PLAIN"; empty shows n/a
	Cipher    string
	KeyBits   int
	Keyring   bool   // the kernel took the key from its keyring
	Integrity string // empty: no such line, nor the next two
	MACBits   int    // of the MAC's key; 0: no such line
	TagSize   uint32 // bytes
	Device    string
	Loop      string // file behind a loop device; empty: no such line

	SectorSize uint32 // encryption sector, bytes
	Offset     uint64 // of the data, 512-byte sectors
	Size       uint64 // 512-byte sectors
	Skipped    uint64 // IV offset of a plain mapping, 512-byte sectors; 0: no such line
	ReadOnly   bool
	Suspended  bool
	Reencrypts string // "in-progress" where a reencryption runs; empty: no such line
	Stands     string // where it stands, in words; empty: no such line
	Flags      []string
}

// Text renders the report, one line only where the mapping is not active.
func (s Status) Text() string {
	var b strings.Builder
	put(&b, "%s%s", s.Path, s.state())
	if !s.Active {
		return b.String()
	}
	put(&b, "  type:    %s\n", orElse(s.Type, "n/a"))
	if s.Reencrypts != "" {
		put(&b, "  reencryption:  %s\n", s.Reencrypts)
	}
	if s.Stands != "" {
		put(&b, "  it stands: %s\n", s.Stands)
	}
	put(&b, "  cipher:  %s\n  keysize: %d [bits]\n  key location: %s\n", s.Cipher, s.KeyBits, s.location())
	if s.Integrity != "" {
		put(&b, "  integrity: %s\n", s.Integrity)
		if s.MACBits != 0 {
			put(&b, "  integrity keysize: %d [bits]\n", s.MACBits)
		}
		put(&b, "  integrity tag size: %d [bytes] \n", s.TagSize)
	}
	put(&b, "  device:  %s\n", s.Device)
	if s.Loop != "" {
		put(&b, "  loop:    %s\n", s.Loop)
	}
	put(&b, "  sector size:  %d [bytes]\n", s.SectorSize)
	put(&b, "  offset:  %s\n  size:    %s\n", units(s.Offset), units(s.Size))
	if s.Skipped > 0 {
		put(&b, "  skipped: %s\n", units(s.Skipped))
	}
	put(&b, "  mode:    %s\n", s.mode())
	if len(s.Flags) > 0 {
		put(&b, "  flags:   %s\n", spaced(s.Flags))
	}
	return b.String()
}

func (s Status) state() string {
	switch {
	case !s.Active:
		return " is inactive.\n"
	case s.InUse:
		return " is active and is in use.\n"
	}
	return " is active.\n"
}

func (s Status) location() string {
	if s.Keyring {
		return "keyring"
	}
	return "dm-crypt"
}

func (s Status) mode() string {
	mode := "read/write"
	if s.ReadOnly {
		mode = "readonly"
	}
	if s.Suspended {
		mode += " (suspended)"
	}
	return mode
}

func units(sectors uint64) string {
	return fmt.Sprintf("%d [512-byte units] (%d [bytes])", sectors, sectors*sector)
}
