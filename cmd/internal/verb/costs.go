// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// The targets of cryptsetup's defaults.
const (
	defaultIterTime = 2000 * time.Millisecond
	digestTime      = 125 * time.Millisecond
	defaultMemory   = 1 << 20 // KiB
	defaultCPUs     = 4
	defaultHash     = "sha256"
)

// checkKeyslot refuses, before anything else is asked for, a keyslot that cannot or must not be
// made: costs out of bounds, a cipher that hides nothing.
func (c *command) checkKeyslot(version int) error {
	if err := c.checkCosts(version); err != nil || !c.o.KeyslotCipher.Set {
		return err
	}
	if version == 1 {
		return failure(ui.Failed, "Keyslot cipher options are for LUKS2 only.")
	}
	cipher, err := sector.New(c.o.KeyslotCipher.V, make([]byte, c.o.KeyslotKeySize.V/8), keyslot.SectorSize)
	if err != nil || sector.IsNull(c.o.KeyslotCipher.V) {
		return failure(ui.Failed, "Keyslot encryption parameters are not compatible with LUKS2 keyslot encryption.")
	}
	cipher.Close()
	return nil
}

// costs chooses the key derivation of a new keyslot: forced by options, or measured on this
// machine to take the time asked for.
func (c *command) costs(ctx context.Context, version, keySize int) (kdf.Params, error) {
	kind := c.pbkdf(version)
	if c.o.PBKDFIterations.Set {
		return c.forcedCosts(kind)
	}
	memory, cpus := c.memoryAndCPUs()
	return kdf.Calibrate(ctx, kdf.Request{
		Type: kind, Hash: c.hash(), Target: c.iterTime(),
		MaxMemory: max(memory, kdf.CreationLimits().MinMemory), MaxCPUs: cpus, KeySize: keySize,
	})
}

// memoryAndCPUs are the most that Argon2 may take: KiB and lanes.
func (c *command) memoryAndCPUs() (memory, cpus uint32) {
	return c.o.PBKDFMemory.Or(defaultMemory), max(c.o.PBKDFParallel.Or(defaultCPUs), 1)
}

func (c *command) hash() string { return c.o.Hash.Or(defaultHash) }

func (c *command) iterTime() time.Duration {
	if c.o.IterTime.Set && c.o.IterTime.V > 0 {
		return time.Duration(c.o.IterTime.V) * time.Millisecond
	}
	return defaultIterTime
}

// forcedCosts takes --pbkdf-force-iterations at its word, and of the rest what the machine has.
func (c *command) forcedCosts(kind string) (kdf.Params, error) {
	n := c.o.PBKDFIterations.V
	if kind == kdf.PBKDF2 {
		return kdf.Params{Type: kind, Hash: c.hash(), Iterations: n}, nil
	}
	memory, cpus := c.memoryAndCPUs()
	return kdf.Params{Type: kind, Time: n, Memory: min(memory, kdf.MemoryLimit()), CPUs: min(cpus, uint32(kdf.CPUsOnline()))}, nil
}

// checkCosts refuses, before anything else is asked for, costs that no keyslot may be made with.
func (c *command) checkCosts(version int) error {
	kind, l := c.pbkdf(version), kdf.CreationLimits()
	refused := func(format string, args ...any) error { return failure(ui.Failed, format, args...) }
	if _, err := hashalg.Size(c.hash()); err != nil {
		return refused("Requested hash %s is not supported.", c.hash())
	}
	if version == 1 && kind != kdf.PBKDF2 {
		return refused("Requested PBKDF type is not supported for LUKS1.")
	}
	least := l.MinTime
	if kind == kdf.PBKDF2 {
		least = l.MinIterations
	}
	memory, cpus := c.memoryAndCPUs()
	switch {
	case c.o.PBKDFIterations.Set && c.o.PBKDFIterations.V < least:
		return refused("Forced iteration count is too low for %s (minimum is %d).", kind, least)
	case kind == kdf.PBKDF2:
		return nil
	case memory > l.MaxMemory:
		return refused("Requested maximum PBKDF memory cost is too high (maximum is %d kilobytes).", l.MaxMemory)
	case c.o.PBKDFIterations.Set && memory < l.MinMemory:
		return refused("Forced memory cost is too low for %s (minimum is %d kilobytes).", kind, l.MinMemory)
	case cpus > l.MaxCPUs:
		return refused("Requested maximum PBKDF parallel cost is too high (maximum is %d).", l.MaxCPUs)
	}
	return nil
}

// pbkdf is the type of key derivation asked for, or the default.
func (c *command) pbkdf(version int) string {
	if version == 1 {
		return c.o.PBKDF.Or(kdf.PBKDF2)
	}
	return c.o.PBKDF.Or(kdf.Argon2id)
}

// digestIterations makes the check of a volume key take an eighth of a second, or the least where
// costs are forced.
func (c *command) digestIterations(ctx context.Context) (uint32, error) {
	if c.o.PBKDFIterations.Set {
		return digest.MinIterations, nil
	}
	p, err := kdf.Calibrate(ctx, kdf.Request{Type: kdf.PBKDF2, Hash: c.hash(), Target: digestTime})
	return max(p.Iterations, digest.MinIterations), err
}

// newKeyslot gathers what options say of a keyslot to be made.
func (c *command) newKeyslot(ctx context.Context, version, keySize, id int) (luks.NewKeyslot, error) {
	costs, err := c.costs(ctx, version, keySize)
	if err != nil {
		return luks.NewKeyslot{}, err
	}
	return luks.NewKeyslot{
		ID: id, KDF: costs, Hash: c.hash(), Priority: 1,
		Cipher: c.o.KeyslotCipher.V, CipherKeySize: int(c.o.KeyslotKeySize.V / 8),
	}, nil
}
