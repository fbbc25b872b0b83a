// SPDX-License-Identifier: Apache-2.0

package header

import (
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// luksMeta begins what luksmeta stores, at the first 4 KiB behind all keyslots.
const luksMeta = "LUKSMETA"

// ErrLUKSMeta refuses what would go over data of luksmeta behind the keyslots of LUKS1.
var ErrLUKSMeta = errors.New("LUKSMETA data lies behind the keyslots")

// NoLUKSMeta returns ErrLUKSMeta where luksmeta has stored something behind the keyslots, or why that cannot be
// seen.
func NoLUKSMeta(dev io.ReaderAt, h luks1.Header) error {
	p := make([]byte, len(luksMeta))
	err := ReadFull(dev, p, luks2.AlignUp(h.MaterialRoom().End()))
	if err == nil && string(p) == luksMeta {
		return ErrLUKSMeta
	}
	if err != nil && h.PayloadOffset != 0 {
		return fmt.Errorf("looking for LUKSMETA data: %w", err)
	}
	return nil
}
