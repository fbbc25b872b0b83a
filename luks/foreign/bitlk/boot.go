// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"encoding/binary"
	"encoding/hex"
)

// BootSize is how much of the device's start ParseBoot wants, in bytes.
const BootSize = 512

// copiesKept is how many copies of the metadata a volume has.
const copiesKept = 3

// Boot is what the first sector says.
type Boot struct {
	ToGo       bool // a removable disk
	OnWrite    bool // encrypt-on-write
	SectorSize int  // of the volume, bytes
	Offsets    [copiesKept]uint64
}

// The signatures, and the GUIDs as they lie on disk.
const (
	signature    = "-FVE-FS-"
	signatureFAT = "MSWIN4.1"
	guidWhole    = "3bd66749292ed84a8399f6a339e3d001"
	guidOnWrite  = "3b4da89280dd0e4d9e4eb1e3284eaed8"
)

// The places of the GUID.
const (
	guidAt     = 160
	guidAtToGo = 424
)

// ParseBoot reads the boot sector, of which p has BootSize bytes. Errors: ErrNotBitLocker, a BootError.
func ParseBoot(p []byte) (Boot, error) {
	var b Boot
	if len(p) < BootSize {
		return b, ErrNotBitLocker
	}
	at, err := b.recognise(p)
	if err != nil {
		return b, err
	}
	if b.SectorSize = int(binary.LittleEndian.Uint16(p[11:])); b.SectorSize == 0 {
		b.SectorSize = 512
	}
	if b.SectorSize != 512 && b.SectorSize != 4096 {
		return b, &BootError{Kind: ErrBoot, Sector: b.SectorSize}
	}
	for i := range b.Offsets {
		b.Offsets[i] = binary.LittleEndian.Uint64(p[at+16+8*i:])
	}
	return b, nil
}

// recognise tells a boot sector by signature and GUID, and returns where the GUID is.
func (b *Boot) recognise(p []byte) (at int, err error) {
	at = guidAt
	switch string(p[3:11]) {
	case signature:
	case signatureFAT:
		b.ToGo, at = true, guidAtToGo
	default:
		return 0, ErrNotBitLocker
	}
	guid := hex.EncodeToString(p[at : at+16])
	b.OnWrite = guid == guidOnWrite
	known := b.OnWrite || guid == guidWhole
	switch jump := string(p[:3]); {
	case b.ToGo && !known:
		return 0, ErrNotBitLocker // any FAT file system begins so
	case jump == "\xeb\x52\x90":
		return 0, &BootError{Kind: ErrVersion1}
	case jump != "\xeb\x58\x90", !known:
		return 0, &BootError{Kind: ErrBoot}
	}
	return at, nil
}
