// SPDX-License-Identifier: Apache-2.0

package far

import (
	"errors"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const ourUUID = "11111111-2222-4333-8444-555555555555"

// place is the far header of tests: at the end of a device of size MiB.
func placeOn(size uint64) Place {
	p, err := PlaceAt(size*mib, 2*luks2.MinSize+mib)
	if err != nil {
		panic(err)
	}
	return p
}

// heads are those of a volume whose data ends before the far header of a device of 512 MiB.
func heads(seqID uint64) luks2.Copy {
	m := luks2.NewMetadata(luks2.MinSize, mib)
	m.AddCrypt(luks2.Segment{Offset: 16 * mib, Size: placeOn(512).Start() - 16*mib, Encryption: "aes-xts-plain64", SectorSize: 512})
	return luks2.Copy{Header: luks2.Header{Size: luks2.MinSize, SeqID: seqID, UUID: ourUUID}, Metadata: m}
}

// contents hold the heads and a keyslot area.
func contents(seqID uint64) Contents {
	return Contents{seqID, []Part{
		part(0, luks2.MinSize, "p"), part(luks2.MinSize, luks2.MinSize, "s"), part(2*luks2.MinSize, 4096, "area"),
	}}
}

func whole(at Place, seqID uint64) Found {
	return Found{Place: at, State: Whole, Locator: Locator{UUID: ourUUID, Place: at, DeviceSize: at.End(), Contents: contents(seqID)}}
}

// good is the evidence of a volume in order.
func good() Evidence {
	at := placeOn(512)
	return Evidence{
		Head: heads(7), DeviceSize: 512 * mib, HasToken: true, Token: Token{Phase: Stable, Far: at},
		Recorded: whole(at, 7), Want: Desired{Contents: contents(7)},
	}
}

func TestOwnershipRules(t *testing.T) {
	old, end := placeOn(256), placeOn(512)
	cases := []struct {
		name string
		with func(e *Evidence)
		want Standing
		// why is what Writable returns.
		why                error
		exposed, forgotten bool
	}{
		{"in order", func(*Evidence) {}, InStep, nil, false, false},
		{"no far header", func(e *Evidence) { e.HasToken, e.Recorded = false, Found{} }, None, ErrNone, false, false},
		{"a token without a far header", func(e *Evidence) { e.Token.Far, e.Recorded = Place{}, Found{} }, None, ErrNone, false, false},
		{"changed by another tool", func(e *Evidence) { e.Recorded = whole(end, 6) }, Stale, nil, false, false},
		{"other sums under the same number", func(e *Evidence) { e.Recorded.Locator.Parts[0] = part(0, luks2.MinSize, "x") }, Stale, nil, false, false},
		{"an update cut off", func(e *Evidence) {
			e.Recorded.Locator = whole(end, 6).Locator.Successor(contents(7), 512*mib)
		}, Interrupted, nil, false, false},
		{"an update announced before the heads", func(e *Evidence) {
			e.Recorded.Locator = e.Recorded.Locator.Successor(contents(8), 512*mib)
		}, Interrupted, nil, false, false},
		{"a new uuid announced before the heads", func(e *Evidence) {
			e.Recorded.Locator = e.Recorded.Locator.Successor(contents(8), 512*mib).Renamed("other")
		}, Interrupted, nil, false, false},
		{"a new uuid announced, and the heads have it", func(e *Evidence) {
			e.Recorded.Locator.UUID = "other"
			e.Recorded.Locator = e.Recorded.Locator.Successor(contents(7), 512*mib).Renamed(ourUUID)
		}, Interrupted, nil, false, false},
		{"another one that was being made when the heads were lost", func(e *Evidence) {
			l := New(ourUUID, old, contents(9), 512*mib)
			e.Others = []Found{{Place: old, State: Whole, Locator: l}}
		}, InStep, nil, false, true},
		{"another one that was made since", func(e *Evidence) {
			l := New(ourUUID, old, contents(9), 512*mib).Final()
			e.Others = []Found{{Place: old, State: Whole, Locator: l}}
		}, Restored, ErrRestored, false, true},
		{"no locator", func(e *Evidence) { e.Recorded = Found{State: Absent, Err: ErrNoLocator} }, Displaced, ErrDisplaced, false, false},
		{"a damaged locator", func(e *Evidence) { e.Recorded = Found{State: Damaged, Err: ErrSum} }, Displaced, ErrDisplaced, false, false},
		{"foreign bytes in the body", func(e *Evidence) { e.Recorded.State, e.Recorded.Err = Foreign, ErrSum }, Displaced, ErrDisplaced, false, false},
		{"another uuid", func(e *Evidence) { e.Recorded.Locator.UUID = "other" }, Displaced, ErrDisplaced, false, false},
		{"a passing read error", func(e *Evidence) { e.Recorded = Found{State: Unreadable, Err: syscall.EIO} }, Unknown, ErrUnsure, false, false},
		{"cut off by a shrink", func(e *Evidence) { e.DeviceSize = 511 * mib; e.Recorded = Found{State: Absent} }, CutOff, ErrCutOff, false, false},
		{"back after a shrink", func(e *Evidence) { e.Recorded = whole(end, 5) }, Stale, nil, false, false},
		{"heads restored from a backup", func(e *Evidence) { e.Recorded = whole(end, 9) }, Restored, ErrRestored, false, false},
		{"heads restored from a backup, far header overwritten since", func(e *Evidence) {
			e.Recorded = whole(end, 9)
			e.Recorded.State = Foreign
		}, Restored, ErrRestored, false, false},
		{"heads restored from before the far header", func(e *Evidence) {
			e.HasToken, e.Recorded, e.Others = false, Found{}, []Found{whole(end, 9)}
		}, Restored, ErrRestored, false, true},
		{"heads restored from before a growth", func(e *Evidence) {
			e.Token.Far, e.Recorded, e.Others = old, whole(old, 7), []Found{whole(end, 9)}
		}, Restored, ErrRestored, true, true},
		{"a forgotten copy", func(e *Evidence) { e.Others = []Found{whole(old, 3)} }, InStep, nil, false, true},
		{"a forgotten copy where there is none", func(e *Evidence) {
			e.HasToken, e.Recorded, e.Others = false, Found{}, []Found{whole(end, 3)}
		}, None, ErrNone, false, true},
		{"another volume's at the end", func(e *Evidence) {
			f := whole(old, 9)
			f.Locator.UUID = "other"
			e.Others = []Found{f}
		}, InStep, nil, false, false},
		{"segment to the end again", func(e *Evidence) {
			if err := e.Head.Metadata.SetSegmentSize(0, 0); err != nil {
				t.Fatal(err)
			}
		}, InStep, nil, true, false},
		{"opened by an older tool", func(e *Evidence) { e.Live = []luks2.Extent{{Offset: 16 * mib, Size: 496 * mib}} }, InStep, ErrCovered, false, false},
		{"a mapping up to its first byte", func(e *Evidence) {
			e.Live = []luks2.Extent{{Offset: 16 * mib, Size: end.Start() - 16*mib}}
		}, InStep, nil, false, false},
		{"a mapping over the locator alone", func(e *Evidence) { e.Live = []luks2.Extent{{Offset: end.Locator + 512, Size: 512}} }, InStep, ErrCovered, false, false},
		{"a mapping of endless length", func(e *Evidence) { e.Live = []luks2.Extent{{Size: 1<<64 - 1}} }, InStep, ErrCovered, false, false},
		{"a transaction", func(e *Evidence) { e.Token.Phase = Moving }, Transit, ErrUnderWay, false, false},
		{"a transaction whose heads are still to follow", func(e *Evidence) {
			e.Token.Phase, e.Token.To, e.Token.Far, e.Recorded = Enabling, end, Place{}, Found{}
			e.Others = []Found{whole(end, 8)}
		}, Transit, ErrUnderWay, false, false},
		{"a transaction, and heads restored from a backup", func(e *Evidence) {
			e.Token.Phase, e.Token.To, e.Token.Far, e.Recorded = Enabling, end, Place{}, Found{}
			e.Others = []Found{whole(end, 9)}
		}, Restored, ErrRestored, false, false},
		{"a token of another version", func(e *Evidence) { e.TokenErr = &TokenError{31, ErrTokenVersion, ""} }, Unknown, ErrTokenVersion, false, false},
		{"a hostile token", func(e *Evidence) { e.Token.Far = Place{16 * mib, luks2.Extent{Size: mib}} }, Unknown, ErrPlace, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := good()
			c.with(&e)
			j := Judge(e)
			if j.Standing != c.want || !errors.Is(j.Writable(), c.why) || (c.why == nil) != (j.Writable() == nil) {
				t.Errorf("%v: %v", j.Standing, j.Writable())
			}
			if j.Exposed != c.exposed || (len(j.Forgotten) > 0) != c.forgotten {
				t.Errorf("exposed %v, forgotten %v", j.Exposed, j.Forgotten)
			}
		})
	}
}

