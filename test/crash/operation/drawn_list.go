// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/repair"
	tokens "github.com/orthrus-luks/orthrus/luks/token"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/crash/shape"
)

// Kinds returns every kind of operation on drawn volumes.
func Kinds() []crash.Kind {
	var list []crash.Kind
	for _, d := range slices.Concat(drawnKeys(), drawnSettings(), drawnHeads(), drawnFar()) {
		list = append(list, d.kind())
	}
	return slices.Concat(list, pairs(), drawnMoves())
}

func drawnKeys() []drawn {
	return []drawn{
		{name: "add key", deed: addsKey},
		{name: "add unbound key", fit: only2, deed: addsUnbound},
		{name: "change key", fit: withRoom, deed: changesKey},
		{name: "change key without room", fit: withDetour, deed: changesKey, moves: true, mids: true},
		{name: "kill keyslot", fit: twoKeys, deed: killsKey, again: true},
		{name: "enroll", fit: only2, deed: addsEnrolled},
		{name: "disenroll", fit: twoKeys2, deed: disenrolls, again: true},
		{name: "disenroll two at once", fit: twoKeys2, deed: disenrollsTwo, again: true},
		{name: "erase", deed: erases, mids: true, again: true},
	}
}

func drawnSettings() []drawn {
	simple := func(run step) func(*scene) (deed, error) {
		return func(*scene) (deed, error) { return deed{run: run}, nil }
	}
	return []drawn{
		{name: "label", fit: only2, deed: simple(setLabel("LABEL")), again: true},
		{name: "uuid", deed: simple(setUUID), again: true},
		{name: "priority", fit: only2, deed: func(s *scene) (deed, error) {
			id := s.one()
			return deed{run: func(v *luks.Volume, _ *luks.Key) error {
				return v.SetPriority(context.Background(), id, luks2.PriorityIgnore)
			}}, nil
		}, again: true},
		{name: "flags", fit: only2, deed: simple(setFlags), again: true},
		{name: "token", fit: only2, deed: func(s *scene) (deed, error) {
			return deed{run: setToken(s.rng.IntN(31), `{"type":"orthrus-test","keyslots":[],"note":"x"}`)}, nil
		}, again: true},
		{
			name: "remove token", fit: func(s *shape.Shape, rng *rand.Rand) { only2(s, rng); s.Header, s.Filled = 16<<10, true },
			deed: simple(setToken(31, "")), again: true,
		},
	}
}

func drawnHeads() []drawn {
	return []drawn{
		{name: "repair", fit: hurt, deed: func(*scene) (deed, error) { return deed{run: mend(repair.KeepNone)}, nil }, repairs: true, again: true},
		{name: "restore an older header", deed: restoresOlder, moves: true, again: true},
		{name: "restore a newer header", deed: restoresNewer, moves: true, again: true},
		{name: "restore a header of another layout", fit: only2, deed: restoresLayout, moves: true, mids: true},
		{name: "convert to LUKS2", fit: only1, deed: converts(2), moves: true, mids: true},
		{name: "convert to LUKS1", fit: convertible, deed: converts(1), moves: true, mids: true},
		{name: "resize header", fit: only2, deed: resizes, moves: true, mids: true, again: true},
	}
}

func drawnFar() []drawn {
	simple := func(run step) func(*scene) (deed, error) {
		return func(*scene) (deed, error) { return deed{run: run}, nil }
	}
	list := []drawn{
		{name: "far: add key", deed: addsKey},
		{name: "far: change key", deed: changesKey, moves: true, mids: true},
		{name: "far: kill keyslot", fit: twoKeys, deed: killsKey, again: true},
		{name: "far: enroll", deed: addsEnrolled},
		{name: "far: disenroll", fit: twoKeys2, deed: disenrolls, again: true},
		{name: "far: uuid", deed: simple(setUUID), again: true},
		{name: "far: erase", deed: erases, mids: true, again: true},
		{name: "far: restore an older header", deed: restoresOlder, moves: true, again: true},
		{name: "far: restore a newer header", deed: restoresNewer, moves: true, again: true},
		{name: "far: restore a header of another layout", deed: restoresLayout, moves: true, mids: true},
		{name: "far: resize header", deed: resizes, moves: true, mids: true, again: true},
		{name: "far: disable", deed: simple(disableFar), again: true},
		{name: "far: sync", deed: syncs, sync: true, again: true},
		{name: "far: add key to one left behind", deed: behind(addsKey)},
		{name: "far: change key of one left behind", deed: behind(changesKey), moves: true, mids: true},
	}
	for i := range list {
		list[i].far, list[i].fit = true, withFar(list[i].fit)
	}
	enable := drawn{name: "far: enable", far: true, again: true, deed: func(s *scene) (deed, error) {
		return deed{run: enableFar}, s.take(disableFar)
	}}
	enable.fit = withFar(nil)
	return append(list, enable)
}

