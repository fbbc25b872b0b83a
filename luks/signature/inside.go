// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrDoubt is the kind of DoubtError.
var ErrDoubt = errors.New("it is not certain where the contents end")

// DoubtError says what keeps the end of the contents from being known.
type DoubtError struct {
	Kind string // what was found, in blkid's words; "" where that is nothing, or a read error
	Why  string
	Err  error // of reading, or nil
}

func (e *DoubtError) Error() string {
	text := ErrDoubt.Error() + ": "
	if e.Kind != "" {
		text += e.Kind + ": "
	}
	return text + e.Why
}

func (e *DoubtError) Unwrap() []error { return []error{ErrDoubt, e.Err} }

// Contents is the one thing that lies on a device or volume.
type Contents struct {
	Kind  string // "ext4", "xfs", "btrfs", "swap", "LVM2_member", …
	UUID  string
	Label string
	// End is the first byte behind everything it uses, by its own word. It is larger than the
	// device where that was cut, or is mapped too short.
	End int64
}

// provable are the kinds whose own word on their end is believed.
var provable = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "swap", "LVM2_member"}

// Inside tells where the contents of a device of that size (bytes) end. It is certain or an error:
// a DoubtError for contents of other kinds, none or several, a damaged superblock, a place that
// cannot be read, and for anything that keeps its data at the device's end (md 0.90 and 1.0, ZFS
// labels, a GPT's backup). What was mounted meanwhile may know of a later end: see package activate.
func Inside(r io.ReaderAt, size int64) (Contents, error) {
	found, err := Detect(r, size)
	if err != nil {
		return Contents{}, &DoubtError{Why: err.Error(), Err: err}
	}
	if len(found) == 0 {
		return Contents{}, &DoubtError{Why: "nothing that is known lies inside"}
	}
	// A copy alone is what something overwritten left behind; one kind beside another, which of them
	// counts is unknown.
	main := slices.IndexFunc(found, func(s Signature) bool { return !s.Backup })
	if main < 0 {
		return Contents{}, &DoubtError{Kind: found[0].Kind, Why: fmt.Sprintf("only a copy at byte %d", found[0].Offset)}
	}
	for _, s := range found {
		if err := agrees(s, found[main]); err != nil {
			return Contents{}, err
		}
	}
	s := found[main]
	return Contents{Kind: s.Kind, UUID: s.UUID, Label: s.Label, End: s.Extent}, nil
}

// agrees holds where a signature can be trusted and belongs to the same thing as the first.
func agrees(s, first Signature) error {
	switch {
	case !slices.Contains(provable, s.Kind):
		return &DoubtError{Kind: s.Kind, Why: fmt.Sprintf("found at byte %d, and its end cannot be told", s.Offset)}
	case s.Damaged:
		return &DoubtError{Kind: s.Kind, Why: fmt.Sprintf("damaged at byte %d", s.Offset)}
	case s.Extent == 0:
		return &DoubtError{Kind: s.Kind, Why: "it does not say how large it is"}
	case s.Kind != first.Kind || s.UUID != first.UUID || s.Extent != first.Extent:
		return &DoubtError{Kind: first.Kind, Why: fmt.Sprintf("beside it lies %s at byte %d", s.Kind, s.Offset)}
	}
	return nil
}
