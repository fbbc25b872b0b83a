// SPDX-License-Identifier: Apache-2.0

package far

import (
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The reasons for which a far header is not written.
var (
	ErrNone      = errors.New("the volume has no far header")
	ErrDisplaced = errors.New("the far header is displaced: what lies at its place is not ours")
	ErrCutOff    = errors.New("the far header was cut off: its place is beyond the device's end")
	ErrRestored  = errors.New("the far header is newer than the heads, which were restored from a backup")
	ErrCovered   = errors.New("opened by an older tool: the mapping reaches over the far header")
	ErrUnderWay  = errors.New("a transaction on the far header is under way")
	ErrUnsure    = errors.New("the far header cannot be read")
	ErrZone      = errors.New("a reencryption is rewriting what lies over the far header")
	ErrLength    = errors.New("the far header was made for metadata of another length")
)

// Standing is how the far header stands to the heads.
type Standing int

// The standings.
const (
	None        Standing = iota // the heads know of none
	InStep                      // it holds what the heads and keyslot areas hold
	Stale                       // it is ours, and holds an earlier state
	Interrupted                 // it is ours, and an update was cut off
	Transit                     // a transaction was cut off
	Displaced                   // what lies at its place is not ours, or not ours any more
	CutOff                      // its place is beyond the device's end
	Restored                    // it is newer than the heads: those were restored from a backup
	Unknown                     // it cannot be read, or its token is of another version
	Misfit                      // it is ours, and of another length than the metadata that it is to copy
)

func (s Standing) String() string {
	return [...]string{
		"none", "in step", "stale", "interrupted", "transaction under way", "displaced", "cut off",
		"newer than the heads", "unknown", "of another length",
	}[s]
}

// Evidence is all that the ownership rules go by.
type Evidence struct {
	Head       luks2.Copy // the chosen head
	DeviceSize uint64     // bytes
	Token      Token
	HasToken   bool
	TokenErr   error   // of Find
	Recorded   Found   // at Token.Far
	Others     []Found // elsewhere: at Token.To, at the device's end
	Want       Desired // what it should hold; Contents empty where that could not be made
	// Live are the ranges of the device that mappings reach over.
	Live []luks2.Extent
	// Severed: what is cut off at Token.Far is the locator alone; see the function of that name. Each area of the body
	// is as on the device.
	Severed bool
}

// Judgement is what follows from the evidence.
type Judgement struct {
	Standing Standing
	Why      error // where it is not InStep, Stale, Interrupted or None
	// Covered: a mapping reaches over it. Exposed: the data segment does, as the heads have it.
	Covered, Exposed bool
	// Zoned: a reencryption is rewriting it, and may yet recover what lay there.
	Zoned     bool
	Revoked   []luks2.Extent // of the body: key material that the heads do not name any more
	Forgotten []Found        // other copies of this volume, with key material
}

// Judge applies the ownership rules.
func Judge(e Evidence) Judgement {
	j := Judgement{Forgotten: e.forgotten()}
	j.Standing, j.Why = e.standing()
	if !e.HasToken || e.Token.Far.None() {
		return j
	}
	j.Exposed = e.dataEnd() > e.Token.Far.Start()
	j.Zoned = zoned(e.Head.Metadata, e.Token.Far, e.DeviceSize)
	j.Covered = Reaches(e.Live, e.Token.Far)
	if e.Recorded.State == Whole && e.Recorded.Of(e.Head) {
		j.Revoked = e.Recorded.Locator.Revoked(e.Head)
	}
	return j
}

// Writable tells why the far header must not be brought into step or wiped; nil where it may be.
func (j Judgement) Writable() error {
	switch {
	case j.Standing == None:
		return ErrNone
	case j.Why != nil:
		return j.Why
	case j.Covered:
		return ErrCovered
	case j.Zoned:
		return ErrZone
	}
	return nil
}

// zoned tells whether a reencryption is rewriting bytes of a place.
func zoned(m *luks2.Metadata, p Place, deviceSize uint64) bool {
	for _, s := range m.Segments() {
		e := luks2.Extent{Offset: s.Offset, Size: s.Size}
		if s.Dynamic {
			e.Size = deviceSize - min(s.Offset, deviceSize)
		}
		if s.HasFlag("in-reencryption") && Reaches([]luks2.Extent{e}, p) {
			return true
		}
	}
	return false
}

// dataEnd is the first byte behind the data segment.
func (e Evidence) dataEnd() uint64 { return DataEnd(e.Head.Metadata, e.DeviceSize) }

// DataEnd is the first byte behind the data, on a device of that size (bytes).
func DataEnd(m *luks2.Metadata, deviceSize uint64) uint64 {
	size, dynamic := m.DataSize()
	if dynamic {
		return deviceSize
	}
	return luks2.Extent{Offset: m.DataOffset(), Size: size}.End()
}

func (e Evidence) standing() (Standing, error) {
	if e.TokenErr != nil {
		return Unknown, e.TokenErr
	}
	if f, newer := e.newer(); newer {
		return Restored, fmt.Errorf("%w: its sequence number is %d, theirs %d", ErrRestored, f.Locator.SeqID,
			e.Head.Header.SeqID)
	}
	switch {
	case !e.HasToken:
		return None, nil
	case e.Token.Phase != Stable && e.Token.Phase != AwaitingCut:
		return Transit, fmt.Errorf("%w: %s", ErrUnderWay, e.Token.Phase)
	case e.Token.Far.None():
		return None, nil
	case e.Token.Far.End() > e.DeviceSize:
		return CutOff, ErrCutOff
	}
	if err := e.Token.Check(e.Head.Metadata.KeyslotsExtent(e.Head.Header.Size).End(), e.DeviceSize); err != nil {
		return Unknown, err
	}
	return e.recorded()
}

// recorded judges what lies at the place that the heads name.
func (e Evidence) recorded() (Standing, error) {
	f := e.Recorded
	switch {
	case f.State == Unreadable:
		return Unknown, fmt.Errorf("%w: %w", ErrUnsure, f.Err)
	case f.State != Whole:
		return Displaced, fmt.Errorf("%w: %w", ErrDisplaced, f.Err)
	case !f.Of(e.Head):
		return Displaced, fmt.Errorf("%w: its uuid is %s", ErrDisplaced, f.Locator.UUID)
	case f.Place.Body.Size != Length(e.Head):
		return Misfit, fmt.Errorf("%w: %d bytes, and they take %d", ErrLength, f.Place.Body.Size, Length(e.Head))
	case f.Locator.Updating():
		return Interrupted, nil
	case f.Locator.Contents.Equal(e.Want.Contents) && f.Locator.UUID == e.Head.Header.UUID:
		return InStep, nil
	}
	return Stale, nil
}

// newer finds a far header of this volume that is newer than its heads, other than one which a
// transaction or an announced update has just made so. One that was still being made was never in force: where
// the transaction that began it is not known to the heads, those came back from the one that was.
func (e Evidence) newer() (Found, bool) {
	for _, f := range append([]Found{e.Recorded}, e.Others...) {
		if f.State < Foreign || !f.Of(e.Head) || f.Locator.Making() {
			continue
		}
		if now := e.Head.Header.SeqID; header.Newer(f.Locator.SeqID, now) && !e.expected(f, now) {
			return f, true
		}
	}
	return Found{}, false
}

// expected: the heads were to follow, and have not yet.
func (e Evidence) expected(f Found, now uint64) bool {
	if f.Locator.SeqID != now+1 {
		return false
	}
	return e.HasToken && (f.Place == e.Token.To || e.Token.Phase != Stable && f.Place == e.Token.Far) ||
		f.Locator.Old != nil && f.Locator.Old.SeqID == now
}

// forgotten lists what bears this uuid at other places than the heads name.
func (e Evidence) forgotten() []Found {
	var list []Found
	for _, f := range e.Others {
		named := e.HasToken && (f.Place == e.Token.Far || f.Place == e.Token.To)
		if f.State >= Foreign && f.Of(e.Head) && !named {
			list = append(list, f)
		}
	}
	return list
}

// Of tells whether a far header belongs to the volume of that head: by the uuid or, since other tools change that
// without asking the far header, by the digest of a volume key, which only a copy of the volume has.
func (f Found) Of(head luks2.Copy) bool {
	if f.Locator.Of(head.Header.UUID) {
		return true
	}
	if f.State < Foreign {
		return false
	}
	own, err := f.Head()
	return err == nil && slices.ContainsFunc(own.Metadata.Digests(), func(d luks2.Digest) bool {
		return d.ServesData() && slices.ContainsFunc(head.Metadata.Digests(), d.SameKey)
	})
}

// Ours: a far header of this volume, all of whose bytes are accounted for.
func Ours(f Found, head luks2.Copy) bool {
	return f.State == Whole && f.Of(head)
}

// WipedAt: the locator at the place that a transaction of the heads is wiping announces the same. It may have lost
// all of its body by which it could be known, and the volume may have got another uuid since.
func WipedAt(f Found) bool { return f.State == Whole && f.Leaves() }

// Leaves: its locator announces that nothing of it stays.
func (f Found) Leaves() bool {
	l := f.Locator
	return l.Place == f.Place && l.Updating() && len(l.Parts) == 0
}

// Going: a far header of this volume whose locator announces that nothing of it stays. What the device cannot
// read of its body was being overwritten, and is not needed to know whose it is.
func Going(f Found, head luks2.Copy) bool {
	return f.State == Unreadable && f.Leaves() && f.Locator.Of(head.Header.UUID)
}
