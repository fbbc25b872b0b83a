// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"slices"

	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// The recorded volumes in use: one keyslot and small heads; two keyslots, large heads, a token; LUKS1.
const (
	small = "luks2-cbc-essiv"
	large = "luks2-metadata-64k"
	first = "luks1-sha1"
)

const token = `{"type":"orthrus-test","keyslots":["0"],"note":"x"}`

// All returns every operation. Each has been carried out once by then.
func All() ([]crash.Operation, error) {
	var list []crash.Operation
	err := errors.Join(
		build(&list, changes()), build(&list, farChanges()), build(&list, comebacks()), build(&list,
			mendings()), build(&list, formats()), build(&list, transactions()),
	)
	return list, err
}

// build carries out each kind of change once and adds what can then be tried.
func build[T interface {
	operation() (crash.Operation, error)
}](list *[]crash.Operation, changes []T) error {
	for _, c := range changes {
		op, err := c.operation()
		if err != nil {
			return err
		}
		*list = append(*list, op)
	}
	return nil
}

func changes() []change {
	return slices.Concat(luks2Changes(), luks1Changes(), conversions())
}

func luks2Changes() []change {
	return []change{
		{name: "add key", volume: small, run: addKey(luks.AnyKeyslot, fresh)},
		{name: "add unbound key", volume: small, run: addUnbound},
		{
			name: "kill keyslot", volume: small, prepare: addKey(1, vectors.K1), run: killKeyslot(1), touched: []int{1},
			again: true,
		},
		{name: "kill keyslot of a token", volume: large, run: killKeyslot(1), touched: []int{1}},
		{name: "enroll", volume: small, run: enrolls},
		{name: "disenroll", volume: small, prepare: enrolls, run: disenroll(1), touched: []int{1}, again: true},
		{
			name: "disenroll the only passphrase but a recovery key", volume: small, prepare: enrolls,
			run: disenroll(0), touched: []int{0}, again: true,
		},
		{name: "change key", volume: small, prepare: addKey(1, vectors.K1), run: changeKey(0), touched: []int{0}},
		{
			name: "change key without room", volume: small, prepare: fullKeyslotsArea, run: changeKey(0),
			touched: []int{0}, moves: true,
		},
		{name: "label", volume: small, run: setLabel("LABEL"), again: true},
		{name: "uuid", volume: small, run: setUUID, again: true},
		{name: "priority", volume: small, prepare: addKey(1, vectors.K1), run: setPriority, again: true},
		{name: "flags", volume: small, run: setFlags, again: true},
		{name: "token", volume: large, run: setToken(3, token), again: true},
		{name: "remove token", volume: large, run: setToken(7, ""), again: true},
		{name: "label at the last number", volume: small, shape: withSeqID(math.MaxUint64), run: setLabel("LABEL")},
		{
			name: "label before the last number", volume: small, shape: withSeqID(math.MaxUint64 - 1),
			run: setLabel("LABEL"),
		},
		{
			name: "label with stale secondary", volume: small, shape: withStale(luks2.SecondaryMagic),
			run: setLabel("LABEL"), stale: true, again: true,
		},
		{
			name: "label with stale primary", volume: small, shape: withStale(luks2.PrimaryMagic),
			run:   setLabel("LABEL"),
			stale: true, again: true,
		},
		{name: "restore", volume: small, prepare: changeKey(0), run: restore(small), touched: []int{0}, again: true},
		{
			name: "restore without room", volume: small, prepare: inTurn(fullKeyslotsArea, changeKey(0)),
			run: restore(small), touched: []int{0, 1}, moves: true,
		},
		{
			name: "repair primary", volume: small, shape: withZeros(0), run: mend(repair.KeepNone), stale: true,
			repairs: true, again: true,
		},
		{
			name: "repair secondary", volume: small, shape: withZeros(luks2.MinSize), run: mend(repair.KeepNone),
			stale: true, repairs: true, again: true,
		},
		{
			name: "repair stale primary", volume: small, shape: withStale(luks2.PrimaryMagic),
			run:   mend(repair.KeepNone),
			stale: true, repairs: true, again: true,
		},
		{
			name: "repair conflict, keep primary", volume: small, shape: withConflict, run: mend(repair.KeepPrimary),
			stale: true, repairs: true,
		},
		{
			name: "repair conflict, keep secondary", volume: small, shape: withConflict,
			run:   mend(repair.KeepSecondary),
			stale: true, repairs: true,
		},
		{
			name: "add key with stale primary", volume: small, shape: withStale(luks2.PrimaryMagic),
			run: addKey(luks.AnyKeyslot, fresh), stale: true,
		},
	}
}

