// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/luks"
)

// checkCipher goes by the patterns of the volume's own line, or else by those of the whole boot.
func (t *task) checkCipher(cipher string) error {
	patterns := t.plan.Policy.Ciphers
	if own := strings.Fields(t.target.Options.Ciphers); len(own) > 0 {
		patterns = own
	}
	if !plan.AllowedCipher(patterns, cipher) {
		return &CipherError{Cipher: cipher, Keyslot: -1}
	}
	return nil
}

// checkProtection: where nobody says which ciphers are allowed, one that authenticates sectors is, in the way that new
// volumes are given it.
func (t *task) checkProtection(v *luks.Volume) error {
	named := len(t.plan.Policy.Ciphers) > 0 || strings.TrimSpace(t.target.Options.Ciphers) != ""
	if v.Data.Integrity == nil || named {
		return t.checkCipher(v.Data.Cipher)
	}
	scheme, err := v.Scheme()
	if err == nil {
		err = scheme.ForNew()
	}
	return err
}

// judge holds a loaded volume against what the plan allows, before any key is asked for.
func (t *task) judge(v *luks.Volume, p plan.Volume) error {
	if err := v.CheckMappable(); err != nil {
		return err
	}
	if err := t.checkProtection(v); err != nil {
		return err
	}
	if p.Options.Fixed != "" {
		return fmt.Errorf("%w: fixate-volume-key= is systemd's own, and not checked here: x-orthrus.pin= is", ErrPin)
	}
	return checkPin(v, p.Options.Pin)
}

// checkPin compares the digest of the volume key with the one that is pinned. A header that somebody
// exchanged has another: for a chosen key nobody finds salt and costs that give the pinned digest.
func checkPin(v *luks.Volume, pin string) error {
	if pin == "" {
		return nil
	}
	want, err := hex.DecodeString(pin)
	if err != nil {
		return errors.Join(ErrPin, err)
	}
	got := v.KeyDigest()
	if string(got) != string(want) {
		return fmt.Errorf("%w: the header's digest is %x", ErrPin, got)
	}
	return nil
}
