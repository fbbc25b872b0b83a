// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"errors"
	"fmt"
)

// ErrMemory is the kind of *MemoryError.
var ErrMemory = errors.New("not enough memory for the key derivation")

// MemoryError says how much memory, in bytes, was needed and how much was there.
type MemoryError struct {
	Needed    uint64
	Available uint64
	Err       error // of the kernel, or nil
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("%v: %d MiB needed, %d MiB available, %d MiB missing", ErrMemory, e.Needed>>20, e.Available>>20,
		e.Missing()>>20)
}

// Missing is how much more memory it takes, in bytes, in whole MiB.
func (e *MemoryError) Missing() uint64 {
	if e.Available >= e.Needed {
		return 0
	}
	return (e.Needed - e.Available + 1<<20 - 1) &^ (1<<20 - 1)
}

// Unwrap makes it an ErrMemory, and whatever the kernel said.
func (e *MemoryError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrMemory}
	}
	return []error{ErrMemory, e.Err}
}
