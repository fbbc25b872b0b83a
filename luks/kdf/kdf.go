// SPDX-License-Identifier: Apache-2.0

// Package kdf turns passphrases into keys by the functions that LUKS keyslots name: pbkdf2,
// argon2i and argon2id. It also judges parameters (Limits) and chooses them for a machine (Calibrate).
package kdf

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/kdf/argon2"
	"github.com/orthrus-luks/orthrus/luks/kdf/pbkdf2"
)

// The types of key derivation function, as LUKS2 headers write them.
const (
	PBKDF2   = "pbkdf2"
	Argon2i  = "argon2i"
	Argon2id = "argon2id"
)

var (
	// ErrType is returned for a key derivation function that is not known.
	ErrType = errors.New("unknown key derivation function")
	// ErrParams is returned for parameters with which the function is not defined.
	ErrParams = errors.New("key derivation parameters out of range")
	// ErrMemory is the kind of *MemoryError.
	ErrMemory = argon2.ErrMemory
)

// MemoryError says how much memory a derivation needs and how much the machine, or the control
// group of the process, has to give. It is an ErrMemory.
type MemoryError = argon2.MemoryError

// Wait returns when the memory of all cancelled derivations is wiped and unmapped, which Derive does
// not wait for. A program calls it before it ends.
func Wait() { argon2.Wait() }

// Params are the "kdf" object of a LUKS2 keyslot, or what stands for it in LUKS1.
type Params struct {
	Type string // PBKDF2, Argon2i or Argon2id

	Hash       string // of PBKDF2, a name of package hashalg
	Iterations uint32 // of PBKDF2

	Time   uint32 // of Argon2: passes over the memory
	Memory uint32 // of Argon2, KiB
	CPUs   uint32 // of Argon2: lanes, each a thread

	Salt []byte
}

// Derive fills out from the passphrase. When ctx is cancelled it returns the context's error
// within 50 ms. Whatever the error, out is zeroed. A *MemoryError means that the memory is not
// there.
func (p Params) Derive(ctx context.Context, out, passphrase []byte) error {
	return p.DeriveProgress(ctx, out, passphrase, nil)
}

// Memory is what derivations that follow each other take one after the other, instead of each its own from the
// kernel. It is wiped when it is closed.
type Memory = argon2.Kept

// DeriveIn is Derive in memory that may be used again; nil for none.
func (p Params) DeriveIn(ctx context.Context, memory *Memory, out, passphrase []byte) error {
	return p.derive(ctx, out, passphrase, memory, nil)
}

// DeriveProgress is Derive with a callback, which gets the share of work done from 0 to 1, now and
// then, from the goroutine that called. PBKDF2 does not call it.
func (p Params) DeriveProgress(ctx context.Context, out, passphrase []byte, progress func(done float64)) error {
	return p.derive(ctx, out, passphrase, nil, progress)
}

func (p Params) derive(ctx context.Context, out, passphrase []byte, memory *Memory, progress func(done float64)) error {
	if err := p.Check(); err != nil {
		clear(out)
		return err
	}
	if p.Type == PBKDF2 {
		return pbkdf2.Key(ctx, out, passphrase, p.Salt, p.Iterations, p.Hash)
	}
	a := p.argon2()
	a.Kept, a.Progress = memory, progress
	return argon2.Key(ctx, out, passphrase, p.Salt, a)
}

func (p Params) argon2() argon2.Params {
	a := argon2.Params{Variant: argon2.ID, Time: p.Time, Memory: p.Memory, Lanes: p.CPUs}
	if p.Type == Argon2i {
		a.Variant = argon2.I
	}
	return a
}

// MemoryBytes returns the memory that Derive takes, in bytes, small change left out.
func (p Params) MemoryBytes() uint64 {
	if p.Type == PBKDF2 {
		return 0
	}
	return uint64(p.Memory) * 1024
}

// Check reports whether the function is defined for these parameters: ErrType, ErrParams or
// hashalg.ErrUnknown. It says nothing on cost, which is what Limits are for.
func (p Params) Check() error {
	switch p.Type {
	case PBKDF2:
		return p.checkPBKDF2()
	case Argon2i, Argon2id:
		return p.checkArgon2()
	}
	return fmt.Errorf("%w %.32q", ErrType, p.Type)
}

func (p Params) checkPBKDF2() error {
	if _, err := hashalg.Factory(p.Hash); err != nil {
		return err
	}
	if p.Iterations < 1 {
		return fmt.Errorf("%w: %d pbkdf2 iterations", ErrParams, p.Iterations)
	}
	return nil
}

func (p Params) checkArgon2() error {
	a := p.argon2()
	if err := a.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrParams, err)
	}
	if len(p.Salt) < argon2.MinSalt {
		return fmt.Errorf("%w: an argon2 salt of %d bytes", ErrParams, len(p.Salt))
	}
	return nil
}
