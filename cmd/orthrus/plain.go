// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// plain is a mapping without a header.
type plain struct {
	cipher     string
	hash       string // "plain" for none
	keySize    int    // bytes
	sectorSize int    // bytes
	size       uint64 // bytes, 0 for the whole device
}

func (c *command) plainOptions() (plain, error) {
	p := plain{
		cipher: c.o.Cipher.Or("aes-xts-plain64"), hash: c.o.Hash.Or(defaultHash), keySize: 32,
		sectorSize: int(c.o.SectorSize.Or(512)), size: c.o.Size.V * 512,
	}
	if len(c.o.KeySizes) > 0 {
		p.keySize = int(c.o.KeySizes[0] / 8)
	}
	if c.o.DeviceSize.Set {
		p.size = c.o.DeviceSize.V
	}
	if p.hash != "plain" {
		if _, err := hashalg.Size(p.hash); err != nil {
			return p, err
		}
	}
	return p, nil
}

// plainKey: a key file is the key itself, a passphrase is hashed into one.
func (c *command) plainKey(ctx context.Context, p plain, shown string) (*secret.Buffer, error) {
	r := c.existing(enterFor(shown))
	r.Verify = c.ui.Verify(c.o.VerifyPassphrase, true)
	if r.KeyFile != "" && r.Size == 0 {
		r.Size = uint64(p.keySize)
	}
	if r.KeyFile != "" && r.Size < uint64(p.keySize) {
		return nil, failure(ui.Failed, "Key file is shorter than the key of %d bytes.", p.keySize)
	}
	given, err := c.ui.Secret(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.KeyFile != "" {
		given.Truncate(p.keySize)
		return given, nil
	}
	defer given.Close()
	return stretch(p.hash, given.Bytes(), p.keySize)
}

// stretch is cryptsetup's way from a passphrase to a key of any length: hash after hash, each over
// one more leading "A" than the one before. Without a hash the passphrase is padded with zeros.
func stretch(hash string, passphrase []byte, size int) (*secret.Buffer, error) {
	key, err := secret.New(size)
	if err != nil {
		return nil, err
	}
	if hash == "plain" {
		copy(key.Bytes(), passphrase)
		return key, nil
	}
	for at, round := 0, 0; at < size; round++ {
		h, err := hashalg.New(hash)
		if err != nil {
			return nil, err
		}
		for range round {
			h.Write([]byte{'A'})
		}
		h.Write(passphrase)
		sum := h.Sum(nil)
		at += copy(key.Bytes()[at:], sum)
		secret.Wipe(sum)
		hashalg.Wipe(h)
	}
	return key, nil
}
