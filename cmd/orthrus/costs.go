// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// The targets of cryptsetup's defaults.
const (
	defaultIterTime = 2000 * time.Millisecond
	digestTime      = 125 * time.Millisecond
	defaultMemory   = 1 << 20 // KiB
	defaultCPUs     = 4
	defaultHash     = "sha256"
)

// costs chooses the key derivation of a new keyslot: forced by options, or measured on this
// machine to take the time asked for.
func (c *command) costs(ctx context.Context, version, keySize int) (kdf.Params, error) {
	kind := c.o.PBKDF.Or(kdf.Argon2id)
	if version == 1 {
		kind = c.o.PBKDF.Or(kdf.PBKDF2)
	}
	if c.o.PBKDFIterations.Set {
		return c.forcedCosts(kind)
	}
	return kdf.Calibrate(ctx, kdf.Request{
		Type: kind, Hash: c.hash(), Target: c.iterTime(),
		MaxMemory: c.o.PBKDFMemory.Or(defaultMemory), MaxCPUs: c.o.PBKDFParallel.Or(defaultCPUs), KeySize: keySize,
	})
}

func (c *command) hash() string { return c.o.Hash.Or(defaultHash) }

func (c *command) iterTime() time.Duration {
	if c.o.IterTime.Set && c.o.IterTime.V > 0 {
		return time.Duration(c.o.IterTime.V) * time.Millisecond
	}
	return defaultIterTime
}

// forcedCosts takes --pbkdf-force-iterations at its word, within what the format allows.
func (c *command) forcedCosts(kind string) (kdf.Params, error) {
	n := c.o.PBKDFIterations.V
	if kind == kdf.PBKDF2 {
		p := kdf.Params{Type: kind, Hash: c.hash(), Iterations: n}
		return p, kdf.CreationLimits().Admit(p)
	}
	p := kdf.Params{
		Type: kind, Time: n, Memory: min(c.o.PBKDFMemory.Or(defaultMemory), kdf.MemoryLimit()),
		CPUs: min(c.o.PBKDFParallel.Or(defaultCPUs), uint32(kdf.CPUsOnline())),
	}
	return p, kdf.CreationLimits().Admit(p)
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
	if c.o.KeyslotCipher.Set && version == 1 {
		return luks.NewKeyslot{}, failure(ui.Failed, "PBKDF and keyslot cipher options are for LUKS2 only.")
	}
	return luks.NewKeyslot{
		ID: id, KDF: costs, Hash: c.hash(), Priority: 1,
		Cipher: c.o.KeyslotCipher.V, CipherKeySize: int(c.o.KeyslotKeySize.V / 8),
	}, nil
}
