// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The keys under which others keep passphrases.
const (
	systemdCache   = "cryptsetup" // passphrases separated by NUL
	systemdTimeout = 150 * time.Second
	debianCache    = "cryptkey:" // and the third field of the crypttab
	debianTimeout  = 60 * time.Second
)

// keyringSource tries what the kernel's keyrings have: passphrases that tokens of the header name,
// those that systemd keeps, and those of Debian's decrypt_keyctl.
type keyringSource struct {
	target Target
	cached []string // descriptions of caches to look in
}

// Name is what messages call it.
func (s *keyringSource) Name() string { return "the kernel keyring" }

// Secrets tries one after the other; a key that is not there is none to try.
func (s *keyringSource) Secrets(ctx context.Context, try Try) error {
	last := error(keyring.ErrNoKey)
	for _, named := range s.named() {
		passphrase, err := keyring.Passphrase(named.description)
		if err != nil {
			continue
		}
		for _, keyslot := range named.keyslots {
			copied, err := secret.Copy(passphrase.Bytes())
			if err == nil {
				err = try(ctx, Secret{Buffer: copied, Keyslot: keyslot})
			}
			if err == nil || ctx.Err() != nil {
				return errors.Join(err, passphrase.Close())
			}
			last = err
		}
		_ = passphrase.Close()
	}
	for _, description := range s.cached {
		opened, err := tryCache(ctx, description, try)
		if opened || ctx.Err() != nil {
			return err
		}
		if err != nil {
			last = err
		}
	}
	return last
}

// namedKey is a key that a token names, and the keyslots it is for.
type namedKey struct {
	description string
	keyslots    []int
}

func (s *keyringSource) named() []namedKey {
	if s.target.LUKS == nil || s.target.LUKS.Version != 2 {
		return nil
	}
	var all []namedKey
	for _, t := range s.target.LUKS.Metadata().Tokens() {
		description, found := t.KeyringDescription()
		if found && t.Type == luks2.TypeKeyring {
			all = append(all, namedKey{description, t.Keyslots})
		}
	}
	return all
}

// tryCache tries each of the passphrases of one key.
func tryCache(ctx context.Context, description string, try Try) (opened bool, err error) {
	cache, err := keyring.Passphrase(description)
	if err != nil {
		return false, nil
	}
	defer cache.Close()
	for _, one := range bytes.Split(cache.Bytes(), []byte{0}) {
		if len(one) == 0 {
			continue
		}
		passphrase, err := secret.Copy(one)
		if err != nil {
			return false, err
		}
		if err = try(ctx, Secret{Buffer: passphrase, Keyslot: luks.AnyKeyslot}); err == nil {
			return true, nil
		} else if ctx.Err() != nil || !errors.Is(err, luks.ErrPassphrase) {
			return false, err
		}
	}
	return false, luks.ErrPassphrase
}

// caches are the descriptions that a volume's options let us look under.
func caches(v Target) []string {
	var all []string
	if v.Options.Cache != crypttab.CacheNo {
		all = append(all, systemdCache)
	}
	if isKeyctl(v) {
		all = append(all, debianCache+v.Key.Argument)
	}
	return all
}

// keep stores the passphrase that opened a volume where its options ask for it.
func keep(v Target, passphrase []byte) error {
	var errs []error
	if v.Options.Cache == crypttab.CacheYes {
		errs = append(errs, store(systemdCache, passphrase, systemdTimeout))
	}
	if isKeyctl(v) {
		errs = append(errs, store(debianCache+v.Key.Argument, passphrase, debianTimeout))
	}
	return errors.Join(errs...)
}

// store adds a passphrase to those of a key of root's, unless it is there, and lets the key expire.
func store(description string, passphrase []byte, timeout time.Duration) error {
	all, err := secret.Copy(passphrase)
	if err != nil {
		return err
	}
	if old, err := keyring.Passphrase(description); err == nil && description == systemdCache {
		defer old.Close()
		if all, err = merged(all, old.Bytes()); err != nil {
			return err
		}
	}
	defer all.Close()
	id, err := keyring.Add(keyring.TypeUser, description, all.Bytes(), keyring.User)
	if err != nil {
		return err
	}
	return keyring.SetTimeout(id, timeout)
}

// merged puts old passphrases behind a new one.
func merged(fresh *secret.Buffer, old []byte) (*secret.Buffer, error) {
	all, n := fresh, fresh.Len()
	for _, one := range bytes.Split(old, []byte{0}) {
		if len(one) == 0 || bytes.Equal(one, all.Bytes()[:n]) {
			continue
		}
		var err error
		if all, err = all.Append([]byte{0}); err != nil {
			return all, err
		}
		if all, err = all.Append(one); err != nil {
			return all, err
		}
	}
	return all, nil
}
