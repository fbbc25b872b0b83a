// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const (
	promptAny    = "Enter any existing passphrase: "
	promptNewKey = "Enter new passphrase for key slot: "
)

// luksAddKey protects the volume key with one more passphrase.
func luksAddKey(ctx context.Context, c *command) error {
	v, err := c.load(ctx, changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	if c.o.KeySlot.Set && !c.o.NewKeySlot.Set && !c.ui.Batch {
		c.ui.Printf("WARNING: The --key-slot parameter is used for new keyslot number.")
	}
	id := c.newSlot()
	if err := errors.Join(slotInRange(v.Version, id), slotFree(v, id), c.checkKeyslot(v.Version)); err != nil {
		return err
	}
	if c.o.Unbound {
		return c.addUnbound(ctx, v, id)
	}
	source, err := c.newTokenOf(v)
	if err != nil {
		return err
	}
	key, err := c.unlock(ctx, v, unlocking{prompt: promptAny, keyslot: c.oldSlot(), volumeKey: true, tokens: tokensNamed})
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := c.addedPassphrase(ctx, source)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	n, err := c.newKeyslot(ctx, v.Version, key.Len(), id)
	if err != nil {
		return err
	}
	id, err = v.AddKey(ctx, key, passphrase.Bytes(), n)
	if err != nil {
		return slotError(err)
	}
	c.ui.Verbosef("Key slot %d created.", id)
	if source == nil {
		return nil
	}
	return v.AssignToken(ctx, source.ID, id)
}

// newTokenOf is the token of --new-token-id, which supplies the new passphrase; nil without it.
func (c *command) newTokenOf(v *volume) (*luks2.Token, error) {
	if !c.o.NewTokenID.Set {
		return nil, nil
	}
	id := c.o.NewTokenID.V
	if v.Version != 2 {
		return nil, failure(ui.Failed, "Device %s is LUKS1, which has no tokens.", v.path)
	}
	t, err := v.Metadata().Token(id)
	if err != nil {
		return nil, failure(ui.Failed, "Token %d is not in use.", id)
	}
	return &t, nil
}

func (c *command) addedPassphrase(ctx context.Context, source *luks2.Token) (*secret.Buffer, error) {
	if source == nil {
		return c.newPassphrase(ctx, promptNewKey)
	}
	passphrase, err := tokenPassphrase(*source)
	if err != nil {
		return nil, &notice{text: fmt.Sprintf("Token %d gives no new passphrase: %s.", source.ID, reason(err)), code: ui.Failed, err: err}
	}
	return passphrase, nil
}

// newSlot: --key-slot names the new keyslot unless --new-key-slot does, in which case it names the
// old one.
func (c *command) newSlot() int {
	if c.o.NewKeySlot.Set {
		return c.o.NewKeySlot.V
	}
	return c.anyOrSlot()
}

func (c *command) oldSlot() int {
	if c.o.NewKeySlot.Set {
		return c.anyOrSlot()
	}
	return luks.AnyKeyslot
}

// slotInRange refuses numbers that no keyslot of that version has.
func slotInRange(version, id int) error {
	last := luks2.MaxKeyslots - 1
	if version == 1 {
		last = luks1.KeyslotCount - 1
	}
	if id > last {
		return failure(ui.Failed, "Key slot %d is invalid, please select between 0 and %d.", id, last)
	}
	return nil
}

// slotFree fails before anybody types a passphrase for a keyslot that is taken.
func slotFree(v *volume, id int) error {
	if id == luks.AnyKeyslot {
		return nil
	}
	if _, err := v.Keyslot(id); err == nil {
		return failure(ui.Failed, "Key slot %d is full, please select another one.", id)
	}
	return nil
}

// slotError names the two ways in which there is no keyslot left.
func slotError(err error) error {
	if errors.Is(err, luks2.ErrNoID) {
		return failure(ui.Failed, "All key slots full.")
	}
	return err
}

// addUnbound stores a key of its own, random or from --volume-key-file.
func (c *command) addUnbound(ctx context.Context, v *volume, id int) error {
	if len(c.o.KeySizes) == 0 {
		return failure(ui.Failed, "Option --unbound requires --key-size.")
	}
	size := int(c.o.KeySizes[0] / 8)
	key, err := c.unboundKey(ctx, size)
	if err != nil {
		return err
	}
	defer key.Close()
	passphrase, err := c.newPassphrase(ctx, promptNewKey)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	n, err := c.newKeyslot(ctx, v.Version, size, id)
	if err != nil {
		return err
	}
	if n.DigestIterations, err = c.digestIterations(ctx); err != nil {
		return err
	}
	if id, err = v.AddUnboundKey(ctx, key.Bytes(), passphrase.Bytes(), n); err != nil {
		return slotError(err)
	}
	c.ui.Verbosef("Key slot %d created.", id)
	return nil
}

func (c *command) unboundKey(ctx context.Context, size int) (*secret.Buffer, error) {
	if len(c.o.VolumeKeyFiles) > 0 {
		return c.readKeyFile(ctx, c.o.VolumeKeyFiles[0], size)
	}
	key, err := secret.New(size)
	if err != nil {
		return nil, err
	}
	_, err = rand.Read(key.Bytes())
	return key, err
}
