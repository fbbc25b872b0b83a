// SPDX-License-Identifier: Apache-2.0

package kdf

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/luks/kdf/argon2"
)

// CPUsOnline returns the processors that this process may use.
func CPUsOnline() int { return runtime.NumCPU() }

// MemoryLimit returns how much memory, in KiB, a new Argon2 keyslot may take on this machine: as
// memoryLimit says, and no more than half of what a control group leaves to this process.
func MemoryLimit() uint32 {
	limit := CreationLimits().MaxMemory
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		unit := uint64(max(info.Unit, 1))
		limit = memoryLimit(uint64(info.Totalram)*unit, uint64(info.Freeram)*unit, uint64(info.Totalswap)*unit)
	}
	if left, known := argon2.Available(); known && left>>10 < uint64(limit) {
		limit = uint32(left / 2 >> 10)
	}
	return limit
}

// FreeMemory returns the bytes of memory that nothing uses; 0 where the kernel does not tell.
func FreeMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Freeram) * uint64(max(info.Unit, 1))
}

// memoryLimit takes bytes and returns KiB: half of the memory; on machines where that is less than
// 2 GiB and that have no swap also at most half of what is free, unless hardly anything is.
// Readings below 128 MiB are taken for wrong.
func memoryLimit(total, free, swap uint64) uint32 {
	most := uint64(CreationLimits().MaxMemory)
	if total < 128<<20 {
		return uint32(most)
	}
	limit := total / 2
	if limit < 2<<30 && swap == 0 && free/2 > 64<<20 {
		limit = min(limit, free/2)
	}
	return uint32(min(limit>>10, most))
}