func TestMaterialThatTheHeadsDoNotNameIsRevoked(t *testing.T) {
	j := Judge(good())
	if len(j.Revoked) != 1 || j.Revoked[0] != (luks2.Extent{Offset: 2 * luks2.MinSize, Size: 4096}) {
		t.Errorf("%v", j.Revoked)
	}
}

func TestHeadsOfAnotherSizeAreNotThoseThatWereCopied(t *testing.T) {
	source := make([]byte, 2*luks2.MinSize+mib)
	f := whole(placeOn(512), 7)
	if f.copied(source, luks2.MinSize) {
		t.Error("heads with other sums pass for copied")
	}
	f.Locator.Contents = Sums(source, []luks2.Extent{{Size: luks2.MinSize}, {Offset: luks2.MinSize, Size: luks2.MinSize}}, 7)
	if !f.copied(source, luks2.MinSize) {
		t.Error("heads with the same sums do not pass for copied")
	}
	f.Locator.Contents = contents(7)
	f.Locator.Parts = []Part{part(0, 64<<10, "p"), part(64<<10, 64<<10, "s"), part(128<<10, 4096, "area")}
	if f.copied(source, luks2.MinSize) {
		t.Error("heads of 16 KiB pass for copied by a far header of heads of 64 KiB")
	}
}
