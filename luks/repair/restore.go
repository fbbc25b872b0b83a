// SPDX-License-Identifier: Apache-2.0

package repair

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrStillValid: what is there is not to be replaced by what is remembered.
var ErrStillValid = errors.New("a valid header is left")

// Restore plans to put remembered copies of a head back where none is left that is valid: whole
// copies of LUKS2, or the header of LUKS1. The error is ErrStillValid, or ErrUnreadable of package
// header.
func Restore(dev header.Device, version int, uuid string, seqid uint64, writes []Write) (Plan, error) {
	now, err := Make(dev, KeepNone, noRandom{})
	var none *header.NoHeaderError
	switch {
	case err == nil || errors.Is(err, header.ErrConflict):
		return Plan{}, ErrStillValid
	case errors.As(err, &none):
		for _, f := range []header.Found{none.Heads.Primary, none.Heads.Secondary} {
			if f.State == header.Unreadable {
				return Plan{}, fmt.Errorf("%w: %w", header.ErrUnreadable, f.Err)
			}
		}
	case now.Version != 1: // a LUKS1 header that cannot be mended is none
		return Plan{}, err
	}
	p := Plan{Version: version, UUID: uuid, SeqID: seqid, Writes: writes, Generation: now.Generation}
	if version == 2 {
		for _, w := range writes {
			place := header.Primary
			if w.Offset > 0 {
				place = header.Secondary
			}
			if p.heads.Next, err = luks2.Decode(w.Bytes, w.Offset); err != nil {
				return Plan{}, err
			}
			p.heads.Writes = append(p.heads.Writes, header.Write{
				Place: place, Offset: w.Offset, Bytes: w.Bytes,
				Why: w.Why,
			})
		}
	}
	return p, nil
}
