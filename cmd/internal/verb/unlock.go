// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// unlocking says which keys a verb accepts for the volume key; the passphrase is always one.
type unlocking struct {
	prompt    string
	keyslot   int  // luks.AnyKeyslot for all
	unbound   bool // keyslots count that do not hold the volume key
	repeat    bool // a wrong passphrase is asked for again at a terminal (--tries)
	volumeKey bool // --volume-key-file and --volume-key-keyring may stand in
	tokens    tokenUse
}

// tokenUse says when the passphrases of tokens are tried.
type tokenUse int

const (
	noTokens     tokenUse = iota
	tokensNamed           // where a --token-… option asks for it
	tokensAlways          // before anybody is asked
)

// opening is how verbs unlock that map data.
func (c *command) opening(prompt string) unlocking {
	return unlocking{prompt: prompt, keyslot: c.anyOrSlot(), repeat: true, volumeKey: true, tokens: tokensAlways}
}

// unlock gets the volume key by whatever the options give, a passphrase in the end.
func (c *command) unlock(ctx context.Context, v *volume, u unlocking) (*luks.Key, error) {
	if u.volumeKey && len(c.o.VolumeKeyFiles)+len(c.o.VolumeKeyKeyrings) > 0 {
		return c.givenKey(ctx, v)
	}
	if err := c.usable(v, u); err != nil {
		return nil, err
	}
	if key, err := c.byToken(ctx, v, u); key != nil || err != nil {
		return key, err
	}
	tries := 1
	if u.repeat && c.keyFile() == "" && !c.o.KeyDescription.Set {
		tries = c.ui.Tries(int(c.o.Tries.V))
	}
	for range tries {
		key, err := c.tryOnce(ctx, v, u)
		if err == nil {
			c.ui.Verbosef("Key slot %d unlocked.", key.Keyslot)
			return key, nil
		}
		if !errors.Is(err, luks.ErrPassphrase) {
			return nil, err
		}
		c.refuse(v, u)
	}
	return nil, &notice{code: ui.Denied, err: luks.ErrPassphrase}
}

// refuse says that the passphrase is wrong, and which keyslots no passphrase can open.
func (c *command) refuse(v *volume, u unlocking) {
	c.ui.Errorf("%s", sentence(luks.ErrPassphrase))
	for _, id := range v.DamagedKeyslots() {
		if u.keyslot == luks.AnyKeyslot || u.keyslot == id {
			c.ui.Errorf("The key material of keyslot %d is damaged: no passphrase can open it.", id)
		}
	}
}

// usable fails before anybody is asked for a passphrase that nothing could take.
func (c *command) usable(v *volume, u unlocking) error {
	if u.keyslot == luks.AnyKeyslot && v.BoundKeyslots() > 0 {
		return nil
	}
	for _, k := range v.Keyslots {
		if (u.keyslot == luks.AnyKeyslot || k.ID == u.keyslot) && k.Openable() && (u.unbound || !k.Unbound) {
			return nil
		}
	}
	return luks.ErrNoUsableKeyslot
}

func (c *command) tryOnce(ctx context.Context, v *volume, u unlocking) (*luks.Key, error) {
	passphrase, err := c.given(ctx, u.prompt)
	if err != nil {
		return nil, err
	}
	defer passphrase.Close()
	return c.derive(ctx, v, passphrase.Bytes(), luks.UnlockOptions{Keyslot: u.keyslot, Unbound: u.unbound})
}

// derive tries a passphrase on keyslots whose costs are sane.
func (c *command) derive(ctx context.Context, v *volume, passphrase []byte, o luks.UnlockOptions) (*luks.Key, error) {
	release, err := c.oneAtATime(ctx)
	if err != nil {
		return nil, err
	}
	o.Admit = func(p kdf.Params) error { return c.admit(p) }
	key, err := v.Unlock(ctx, passphrase, o)
	if err := errors.Join(err, release()); err != nil {
		return nil, errors.Join(err, key.Close())
	}
	return key, nil
}

// oneAtATime waits, with --serialize-memory-hard-pbkdf, until no other process derives, so that
// volumes opened together do not run out of memory.
func (c *command) oneAtATime(ctx context.Context) (release func() error, err error) {
	if !c.o.SerializeMemoryHard {
		return func() error { return nil }, nil
	}
	lock, err := block.SystemLocks.LockName(ctx, "memory-hard-access")
	return lock.Release, err
}

// admit refuses a keyslot whose cost no sane header asks for.
func (c *command) admit(p kdf.Params) error {
	if c.o.AllowHighCost {
		return nil
	}
	return kdf.OpeningLimits().Admit(p)
}
