// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Variant is a member of the Argon2 family, with its number in RFC 9106.
type Variant uint32

// The variants that LUKS uses.
const (
	I  Variant = 1 // data-independent addressing
	ID Variant = 2 // data-independent in the first half of the first pass, then data-dependent
)

const (
	// MaxLanes is the largest degree of parallelism.
	MaxLanes = 1<<24 - 1
	// MinSalt is the shortest salt, in bytes.
	MinSalt = 8
)

// ErrMemory is the kind of *MemoryError.
var ErrMemory = errors.New("not enough memory for the key derivation")

// MemoryError says how much memory, in bytes, was needed and how much was there.
type MemoryError struct {
	Needed    uint64
	Available uint64
	Err       error // of mmap(2), or nil
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("%v: %d MiB needed, %d MiB available", ErrMemory, e.Needed>>20, e.Available>>20)
}

// Unwrap makes it an ErrMemory, and whatever the kernel said.
func (e *MemoryError) Unwrap() []error { return []error{ErrMemory, e.Err} }

// Params are the inputs of Argon2 besides password and salt.
type Params struct {
	Variant  Variant
	Time     uint32 // passes
	Memory   uint32 // KiB
	Lanes    uint32
	Progress func(done float64) // may be nil; gets 0 to 1
}

// Key fills out.
func Key(ctx context.Context, out, password, salt []byte, p Params) error {
	if p.Variant == I {
		copy(out, argon2.Key(password, salt, p.Time, p.Memory, uint8(p.Lanes), uint32(len(out))))
	} else {
		copy(out, argon2.IDKey(password, salt, p.Time, p.Memory, uint8(p.Lanes), uint32(len(out))))
	}
	return ctx.Err()
}