func luks1Changes() []change {
	return []change{
		{name: "LUKS1 add key", volume: first, run: addKey(luks.AnyKeyslot, fresh), touched: []int{1}},
		{name: "LUKS1 add key 6", volume: first, run: addKey(6, fresh), touched: []int{6}},
		{name: "LUKS1 add key 7", volume: first, run: addKey(7, fresh), touched: []int{7}},
		{
			name: "LUKS1 kill keyslot 6", volume: first, prepare: addKey(6, fresh), run: killKeyslot(6),
			touched: []int{6},
			again:   true,
		},
		{
			name: "LUKS1 kill keyslot 0", volume: first, prepare: addKey(6, fresh), run: killKeyslot(0),
			touched: []int{0},
		},
		{name: "LUKS1 change key", volume: first, run: changeKey(0), touched: []int{0, 1}},
		{
			name: "LUKS1 change key 6", volume: first, prepare: addKey(6, vectors.K1), run: changeKey(6),
			touched: []int{6, 1},
		},
		{
			name: "LUKS1 change key in its place", volume: first, run: changeKeyInPlace(0), touched: []int{0, 1},
			parking: []int{1},
		},
		{
			name: "LUKS1 change key of eight", volume: first, prepare: eightKeys, run: changeKey(0), touched: []int{0},
			moves: true,
		},
		{
			name: "LUKS1 change key 6 of eight", volume: first, prepare: eightKeys, run: changeKey(6),
			touched: []int{6}, moves: true,
		},
		{name: "LUKS1 uuid", volume: first, run: setUUID, again: true},
		{
			name: "LUKS1 restore", volume: first, prepare: changeKey(0), run: restore(first), touched: everyKeyslot1,
			again: true,
		},
		{
			name: "LUKS1 restore in place", volume: first, prepare: replaceKey0, run: restore(first),
			touched: everyKeyslot1, parking: []int{1},
		},
		{
			name: "LUKS1 repair", volume: first, shape: withUpperCaseHash, run: mend(repair.KeepNone), repairs: true,
			again: true,
		},
	}
}

// everyKeyslot1 are those of LUKS1. What none of them names is wiped by a restore.
var everyKeyslot1 = []int{0, 1, 2, 3, 4, 5, 6, 7}

// eightKeys fills every keyslot of LUKS1.
func eightKeys(v *luks.Volume, key *luks.Key) error {
	for id := 1; id < 8; id++ {
		if err := addKey(id, vectors.K1)(v, key); err != nil {
			return err
		}
	}
	return nil
}

// fullKeyslotsArea leaves room for two keyslots, and none beside them before the data.
func fullKeyslotsArea(v *luks.Volume, key *luks.Key) error {
	if err := addKey(1, vectors.K1)(v, key); err != nil {
		return err
	}
	next := v.Choice.Copy
	next.Metadata = next.Metadata.Clone()
	end := uint64(0)
	for _, k := range v.Keyslots {
		end = max(end, k.Area.Offset+k.Area.Size)
	}
	next.Metadata.SetSizes(next.Header.Size, end-2*next.Header.Size)
	plan, err := header.PlanUpdate(v.Heads, v.Choice, next, rand.Reader)
	if err != nil {
		return err
	}
	return commit.Apply(v.Device(), commit.Mending(nil, plan))
}

// inTurn takes steps one after the other.
func inTurn(steps ...step) step {
	return func(v *luks.Volume, key *luks.Key) error {
		for _, s := range steps {
			if err := s(v, key); err != nil {
				return err
			}
		}
		return nil
	}
}

// replaceKey0 puts another passphrase into keyslot 0.
func replaceKey0(v *luks.Volume, key *luks.Key) error {
	for _, s := range []step{addKey(6, fresh), killKeyslot(0), addKey(0, fresh), killKeyslot(6)} {
		if err := s(v, key); err != nil {
			return err
		}
	}
	return nil
}

func addUnbound(v *luks.Volume, _ *luks.Key) error {
	_, err := v.AddUnboundKey(context.Background(), []byte("sixteen byte key"), []byte(fresh),
		protection(luks.AnyKeyslot))
	return err
}

func setPriority(v *luks.Volume, _ *luks.Key) error {
	return v.SetPriority(context.Background(), 1, luks2.PriorityIgnore)
}

func setFlags(v *luks.Volume, _ *luks.Key) error {
	return v.SetFlags(context.Background(), target.AllowDiscards.Kept())
}
