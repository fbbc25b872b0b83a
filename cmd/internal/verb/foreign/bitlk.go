// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
)

// Bitlk is a BitLocker volume with the device it was read from.
type Bitlk struct {
	*bitlk.Volume
	Device *block.Device
	Path   string
}

// Close closes the device.
func (v *Bitlk) Close() error { return v.Device.Close() }

// LoadBitlk reads the volume that the first argument names. The caller closes it.
func LoadBitlk(c *verb.Command) (*Bitlk, error) {
	path, err := volume.Named(c)
	if err != nil {
		return nil, err
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil, verb.DeviceError(path, err)
	}
	v, err := bitlk.Load(dev, dev.Size())
	if err != nil {
		return nil, errors.Join(bitlkError(c, path, err), dev.Close())
	}
	c.UI.Debugf("copy %d of the metadata of %s: %v", v.Index+1, path, v.Reason)
	if !c.StandsIn() && v.Reason != bitlk.AllAgree {
		c.UI.Errorf("WARNING: copy %d of the metadata of %s is used: %v.", v.Index+1, path, v.Reason)
	}
	return &Bitlk{Volume: v, Device: dev, Path: path}, nil
}

// bitlkError has cryptsetup's two lines; under our own name one line says all.
func bitlkError(c *verb.Command, path string, err error) error {
	n := &verb.Notice{Code: ui.Failed, Err: err, Text: fmt.Sprintf("Device %s is not a valid BITLK device.", path)}
	var boot *bitlk.BootError
	var none *bitlk.NoMetadataError
	before := ""
	switch {
	case errors.Is(err, bitlk.ErrNotBitLocker) && !errors.As(err, &none):
		n.Own = fmt.Sprintf("Device %s is not a BitLocker volume.", path)
		return n
	case errors.Is(err, bitlk.ErrVersion1):
		before = "BITLK version 1 is currently not supported."
	case errors.As(err, &boot) && boot.Sector != 0:
		before = fmt.Sprintf("Unsupported sector size %d.", boot.Sector)
	case errors.As(err, &boot):
		before = "Invalid or unknown boot signature for BITLK device."
	case errors.As(err, &none):
		before = fmt.Sprintf("Failed to read and validate BITLK FVE metadata from %s.", path)
	default:
		return verb.DeviceError(path, err)
	}
	n.Own = fmt.Sprintf("Device %s: %s.", path, verb.OneLine(err))
	if c.StandsIn() {
		c.UI.Errorf("%s", before)
	}
	return n
}

// MayOpen fails, in words, for what no key opens.
func (v *Bitlk) MayOpen() error {
	err := v.Openable()
	var conversion *bitlk.ConversionError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &conversion):
		return &verb.Notice{Text: "Unknown or unsupported encryption type.", Code: ui.Failed, Err: err}
	}
	n := &verb.Notice{
		Code: ui.Failed, Err: err, Own: fmt.Sprintf("Device %s cannot be opened: %v.", v.Path, err),
		Text: "This BITLK device is in an unsupported state and cannot be activated.",
	}
	if conversion.OnWrite {
		n.Text = "BITLK devices with type 'encrypt-on-write' cannot be activated."
	}
	return n
}

// WarnSize tells of a volume that is not as long as its device: cryptsetup of any, in a line that does not end. Under
// our own name only of one that is cut off, since a partition is often a sector longer.
func (v *Bitlk) WarnSize(c *verb.Command) error {
	text := fmt.Sprintf("WARNING: BitLocker volume size %d does not match the underlying device size %d", v.Encrypted,
		v.Size)
	switch {
	case v.Encrypted == v.Size:
	case c.StandsIn():
		return c.UI.Show(text)
	case v.Encrypted > v.Size:
		c.UI.Errorf("%s.", text)
	}
	return nil
}

// Unlock gets the volume's key by whatever the options give, a passphrase in the end; shown is what prompts call
// the device. A volume whose protection is suspended asks for nothing.
func (v *Bitlk) Unlock(ctx context.Context, c *verb.Command, shown string) (*bitlk.Key, error) {
	if len(c.Opt.VolumeKeyFiles) > 0 {
		return v.givenKey(ctx, c)
	}
	if len(c.Opt.VolumeKeyKeyrings) > 0 {
		return nil, verb.Failure(ui.Failed, "Option --volume-key-keyring is not supported for BITLK devices.")
	}
	v.Unproved = c.Opt.ReadOnly || c.Opt.TestPassphrase || c.Opt.DumpVolumeKey
	chosen := v.Index
	key, err := v.ClearKey()
	if key != nil {
		v.tellProof(c, chosen, key)
		c.UI.Advisef("Its protection is suspended: no passphrase is needed.")
		return key, nil
	}
	if err != nil && !errors.Is(err, bitlk.ErrKey) {
		return nil, v.unlockError(err)
	}
	if err := v.ByAsking(); err != nil {
		return nil, v.unlockError(err)
	}
	if key, err = v.ask(ctx, c, shown); err == nil {
		v.tellProof(c, chosen, key)
	}
	return key, err
}

// tellProof warns where the key does not prove the copy that was chosen without it. An unproved one is warned of
// under every name: somebody may have changed it.
func (v *Bitlk) tellProof(c *verb.Command, chosen int, key *bitlk.Key) {
	switch {
	case key.Unproved:
		c.UI.Errorf("WARNING: no copy of the metadata of %s passes its validation by the key: do not trust "+
			"what is read.", v.Path)
	case v.Index != chosen && !c.StandsIn():
		c.UI.Errorf("WARNING: copy %d of the metadata of %s fails its validation by the key: copy %d is used.",
			chosen+1, v.Path, v.Index+1)
	}
}

// givenKey takes a volume key as it is: nothing tells whether it is right.
func (v *Bitlk) givenKey(ctx context.Context, c *verb.Command) (*bitlk.Key, error) {
	size := v.Method.KeySize()
	if len(c.Opt.KeySizes) > 0 && int(c.Opt.KeySizes[0]) != size*8 {
		return nil, verb.Failure(ui.Failed, "The volume key of %s has %d bits, not %d.", v.Path, size*8,
			c.Opt.KeySizes[0])
	}
	key, err := keys.ReadKeyFile(ctx, c, c.Opt.VolumeKeyFiles[0], size)
	if err != nil {
		return nil, err
	}
	return &bitlk.Key{Buffer: key, VMK: -1}, nil
}

// ask tries what is typed, or what stands in for it.
func (v *Bitlk) ask(ctx context.Context, c *verb.Command, shown string) (key *bitlk.Key, err error) {
	err = ask(ctx, c, shown, bitlk.ErrKey, func(given []byte) (err error) {
		key, err = v.Volume.Unlock(ctx, given)
		return err
	})
	return key, v.unlockError(err)
}

// unlockError has words for what is wrong beside the passphrase.
func (v *Bitlk) unlockError(err error) error {
	var other *bitlk.OtherVolumeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &other):
		return verb.Failure(ui.Failed, "BEK file GUID '%v' does not match GUID of the volume.", other.GUID)
	case errors.Is(err, bitlk.ErrStartupKey):
		return &verb.Notice{Text: verb.OneLine(err), Code: ui.Failed, Err: err}
	case errors.Is(err, bitlk.ErrNoProtector), errors.Is(err, bitlk.ErrTampered), errors.Is(err, bitlk.ErrField):
		return &verb.Notice{
			Text: fmt.Sprintf("Device %s cannot be opened: %s.", v.Path, verb.OneLine(err)), Code: ui.Failed, Err: err,
		}
	}
	return err
}
