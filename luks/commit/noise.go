// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"crypto/rand"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Noise overwrites a range with random bytes, from which freed and used areas cannot be told apart. The error is a
// luks2.RoomError for a range that is longer than any keyslots area.
func Noise(what string, e luks2.Extent) (Area, error) {
	if e.Size > luks2.MaxKeyslotsSize {
		return Area{}, &luks2.RoomError{Kind: what, Needed: e.Size, Available: luks2.MaxKeyslotsSize}
	}
	p := make([]byte, e.Size)
	_, err := rand.Read(p)
	return Area{What: what, Offset: e.Offset, Bytes: p}, err
}
