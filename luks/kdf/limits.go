// SPDX-License-Identifier: Apache-2.0

package kdf

import (
	"errors"
	"fmt"
)

// ErrCost is the kind of *CostError.
var ErrCost = errors.New("key derivation cost out of range")

// CostError says which cost is out of range.
type CostError struct {
	Cost     string // "iterations", "passes", "memory (KiB)", "lanes", "passes × memory (KiB)"
	Value    uint64
	Min, Max uint64
}

func (e *CostError) Error() string {
	return fmt.Sprintf("%v: %s %d, allowed are %d to %d", ErrCost, e.Cost, e.Value, e.Min, e.Max)
}

func (e *CostError) Unwrap() error { return ErrCost }

// Limits bound the costs of a key derivation; both ends are allowed.
type Limits struct {
	MinIterations, MaxIterations uint32 // PBKDF2
	MinTime, MaxTime             uint32 // Argon2 passes
	MinMemory, MaxMemory         uint32 // Argon2, KiB
	MaxCPUs                      uint32 // Argon2 lanes
	MaxWork                      uint64 // Argon2 passes times KiB
}

// CreationLimits are those of new keyslots, as cryptsetup has them.
func CreationLimits() Limits {
	return Limits{
		MinIterations: 1000, MaxIterations: 1<<32 - 1,
		MinTime: 4, MaxTime: 1<<32 - 1,
		MinMemory: 32, MaxMemory: 4 << 20,
		MaxCPUs: 4, MaxWork: 1<<64 - 1,
	}
}

// OpeningLimits are those of keyslots that somebody else may have written. They let through what
// takes a fast machine minutes, and stop what would take it hours.
func OpeningLimits() Limits {
	return Limits{
		MinIterations: 1, MaxIterations: 1_000_000_000,
		MinTime: 1, MaxTime: 1 << 24,
		MinMemory: 8, MaxMemory: 4 << 20,
		MaxCPUs: 256, MaxWork: 1 << 30,
	}
}

// Admit returns a CostError for costs outside the limits. Nothing is derived.
func (l Limits) Admit(p Params) error {
	if p.Type == PBKDF2 {
		return within("iterations", uint64(p.Iterations), uint64(l.MinIterations), uint64(l.MaxIterations))
	}
	return errors.Join(
		within("passes", uint64(p.Time), uint64(l.MinTime), uint64(l.MaxTime)),
		within("memory (KiB)", uint64(p.Memory), uint64(l.MinMemory), uint64(l.MaxMemory)),
		within("lanes", uint64(p.CPUs), 1, uint64(l.MaxCPUs)),
		within("passes × memory (KiB)", uint64(p.Time)*uint64(p.Memory), 0, l.MaxWork),
	)
}

func within(cost string, value, least, most uint64) error {
	if value < least || value > most {
		return &CostError{cost, value, least, most}
	}
	return nil
}