func only1(s *shape.Shape, rng *rand.Rand) {
	if s.Version != 1 {
		s.Version = 1
		s.Keyslots, s.Removed = rng.Perm(8)[:1+rng.IntN(8)], 0
	}
}

func only2(s *shape.Shape, _ *rand.Rand) { s.Version = 2 }

func hurt(s *shape.Shape, rng *rand.Rand) {
	s.Version, s.Damage = 2, shape.StalePrimary+shape.Damage(rng.IntN(4))
}

func withFar(fit func(*shape.Shape, *rand.Rand)) func(*shape.Shape, *rand.Rand) {
	return func(s *shape.Shape, rng *rand.Rand) {
		s.Version, s.Far, s.Detached, s.KeySize = 2, true, shape.Attached, 16
		s.Header = []uint64{16 << 10, 16 << 10, 32 << 10, 64 << 10}[rng.IntN(4)]
		if len(s.Keyslots) > 3 {
			s.Keyslots, s.Removed = s.Keyslots[:1+rng.IntN(3)], 0
		}
		if fit != nil {
			fit(s, rng)
		}
	}
}

func twoKeys(s *shape.Shape, rng *rand.Rand) { s.AtLeast(rng, 2) }

func twoKeys2(s *shape.Shape, rng *rand.Rand) {
	only2(s, rng)
	s.AtLeast(rng, 2)
}

// withRoom: there is room for one more keyslot.
func withRoom(s *shape.Shape, _ *rand.Rand) {
	s.Spare = max(s.Spare, 1)
	if s.Version == 1 && len(s.Keyslots) == luks1.KeyslotCount {
		s.Keyslots, s.Removed = s.Keyslots[1:], 0
	}
}

// withDetour: the keyslots area is full, and there is room behind it, or so it seems.
func withDetour(s *shape.Shape, rng *rand.Rand) {
	s.Spare, s.Odd, s.Removed = 0, 0, 0
	if s.Version == 1 {
		s.Keyslots = rng.Perm(8)
	}
	if rng.IntN(3) > 0 {
		s.Slack = s.Area() + uint64(rng.IntN(64))*4096
	}
}

// convertible volumes have few tokens, no keys of their own and ids that LUKS1 knows.
func convertible(s *shape.Shape, rng *rand.Rand) {
	s.Version, s.Unbound, s.Filled, s.SectorSize, s.Far = 2, false, false, 512, false
	s.Keyslots, s.Removed = rng.Perm(8)[:1+rng.IntN(7)], 0
}

func addsKey(s *scene) (deed, error) {
	d := deed{run: addKey(luks.AnyKeyslot, fresh), gains: []string{fresh}}
	if s.Version == 1 {
		d.touched = unheld(s)
	}
	return d, nil
}

// unheld are the keyslots of LUKS1 that are free.
func unheld(s *scene) []int {
	var list []int
	for id := range luks1.KeyslotCount {
		if !slices.Contains(s.Held(), id) {
			list = append(list, id)
		}
	}
	return list
}

func addsUnbound(*scene) (deed, error) { return deed{run: addUnbound, gains: []string{fresh}}, nil }

func addsEnrolled(*scene) (deed, error) { return deed{run: enrolls, gains: []string{fresh}}, nil }

// disenrolls removes a keyslot that was enrolled, the newest of all.
func disenrolls(s *scene) (deed, error) {
	if err := s.take(enrolls); err != nil {
		return deed{}, err
	}
	v, err := load(s.base)
	if err != nil {
		return deed{}, err
	}
	for _, t := range v.Metadata().Tokens() {
		if t.Type == tokens.TypeRecovery {
			id := t.Keyslots[0]
			return deed{run: disenroll(id), loses: []string{fresh}, touched: []int{id}}, nil
		}
	}
	return deed{}, errors.New("the token is not there")
}

// disenrollsTwo removes one keyslot more in the same commit.
func disenrollsTwo(s *scene) (deed, error) {
	d, err := disenrolls(s)
	if err != nil {
		return d, err
	}
	id := s.one()
	d.loses, d.touched = append(d.loses, shape.Passphrase(id)), append(d.touched, id)
	d.run = disenroll(d.touched...)
	return d, nil
}

func changesKey(s *scene) (deed, error) {
	id := s.one()
	d := deed{run: changeKey(id), gains: []string{fresh}, loses: []string{shape.Passphrase(id)}, touched: []int{id}}
	if s.Version == 1 {
		d.touched = append(d.touched, unheld(s)...)
	}
	return d, nil
}

