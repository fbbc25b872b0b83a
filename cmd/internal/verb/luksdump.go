// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/text"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// luksDump shows the header, as text or JSON, or one of the keys in it.
func luksDump(ctx context.Context, c *command) error {
	v, err := c.load(ctx, report)
	if err != nil {
		return err
	}
	defer v.Close()
	switch {
	case c.o.DumpVolumeKey:
		return c.dumpVolumeKey(ctx, v)
	case c.o.Unbound:
		return c.dumpUnbound(ctx, v)
	case c.o.JSON && !c.o.DumpJSON && v.Version == 1:
		return c.printJSON(reportLUKS1(v.LUKS1))
	case c.o.DumpJSON || c.o.JSON:
		return c.dumpJSON(v)
	case v.Version == 1:
		_, err = fmt.Fprint(c.ui.Out, text.LUKS1(c.Args[0], v.LUKS1))
	default:
		_, err = fmt.Fprint(c.ui.Out, text.LUKS2(v.Choice.Copy.Header, v.Metadata()))
	}
	return err
}

func (c *command) dumpJSON(v *volume) error {
	if v.Version != 2 {
		return failure(ui.Failed, "Device %s is LUKS1, which has no JSON metadata.", v.path)
	}
	pretty, err := text.Pretty(v.Metadata().Text())
	if err != nil {
		return err
	}
	_, err = c.ui.Out.Write(pretty)
	return err
}

const keyWarning = "The header dump with volume key is sensitive information\n" +
	"that allows access to encrypted partition without a passphrase.\n" +
	"This dump should be stored encrypted in a safe place."

func (c *command) dumpVolumeKey(ctx context.Context, v *volume) error {
	if err := c.ui.Confirm(ctx, ui.Confirmation{Text: keyWarning, Silent: true}); err != nil {
		return err
	}
	key, err := c.unlock(ctx, v, unlocking{prompt: enterFor(v.path), keyslot: c.anyOrSlot(), tokens: tokensNamed})
	if err != nil {
		return err
	}
	defer key.Close()
	return c.showKey(text.KeyDump{
		Device: c.Args[0], UUID: v.UUID, Cipher: v.Data.Cipher, DataOffset: v.Data.Offset / 512, Key: key.Bytes(),
	}, c.o.VolumeKeyFiles)
}

func (c *command) dumpUnbound(ctx context.Context, v *volume) error {
	slot, err := v.Keyslot(c.o.KeySlot.V)
	if err != nil || !slot.Unbound || v.Version != 2 {
		return failure(ui.Failed, "Keyslot %d does not contain unbound key.", c.o.KeySlot.V)
	}
	if err := c.ui.Confirm(ctx, ui.Confirmation{Text: keyWarning, Silent: true}); err != nil {
		return err
	}
	key, err := c.unlock(ctx, v, unlocking{prompt: enterFor(v.path), keyslot: slot.ID, unbound: true, tokens: tokensNamed})
	if err != nil {
		return err
	}
	defer key.Close()
	return c.showKey(text.KeyDump{Device: c.Args[0], UUID: v.UUID, Unbound: true, Keyslot: slot.ID, Key: key.Bytes()}, c.o.VolumeKeyFiles)
}

// showKey prints the key, or puts it into a new file that only its owner may read.
func (c *command) showKey(d text.KeyDump, file []string) error {
	if len(file) > 0 {
		if err := writeKeyFile(file[0], d.Key); err != nil {
			return err
		}
		d.Stored = file[0]
	}
	return text.WriteKey(c.ui.Out, d)
}

func writeKeyFile(path string, key []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return failure(ui.Failed, "Cannot open keyfile %s for write.", path)
	}
	_, writeErr := f.Write(key)
	err = errors.Join(writeErr, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
