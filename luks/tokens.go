// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Token is one token of a volume: its number, its type, the keyslots that it opens, and its whole text. What each type
// means, and how it gives a passphrase, is for package token.
type Token = luks2.Token

// Tokens lists the volume's tokens in the order of the header, that by which the heads know the far header among them.
// LUKS1 has none. What luksmeta keeps behind the keyslots of LUKS1, as clevis does, is not read: the error is
// ErrLUKSMeta where there is any, or why that is not known.
func (v *Volume) Tokens() ([]Token, error) {
	now := v.now()
	switch {
	case v.device() == nil:
		return nil, ErrNoDevice
	case now.Version == 1:
		return nil, header.NoLUKSMeta(v.dev, now.LUKS1)
	case now.Metadata() == nil:
		return nil, nil
	}
	return now.Metadata().Tokens(), nil
}
