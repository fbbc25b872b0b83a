// SPDX-License-Identifier: Apache-2.0

package far

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Desired is what a body is to hold.
type Desired struct {
	Contents
	Body []byte
	// Kept are keyslots whose material on the device is not what it was when it was copied, while their
	// description is: the device's is damaged, and the copy stays as it is.
	Kept []int
}

// Build makes the body for heads from source, which holds the device's first bytes, both heads
// included, as they are or are going to be; head is what those heads say. The body that lies there now,
// old, matters where a keyslot's description is still the same: its material must be, too, so where it
// differs the copy is kept, and damage does not spread. Pass nil where there is none.
func Build(source []byte, head luks2.Copy, old *Found) (Desired, error) {
	layout, err := Layout(head)
	if err != nil {
		return Desired{}, err
	}
	if uint64(len(source)) != Length(head) {
		return Desired{}, &LocatorError{Kind: ErrField, Why: fmt.Sprintf("%d bytes for a body of %d", len(source),
			Length(head))}
	}
	d := Desired{Body: Image(source, layout)}
	if old != nil && old.State == Whole && len(old.Body) == len(source) {
		d.keep(head, *old)
	}
	d.Contents = Sums(d.Body, layout, head.Header.SeqID)
	return d, nil
}

// keep puts the old copy of unchanged keyslots into the body where it differs.
func (d *Desired) keep(head luks2.Copy, old Found) {
	was, err := old.Head()
	if err != nil {
		return
	}
	for _, k := range head.Metadata.Keyslots() {
		before, err := was.Metadata.Keyslot(k.ID)
		if err != nil || !SameMaterial(before, k) {
			continue
		}
		e := luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}
		copied := old.Body[e.Offset:e.End()]
		if bytes.Equal(copied, d.Body[e.Offset:e.End()]) || !old.Vouches(e, copied) {
			continue
		}
		copy(d.Body[e.Offset:], copied)
		d.Kept = append(d.Kept, k.ID)
	}
}

// SameMaterial tells whether two descriptions are of the same material: whoever writes new material draws
// a new salt for it.
func SameMaterial(a, b luks2.Keyslot) bool {
	return a.Type == luks2.TypeLUKS2 && a.Type == b.Type && a.Area == b.Area && a.AF == b.AF &&
		a.KeySize == b.KeySize &&
		a.KDF.Type == b.KDF.Type && bytes.Equal(a.KDF.Salt, b.KDF.Salt)
}

// Vouches tells whether the locator has the sum of these bytes of the body for exactly that part, whichever keyslot
// they are of. What an update that is under way takes away is not vouched for: its keyslot was being removed.
func (l Locator) Vouches(e luks2.Extent, p []byte) bool {
	return l.Holds(e, p) || l.Old != nil && l.Old.Holds(e, p) && l.stays(e)
}

// Vouches tells whether bytes of the body are, by their sum, the material that the head in the body speaks of. In the
// middle of an update the head there may be the new one already while the part is still as it was, or the reverse: then
// the sum is that of other material, of a keyslot that may have lain there before.
func (f Found) Vouches(e luks2.Extent, p []byte) bool {
	l := f.Locator
	if l.Old == nil || l.Holds(e, p) && l.Old.Holds(e, p) {
		return l.Holds(e, p)
	}
	return f.speaksOf(l.Contents) && l.Holds(e, p) || f.speaksOf(*l.Old) && l.Old.Holds(e, p) && l.stays(e)
}

// speaksOf tells whether the head in the body that counts is the one of those contents.
func (f Found) speaksOf(c Contents) bool {
	choice, err := header.Choose(header.Read(bodyDevice{f.Body}))
	if err != nil {
		return false
	}
	size := choice.Copy.Header.Size
	e := luks2.Extent{Offset: uint64(choice.Place) * size, Size: size}
	return e.End() <= uint64(len(f.Body)) && c.Holds(e, f.Body[e.Offset:e.End()])
}

// stays tells whether exactly that part is one of the body that is to be.
func (l Locator) stays(e luks2.Extent) bool {
	return slices.ContainsFunc(l.Parts, func(p Part) bool { return p.Extent == e })
}

// Holds tells whether the sum of these bytes is that of exactly that part.
func (c Contents) Holds(e luks2.Extent, p []byte) bool { return c.has(Part{e, sha256.Sum256(p)}) }

