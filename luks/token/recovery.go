// SPDX-License-Identifier: Apache-2.0

package token

import "github.com/orthrus-luks/orthrus/luks/luks2"

// recovery tokens mark the keyslot of a recovery key that systemd-cryptenroll made. The key is typed as
// any passphrase is, so the token is shown and never used.
type recovery struct{}

// Type is systemd's name.
func (recovery) Type() string { return "systemd-recovery" }

// Show says what opens the keyslot.
func (recovery) Show(luks2.Token) []string {
	return []string{"Recovery key: typed like a passphrase, with its dashes"}
}
