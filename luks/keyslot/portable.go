// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/sector"
)

// ErrCipher is the kind of a cipher that a new keyslot is not given.
var ErrCipher = errors.New("cipher not fit for keyslots")

// CheckCipher refuses, for a new keyslot, a cipher that the strictest reader could not open it with: one that
// cannot be computed in user space, encrypts nothing, is in the kernel's own notation, or has an option
// behind a vector that takes none. keySize is in bytes.
func CheckCipher(cipher string, keySize int) error {
	s, err := sector.ParseSpec(cipher)
	switch {
	case err != nil:
	case s.IsNull():
		err = errors.New("it encrypts nothing")
	case s.Algorithm != "":
		err = errors.New("it is in the kernel's own notation")
	case s.IVHash != "" && s.IV != "essiv":
		err = fmt.Errorf("%s takes no option", s.IV)
	case !s.InKeyslots():
		err = errors.New("other readers need a kernel that has it")
	case s.Mode == "ecb" && s.IV != "":
		err = errors.New("ecb has no vector")
	default:
		var c *sector.Cipher
		if c, err = sector.New(cipher, make([]byte, keySize), SectorSize, sector.InKeyslot()); err == nil {
			c.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCipher, cipher, err)
	}
	return nil
}
