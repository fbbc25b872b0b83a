// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/foreign/loopaes"
)

// openLoopAES maps a volume of loop-AES: a device without a header, by a key file.
func openLoopAES(ctx context.Context, c *verb.Command) error {
	if keys.KeyFile(c) == "" {
		return verb.Failure(ui.Failed, "Option --key-file is required.")
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
	key, err := loopAESKeys(ctx, c, data.shown)
	if err != nil {
		return err
	}
	defer key.Close()
	p := plainMapping{
		kind: activate.LoopAES, cipher: key.Cipher(c.Opt.Cipher.Or("aes")), sectorSize: 512,
		skip: c.Opt.Skip.Or(c.Opt.Offset.V),
	}
	return mapPlain(ctx, c, control, p, data, key.Buffer)
}

// loopAESKeys reads the key file.
func loopAESKeys(ctx context.Context, c *verb.Command, shown string) (*loopaes.Keys, error) {
	size := 32
	if len(c.Opt.KeySizes) > 0 && c.Opt.KeySizes[0] != 0 {
		size = int(c.Opt.KeySizes[0] / 8)
	}
	file, err := c.UI.Secret(ctx, keys.Existing(c, keys.EnterFor(shown)))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	k, err := loopaes.Parse(file.Bytes(), c.Opt.Hash.Or(loopaes.Hash(size)), size)
	switch {
	case errors.Is(err, loopaes.ErrEncrypted):
		return nil, &verb.Notice{
			Code: ui.Failed, Err: err,
			Text: "Detected not yet supported GPG encrypted keyfile.\n" +
				"Please use gpg --decrypt <KEYFILE> | cryptsetup --keyfile=- ...",
			Own: "The key file is encrypted by gpg: gpg --decrypt FILE | orthrus open --type loopaes --key-file - " +
				"DEVICE NAME",
		}
	case errors.Is(err, loopaes.ErrKeyFile):
		return nil, verb.Failure(ui.Failed, "Incompatible loop-AES keyfile detected.")
	}
	return k, err
}
