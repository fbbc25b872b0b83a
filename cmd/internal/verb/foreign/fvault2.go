// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
)

// FVault2 is a FileVault 2 volume with the path it was read from.
type FVault2 struct {
	*fvault2.Volume
	Path string
}

// LoadFVault2 reads the volume that the first argument names.
func LoadFVault2(c *verb.Command) (*FVault2, error) {
	path, err := volume.Named(c)
	if err != nil {
		return nil, err
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil, verb.DeviceError(path, err)
	}
	defer dev.Close()
	v, err := fvault2.Load(dev, dev.Size())
	if err != nil {
		return nil, fvault2Error(c, path, err)
	}
	if !c.StandsIn() && !v.Healthy() {
		c.UI.Errorf("WARNING: copies of the metadata of %s are damaged: the one at byte %d is used.", path,
			v.Found[v.Chosen].Offset)
	}
	return &FVault2{v, path}, nil
}

// fvault2Error has cryptsetup's lines; under our own name one line says all.
func fvault2Error(c *verb.Command, path string, err error) error {
	n := &verb.Notice{
		Code: ui.Failed, Err: err, Text: fmt.Sprintf("Device %s is not a valid FVAULT2 device.", path),
		Own: fmt.Sprintf("Device %s: %s.", path, verb.OneLine(err)),
	}
	var version *fvault2.VersionError
	switch short := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); {
	case !c.StandsIn() && short:
		n.Own = fmt.Sprintf("Device %s is too short for a FileVault 2 volume.", path)
	case !c.StandsIn():
	case short:
		c.UI.Errorf("Could not read %d bytes of volume header.", fvault2.HeaderSize)
	case errors.As(err, &version):
		c.UI.Errorf("Unsupported FVAULT2 version %d.", version.Version)
	}
	return n
}

// MayOpen fails, in words, for a volume that is half encrypted.
func (v *FVault2) MayOpen() error {
	err := v.Openable()
	if err == nil {
		return nil
	}
	return &verb.Notice{Text: fmt.Sprintf("Device %s cannot be opened: %v.", v.Path, err), Code: ui.Failed, Err: err}
}

// Unlock gets the volume's key by what the options give, a passphrase in the end; shown is what prompts call the
// device.
func (v *FVault2) Unlock(ctx context.Context, c *verb.Command, shown string) (key *secret.Buffer, err error) {
	if len(c.Opt.VolumeKeyFiles) > 0 {
		return v.givenKey(ctx, c)
	}
	err = ask(ctx, c, shown, fvault2.ErrKey, func(given []byte) (err error) {
		key, err = v.Volume.Unlock(ctx, given)
		return err
	})
	return key, err
}

// givenKey takes a volume key whose halves belong together.
func (v *FVault2) givenKey(ctx context.Context, c *verb.Command) (*secret.Buffer, error) {
	key, err := keys.ReadKeyFile(ctx, c, c.Opt.VolumeKeyFiles[0], fvault2.KeySize)
	if err != nil {
		return nil, err
	}
	proved, err := v.Proves(key.Bytes())
	if proved {
		return key, nil
	}
	return nil, errors.Join(luks.ErrVolumeKey, err, key.Close())
}
