// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

const (
	ours   = "11111111-2222-4333-8444-555555555555"
	theirs = "99999999-2222-4333-8444-555555555555"
)

var proven = policy.Policy{Repair: policy.RepairProven, Grow: true}

// found is a copy in some state.
func found(place header.Place, state header.State, uuid string, seqid uint64) header.Found {
	f := header.Found{Place: place, State: state}
	if state == header.Valid || state == header.Damaged {
		f.Copy = luks2.Copy{Header: luks2.Header{UUID: uuid, SeqID: seqid, Size: luks2.MinSize}, Metadata: luks2.NewMetadata(luks2.MinSize, 1<<20)}
	}
	if state != header.Valid {
		f.Err = errors.New("cause")
	}
	return f
}

// sight is a device with these copies.
func sight(primary, secondary header.Found) Sight {
	heads := header.Heads{Primary: primary, Secondary: secondary, DeviceSize: 64 << 20}
	e := inspect.Evidence{Heads: heads, Size: 64 << 20}
	e.Choice, e.ChoiceErr = header.Choose(heads)
	s := Sight{UUID: ours, Evidence: e}
	if e.ChoiceErr == nil {
		s.Mark = mark(e.Choice.Copy.Header.SeqID)
	}
	return s
}

const ourKey, theirKey = "our key", "their key"

// mark is a state of our volume.
func mark(seqid uint64) *identity.Mark {
	return &identity.Mark{UUID: ours, Version: 2, SeqID: seqid, Sum: fmt.Append(nil, seqid), Keys: [][]byte{[]byte(ourKey)}}
}

// known remembers these states, the last one with its head.
func known(seqids ...uint64) *Known {
	k := &Known{Kept: true, Opens: true}
	for _, n := range seqids {
		k.Chain = k.Chain.See(*mark(n), "", "disk")
	}
	return k
}

// other changes a mark into one that contradicts it.
func other(m *identity.Mark) *identity.Mark {
	n := *m
	n.Sum = []byte("other")
	return &n
}

// theirsMark is a state of another volume under our UUID.
func theirsMark(seqid uint64) *identity.Mark {
	m := mark(seqid)
	m.Keys = [][]byte{[]byte(theirKey)}
	return m
}

func healthy() Sight {
	return sight(found(header.Primary, header.Valid, ours, 5), found(header.Secondary, header.Valid, ours, 5))
}

// lostPrimary is a volume that was seen before, its primary wiped.
func lostPrimary() Sight {
	s := sight(found(header.Primary, header.Absent, "", 0), found(header.Secondary, header.Valid, ours, 5))
	s.Known = known(5)
	return s
}

// lostBoth is the same with both gone under its mapping.
func lostBoth() Sight {
	s := sight(found(header.Primary, header.Absent, "", 0), found(header.Secondary, header.Damaged, ours, 5))
	s.Known = known(5)
	s.Mapping = &Mapping{Name: "vault", UUID: ours, Fits: true}
	return s
}

// lostToFar has no head, no mapping, and a whole far header.
func lostToFar() Sight {
	s := sight(found(header.Primary, header.Absent, "", 0), found(header.Secondary, header.Absent, "", 0))
	s.Known = known(5)
	s.Far = Far{Left: true, Mark: mark(5)}
	return s
}

func kinds(d Decision) []Kind {
	var list []Kind
	for _, c := range d.Against() {
		list = append(list, c.Kind)
	}
	return list
}