func killsKey(s *scene) (deed, error) {
	id := s.one()
	return deed{run: killKeyslot(id), loses: []string{shape.Passphrase(id)}, touched: []int{id}}, nil
}

// erases removes every keyslot, the far header first.
func erases(s *scene) (deed, error) {
	v, err := load(s.base)
	if err != nil {
		return deed{}, err
	}
	var d deed
	for _, k := range v.Keyslots {
		d.touched = append(d.touched, k.ID)
	}
	for _, id := range s.Held() {
		d.loses = append(d.loses, shape.Passphrase(id))
	}
	d.run = func(v *luks.Volume, _ *luks.Key) error {
		ctx := context.Background()
		if v.Version == 2 {
			if err := v.EraseFar(ctx); err != nil {
				return err
			}
		}
		return errors.Join(v.Erase(ctx), v.FarLag)
	}
	return d, nil
}

// restored is the step that brings back the header in an image.
func restored(m *disk.Image) step {
	return func(v *luks.Volume, _ *luks.Key) error {
		backup, err := load(m)
		if err != nil {
			return err
		}
		return v.Restore(context.Background(), backup)
	}
}

// restoresOlder restores a header from before a change of a key.
func restoresOlder(s *scene) (deed, error) {
	id, backup := s.one(), s.base
	err := s.take(changeKey(id))
	return deed{run: restored(backup), gains: []string{shape.Passphrase(id)}, loses: []string{fresh}}, err
}

// restoresNewer restores the header of a volume whose key was changed elsewhere.
func restoresNewer(s *scene) (deed, error) {
	id, base := s.one(), s.base
	err := s.take(changeKey(id))
	backup := s.base
	s.base = base
	return deed{run: restored(backup), gains: []string{fresh}, loses: []string{shape.Passphrase(id)}}, err
}

// resized is the step that gives heads and keyslots area other sizes.
func resized(to luks.MetadataSize) step {
	return func(v *luks.Volume, _ *luks.Key) error { return v.SetMetadataSize(context.Background(), to, nil) }
}

// another draws sizes of heads with the sum of both that there is.
func another(s *scene) luks.MetadataSize {
	sum := 2*s.Header + s.KeyslotsSize
	sizes := luks2.Sizes()
	size := uint64(sizes[s.rng.IntN(4)])
	return luks.MetadataSize{Header: size, Keyslots: max(sum, 2*size) - 2*size}
}

// restoresLayout restores a header from before heads and keyslots area got other sizes.
func restoresLayout(s *scene) (deed, error) {
	backup := s.base
	var steps []step
	d := deed{run: restored(backup)}
	if s.rng.IntN(2) == 0 {
		id := s.one()
		steps = append(steps, changeKey(id))
		d.gains, d.loses = []string{shape.Passphrase(id)}, []string{fresh}
	}
	return d, s.take(append(steps, resized(another(s)))...)
}

func resizes(s *scene) (deed, error) {
	to := another(s)
	switch s.rng.IntN(3) {
	case 0:
		to.Keyslots = 0
	case 1:
		to.Header, to.Keyslots = s.Header, s.KeyslotsSize+4096*uint64(s.rng.IntN(64))-32*4096
	}
	return deed{run: resized(to)}, nil
}

func converts(version int) func(*scene) (deed, error) {
	return func(s *scene) (deed, error) {
		var err error
		if version == 1 && s.rng.IntN(2) == 0 { // as a conversion leaves it
			err = errors.Join(s.take(convertTo(1)), s.take(convertTo(2)))
		}
		return deed{run: convertTo(version)}, err
	}
}

// syncs lets a tool that knows nothing of far headers change a key first.
func syncs(s *scene) (deed, error) { return deed{run: syncFar}, s.leaveFarBehind() }

// behind has a deed follow what such a tool did.
func behind(then func(*scene) (deed, error)) func(*scene) (deed, error) {
	return func(s *scene) (deed, error) {
		if err := s.leaveFarBehind(); err != nil {
			return deed{}, err
		}
		return then(s)
	}
}

// leaveFarBehind changes a key, and the far header does not follow. After two changes the material lies where the far
// header has that of the first keyslot.
func (s *scene) leaveFarBehind() error {
	before := s.base
	v, err := load(before)
	if err != nil {
		return err
	}
	for range 1 + s.rng.IntN(3) {
		if err := s.take(changeKey(s.one())); err != nil {
			return err
		}
	}
	j, err := newDrawnJudge(before, s.base, nil)
	if err != nil {
		return err
	}
	for _, r := range j.far(v) {
		p := make([]byte, r.Length)
		if _, err := before.ReadAt(p, r.Offset); err != nil {
			return err
		}
		s.base = s.base.WithBytes(p, r.Offset)
	}
	return nil
}
