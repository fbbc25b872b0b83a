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
	"github.com/orthrus-luks/orthrus/luks/open"
)

// The keys under which others keep passphrases.
const (
	systemdCache   = "cryptsetup" // passphrases separated by NUL
	systemdTimeout = 150 * time.Second
	debianCache    = "cryptkey:" // and the third field of the crypttab
	debianTimeout  = 60 * time.Second
)

// cacheSource tries the passphrases that others keep in the kernel's keyrings: systemd, and Debian's
// decrypt_keyctl.
type cacheSource struct{ descriptions []string }

// Name is what messages call it.
func (cacheSource) Name() string { return "the kernel keyring" }

// Secrets tries one after the other; a key that is not there is none to try.
func (s cacheSource) Secrets(ctx context.Context, try open.Try) error {
	last := error(keyring.ErrNoKey)
	for _, description := range s.descriptions {
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

// tryCache tries each of the passphrases of one key.
func tryCache(ctx context.Context, description string, try open.Try) (opened bool, err error) {
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
		if err = try(ctx, open.Passphrase(passphrase)); err == nil {
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
