// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// Unlocking says which keys a verb accepts for the volume key; the passphrase is always one.
type Unlocking struct {
	Prompt    string
	Keyslot   int  // luks.AnyKeyslot for all
	Unbound   bool // keyslots count that do not hold the volume key
	repeat    bool // a wrong passphrase is asked for again at a terminal (--tries)
	Every     bool // in a reencryption the passphrase must open a keyslot of each of the two keys
	VolumeKey bool // --volume-key-file and --volume-key-keyring may stand in
	Tokens    tokenUse
}

// tokenUse says when the passphrases of tokens are tried.
type tokenUse int

const (
	noTokens     tokenUse = iota
	TokensNamed           // where a --token-… option asks for it
	tokensAlways          // before anybody is asked
)

// Opening is how verbs unlock that map data.
func Opening(c *verb.Command, prompt string) Unlocking {
	return Unlocking{Prompt: prompt, Keyslot: AnyOrSlot(c), repeat: true, VolumeKey: true, Tokens: tokensAlways}
}

// Unlock gets the volume key by whatever the options give, a passphrase in the end.
func Unlock(ctx context.Context, c *verb.Command, v *volume.Volume, u Unlocking) (*luks.Key, error) {
	if u.VolumeKey && len(c.Opt.VolumeKeyFiles)+len(c.Opt.VolumeKeyKeyrings) > 0 {
		return givenKey(ctx, c, v)
	}
	if key, err := byToken(ctx, c, v, u); key != nil || err != nil {
		return key, err
	}
	return byPassphrase(ctx, c, v, u)
}

// byPassphrase asks, or reads what stands in for an answer; neither can hold a run that is to end.
func byPassphrase(ctx context.Context, c *verb.Command, v *volume.Volume, u Unlocking) (*luks.Key, error) {
	prompt := open.Prompt{
		Tries: 1, Wrong: func() { Refuse(c, v, u) },
		Ask: func(ctx context.Context) (*secret.Buffer, error) { return given(ctx, c, u.Prompt) },
	}
	if u.repeat && KeyFile(c) == "" && !c.Opt.KeyDescription.Set {
		prompt.Tries = c.UI.Tries(int(c.Opt.Tries.V))
	}
	if c.UI.Own && KeyFile(c) == "" && !c.Opt.KeyDescription.Set {
		prompt.Recovery = open.RecoveryKeyslots(v.Volume)
	}
	win, err := u.race(c, v).Run(ctx, []open.Entry{{Source: prompt}})
	var lost *open.LostError
	switch {
	case err == nil:
		c.UI.Verbosef("Key slot %d unlocked.", win.Key.Keyslot)
		return win.Key, nil
	case errors.Is(err, luks.ErrPassphrase):
		return nil, &verb.Notice{Code: ui.Denied, Err: luks.ErrPassphrase}
	case errors.As(err, &lost) && len(lost.Losses) == 1:
		return nil, lost.Losses[0].Err
	}
	return nil, err
}

// race tries secrets on the keyslots that the verb accepts.
func (u Unlocking) race(c *verb.Command, v *volume.Volume) open.Race {
	return open.Race{Open: func(ctx context.Context, s open.Secret) (*luks.Key, error) {
		if err := usable(v, u); err != nil {
			return nil, err
		}
		o := luks.UnlockOptions{Keyslot: luks.At(u.Keyslot), Unbound: u.Unbound}
		switch {
		case o.Keyslot.Open():
			o.Keyslot = luks.At(s.Keyslot)
		case s.Keyslot != luks.AnyKeyslot && s.Keyslot != u.Keyslot:
			return nil, luks.ErrPassphrase
		}
		key, err := Derive(ctx, c, v, s.Bytes(), o)
		if err != nil || !u.Every {
			return key, err
		}
		if err := opensEvery(ctx, c, v, s.Bytes()); err != nil {
			return nil, errors.Join(err, key.Close())
		}
		return key, nil
	}}
}

// opensEvery fails unless the passphrase opens a keyslot of each key that data need, where they need several.
func opensEvery(ctx context.Context, c *verb.Command, v *volume.Volume, passphrase []byte) error {
	digests := v.Keys()
	if len(digests) < 2 {
		return nil
	}
	for _, digest := range digests {
		key, err := Derive(ctx, c, v, passphrase, luks.UnlockOptions{
			Unbound: true,
			Only:    func(k luks.Keyslot) bool { return bytes.Equal(k.Digest.Sum, digest) },
		})
		if err := errors.Join(err, key.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Refuse says that the passphrase is wrong, and which keyslots no passphrase can open.
func Refuse(c *verb.Command, v *volume.Volume, u Unlocking) {
	c.UI.Errorf("%s", verb.Sentence(luks.ErrPassphrase))
	for _, id := range v.DamagedKeyslots() {
		if u.Keyslot == luks.AnyKeyslot || u.Keyslot == id {
			c.UI.Errorf("The key material of keyslot %d is damaged: no passphrase can open it.", id)
		}
	}
}

// usable fails where no keyslot could take a passphrase. It comes after the prompt: scripts that answer one
// wait for it.
func usable(v *volume.Volume, u Unlocking) error {
	if u.Keyslot == luks.AnyKeyslot && v.BoundKeyslots() > 0 {
		return nil
	}
	for _, k := range v.Keyslots {
		if (u.Keyslot == luks.AnyKeyslot || k.ID == u.Keyslot) && k.Openable() && (u.Unbound || !k.Unbound) {
			return nil
		}
	}
	return luks.ErrNoUsableKeyslot
}

// Derive tries a passphrase on keyslots whose costs are sane.
func Derive(ctx context.Context, c *verb.Command, v *volume.Volume, passphrase []byte,
	o luks.UnlockOptions,
) (*luks.Key, error) {
	release, err := oneAtATime(ctx, c)
	if err != nil {
		return nil, err
	}
	o.Admit = func(p kdf.Params) error { return admit(c, p) }
	key, err := v.Unlock(ctx, passphrase, o)
	if err := errors.Join(err, release()); err != nil {
		return nil, errors.Join(err, key.Close())
	}
	return key, nil
}

// oneAtATime waits, with --serialize-memory-hard-pbkdf, until no other process derives, so that
// volumes opened together do not run out of memory.
func oneAtATime(ctx context.Context, c *verb.Command) (release func() error, err error) {
	if !c.Opt.SerializeMemoryHard {
		return func() error { return nil }, nil
	}
	lock, err := block.SystemLocks.LockName(ctx, "memory-hard-access")
	return lock.Release, err
}

// admit refuses a keyslot whose cost no sane header asks for.
func admit(c *verb.Command, p kdf.Params) error {
	if c.Opt.AllowHighCost {
		return nil
	}
	return kdf.OpeningLimits().Admit(p)
}