func TestDecisions(t *testing.T) {
	tests := []struct {
		name   string
		sight  Sight
		change func(*Sight)
		policy policy.Policy
		step   Step
		why    []Kind
	}{
		{name: "in order", sight: healthy(), policy: proven},
		{name: "in order and cloned", sight: healthy(), change: func(s *Sight) { s.Clones = []string{"/dev/b"} }, policy: proven},
		{name: "nothing there", sight: sight(found(header.Primary, header.Absent, "", 0), found(header.Secondary, header.Absent, "", 0)), policy: proven},
		{name: "nothing left, not mapped", sight: sight(found(header.Primary, header.Damaged, ours, 1), found(header.Secondary, header.Damaged, ours, 1)), policy: proven},

		{name: "primary lost", sight: lostPrimary(), policy: proven, step: Repair},
		{name: "default policy", sight: lostPrimary(), policy: policy.Default().Default, step: Repair, why: []Kind{Policy}},
		{name: "never seen", sight: lostPrimary(), change: func(s *Sight) { s.Known = nil }, policy: proven, step: Repair, why: []Kind{Unproven}},
		{name: "never seen, remains agree", sight: sight(found(header.Primary, header.Damaged, ours, 5), found(header.Secondary, header.Valid, ours, 5)), policy: proven, step: Repair},
		{name: "never seen, remains of another", sight: sight(found(header.Primary, header.Damaged, theirs, 5), found(header.Secondary, header.Valid, ours, 5)), policy: proven, step: Repair, why: []Kind{Unproven}},
		{name: "stale secondary", sight: sight(found(header.Primary, header.Valid, ours, 6), found(header.Secondary, header.Valid, ours, 5)), policy: proven, step: Repair},
		{name: "unreadable", sight: sight(found(header.Primary, header.Unreadable, "", 0), found(header.Secondary, header.Valid, ours, 5)), change: func(s *Sight) { s.Known = known(5) }, policy: proven, step: Repair, why: []Kind{Unreadable}},
		{name: "older than seen", sight: lostPrimary(), change: func(s *Sight) { s.Known = known(5, 6) }, policy: proven, step: Repair, why: []Kind{Older}},
		{name: "wrapped since seen", sight: sight(found(header.Primary, header.Absent, "", 0), found(header.Secondary, header.Valid, ours, 1)), change: func(s *Sight) { s.Known = known(1<<64 - 1) }, policy: proven, step: Repair},
		{name: "foreign", sight: lostPrimary(), change: func(s *Sight) {
			s.Evidence.Signatures = []signature.Signature{{Kind: "ext4", Offset: 1080}, {Kind: "crypto_LUKS"}, {Kind: "gpt", Backup: true}, {Kind: "swap", Damaged: true}}
		}, policy: proven, step: Repair, why: []Kind{Foreign}},
		{name: "clone", sight: lostPrimary(), change: func(s *Sight) { s.Clones = []string{"/dev/b"} }, policy: proven, step: Repair, why: []Kind{Clone}},
		{name: "member", sight: lostPrimary(), change: func(s *Sight) { s.Device.Members = []string{"md0"} }, policy: proven, step: Repair, why: []Kind{Member}},
		{name: "removable", sight: lostPrimary(), change: func(s *Sight) { s.Device.Removable = true }, policy: proven, step: Repair, why: []Kind{Removable}},
		{name: "removable and allowed", sight: lostPrimary(), change: func(s *Sight) { s.Device.Removable = true }, policy: policy.Policy{Repair: policy.RepairProven, Removable: true}, step: Repair},
		{name: "read-only", sight: lostPrimary(), change: func(s *Sight) { s.Device.ReadOnly = true }, policy: proven, step: Repair, why: []Kind{ReadOnly}},
		{name: "taken back", sight: lostPrimary(), change: func(s *Sight) { s.Held = "by hand" }, policy: proven, step: Repair, why: []Kind{Held}},
		{name: "again and again", sight: lostPrimary(), change: func(s *Sight) { s.Often = true }, policy: proven, step: Repair, why: []Kind{Often}},
		{name: "everything at once", sight: lostPrimary(), change: func(s *Sight) {
			s.Known, s.Clones, s.Device = nil, []string{"b"}, Device{Removable: true, ReadOnly: true}
		}, policy: policy.Default().Default, step: Repair, why: []Kind{Unproven, ReadOnly, Clone, Removable, Policy}},

		{name: "both lost under the mapping", sight: lostBoth(), policy: proven, step: Restore},
		{name: "both lost, default policy", sight: lostBoth(), policy: policy.Default().Default, step: Restore, why: []Kind{Policy}},
		{name: "both lost, never seen", sight: lostBoth(), change: func(s *Sight) { s.Known = nil }, policy: proven, step: Restore, why: []Kind{Unproven}},
		{name: "both lost, another mapping", sight: lostBoth(), change: func(s *Sight) { s.Mapping.Fits = false }, policy: proven, step: Restore, why: []Kind{Unmapped}},
		{name: "erased", sight: lostBoth(), change: func(s *Sight) { s.Known.Changed = []string{"keyslot 0"} }, policy: proven, step: Restore, why: []Kind{Erased}},
		{name: "erased, and seen so", sight: lostBoth(), change: func(s *Sight) { s.Known.Opens = false }, policy: proven, step: Restore, why: []Kind{Erased}},
		{name: "both lost, one unreadable", sight: lostBoth(), change: func(s *Sight) {
			s.Evidence.Heads.Primary = found(header.Primary, header.Unreadable, "", 0)
		}, policy: proven, step: Restore, why: []Kind{Unreadable}},

		{name: "far header left, heads gone", sight: lostToFar(), policy: proven, step: FromFar},
		{name: "far header left, default policy", sight: lostToFar(), policy: policy.Default().Default, step: FromFar, why: []Kind{Policy}},
		{name: "far header of a stranger", sight: lostToFar(), change: func(s *Sight) { s.Known = nil }, policy: proven, step: FromFar, why: []Kind{Unproven}},
		{name: "far header older than seen", sight: lostToFar(), change: func(s *Sight) { s.Known = known(5, 9) }, policy: proven, step: FromFar, why: []Kind{Older}},
		{name: "far header after an erase", sight: lostToFar(), change: func(s *Sight) { s.Known.Changed = []string{"keyslot 0"} }, policy: proven, step: FromFar, why: []Kind{Erased}},
		{name: "far header, seen without keyslots", sight: lostToFar(), change: func(s *Sight) { s.Known.Opens = false }, policy: proven, step: FromFar, why: []Kind{Erased}},
		{name: "unfinished transaction", sight: healthy(), change: func(s *Sight) { s.Far.Wants = Resume }, policy: proven, step: Resume},
		{name: "unfinished, not allowed", sight: healthy(), change: func(s *Sight) { s.Far.Wants = Resume }, policy: policy.Policy{Grow: true}, step: Resume, why: []Kind{Policy}},
		{name: "stale far header that may not be written", sight: healthy(), change: func(s *Sight) { s.Far = Far{Wants: Sync, Refused: "displaced"} }, policy: proven, step: Sync, why: []Kind{Room}},
		{name: "grown volume with a far header", sight: healthy(), change: func(s *Sight) { s.Far.Wants = Grow }, policy: policy.Policy{Grow: true}, step: Grow},
		{name: "grown, partitions on it", sight: healthy(), change: func(s *Sight) { s.Far.Wants, s.Device.Parts = Grow, 1 }, policy: proven, step: Grow, why: []Kind{Member}},
		{name: "damaged keyslot", sight: healthy(), change: func(s *Sight) { s.Far.Damaged = []int{0} }, policy: proven, step: Repair, why: []Kind{Unproven}},
		{name: "damaged keyslot of a known volume", sight: healthy(), change: func(s *Sight) { s.Far.Damaged, s.Known = []int{0}, known(5) }, policy: proven, step: Repair},
		{name: "damage comes before growth", sight: lostPrimary(), change: func(s *Sight) { s.Far.Wants = Grow }, policy: proven, step: Repair},

		{name: "rehearsed", sight: lostPrimary(), policy: policy.Policy{Repair: policy.RepairRehearse}, step: Repair},

		{name: "swap on it", sight: lostPrimary(), change: uses(User{Swap, "/dev/a", ""}), policy: proven, step: Repair, why: []Kind{InUse}},
		{name: "plain mapping on it", sight: lostPrimary(), change: uses(User{Mapped, "sw", "CRYPT-PLAIN-sw"}), policy: proven, step: Repair, why: []Kind{InUse}},
		{name: "no head, plain mapping on it", sight: lostToFar(), change: uses(User{Mapped, "sw", "CRYPT-PLAIN-sw"}), policy: proven, step: FromFar, why: []Kind{InUse}},
		{name: "another volume's mapping on it", sight: lostPrimary(), change: uses(User{Mapped, "x", "CRYPT-LUKS2-99999999222243338444555555555555-x"}), policy: proven, step: Repair, why: []Kind{InUse}},
		{name: "own mapping on it", sight: lostPrimary(), change: uses(User{Mapped, "v", "CRYPT-LUKS2-11111111222243338444555555555555-v"}), policy: proven, step: Repair},
		{name: "own mapping and a loop device", sight: lostBoth(), change: uses(User{Mapped, "v", "CRYPT-LUKS2-11111111222243338444555555555555-v"}, User{Loop, "loop0", ""}), policy: proven, step: Restore, why: []Kind{InUse}},
		{name: "array on it", sight: lostPrimary(), change: uses(User{Array, "md0", ""}), policy: proven, step: Repair, why: []Kind{InUse}},
		{name: "mounted", sight: healthy(), change: func(s *Sight) { s.Far.Wants, s.Users = Sync, []User{{Mount, "/mnt", ""}} }, policy: proven, step: Sync, why: []Kind{InUse}},
		{name: "claimed", sight: lostPrimary(), change: uses(User{Claimed, "", ""}), policy: proven, step: Repair, why: []Kind{InUse}},

		{name: "restored backup, then a head lost", sight: lostPrimary(), change: func(s *Sight) { s.Known = known(5, 7) }, policy: proven, step: Repair, why: []Kind{Older}},
		{name: "fork stands, tip again", sight: lostPrimary(), change: func(s *Sight) { s.Known = forked(5, mark(3)) }, policy: proven, step: Repair, why: []Kind{Older}},
		{name: "fork stands, what it became", sight: lostPrimary(), change: func(s *Sight) { s.Known = forked(4, mark(3)) }, policy: proven, step: Repair, why: []Kind{Fork}},
		{name: "same number, changed apart", sight: lostPrimary(), change: func(s *Sight) { s.Mark = other(s.Mark) }, policy: proven, step: Repair, why: []Kind{Fork}},
		{name: "another volume key", sight: lostPrimary(), change: func(s *Sight) { s.Mark = theirsMark(9) }, policy: proven, step: Repair, why: []Kind{Stranger}},
		{name: "another volume key, stale far header", sight: healthy(), change: func(s *Sight) { s.Known, s.Mark, s.Far.Wants = known(5), theirsMark(9), Sync }, policy: proven, step: Sync, why: []Kind{Stranger}},
		{name: "both lost after a restored backup", sight: lostBoth(), change: func(s *Sight) { s.Known = forked(5, mark(3)) }, policy: proven, step: Restore, why: []Kind{Fork}},
		{name: "both lost after formatting anew", sight: lostBoth(), change: func(s *Sight) { s.Known = forked(5, theirsMark(3)) }, policy: proven, step: Restore, why: []Kind{Fork}},
		{name: "nothing kept of the tip", sight: lostBoth(), change: func(s *Sight) { s.Known.Kept = false }, policy: proven, step: Restore, why: []Kind{Unproven}},
		{name: "far header after a restored backup", sight: lostToFar(), change: func(s *Sight) { s.Known = forked(5, mark(3)) }, policy: proven, step: FromFar, why: []Kind{Fork}},
		{name: "far header newer than seen", sight: lostToFar(), change: func(s *Sight) { s.Far.Mark = mark(6) }, policy: proven, step: FromFar, why: []Kind{Older}},
		{name: "far header of another volume key", sight: lostToFar(), change: func(s *Sight) { s.Far.Mark = theirsMark(5) }, policy: proven, step: FromFar, why: []Kind{Older}},
		{name: "far header with no head in it", sight: lostToFar(), change: func(s *Sight) { s.Far.Mark = nil }, policy: proven, step: FromFar, why: []Kind{Older}},
		{name: "wipefs", sight: lostToFar(), change: func(s *Sight) { s.Evidence.Wiped = []inspect.Wiped{{Version: 2}} }, policy: proven, step: FromFar, why: []Kind{Wiped}},
		{name: "another volume was seen elsewhere", sight: lostToFar(), change: func(s *Sight) { s.Known, s.Device.Key = strangerElsewhere(5), "disk" }, policy: proven, step: FromFar},
		{name: "another volume was seen, and this is another device", sight: lostToFar(), change: func(s *Sight) { s.Known, s.Device.Key = strangerElsewhere(5), "other" }, policy: proven, step: FromFar, why: []Kind{Fork}},
		{name: "newer under another UUID", sight: lostPrimary(), change: func(s *Sight) { s.Later = theirs }, policy: proven, step: Repair, why: []Kind{Older}},
		{name: "far header, newer under another UUID", sight: lostToFar(), change: func(s *Sight) { s.Later = theirs }, policy: proven, step: FromFar, why: []Kind{Older}},
		{name: "a state could not be remembered", sight: lostToFar(), change: func(s *Sight) { s.Forgot = "full" }, policy: proven, step: FromFar, why: []Kind{Older}},
		{name: "both lost, a state could not be remembered", sight: lostBoth(), change: func(s *Sight) { s.Forgot = "full" }, policy: proven, step: Restore, why: []Kind{Older}},
		{name: "nothing of the keyslot left", sight: healthy(), change: func(s *Sight) { s.Far.Damaged, s.Far.Erased, s.Known = []int{0}, []int{0}, known(5) }, policy: proven, step: Repair, why: []Kind{Erased}},
		{name: "above the volume's device", sight: lostPrimary(), change: func(s *Sight) { s.Upper = true }, policy: proven, step: Repair, why: []Kind{InUse}},
		{name: "mapped above the volume's device", sight: lostBoth(), change: func(s *Sight) { s.Upper = true }, policy: proven, step: Restore},
		{name: "something else was seen since", sight: lostPrimary(), change: func(s *Sight) { s.Known.Chain.Ended = "swap" }, policy: proven, step: Repair, why: []Kind{Foreign}},
		{name: "wipefs under the mapping", sight: lostBoth(), change: func(s *Sight) { s.Evidence.Wiped = []inspect.Wiped{{Version: 2}} }, policy: proven, step: Restore},

		{name: "reencryption, seen now", sight: lostPrimary(), change: func(s *Sight) { s.Mark.Reencrypt = true }, policy: proven, step: Repair, why: []Kind{Reencrypt}},
		{name: "reencryption, in the remains", sight: lostPrimary(), change: func(s *Sight) { s.Remains = true }, policy: proven, step: Repair, why: []Kind{Reencrypt}},
		{name: "reencryption, remembered", sight: lostBoth(), change: func(s *Sight) { s.Known.Chain.Links[0].Reencrypt = true }, policy: proven, step: Restore, why: []Kind{Reencrypt}},
		{name: "reencryption, over since", sight: healthy(), change: func(s *Sight) {
			s.Known, s.Far.Wants = known(4), Sync
			s.Known.Chain.Links[0].Reencrypt = true
		}, policy: proven, step: Sync},
		{name: "data device of a detached header", sight: lostBoth(), change: func(s *Sight) { s.Mapping.Detached = true }, policy: proven},

		{name: "grown, with a key", sight: healthy(), change: func(s *Sight) { s.Mapping = &Mapping{Size: 1, Wanted: 2, Whole: true, Key: true} }, policy: proven, step: Enlarge},
		{name: "grown, without", sight: healthy(), change: func(s *Sight) { s.Mapping = &Mapping{Size: 1, Wanted: 2, Whole: true} }, policy: proven, step: Enlarge, why: []Kind{NoKey}},
		{name: "grown, not allowed", sight: healthy(), change: func(s *Sight) { s.Mapping = &Mapping{Size: 1, Wanted: 2, Whole: true, Key: true} }, policy: policy.Default().Default, step: Enlarge, why: []Kind{Policy}},
		{name: "opened shorter on purpose", sight: healthy(), change: func(s *Sight) { s.Mapping = &Mapping{Size: 1, Wanted: 2, Key: true} }, policy: proven},
		{name: "shrunk", sight: healthy(), change: func(s *Sight) { s.Mapping = &Mapping{Size: 3, Wanted: 2, Whole: true, Key: true} }, policy: proven},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.change != nil {
				test.change(&test.sight)
			}
			d := Decide(test.sight, test.policy)
			if d.Step != test.step || !slices.Equal(kinds(d), test.why) {
				t.Errorf("%q because of %v, want %q because of %v", d.Step, d.Against(), test.step, test.why)
			}
			if d.Do != (test.step != Nothing && len(test.why) == 0) {
				t.Errorf("do is %v", d.Do)
			}
		})
	}
}

