// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
)

// The targets of cryptsetup's defaults.
const (
	defaultIterTime = 2000 * time.Millisecond
	digestTime      = 125 * time.Millisecond
	DefaultMemory   = 1 << 20 // KiB
	DefaultCPUs     = 4
	defaultHash     = "sha256"
)

// NotForLUKS1 is said of every key derivation but PBKDF2.
const NotForLUKS1 = "Requested PBKDF type is not supported for LUKS1."

// CheckKeyslot refuses, before anything else is asked for, a keyslot that cannot or must not be
// made: costs out of bounds, a cipher that hides nothing.
func CheckKeyslot(c *verb.Command, version int) error {
	if err := checkCosts(c, version); err != nil || !c.Opt.KeyslotCipher.Set {
		return err
	}
	if version == 1 {
		return verb.Failure(ui.Failed, "Keyslot cipher options are for LUKS2 only.")
	}
	if err := keyslot.CheckCipher(c.Opt.KeyslotCipher.V, int(c.Opt.KeyslotKeySize.V/8)); err != nil {
		return verb.Failure(ui.Failed, "Keyslot encryption parameters are not compatible with LUKS2 keyslot "+
			"encryption.")
	}
	return nil
}

// costs chooses the key derivation of a new keyslot: forced by options, or measured on this
// machine to take the time asked for.
func costs(ctx context.Context, c *verb.Command, version, keySize int) (kdf.Params, error) {
	kind := pbkdf(c, version)
	if c.Opt.PBKDFIterations.Set {
		return forcedCosts(c, kind)
	}
	memory, cpus := memoryAndCPUs(c)
	return kdf.Calibrate(ctx, kdf.Request{
		Type: kind, Hash: Hash(c), Target: IterTime(c),
		MaxMemory: max(memory, kdf.CreationLimits().MinMemory), MaxCPUs: cpus, KeySize: keySize,
	})
}

// memoryAndCPUs are the most that Argon2 may take: KiB and lanes.
func memoryAndCPUs(c *verb.Command) (memory, cpus uint32) {
	return c.Opt.PBKDFMemory.Or(DefaultMemory), max(c.Opt.PBKDFParallel.Or(DefaultCPUs), 1)
}

// Hash is --hash, or the default.
func Hash(c *verb.Command) string { return c.Opt.Hash.Or(defaultHash) }

// IterTime is --iter-time, or the default.
func IterTime(c *verb.Command) time.Duration {
	if c.Opt.IterTime.Set && c.Opt.IterTime.V > 0 {
		return time.Duration(c.Opt.IterTime.V) * time.Millisecond
	}
	return defaultIterTime
}

// forcedCosts takes --pbkdf-force-iterations at its word, and of the rest what the machine has.
func forcedCosts(c *verb.Command, kind string) (kdf.Params, error) {
	n := c.Opt.PBKDFIterations.V
	if kind == kdf.PBKDF2 {
		return kdf.Params{Type: kind, Hash: Hash(c), Iterations: n}, nil
	}
	memory, cpus := memoryAndCPUs(c)
	return kdf.Params{
		Type: kind, Time: n, Memory: min(memory, kdf.MemoryLimit()),
		CPUs: min(cpus, uint32(kdf.CPUsOnline())),
	}, nil
}

// checkCosts refuses, before anything else is asked for, costs that no keyslot may be made with.
func checkCosts(c *verb.Command, version int) error {
	kind, l := pbkdf(c, version), kdf.CreationLimits()
	refused := func(format string, args ...any) error { return verb.Failure(ui.Failed, format, args...) }
	if _, err := hashalg.Size(Hash(c)); err != nil {
		return refused("Requested hash %s is not supported.", Hash(c))
	}
	if version == 1 && kind != kdf.PBKDF2 {
		return refused(NotForLUKS1)
	}
	least := l.MinTime
	if kind == kdf.PBKDF2 {
		least = l.MinIterations
	}
	memory, cpus := memoryAndCPUs(c)
	switch {
	case c.Opt.PBKDFIterations.Set && c.Opt.PBKDFIterations.V < least:
		return refused("Forced iteration count is too low for %s (minimum is %d).", kind, least)
	case kind == kdf.PBKDF2:
		return nil
	case memory > l.MaxMemory:
		return refused("Requested maximum PBKDF memory cost is too high (maximum is %d kilobytes).", l.MaxMemory)
	case c.Opt.PBKDFIterations.Set && memory < l.MinMemory:
		return refused("Forced memory cost is too low for %s (minimum is %d kilobytes).", kind, l.MinMemory)
	case cpus > l.MaxCPUs:
		return refused("Requested maximum PBKDF parallel cost is too high (maximum is %d).", l.MaxCPUs)
	}
	return nil
}

// pbkdf is the type of key derivation asked for, or the default.
func pbkdf(c *verb.Command, version int) string {
	if version == 1 {
		return c.Opt.PBKDF.Or(kdf.PBKDF2)
	}
	return c.Opt.PBKDF.Or(kdf.Argon2id)
}

// DigestIterations makes the check of a volume key take an eighth of a second, or the least where
// costs are forced.
func DigestIterations(ctx context.Context, c *verb.Command) (uint32, error) {
	if c.Opt.PBKDFIterations.Set {
		return digest.MinIterations, nil
	}
	p, err := kdf.Calibrate(ctx, kdf.Request{Type: kdf.PBKDF2, Hash: Hash(c), Target: digestTime})
	return max(p.Iterations, digest.MinIterations), err
}

// NewKeyslot gathers what options say of a keyslot to be made.
func NewKeyslot(ctx context.Context, c *verb.Command, version, keySize, id int) (luks.NewKeyslot, error) {
	costs, err := costs(ctx, c, version, keySize)
	if err != nil {
		return luks.NewKeyslot{}, err
	}
	return luks.NewKeyslot{
		ID: luks.At(id), KDF: costs, Hash: Hash(c),
		Cipher: c.Opt.KeyslotCipher.V, CipherKeySize: int(c.Opt.KeyslotKeySize.V / 8),
	}, nil
}
