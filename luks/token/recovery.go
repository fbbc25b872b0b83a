// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/json"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// TypeRecovery is systemd's name of the tokens that mark the keyslot of a recovery key.
const TypeRecovery = "systemd-recovery"

// recovery tokens mark the keyslot of a recovery key, which is typed as any passphrase is. There is nothing in them
// to be used or shown.
type recovery struct{}

// Type is systemd's name.
func (recovery) Type() string { return TypeRecovery }

// Kind is the word of systemd-cryptenroll.
func (recovery) Kind() string { return "recovery" }

// Show has nothing to say: systemd has no plugin for them.
func (recovery) Show(luks2.Token) []string { return nil }

// Read finds no fields.
func (recovery) Read(t luks2.Token) (Facts, error) {
	return Facts{}, fieldsOf(t).err
}

// NewRecovery is the text of a token for a recovery key, as systemd-cryptenroll writes it, without its keyslot.
func NewRecovery() json.RawMessage {
	return json.RawMessage(`{"type":"` + TypeRecovery + `","keyslots":[]}`)
}

// Marks tells whether a token takes nothing from whoever types what its keyslots open with.
func Marks(t luks2.Token) bool { return t.Type == TypeRecovery }
