// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

const mib = 1 << 20

// reached is memory under mappings.
type reached struct {
	*memory
	live []luks2.Extent
}

func (r *reached) Live() ([]luks2.Extent, error) { return r.live, nil }

func farOptions() luks.FormatOptions {
	o := options(2)
	o.KeyslotsSize, o.FarHeader = 1<<20, true
	return o
}

// withFar makes a volume with a far header: a body of a bit more than 1 MiB on a device of 24.
func withFar(t *testing.T) (*reached, *luks.Volume) {
	t.Helper()
	dev := &reached{memory: &memory{image: bytes.Repeat([]byte{0xee}, 24*mib)}}
	v, err := luks.Format(ctx, dev, []byte("one"), farOptions())
	if err != nil {
		t.Fatal(err)
	}
	return dev, v
}

// withoutFar makes one that could have a far header.
func withoutFar(t *testing.T) (*reached, *luks.Volume) {
	t.Helper()
	dev := &reached{memory: &memory{image: make([]byte, 24*mib)}}
	o := farOptions()
	o.FarHeader = false
	v, err := luks.Format(ctx, dev, []byte("one"), o)
	if err != nil {
		t.Fatal(err)
	}
	return dev, v
}

func farOf(t *testing.T, v *luks.Volume) luks.FarHeader {
	t.Helper()
	f, err := v.Far(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func loadFrom(t *testing.T, dev luks.Device) *luks.Volume {
	t.Helper()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// inStep holds the far header against the device: a whole copy, with zeros between the areas.
func inStep(t *testing.T, what string, v *luks.Volume) {
	t.Helper()
	f := farOf(t, v)
	if f.Standing != far.InStep || v.FarLag != nil || len(f.Damaged) != 0 || f.Exposed || f.Covered || len(f.Forgotten)+len(f.Revoked) != 0 {
		t.Fatalf("%s: far header %v (%v), lag %v, damaged %v", what, f.Standing, f.Why, v.FarLag, f.Damaged)
	}
	layout, err := far.Layout(v.Choice.Copy)
	if err != nil {
		t.Fatal(err)
	}
	start := make([]byte, f.Token.Far.Body.Size)
	if _, err := v.Device().ReadAt(start, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(far.Image(start, layout), f.Recorded.Body) {
		t.Fatalf("%s: the body is no image of the header", what)
	}
}

func TestFarHeaderFollowsEveryChange(t *testing.T) {
	_, v := withFar(t)
	inStep(t, "format", v)
	key := unlock(t, v, "one")
	defer key.Close()
	steps := []struct {
		name string
		do   func() error
	}{
		{"add key", func() error { _, err := v.AddKey(ctx, key, []byte("two"), cheap); return err }},
		{"add unbound key", func() error {
			_, err := v.AddUnboundKey(ctx, []byte("sixteen byte key"), []byte("x"), cheap)
			return err
		}},
		{"change key", func() error { _, err := v.ChangeKey(ctx, key, []byte("three"), cheap); return err }},
		{"kill key", func() error { return v.KillKeyslot(ctx, 1, nil) }},
		{"uuid", func() error { return v.SetUUID(ctx, "99999999-2222-4333-8444-555555555555") }},
		{"label", func() error { return v.SetLabels(ctx, "label", "") }},
		{"priority", func() error { return v.SetPriority(ctx, 0, luks2.PriorityPrefer) }},
		{"flags", func() error { return v.SetFlags(ctx, target.AllowDiscards.Kept()) }},
		{"token", func() error { _, err := v.SetToken(ctx, 3, []byte(`{"type":"t","keyslots":["0"]}`)); return err }},
		{"assign token", func() error { return v.AssignToken(ctx, 3, 2) }},
		{"remove token", func() error { _, err := v.SetToken(ctx, 3, nil); return err }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		inStep(t, s.name, v)
	}
	detached := loadFrom(t, farOf(t, v).Recorded.Device())
	key2, err := detached.Unlock(ctx, []byte("three"), anyID)
	if err != nil {
		t.Fatalf("the body as a detached header: %v", err)
	}
	key2.Close()
}

func TestHealingAndRestoringTakeTheFarHeaderAlong(t *testing.T) {
	dev, v := withFar(t)
	image, err := v.Backup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	clear(dev.image[:512])
	v = loadFrom(t, dev)
	if f := farOf(t, v); f.Standing != far.InStep {
		t.Errorf("with a damaged primary: %v", f.Standing)
	}
	if _, err := v.Heal(ctx, false); err != nil {
		t.Fatal(err)
	}
	inStep(t, "heal", v)
	key := unlock(t, v, "one")
	defer key.Close()
	if _, err := v.ChangeKey(ctx, key, []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	if err := v.Restore(ctx, loadFrom(t, &memory{image: image})); err != nil {
		t.Fatal(err)
	}
	inStep(t, "restore", v)
	unlock(t, v, "one").Close()
}

func TestRestoredBackupKeepsSegmentAndToken(t *testing.T) {
	_, v := withoutFar(t)
	image, err := v.Backup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := v.EnableFar(ctx, luks.Room{})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Restore(ctx, loadFrom(t, &memory{image: image})); err != nil {
		t.Fatal(err)
	}
	inStep(t, "restore of a backup without a far header", v)
	if v.Data.Dynamic || v.Data.Size != plan.DataSize {
		t.Errorf("data %+v", v.Data)
	}
	image, err = v.Backup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.DisableFar(ctx); err != nil {
		t.Fatal(err)
	}
	if err := v.Restore(ctx, loadFrom(t, &memory{image: image})); err != nil {
		t.Fatal(err)
	}
	if f := farOf(t, v); f.HasToken || !v.Data.Dynamic {
		t.Errorf("after restoring a backup with a far header where there is none: %+v, %+v", f.Token, v.Data)
	}
}

func TestEnableAndDisableWriteNoByteOfOthers(t *testing.T) {
	dev := &reached{memory: &memory{image: bytes.Repeat([]byte{0xee}, 24*mib+3*512)}}
	o := farOptions()
	o.FarHeader = false
	v, err := luks.Format(ctx, dev, []byte("one"), o)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(dev.image)
	var shortened uint64
	plan, err := v.EnableFar(ctx, luks.Room{End: 17 * mib, Shorten: func(size uint64) error { shortened = size; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	inStep(t, "enable", v)
	if shortened != plan.DataSize || v.Data.Size != plan.DataSize || v.Data.Offset+v.Data.Size > plan.Place.Start() {
		t.Errorf("shortened to %d, plan %+v, data %+v", shortened, plan, v.Data)
	}
	outside := func(what string) {
		at := v.Data.Offset
		for _, e := range append(plan.Place.Extents(), luks2.Extent{Offset: uint64(len(before))}) {
			if !bytes.Equal(dev.image[at:e.Offset], before[at:e.Offset]) {
				t.Fatalf("%s wrote between %d and %d", what, at, e.Offset)
			}
			at = e.End()
		}
	}
	outside("enable")
	if _, err := v.EnableFar(ctx, luks.Room{}); !errors.Is(err, luks.ErrFarPresent) {
		t.Errorf("a second one: %v", err)
	}
	if err := v.DisableFar(ctx); err != nil {
		t.Fatal(err)
	}
	outside("disable")
	for _, e := range plan.Place.Extents() {
		if len(bytes.Trim(dev.image[e.Offset:e.End()], "\x00")) != 0 {
			t.Errorf("something is left at %d", e.Offset)
		}
	}
	if f := farOf(t, v); f.HasToken || f.Standing != far.None || !v.Data.Dynamic {
		t.Errorf("after disable: %v, %+v", f.Standing, v.Data)
	}
}

func TestEnableRefusesBeforeTheFirstWrite(t *testing.T) {
	cases := []struct {
		name   string
		size   int
		shape  func(o *luks.FormatOptions)
		after  func(dev *reached)
		room   luks.Room
		reason error
	}{
		{"contents reach too far", 24, nil, nil, luks.Room{End: 22 * mib}, luks.ErrNoFarRoom},
		{"a small device", 18, nil, nil, luks.Room{}, luks.ErrNoFarRoom},
		{"LUKS1", 24, func(o *luks.FormatOptions) { o.Version = 1 }, nil, luks.Room{}, luks.ErrNoFar},
		{"a detached header", 24, func(o *luks.FormatOptions) { o.Detached = true }, nil, luks.Room{}, luks.ErrNoFar},
		{"something else's signature", 24, nil, func(dev *reached) {
			copy(dev.image[24*mib-64<<10:], "\xfc\x4e\x2b\xa9\x00\x00\x00\x00\x5a\x00\x00\x00") // md 0.90
		}, luks.Room{}, luks.ErrNoFarRoom},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dev := &reached{memory: &memory{image: make([]byte, c.size*mib)}}
			o := farOptions()
			o.FarHeader = false
			if c.shape != nil {
				c.shape(&o)
			}
			v, err := luks.Format(ctx, dev, []byte("one"), o)
			if err != nil {
				t.Fatal(err)
			}
			if c.after != nil {
				c.after(dev)
			}
			before := dev.writes
			if _, err := v.EnableFar(ctx, c.room); !errors.Is(err, c.reason) {
				t.Errorf("error %v", err)
			}
			if dev.writes != before {
				t.Errorf("%d writes", dev.writes-before)
			}
		})
	}
}

// TestEnableLeavesWhatLiesBehindDataOfAFixedSize: nothing says whose it is.
func TestEnableLeavesWhatLiesBehindDataOfAFixedSize(t *testing.T) {
	dev := &reached{memory: &memory{image: make([]byte, 64*mib)}}
	o := farOptions()
	o.FarHeader = false
	v, err := luks.Format(ctx, dev, []byte("one"), o)
	if err != nil {
		t.Fatal(err)
	}
	now := v.Choice.Copy
	now.Metadata = now.Metadata.Clone()
	if err := now.Metadata.SetSegmentSize(0, 20*mib); err != nil {
		t.Fatal(err)
	}
	_, p, err := relocate.Enable(dev, now, luks.Room{})
	if err != nil {
		t.Fatalf("with zeros behind the data: %v", err)
	}
	for _, e := range p.Place.Extents() {
		for _, at := range []uint64{e.Offset, e.End() - 1} {
			dev.image[at] = 0xaa
			var left *commit.NotFreeError
			if _, _, err := relocate.Enable(dev, now, luks.Room{}); !errors.As(err, &left) || left.Offset != at {
				t.Errorf("with something at byte %d: %v", at, err)
			}
			dev.image[at] = 0
		}
	}
}

func TestEnableRefusesWhereTheTokenHasNoRoom(t *testing.T) {
	for name, fill := range map[string]func(v *luks.Volume) error{
		"JSON area": func(v *luks.Volume) error {
			_, err := v.SetToken(ctx, 0, []byte(`{"type":"t","keyslots":[],"text":"`+strings.Repeat("x", 11<<10)+`"}`))
			return err
		},
		"ids": func(v *luks.Volume) error {
			for id := range luks2.MaxTokens {
				if _, err := v.SetToken(ctx, id, []byte(`{"type":"t","keyslots":[]}`)); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		dev, v := withoutFar(t)
		if err := fill(v); err != nil {
			t.Fatal(err)
		}
		before := dev.writes
		if _, err := v.EnableFar(ctx, luks.Room{}); !errors.Is(err, luks2.ErrNoRoom) && !errors.Is(err, luks2.ErrNoID) {
			t.Errorf("%s: %v", name, err)
		}
		if dev.writes != before {
			t.Errorf("%s: %d writes", name, dev.writes-before)
		}
	}
}

func TestEnableIsTakenBackWhereAMappingStays(t *testing.T) {
	dev := &reached{memory: &memory{image: make([]byte, 24*mib)}, live: []luks2.Extent{{Offset: 2 * mib, Size: 22 * mib}}}
	o := farOptions()
	o.FarHeader = false
	v, err := luks.Format(ctx, dev, []byte("one"), o)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(dev.image[v.Data.Offset:])
	if _, err := v.EnableFar(ctx, luks.Room{}); !errors.Is(err, far.ErrCovered) {
		t.Errorf("error %v", err)
	}
	if f := farOf(t, v); f.HasToken || !v.Data.Dynamic || !bytes.Equal(before, dev.image[v.Data.Offset:]) {
		t.Errorf("not taken back: %v, %+v", f.Token, v.Data)
	}
}

// asOther changes a volume as a tool does that knows nothing of far headers: the heads alone.
func asOther(t *testing.T, dev *reached, do func(v *luks.Volume) error) {
	t.Helper()
	v := loadFrom(t, dev)
	f := farOf(t, v)
	kept := map[uint64][]byte{}
	for _, e := range f.Token.Far.Extents() {
		kept[e.Offset] = bytes.Clone(dev.image[e.Offset:e.End()])
	}
	if err := do(v); err != nil {
		t.Fatal(err)
	}
	for at, p := range kept {
		copy(dev.image[at:], p)
	}
}

func TestStaleAndRevokedCopiesAreSyncedByTheNextWriter(t *testing.T) {
	for _, by := range []string{"sync", "label"} {
		dev, v := withFar(t)
		key := unlock(t, v, "one")
		if _, err := v.AddKey(ctx, key, []byte("two"), cheap); err != nil {
			t.Fatal(err)
		}
		key.Close()
		asOther(t, dev, func(v *luks.Volume) error { return v.KillKeyslot(ctx, 1, nil) })
		v = loadFrom(t, dev)
		f := farOf(t, v)
		if f.Standing != far.Stale || len(f.Revoked) != 1 {
			t.Fatalf("%v, revoked %v", f.Standing, f.Revoked)
		}
		area := f.Revoked[0]
		if by == "label" {
			if err := v.SetLabels(ctx, "x", ""); err != nil {
				t.Fatal(err)
			}
		} else if done, err := v.SyncFar(ctx, nil, nil); err != nil || !done.Updated {
			t.Fatalf("%+v, %v", done, err)
		}
		inStep(t, by, v)
		at := f.Token.Far.Body.Offset + area.Offset
		if len(bytes.Trim(dev.image[at:at+area.Size], "\x00")) != 0 {
			t.Errorf("%s leaves the revoked keyslot", by)
		}
	}
}

// breakFar puts something of others into the body.
func breakFar(dev *reached, f luks.FarHeader) { dev.image[f.Token.Far.Body.End()-512] = 1 }

func TestDisplacedFarHeaderIsNeverWritten(t *testing.T) {
	dev, v := withFar(t)
	key := unlock(t, v, "one")
	defer key.Close()
	if _, err := v.AddKey(ctx, key, []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	place := farOf(t, v).Token.Far
	breakFar(dev, farOf(t, v))
	before := bytes.Clone(dev.image[place.Start():])
	if err := v.SetLabels(ctx, "x", ""); err != nil || !errors.Is(v.FarLag, far.ErrDisplaced) {
		t.Errorf("a label: %v, lag %v", err, v.FarLag)
	}
	var left *luks.FarError
	if err := v.KillKeyslot(ctx, 1, nil); !errors.As(err, &left) || !slices.Equal(left.Keyslots, []int{1}) || !errors.Is(err, far.ErrDisplaced) {
		t.Errorf("a kill: %v", err)
	}
	if _, err := v.Keyslot(1); err == nil {
		t.Error("the keyslot was not killed")
	}
	if _, err := v.SyncFar(ctx, nil, nil); !errors.Is(err, far.ErrDisplaced) {
		t.Errorf("sync: %v", err)
	}
	if err := v.DisableFar(ctx); !errors.Is(err, luks.ErrFarLeft) {
		t.Errorf("disable: %v", err)
	}
	if !bytes.Equal(before, dev.image[place.Start():]) {
		t.Error("it was written")
	}
	if f := farOf(t, v); f.HasToken || !v.Data.Dynamic {
		t.Errorf("disable did not forget it: %+v", f.Token)
	}
}

func TestMappingOverTheFarHeaderForbidsWritingIt(t *testing.T) {
	dev, v := withFar(t)
	place := farOf(t, v).Token.Far
	dev.live = []luks2.Extent{{Offset: v.Data.Offset, Size: place.Start() + 512 - v.Data.Offset}}
	before := bytes.Clone(dev.image[place.Start():])
	key := unlock(t, v, "one")
	defer key.Close()
	if _, err := v.AddKey(ctx, key, []byte("two"), cheap); err != nil || !errors.Is(v.FarLag, far.ErrCovered) {
		t.Errorf("add: %v, lag %v", err, v.FarLag)
	}
	if _, err := v.ChangeKey(ctx, key, []byte("three"), cheap); !errors.Is(err, far.ErrCovered) || !errors.Is(err, luks.ErrFarLeft) {
		t.Errorf("change: %v", err)
	}
	if err := v.DisableFar(ctx); !errors.Is(err, far.ErrCovered) {
		t.Errorf("disable: %v", err)
	}
	if !bytes.Equal(before, dev.image[place.Start():]) {
		t.Error("it was written")
	}
	dev.live[0].Size -= 512
	if _, err := v.SyncFar(ctx, nil, nil); err != nil {
		t.Error(err)
	}
	inStep(t, "sync under a mapping that ends before it", v)
}

func TestHeadsRestoredFromABackupStopEverything(t *testing.T) {
	dev, v := withFar(t)
	old := bytes.Clone(dev.image[:v.Data.Offset])
	for range 5 {
		if err := v.SetLabels(ctx, "x", ""); err != nil {
			t.Fatal(err)
		}
	}
	place := farOf(t, v).Token.Far
	before := bytes.Clone(dev.image[place.Start():])
	copy(dev.image, old)
	v = loadFrom(t, dev)
	if f := farOf(t, v); f.Standing != far.Restored || !errors.Is(f.Why, far.ErrRestored) {
		t.Fatalf("%v: %v", f.Standing, f.Why)
	}
	if _, err := v.SyncFar(ctx, nil, nil); !errors.Is(err, far.ErrRestored) {
		t.Errorf("sync: %v", err)
	}
	if err := v.DisableFar(ctx); !errors.Is(err, far.ErrRestored) {
		t.Errorf("disable: %v", err)
	}
	if err := v.SetLabels(ctx, "y", ""); err != nil || !errors.Is(v.FarLag, far.ErrRestored) {
		t.Errorf("label: %v, lag %v", err, v.FarLag)
	}
	if !bytes.Equal(before, dev.image[place.Start():]) {
		t.Error("it was written")
	}
}

func TestForgottenCopyIsReportedAndWipedBySync(t *testing.T) {
	dev, v := withFar(t)
	place := farOf(t, v).Token.Far
	asOther(t, dev, func(v *luks.Volume) error { return v.DisableFar(ctx) })
	v = loadFrom(t, dev)
	f := farOf(t, v)
	if f.Standing != far.None || len(f.Forgotten) != 1 || f.Forgotten[0].Place != place {
		t.Fatalf("%v, forgotten %v", f.Standing, f.Forgotten)
	}
	dev.live = []luks2.Extent{{Offset: 0, Size: 24 * mib}}
	if _, err := v.SyncFar(ctx, nil, nil); !errors.Is(err, far.ErrCovered) {
		t.Errorf("under a mapping: %v", err)
	}
	dev.live = nil
	if done, err := v.SyncFar(ctx, nil, nil); err != nil || !slices.Equal(done.Wiped, []far.Place{place}) {
		t.Errorf("%+v, %v", done, err)
	}
	for _, e := range place.Extents() {
		if len(bytes.Trim(dev.image[e.Offset:e.End()], "\x00")) != 0 {
			t.Error("something is left")
		}
	}
}

func TestSyncFixesASegmentThatReachesOverTheFarHeader(t *testing.T) {
	dev, v := withFar(t)
	want := v.Data.Size
	h := header.Read(dev)
	c, err := header.Choose(h)
	if err != nil {
		t.Fatal(err)
	}
	next := c.Copy
	next.Metadata = next.Metadata.Clone()
	if err := next.Metadata.SetSegmentSize(0, 0); err != nil {
		t.Fatal(err)
	}
	plan, err := header.PlanUpdate(h, c, next, bytes.NewReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := commit.Apply(dev, commit.Mending(nil, plan)); err != nil {
		t.Fatal(err)
	}
	v = loadFrom(t, dev)
	if f := farOf(t, v); !f.Exposed || f.Standing != far.Stale {
		t.Fatalf("%+v", f.Judgement)
	}
	if _, err := v.SyncFar(ctx, &luks.Room{End: want + 1}, nil); !errors.Is(err, luks.ErrNoFarRoom) {
		t.Errorf("grown into it: %v", err)
	}
	if done, err := v.SyncFar(ctx, &luks.Room{End: want}, nil); err != nil || !done.Refixed || !done.Updated {
		t.Errorf("%+v, %v", done, err)
	}
	inStep(t, "sync", v)
	if v.Data.Size != want {
		t.Errorf("data of %d bytes, %d before", v.Data.Size, want)
	}
}

func TestDamageOfAKeyslotDoesNotReachTheFarHeader(t *testing.T) {
	dev, v := withFar(t)
	k, err := v.Keyslot(0)
	if err != nil {
		t.Fatal(err)
	}
	dev.image[k.Area.Offset+100] ^= 4
	if f := farOf(t, v); !slices.Equal(f.Damaged, []int{0}) {
		t.Fatalf("damaged %v", f.Damaged)
	}
	if err := v.SetLabels(ctx, "x", ""); err != nil {
		t.Fatal(err)
	}
	f := farOf(t, v)
	if !slices.Equal(f.Damaged, []int{0}) || f.Standing != far.InStep {
		t.Errorf("after a change: %v, damaged %v", f.Standing, f.Damaged)
	}
	detached := loadFrom(t, f.Recorded.Device())
	key, err := detached.Unlock(ctx, []byte("one"), anyID)
	if err != nil {
		t.Fatalf("the far header lost the key: %v", err)
	}
	key.Close()
}

// An update that was cut off tells of the device as well: its heads are those that were to be copied.
func TestDamageIsSeenWhileAnUpdateIsAnnounced(t *testing.T) {
	dev, _ := withFar(t)
	asOther(t, dev, func(v *luks.Volume) error { return v.SetLabels(ctx, "x", "") })
	v := loadFrom(t, dev)
	f := farOf(t, v)
	announced := f.Recorded.Locator.Successor(f.Want.Contents, uint64(dev.Size()))
	slot, err := announced.Encode()
	if err != nil {
		t.Fatal(err)
	}
	copy(dev.image[announced.Place.Slot(announced.Generation).Offset:], slot)
	k, err := v.Keyslot(0)
	if err != nil {
		t.Fatal(err)
	}
	dev.image[k.Area.Offset+100] ^= 4
	if f := farOf(t, v); f.Standing != far.Interrupted || !slices.Equal(f.Damaged, []int{0}) {
		t.Errorf("%v, damaged %v", f.Standing, f.Damaged)
	}
}

// The checksum's field is longer than the checksum, and what lies behind it is covered by nothing.
func TestBytesThatNoReaderLooksAtLeaveTheFarHeaderInStep(t *testing.T) {
	dev, v := withFar(t)
	const unused = 448 + 32 // of a head, bytes
	dev.image[int(v.Choice.Copy.Header.Size)+unused] ^= 1
	if f := farOf(t, loadFrom(t, dev)); f.Standing != far.InStep {
		t.Errorf("%v", f.Standing)
	}
	dev.image[unused-1] ^= 1 // the last byte of the checksum itself
	v = loadFrom(t, dev)
	if f := farOf(t, v); f.Standing != far.InStep || v.Heads.Primary.State != header.Damaged {
		t.Errorf("%v, primary %v", f.Standing, v.Heads.Primary.State)
	}
}

// Heads of another size may come from a backup; the far header is then shorter than where they lie.
func TestHeadsBeyondTheFarHeadersBodyAreNotLookedForInIt(t *testing.T) {
	dev, v := withFar(t)
	choice := v.Choice
	choice.Copy.Metadata = choice.Copy.Metadata.Clone()
	choice.Copy.Header.Size = 2 * mib
	choice.Copy.Metadata.SetSizes(2*mib, mib)
	if err := choice.Copy.Metadata.MoveArea(0, 4*mib); err != nil {
		t.Fatal(err)
	}
	heads := v.Heads
	heads.Secondary = header.Found{Place: header.Secondary, State: header.Damaged}
	f, err := luks.LookFar(dev, heads, choice)
	if err != nil || f.Standing == far.InStep {
		t.Errorf("%v, %v", f.Standing, err)
	}
}

func TestFormatWipesEveryFarHeader(t *testing.T) {
	dev, v := withFar(t)
	place := farOf(t, v).Token.Far
	dev.image = append(dev.image, make([]byte, 8*mib)...)
	o := farOptions()
	o.FarHeader = false
	if _, err := luks.Format(ctx, dev, []byte("new"), o); err != nil {
		t.Fatal(err)
	}
	for _, e := range place.Extents() {
		if len(bytes.Trim(dev.image[e.Offset:e.End()], "\x00")) != 0 {
			t.Errorf("something is left at %d", e.Offset)
		}
	}
}

func TestTheTokenIsNotForOtherVerbs(t *testing.T) {
	_, v := withFar(t)
	if _, err := v.SetToken(ctx, 31, nil); !errors.Is(err, luks.ErrFarToken) {
		t.Errorf("remove: %v", err)
	}
	if _, err := v.SetToken(ctx, 31, []byte(`{"type":"x","keyslots":[]}`)); !errors.Is(err, luks.ErrFarToken) {
		t.Errorf("replace: %v", err)
	}
	if err := v.AssignToken(ctx, 31, 0); !errors.Is(err, luks.ErrFarToken) {
		t.Errorf("assign: %v", err)
	}
}

func TestFarHeaderAcrossTheEndOfTheSequenceNumbers(t *testing.T) {
	for last := uint64(math.MaxUint64); last > math.MaxUint64-9; last-- {
		dev, _ := withoutFar(t)
		heads := header.Read(dev)
		for _, f := range []header.Found{heads.Primary, heads.Secondary} {
			f.Copy.Header.SeqID = last
			p, err := luks2.Encode(f.Copy)
			if err != nil {
				t.Fatal(err)
			}
			copy(dev.image[f.Offset:], p)
		}
		v := loadFrom(t, dev)
		if _, err := v.EnableFar(ctx, luks.Room{}); err != nil {
			t.Fatal(err)
		}
		inStep(t, "enable", v)
		for range 3 {
			if err := v.SetLabels(ctx, "x", ""); err != nil {
				t.Fatal(err)
			}
			inStep(t, "label", v)
			if _, err := v.SetToken(ctx, 31, nil); !errors.Is(err, luks.ErrFarToken) {
				t.Fatal(err)
			}
			inStep(t, "a change that is refused", v)
		}
	}
}

// TestTheLastWholeCopyOfAKeyslotIsKept: its area on the device is damaged, and only the far header has it whole. What
// copies areas as they are, or wipes the far header, is refused before the first write.
func TestTheLastWholeCopyOfAKeyslotIsKept(t *testing.T) {
	for name, do := range map[string]func(v *luks.Volume) error{
		"far disable":   func(v *luks.Volume) error { return v.DisableFar(ctx) },
		"header resize": func(v *luks.Volume) error { return v.SetMetadataSize(ctx, luks.MetadataSize{Header: 32 << 10}, nil) },
		"a change in a full area": func(v *luks.Volume) error {
			_, err := v.ChangeKey(ctx, unlock(t, v, "one"), []byte("new"), cheap)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dev := &reached{memory: &memory{image: make([]byte, 24*mib)}}
			o := farOptions()
			o.KeyslotsSize = 512 << 10 // two keyslots, and no room for a third
			v, err := luks.Format(ctx, dev, []byte("one"), o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
				t.Fatal(err)
			}
			dev.image[v.Keyslots[1].Area.Offset] ^= 1
			before := bytes.Clone(dev.image)
			var last *far.LastCopyError
			if err := do(loaded(t, dev)); !errors.As(err, &last) || !slices.Equal(last.Keyslots, []int{1}) {
				t.Errorf("got %v", err)
			}
			if !bytes.Equal(dev.image, before) {
				t.Error("something was written")
			}
		})
	}
}

// TestTheLastWholeCopyIsKeptByAStaleFarHeaderToo: another program has changed the heads since, and not that keyslot.
func TestTheLastWholeCopyIsKeptByAStaleFarHeaderToo(t *testing.T) {
	dev, v := withFar(t)
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	// What no far header is told of: both heads with another label.
	h := header.Read(dev)
	choice, err := header.Choose(h)
	if err != nil {
		t.Fatal(err)
	}
	next := choice.Copy
	next.Header.Label = "changed by another program"
	plan, err := header.PlanUpdate(h, choice, next, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range plan.Writes {
		copy(dev.image[w.Offset:], w.Bytes)
	}
	dev.image[v.Keyslots[0].Area.Offset] ^= 1
	changed := loaded(t, dev)
	if f := farOf(t, changed); f.Standing != far.Stale {
		t.Fatalf("the far header is %v", f.Standing)
	}
	before := bytes.Clone(dev.image)
	for name, err := range map[string]error{
		"far disable":   changed.DisableFar(ctx),
		"header resize": changed.SetMetadataSize(ctx, luks.MetadataSize{Header: 32 << 10}, nil),
	} {
		var last *far.LastCopyError
		if !errors.As(err, &last) || !slices.Equal(last.Keyslots, []int{0}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !bytes.Equal(dev.image, before) {
		t.Error("something was written")
	}
}

// TestATransactionThatWasCutOffBringsTheLastWholeCopyBack: the device is damaged after a resize of the metadata area was
// cut off, while the far header is still whole.
func TestATransactionThatWasCutOffBringsTheLastWholeCopyBack(t *testing.T) {
	tried := 0
	for writes := 1; ; writes++ {
		dev, v := withFar(t)
		cut := &failing{memory{image: dev.image}, writes}
		if loaded(t, cut).SetMetadataSize(ctx, luks.MetadataSize{Header: 32 << 10}, nil) == nil {
			break
		}
		token, _, _, err := far.Find(loaded(t, dev).Metadata())
		if err != nil {
			t.Fatal(err)
		}
		area := v.Keyslots[0].Area
		now := loaded(t, dev).Keyslots[0].Area
		if f := far.Read(dev, token.Far); token.Far.None() || !f.Usable() || now != area ||
			!bytes.Equal(f.Body[area.Offset:area.End()], dev.image[area.Offset:area.End()]) {
			continue
		}
		tried++
		dev.image[area.Offset+4096] ^= 1
		again := loaded(t, dev)
		if _, err := again.Resume(ctx, nil); err != nil {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		if _, pending, _ := again.Pending(); !pending && !opens(t, dev.memory, "one") && !mended(t, dev, "one") {
			t.Errorf("after %d writes the key is lost", writes)
		}
	}
	if tried == 0 {
		t.Error("no cut left the far header whole")
	}
}

// mended tells whether the key opens once the keyslot has been brought back from the far header.
func mended(t *testing.T, dev *reached, key string) bool {
	t.Helper()
	f := farOf(t, loaded(t, dev))
	return f.Recorded.State == far.Whole && opens(t, &memory{image: f.Recorded.Body}, key)
}
