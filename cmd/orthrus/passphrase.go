// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// keyFile is the --key-file that was given, or empty.
func (c *command) keyFile() string {
	if len(c.o.KeyFiles) > 0 {
		return c.o.KeyFiles[0]
	}
	return ""
}

func (c *command) timeout() time.Duration { return time.Duration(c.o.Timeout.V) * time.Second }

// shownAs is how prompts name a device: by the file behind a loop device.
func shownAs(path string) string {
	if file, err := block.LoopBacking(path); err == nil && file != "" {
		return file
	}
	return path
}

// existing asks for a passphrase that opens the volume, from --key-file where one is given.
func (c *command) existing(prompt string) ui.Request {
	return ui.Request{
		Prompt: prompt, Verify: c.ui.Verify(c.o.VerifyPassphrase, false), Timeout: c.timeout(),
		KeyFile: c.keyFile(), Offset: c.o.KeyfileOffset.V, Size: uint64(c.o.KeyfileSize.V),
	}
}

// fresh asks for a passphrase that is to be set; file is the positional key file, or empty.
func (c *command) fresh(prompt, file string) ui.Request {
	if c.o.NewKeyfile.Set {
		file = c.o.NewKeyfile.V
	}
	return ui.Request{
		Prompt: prompt, Verify: c.ui.Verify(c.o.VerifyPassphrase, true), Timeout: c.timeout(),
		KeyFile: file, Offset: c.o.NewKeyfileOffset.V, Size: uint64(c.o.NewKeyfileSize.V),
	}
}

// unlock asks for a passphrase until one opens the volume or the tries are used up. A volume key
// given by file needs none.
func (c *command) unlock(ctx context.Context, v *volume, o luks.UnlockOptions, prompt string) (*luks.Key, error) {
	if len(c.o.VolumeKeyFiles) > 0 {
		return c.givenKey(ctx, v)
	}
	o.Admit = c.admit
	if err := c.usable(v, o); err != nil {
		return nil, err
	}
	if key, err := c.byToken(ctx, v, o); key != nil || err != nil {
		return key, err
	}
	var err error
	for range c.ui.Tries(int(c.o.Tries.V)) {
		var key *luks.Key
		if key, err = c.tryOnce(ctx, v, o, prompt); err == nil {
			c.ui.Verbosef("Key slot %d unlocked.", key.Keyslot)
			return key, nil
		}
		if !errors.Is(err, luks.ErrPassphrase) || c.keyFile() != "" {
			return nil, c.doubt(v, err)
		}
		c.ui.Errorf("%s", sentence(err))
	}
	return nil, &notice{code: ui.Denied, err: c.doubt(v, err)}
}

// usable fails before anybody is asked for a passphrase that nothing could take.
func (c *command) usable(v *volume, o luks.UnlockOptions) error {
	if o.Keyslot == luks.AnyKeyslot && v.BoundKeyslots() > 0 {
		return nil
	}
	for _, k := range v.Keyslots {
		if (o.Keyslot == luks.AnyKeyslot || k.ID == o.Keyslot) && k.Openable() && (o.Unbound || !k.Unbound) {
			return nil
		}
	}
	return luks.ErrNoUsableKeyslot
}

func (c *command) tryOnce(ctx context.Context, v *volume, o luks.UnlockOptions, prompt string) (*luks.Key, error) {
	passphrase, err := c.given(ctx, prompt)
	if err != nil {
		return nil, err
	}
	defer passphrase.Close()
	return v.Unlock(ctx, passphrase.Bytes(), o)
}

// given is the passphrase from wherever the options say: the keyring, a key file, a person, a pipe.
func (c *command) given(ctx context.Context, prompt string) (*secret.Buffer, error) {
	if !c.o.KeyDescription.Set {
		return c.ui.Secret(ctx, c.existing(prompt))
	}
	passphrase, err := keyringSecret(c.o.KeyDescription.V)
	if err != nil {
		return nil, failure(ui.Failed, "Failed to read passphrase from keyring: %v.", err)
	}
	return passphrase, nil
}

// admit refuses a keyslot whose cost no sane header asks for.
func (c *command) admit(p kdf.Params) error { return kdf.OpeningLimits().Admit(p) }

// doubt adds to a wrong passphrase that a keyslot's material looks damaged, in which case no
// passphrase can be right.
func (c *command) doubt(v *volume, err error) error {
	if !errors.Is(err, luks.ErrPassphrase) {
		return err
	}
	for _, id := range v.DamagedKeyslots() {
		c.ui.Errorf("Key material of keyslot %d looks damaged: no passphrase can open it.", id)
	}
	return err
}

// givenKey reads and verifies the volume key of --volume-key-file.
func (c *command) givenKey(ctx context.Context, v *volume) (*luks.Key, error) {
	size := v.Data.KeySize
	if size == 0 && len(c.o.KeySizes) > 0 {
		size = int(c.o.KeySizes[0] / 8)
	}
	if size == 0 {
		return nil, failure(ui.Failed, "Cannot determine volume key size for LUKS without keyslots, please use --key-size option.")
	}
	key, err := c.readKeyFile(ctx, c.o.VolumeKeyFiles[0], size)
	if err != nil {
		return nil, err
	}
	return v.VerifyKey(ctx, key)
}

func (c *command) readKeyFile(ctx context.Context, path string, size int) (*secret.Buffer, error) {
	return c.ui.Secret(ctx, ui.Request{KeyFile: path, Size: uint64(size)})
}

// anyOrSlot is the keyslot that --key-slot names, or any.
func (c *command) anyOrSlot() int { return c.o.KeySlot.Or(luks.AnyKeyslot) }

func enterFor(path string) string { return fmt.Sprintf("Enter passphrase for %s: ", shownAs(path)) }
