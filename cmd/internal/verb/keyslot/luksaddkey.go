// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const (
	promptAny    = "Enter any existing passphrase: "
	promptNewKey = "Enter new passphrase for key slot: "
)

// LuksAddKey protects the volume key with one more passphrase.
func LuksAddKey(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	if c.Opt.KeySlot.Set && !c.Opt.NewKeySlot.Set && !c.UI.Batch {
		c.UI.Printf("WARNING: The --key-slot parameter is used for new keyslot number.")
	}
	id := newSlot(c)
	if err := errors.Join(keys.SlotInRange(v.Version, id), slotFree(v, id), keys.CheckKeyslot(c, v.Version)); err != nil {
		return err
	}
	if c.Opt.Unbound {
		return addUnbound(ctx, c, v, id)
	}
	source, err := newTokenOf(c, v)
	if err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{Prompt: promptAny, Keyslot: oldSlot(c), VolumeKey: true, Tokens: keys.TokensNamed})
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := addedPassphrase(ctx, c, source)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	n, err := keys.NewKeyslot(ctx, c, v.Version, key.Len(), id)
	if err != nil {
		return err
	}
	id, err = v.AddKey(ctx, key, passphrase.Bytes(), n)
	if err != nil {
		return keys.SlotError(err)
	}
	c.UI.Verbosef("Key slot %d created.", id)
	if source == nil {
		return nil
	}
	return v.AssignToken(ctx, source.ID, id)
}

// newTokenOf is the token of --new-token-id, which supplies the new passphrase; nil without it.
func newTokenOf(c *verb.Command, v *volume.Volume) (*luks2.Token, error) {
	if !c.Opt.NewTokenID.Set {
		return nil, nil
	}
	id := c.Opt.NewTokenID.V
	if v.Version != 2 {
		return nil, verb.Failure(ui.Failed, "Device %s is LUKS1, which has no tokens.", v.Path)
	}
	t, err := v.Metadata().Token(id)
	if err != nil {
		return nil, verb.Failure(ui.Failed, "Token %d is not in use.", id)
	}
	return &t, nil
}

func addedPassphrase(ctx context.Context, c *verb.Command, source *luks2.Token) (*secret.Buffer, error) {
	if source == nil {
		return keys.NewPassphrase(ctx, c, promptNewKey)
	}
	passphrase, err := keys.TokenPassphrase(*source)
	if err != nil {
		return nil, &verb.Notice{Text: fmt.Sprintf("Token %d gives no new passphrase: %s.", source.ID, verb.Reason(err)), Code: ui.Failed, Err: err}
	}
	return passphrase, nil
}

// newSlot: --key-slot names the new keyslot unless --new-key-slot does, in which case it names the
// old one.
func newSlot(c *verb.Command) int {
	if c.Opt.NewKeySlot.Set {
		return c.Opt.NewKeySlot.V
	}
	return keys.AnyOrSlot(c)
}

func oldSlot(c *verb.Command) int {
	if c.Opt.NewKeySlot.Set {
		return keys.AnyOrSlot(c)
	}
	return luks.AnyKeyslot
}

// slotFree fails before anybody types a passphrase for a keyslot that is taken.
func slotFree(v *volume.Volume, id int) error {
	if id == luks.AnyKeyslot {
		return nil
	}
	if _, err := v.Keyslot(id); err == nil {
		return verb.Failure(ui.Failed, "Key slot %d is full, please select another one.", id)
	}
	return nil
}

// addUnbound stores a key of its own, random or from --volume-key-file.
func addUnbound(ctx context.Context, c *verb.Command, v *volume.Volume, id int) error {
	if len(c.Opt.KeySizes) == 0 {
		return verb.Failure(ui.Failed, "Option --unbound requires --key-size.")
	}
	size := int(c.Opt.KeySizes[0] / 8)
	key, err := unboundKey(ctx, c, size)
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := keys.NewPassphrase(ctx, c, promptNewKey)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	n, err := keys.NewKeyslot(ctx, c, v.Version, size, id)
	if err != nil {
		return err
	}
	if n.DigestIterations, err = keys.DigestIterations(ctx, c); err != nil {
		return err
	}
	if id, err = v.AddUnboundKey(ctx, key.Bytes(), passphrase.Bytes(), n); err != nil {
		return keys.SlotError(err)
	}
	c.UI.Verbosef("Key slot %d created.", id)
	return nil
}

func unboundKey(ctx context.Context, c *verb.Command, size int) (*secret.Buffer, error) {
	if len(c.Opt.VolumeKeyFiles) > 0 {
		return keys.ReadKeyFile(ctx, c, c.Opt.VolumeKeyFiles[0], size)
	}
	key, err := secret.New(size)
	if err != nil {
		return nil, err
	}
	_, err = rand.Read(key.Bytes())
	return key, err
}
