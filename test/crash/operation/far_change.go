// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// farChange is an operation on a volume with a far header, or one that makes or removes it.
type farChange struct {
	name    string
	without bool // the volume starts without a far header
	prepare step // makes of it the volume to start from; may be nil
	alone   bool // prepare is another tool's, which leaves the far header alone
	run     step
	touched []int // keyslots whose areas it may write
	again   bool  // as of crash.Operation
	// whole tells that the far header itself is what changes: old and new are told by it.
	whole bool
	// gone tells that there is none afterwards.
	gone bool
	// forgotten tells that the heads do not know of it to start with.
	forgotten bool
}

func farChanges() []farChange {
	return []farChange{
		{name: "far: add key", run: addKey(luks.AnyKeyslot, fresh)},
		{
			name: "far: kill keyslot", prepare: addKey(1, vectors.K1), run: killKeyslot(1), touched: []int{1},
			again: true,
		},
		{
			name: "far: kill keyslot beside a forgotten one", prepare: both(addKey(1, vectors.K1), forgetFar),
			run: killKeyslot(1), touched: []int{1}, gone: true, forgotten: true, again: true,
		},
		{
			// Before the far header goes, what only that has whole is brought back: keyslot 0, too.
			name: "far: kill keyslot while it goes", prepare: both(addKey(1, vectors.K1), going), run: killAndResume,
			touched: []int{0, 1}, gone: true, again: true,
		},
		{name: "far: change key", prepare: addKey(1, vectors.K1), run: changeKey(0), touched: []int{0}},
		{name: "far: uuid", run: setUUID, again: true},
		{name: "far: label", run: setLabel("LABEL"), again: true},
		{
			name: "far: add key on a stale one", prepare: setLabel("STALE"), alone: true,
			run: addKey(luks.AnyKeyslot, fresh),
		},
		{name: "far: restore", prepare: changeKey(0), run: restoreFar, touched: []int{0}, again: true},
		{name: "far: erase", run: eraseFar, touched: []int{0}, gone: true, again: true},
		{name: "far: enable", without: true, run: enableFar, whole: true, again: true},
		{name: "far: disable", run: disableFar, whole: true, gone: true, again: true},
		{
			name: "far: sync", prepare: both(addKey(1, vectors.K1), killKeyslot(1)), alone: true, run: syncFar,
			whole: true, again: true,
		},
	}
}

// Places on the device of these volumes, in bytes: heads and room for four keyslots before the data, the
// far header near the end.
const (
	farDevice   = 12 << 20
	farKeyslots = 4 * 128 << 10
	farData     = 1 << 20
	farUUID     = "77777777-8888-4777-8666-555555555555"
)

var farVolumeKey = []byte("a volume key of 32 bytes exactly")

func enableFar(v *luks.Volume, _ *luks.Key) error {
	_, err := v.EnableFar(context.Background(), luks.Room{})
	return err
}

func disableFar(v *luks.Volume, _ *luks.Key) error { return v.DisableFar(context.Background()) }

func syncFar(v *luks.Volume, _ *luks.Key) error {
	_, err := v.SyncFar(context.Background(), nil, nil)
	return err
}

func eraseFar(v *luks.Volume, _ *luks.Key) error {
	if err := v.EraseFar(context.Background()); err != nil {
		return err
	}
	return v.KillKeyslot(context.Background(), 0, nil)
}

// forgetFar takes the token away, as another tool does.
func forgetFar(v *luks.Volume, _ *luks.Key) error { return rewrite(v, far.Remove) }

// going notes that the far header goes, and no more.
func going(v *luks.Volume, _ *luks.Key) error {
	return rewrite(v, func(m *luks2.Metadata) error {
		t, _, _, err := far.Find(m)
		if err != nil {
			return err
		}
		return far.Put(m, far.Token{Phase: far.Disabling, To: t.Far, DeviceSize: t.DeviceSize})
	})
}

// rewrite commits other metadata, which no verb would make.
func rewrite(v *luks.Volume, change func(m *luks2.Metadata) error) error {
	next := v.Choice.Copy
	next.Metadata = next.Metadata.Clone()
	if err := change(next.Metadata); err != nil {
		return err
	}
	plan, err := header.PlanUpdate(v.Heads, v.Choice, next, rand.Reader)
	if err != nil {
		return err
	}
	return commit.Apply(v.Device(), commit.Mending(nil, plan))
}

