// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The refusals of a relocation, beside those of package far.
var (
	ErrNotGrown    = errors.New("the device has not grown")
	ErrShrunk      = errors.New("the device has become smaller than the volume knows it")
	ErrOverlap     = errors.New("the device changes by less than the length of the far header")
	ErrAwaitingCut = errors.New("the volume is about to be cut")
	ErrNotAwaiting = errors.New("the volume is not about to be cut")
	ErrTarget      = errors.New("impossible size for the device")
	ErrNotFree     = commit.ErrNotFree
	ErrSegment     = errors.New("the data segment is not the one that the far header belongs to")
)

// SizeError tells the sizes that a refusal is about, in bytes.
type SizeError struct {
	Kind          error
	Device, Known uint64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%v: it has %d bytes, the volume knows %d", e.Kind, e.Device, e.Known)
}

func (e *SizeError) Unwrap() error { return e.Kind }

// OverlapError tells between which places there is no room to move.
type OverlapError struct{ From, To luks2.Extent }

func (e *OverlapError) Error() string {
	return fmt.Sprintf("%v: bytes %d to %d and bytes %d to %d overlap", ErrOverlap, e.From.Offset, e.From.End()-1,
		e.To.Offset, e.To.End()-1)
}

func (e *OverlapError) Unwrap() error { return ErrOverlap }
