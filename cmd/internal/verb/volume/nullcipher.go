// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// AllowCipher refuses a cipher that encrypts nothing where --null-cipher does not allow it. Under the name
// cryptsetup it is allowed, as scripts expect. Either way it is said.
func AllowCipher(c *verb.Command, cipher string) error {
	if !sector.IsNull(cipher) {
		return nil
	}
	if c.Program != "cryptsetup" && !c.Opt.NullCipher {
		return verb.Failure(ui.Failed, "Cipher %s encrypts nothing and is refused; --null-cipher allows it.", cipher)
	}
	c.UI.Errorf("WARNING: Cipher %s encrypts nothing: whoever has the device can read its data.", cipher)
	return nil
}