func uses(users ...User) func(*Sight) { return func(s *Sight) { s.Users = users } }

// forked is what is remembered where the state seen last does not continue the chain.
func forked(tip uint64, last *identity.Mark) *Known {
	k := known(tip)
	k.Chain = k.Chain.See(*last, "", "disk")
	return k
}

// strangerElsewhere is what is remembered where another volume under the UUID was seen on another device.
func strangerElsewhere(tip uint64) *Known {
	k := known(tip)
	k.Chain = k.Chain.See(*theirsMark(3), "", "elsewhere")
	return k
}

func TestConflictIsAPersonsDecision(t *testing.T) {
	a, b := found(header.Primary, header.Valid, ours, 5), found(header.Secondary, header.Valid, ours, 5)
	b.Copy.Header.Label = "other"
	if d := Decide(sight(a, b), proven); d.Do || !slices.Equal(kinds(d), []Kind{Conflict}) {
		t.Errorf("%+v", d)
	}
}

func TestMappedVolumeIsReadFromTheMappersUUID(t *testing.T) {
	for uuid, want := range map[string]string{
		"CRYPT-LUKS2-11111111222243338444555555555555-vault": "11111111-2222-4333-8444-555555555555",
		"CRYPT-LUKS1-11111111222243338444555555555555-a-b-c": "11111111-2222-4333-8444-555555555555",
		"CRYPT-PLAIN-x":         "",
		"CRYPT-LUKS2-short-x":   "",
		"LVM-abc":               "",
		"CRYPT-TEMP-vault":      "",
		"CRYPT-VERITY-0123-x-y": "",
	} {
		if got := VolumeOf(uuid); got != want {
			t.Errorf("%s: %q", uuid, got)
		}
	}
}