// killAndResume does not wait for what was begun, and concludes it then.
func killAndResume(v *luks.Volume, _ *luks.Key) error {
	if err := v.KillKeyslot(context.Background(), 1, nil); err != nil && !errors.Is(err, luks.ErrFarLeft) {
		return err
	}
	_, err := v.Resume(context.Background(), nil)
	return err
}

// restoreFar brings back the header as it was formatted.
func restoreFar(v *luks.Volume, _ *luks.Key) error {
	base, err := formatFar(false)
	if err != nil {
		return err
	}
	backup, err := load(base)
	if err != nil {
		return err
	}
	return v.Restore(context.Background(), backup)
}

// formatFar makes the volume; the same one each time.
var formatFar = func() func(without bool) (*disk.Image, error) {
	known := map[bool]*disk.Image{}
	return func(without bool) (*disk.Image, error) {
		if m := known[without]; m != nil {
			return m, nil
		}
		key, err := secret.From(slices.Clone(farVolumeKey))
		if err != nil {
			return nil, err
		}
		m, err := afterwards(disk.NewImage(make([]byte, farDevice)), func(dev crash.Device) error {
			_, err := luks.Format(context.Background(), dev, []byte(vectors.K0), luks.FormatOptions{
				Version: 2, Cipher: "aes-xts-plain64", Hash: "sha256", SectorSize: 512, UUID: farUUID,
				VolumeKey: key, KeySize: 32,
				DataOffset: farData, KeyslotsSize: farKeyslots, Keyslot: protection(0), FarHeader: !without,
			})
			return err
		})
		known[without] = m
		return m, err
	}
}()

// onFar loads the volume, verifies its key and takes a step. A far header that is left behind is no
// success.
func onFar(dev crash.Device, s step) error {
	ctx := context.Background()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		return err
	}
	given, err := secret.From(slices.Clone(farVolumeKey))
	if err != nil {
		return err
	}
	key, err := v.VerifyKey(ctx, given)
	if err != nil {
		return err
	}
	defer key.Close()
	key.Keyslot = 0
	if err := s(v, key); err != nil {
		return err
	}
	return v.FarLag
}

// operation makes the change one that can be tried.
func (c farChange) operation() (crash.Operation, error) {
	base, err := c.base()
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: setup: %w", c.name, err)
	}
	run := func(dev crash.Device) error { return onFar(dev, c.run) }
	after, err := afterwards(base, run)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", c.name, err)
	}
	j, err := newFarJudge(c, base, after)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return crash.Operation{
		Name:    c.name,
		Setup:   func() (*disk.Image, error) { return base, nil },
		Run:     run,
		Check:   j.check,
		Recover: j.recover, Seen: j.seen,
		Owned:  c.owned(j, base, after),
		Copies: append(slices.Clone(j.inner.heads), j.rotting...), Areas: j.inner.areas(),
		Dear: 20, Again: c.again,
	}, nil
}

func (c farChange) base() (*disk.Image, error) {
	base, err := formatFar(c.without)
	if err != nil || c.prepare == nil {
		return base, err
	}
	prepared, err := afterwards(base, func(dev crash.Device) error { return onFar(dev, c.prepare) })
	if err != nil || !c.alone {
		return prepared, err
	}
	place, err := far.PlaceAt(farDevice, 2*16<<10+farKeyslots)
	if err != nil {
		return nil, err
	}
	for _, e := range place.Extents() { // as a tool leaves it that knows nothing of it
		p := make([]byte, e.Size)
		if _, err := base.ReadAt(p, int64(e.Offset)); err != nil {
			return nil, err
		}
		prepared = prepared.WithBytes(p, int64(e.Offset))
	}
	return prepared, nil
}

// owned is what may be written: heads, free room and areas touched, and the far header's place. Which of
// the keyslots areas is free changes with each change of keys.
func (c farChange) owned(j *farJudge, images ...*disk.Image) []disk.Range {
	var list []disk.Range
	for _, m := range images {
		if v, err := load(m); err == nil {
			list = append(list, owned(v, c.touched...)...)
		}
	}
	for _, e := range j.place.Extents() {
		list = append(list, extent(e))
	}
	return list
}

// errStep says that a sync did not do what it is for.
var errStep = errors.New("the far header is not in step after it was synced")
