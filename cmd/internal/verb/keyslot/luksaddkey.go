// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
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

// luksAddKeyOptions are those that only luksAddKey takes.
type luksAddKeyOptions struct {
	newKeySlot cli.Value[int]
	newTokenID cli.Value[int]
}

// LuksAddKey declares the verb.
func LuksAddKey() verb.Verb {
	var o luksAddKeyOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksAddKey", Group: cli.GroupKeys, Args: "<device> [<new key file>]", MinArgs: 1, First: 5,
			Summary: "add a keyslot",
			Takes: cli.OfWriter + cli.OfPassphrase + cli.OfNewPassphrase + cli.OfTokens + cli.OfVolumeKey +
				cli.OfNewKeyslot + "external-tokens-path key-description key-size key-slot new-keyfile new-key-description " +
				"unbound",
			Options: []cli.Option{
				{
					Long: "new-key-slot", Arg: "INT", Into: &o.newKeySlot, Check: cli.NotNegative(&o.newKeySlot,
						cli.BadNumber),
					Help: "number of the new keyslot (default: the first free one)",
				},
				{
					Long: "new-token-id", Arg: "INT", Into: &o.newTokenID, Check: cli.NotNegative(&o.newTokenID,
						cli.BadNumber),
					Help: "token that supplies the new passphrase",
				},
			},
			Rules: []cli.Rule{unboundKeySize},
			About: []string{
				"Protects the volume key with one more passphrase. Who adds one shows an old passphrase, a token " +
					"or the volume key. --key-slot names the new keyslot, unless --new-key-slot does: then it names " +
					"the old one.",
				"With --new-token-id the new passphrase is the one that this keyring token names, and the token " +
					"gets the new keyslot. With --unbound the keyslot holds a key of its own, which opens no data.",
			},
			Examples: []cli.Example{
				{
					What: "Old key and new key on one stream:",
					Line: "cat old new | orthrus luksAddKey --key-file - --keyfile-size 32 /dev/sdb2",
				},
				{What: "Add a passphrase:", Line: "orthrus luksAddKey /dev/sdb2"},
			},
			SeeAlso: []string{"luksChangeKey", "luksRemoveKey", "luksKillSlot"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return luksAddKey(ctx, c, &o) },
	}
}

func unboundKeySize(inv *cli.Invocation) string {
	return cli.Refuse(inv.Options.Unbound && len(inv.Options.KeySizes) == 0,
		"Key size is required with --unbound option.")
}

// luksAddKey protects the volume key with one more passphrase.
func luksAddKey(ctx context.Context, c *verb.Command, o *luksAddKeyOptions) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckLeftovers(); err != nil {
		return err
	}
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	if c.Opt.KeySlot.Set && !o.newKeySlot.Set && !c.UI.Batch {
		c.UI.Printf("WARNING: The --key-slot parameter is used for new keyslot number.")
	}
	id := newSlot(c, o)
	if err := errors.Join(keys.SlotInRange(v.Version, id), slotFree(v, id),
		keys.CheckKeyslot(c, v.Version)); err != nil {
		return err
	}
	if c.Opt.Unbound {
		return addUnbound(ctx, c, v, id)
	}
	source, err := newTokenOf(c, o, v)
	if err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{
		Prompt: promptAny, Keyslot: oldSlot(c, o), VolumeKey: true,
		Tokens: keys.TokensNamed,
	})
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
	tellAdded(c, v, id)
	if source == nil {
		return nil
	}
	return v.AssignToken(ctx, source.ID, id)
}

// newTokenOf is the token of --new-token-id, which supplies the new passphrase; nil without it.
func newTokenOf(c *verb.Command, o *luksAddKeyOptions, v *volume.Volume) (*luks2.Token, error) {
	if !o.newTokenID.Set {
		return nil, nil
	}
	id := o.newTokenID.V
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
	passphrase, err := keys.TokenPassphrase(ctx, c, *source)
	if err != nil {
		return nil, &verb.Notice{Text: fmt.Sprintf("Token %d gives no new passphrase: %s.", source.ID,
			verb.Reason(err)), Code: ui.Failed, Err: err}
	}
	return passphrase, nil
}

// newSlot: --key-slot names the new keyslot unless --new-key-slot does, in which case it names the
// old one.
func newSlot(c *verb.Command, o *luksAddKeyOptions) int {
	if o.newKeySlot.Set {
		return o.newKeySlot.V
	}
	return keys.AnyOrSlot(c)
}

func oldSlot(c *verb.Command, o *luksAddKeyOptions) int {
	if o.newKeySlot.Set {
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
	tellAdded(c, v, id)
	return nil
}

// tellAdded says which keyslot there is now, and that older header backups lack it.
func tellAdded(c *verb.Command, v *volume.Volume, id int) {
	if c.UI.Speaks {
		c.UI.Sayf("Keyslot %d created%s.", id, v.AndFar())
	} else {
		c.UI.Verbosef("Key slot %d created.", id)
	}
	c.AdviseBackup("Header backups from before lack it; make a new one:", v.Path)
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
