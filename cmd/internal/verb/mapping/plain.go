// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/plain"
)

// plainMapping is a mapping without a header.
type plainMapping struct {
	kind       string
	cipher     string
	hash       string // plain.NoHash for none
	keySize    int    // bytes
	sectorSize int    // bytes
	size       uint64 // bytes, 0 for the whole device
	skip       uint64 // 512-byte sectors, by which vectors count
}

func plainOptions(c *verb.Command) (plainMapping, error) {
	p := plainMapping{
		kind: activate.Plain, skip: c.Opt.Skip.V,
		cipher: plain.FullCipher(c.Opt.Cipher.Or(plain.Cipher)), hash: c.Opt.Hash.Or(plain.Hash),
		keySize:    plain.KeySize,
		sectorSize: int(c.Opt.SectorSize.Or(512)), size: c.Opt.Size.V * 512,
	}
	if len(c.Opt.KeySizes) > 0 && c.Opt.KeySizes[0] != 0 {
		p.keySize = int(c.Opt.KeySizes[0] / 8)
	}
	if c.Opt.DeviceSize.Set {
		p.size = c.Opt.DeviceSize.V
	}
	if isRawKey(c) {
		return p, nil
	}
	_, err := plain.ParseHashing(p.hash, p.keySize)
	return p, err
}

// isRawKey: the bytes of a key file are the key. Standard input is hashed like a passphrase, whether a key
// file is said to be there or not.
func isRawKey(c *verb.Command) bool {
	file := keys.KeyFile(c)
	return file != "" && file != "-"
}

// plainKey: a key file is the key itself, of which as much is read as the key has; a passphrase, and all of
// standard input where that is the key file, is hashed into one.
func plainKey(ctx context.Context, c *verb.Command, p plainMapping, shown string) (*secret.Buffer, error) {
	r := keys.Existing(c, keys.EnterFor(shown))
	r.Verify = c.UI.Verify(c.Opt.VerifyPassphrase, true)
	if isRawKey(c) {
		if c.Opt.Hash.Set {
			c.UI.Errorf("WARNING: The --hash parameter is being ignored in plain mode with keyfile specified.")
		}
		if r.Size != 0 && r.Size != uint64(p.keySize) {
			c.UI.Errorf("WARNING: The --keyfile-size option is being ignored, the read size is the same as the " +
				"encryption key size.")
		}
		r.Size = uint64(p.keySize)
		return c.UI.Secret(ctx, r)
	}
	given, err := c.UI.Secret(ctx, r)
	if err != nil {
		return nil, err
	}
	defer given.Close()
	return plain.Stretch(p.hash, given.Bytes(), p.keySize)
}

// openPlain maps a device without a header: the passphrase, hashed, is the key.
func openPlain(ctx context.Context, c *verb.Command) error {
	p, err := plainOptions(c)
	if err != nil {
		return err
	}
	if err := volume.AllowCipher(c, p.cipher); err != nil {
		return err
	}
	if err := deviceExists(c); err != nil {
		return err
	}
	if err := checkName(c.Args[1]); err != nil {
		return err
	}
	control, err := controlFor(c, c.Args[1])
	if err != nil {
		return err
	}
	defer control.Close()
	data, err := openData(c, nil, c.Opt.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	volume.WarnSignatures(c, data.Path)
	key, err := plainKey(ctx, c, p, data.shown)
	if err != nil {
		return err
	}
	defer key.Close()
	return mapPlain(ctx, c, control, p, data, key)
}

func mapPlain(ctx context.Context, c *verb.Command, control *dm.Control, p plainMapping, data *dataDevice,
	key *secret.Buffer,
) error {
	if err := plain.CheckSize(data.Disk.Size, c.Opt.Offset.V*512, p.sectorSize); err != nil {
		return &verb.Notice{Text: "Device size is not aligned to requested sector size.", Code: ui.Failed, Err: err}
	}
	length, err := activate.Length(data.Disk.Size, c.Opt.Offset.V*512, p.size, p.sectorSize)
	if err != nil {
		return verb.DeviceError(data.shown, err)
	}
	m := activate.Mapping{
		Name: c.Args[1], Kind: p.kind, Device: data.Disk.Device, Offset: c.Opt.Offset.V, Length: length,
		IVOffset: p.skip, Cipher: p.cipher, SectorSize: p.sectorSize, Key: key, Flags: c.Opt.Flags,
		ReadOnly: data.Disk.ReadOnly, ReadAhead: data.Disk.ReadAhead,
	}
	_, err = activate.Activate(ctx, control, m)
	return nameTaken(m.Name, err)
}