// Revoked lists the parts of the far header, ascending, that those heads do not name any more: key
// material that is to be wiped there.
func (l Locator) Revoked(head luks2.Copy) []luks2.Extent {
	layout, err := Layout(head)
	if err != nil {
		return nil
	}
	var list []luks2.Extent
	for _, p := range l.Parts {
		if p.Offset >= 2*head.Header.Size && !slices.Contains(layout, p.Extent) {
			list = append(list, p.Extent)
		}
	}
	return list
}

// Left lists the parts that those heads do not name any more and whose bytes still lie on the device at their own
// place, by their sums: a change that was cut off left key material there, and nothing else tells of it.
func (f Found) Left(dev io.ReaderAt, head luks2.Copy) (list []luks2.Extent) {
	if !Ours(f, head) {
		return nil
	}
	for _, e := range f.Locator.Revoked(head) {
		p := make([]byte, e.Size)
		if header.ReadFull(dev, p, e.Offset) == nil && f.Locator.Holds(e, p) {
			list = append(list, e)
		}
	}
	return list
}

// Damage lists the keyslots whose material in source, the device's start, is not what the far header
// says it was, while the head on the device is one that the far header copied, or was about to copy: the
// sums are those of the device then. No passphrase is needed.
func (f Found) Damage(source []byte, head luks2.Copy) []int {
	if f.State != Whole || !f.copied(source, head.Header.Size) {
		return nil
	}
	differing := f.Locator.Differing(source)
	var ids []int
	for _, k := range head.Metadata.Keyslots() {
		if slices.Contains(differing, luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// ErrLastCopy is the kind of LastCopyError.
var ErrLastCopy = errors.New("the far header has the last whole copy")

// LastCopyError refuses to wipe a far header, or to make it anew from the device, which has lost what it still has.
type LastCopyError struct{ Keyslots []int }

func (e *LastCopyError) Error() string {
	return ErrLastCopy.Error() + " of " + luks2.NameKeyslots(e.Keyslots)
}

func (e *LastCopyError) Unwrap() error { return ErrLastCopy }

// LastCopy returns a LastCopyError where the body has the material of a keyslot whole, and source, the device's start,
// has it not, or could not be read there; whatever else of the far header is damaged. The head in the body has to speak
// of the same material: a far header of before a change does of the keyslots that the change left as they were, and of
// no others. Keyslots that are going do not count.
func (f Found) LastCopy(source []byte, head luks2.Copy, going ...int) error {
	if f.State < Foreign {
		return nil
	}
	own, err := f.Head()
	if err != nil {
		return nil
	}
	var ids []int
	for _, k := range head.Metadata.Keyslots() {
		e := luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}
		was, err := own.Metadata.Keyslot(k.ID)
		if err != nil || !SameMaterial(was, k) || slices.Contains(going, k.ID) || e.End() > uint64(len(f.Body)) {
			continue
		}
		if !f.had(e, source[e.Offset:e.End()]) && f.had(e, f.Body[e.Offset:e.End()]) {
			ids = append(ids, k.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return &LastCopyError{ids}
}

// LastCopyOn is LastCopy for the device's start as it is.
func (f Found) LastCopyOn(dev io.ReaderAt, heads header.Heads, head luks2.Copy, going ...int) error {
	if f.State < Foreign {
		return nil
	}
	source, err := Gathered(dev, heads, head, f)
	if err != nil {
		return err
	}
	return f.LastCopy(source.Bytes, head, going...)
}

// had is Vouches for exactly that part of a far header that stays, or of one that is being wiped while its head still
// speaks of what it was.
func (f Found) had(e luks2.Extent, p []byte) bool {
	if l := f.Locator; f.Leaves() {
		return l.Old != nil && f.speaksOf(*l.Old) && l.Old.Holds(e, p)
	}
	return f.Locator.stays(e) && f.Vouches(e, p)
}

// copied: one of the heads in source is, byte for byte, the one in the far header. Heads of another size are another's.
func (f Found) copied(source []byte, size uint64) bool {
	for _, e := range []luks2.Extent{{Size: size}, {Offset: size, Size: size}} {
		if e.End() <= uint64(len(source)) && f.Locator.Holds(e, source[e.Offset:e.End()]) {
			return true
		}
	}
	return false
}
