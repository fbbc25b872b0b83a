// SPDX-License-Identifier: Apache-2.0

package fvault2

import (
	"io"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/foreign/span"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Table is the mapping as the device-mapper wants it, for device, which is "major:minor". The line has a copy of the
// key; the caller closes it.
func (v *Volume) Table(device string, key *secret.Buffer, flags target.CryptFlags) (*target.Crypt, error) {
	own, err := secret.Copy(key.Bytes())
	return &target.Crypt{
		Length: v.DataSize / span.Unit, Cipher: Cipher, Key: target.Key{Raw: own}, Device: device,
		Offset: v.DataOffset / span.Unit, Flags: flags,
	}, err
}

// Plaintext reads the data in user space, on image files and in memory alike: what the mapping would show. It is an
// io.ReaderAt that several goroutines may use.
type Plaintext struct {
	span.Reader
	cipher *sector.Cipher
}

// Plaintext takes the volume key, which stays the caller's. Errors are those of Openable and of package sector.
func (v *Volume) Plaintext(dev io.ReaderAt, key *secret.Buffer) (*Plaintext, error) {
	if err := v.Openable(); err != nil {
		return nil, err
	}
	c, err := sector.New(Cipher, key.Bytes(), span.Unit)
	if err != nil {
		return nil, err
	}
	s := span.Segment{Offset: v.DataOffset / span.Unit, Length: v.DataSize / span.Unit}
	decrypt := func(buf []byte, number uint64) error { return c.Decrypt(buf, buf, number) }
	return &Plaintext{span.Reader{Device: dev, Segment: s, Decrypt: decrypt}, c}, nil
}

// Close wipes the round keys. The device stays open.
func (p *Plaintext) Close() { p.cipher.Close() }
