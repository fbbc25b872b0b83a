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

// judge holds a loaded volume against what the plan allows, before any key is asked for.
func judge(v *luks.Volume, p plan.Volume, ciphers []string) error {
	if err := v.CheckMappable(); err != nil {
		return err
	}
	if p.Options.Ciphers != "" {
		ciphers = strings.Fields(p.Options.Ciphers)
	}
	if !plan.AllowedCipher(ciphers, v.Data.Cipher) {
		return &CipherError{Cipher: v.Data.Cipher, Keyslot: -1}
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
