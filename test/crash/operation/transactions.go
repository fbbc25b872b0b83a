// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// transactions lists the changes in several steps.
func transactions() []transaction {
	list := []transaction{
		growth("grow by 8 MiB", 16*mib),
		growth("grow by 8 MiB and odd sectors", 16*mib+7*512),
		growth("grow by 16 MiB", 24*mib),
		growth("grow by 17 MiB", 25*mib),
		growth("grow by a sector", 8*mib+512),
		growth("grow by 1 MiB, overlapping", 9*mib),
		{
			name: "shrink by 8 MiB", from: 16 * mib, far: true, kept: 5 * mib, sizes: []int64{
				8 * mib, 9*mib + 512,
				16 * mib, 24 * mib,
			},
			run: func(v *luks.Volume) error {
				return v.Shrink(context.Background(), luks.ShrinkOptions{Size: 8 * mib, End: 5 * mib})
			},
			finished: shrunk(8 * mib),
		},
		{
			name: "cancel a shrink", from: 16 * mib, far: true, kept: 5 * mib, sizes: []int64{
				8 * mib, 16*mib + 512,
				24 * mib,
			},
			prepare:  shrunkTo(8 * mib),
			run:      func(v *luks.Volume) error { return v.CancelShrink(context.Background(), luks.GrowOptions{}) },
			finished: inPhase(far.Stable),
		},
		{
			name: "resize metadata with a far header", from: 20 * mib, far: true, sizes: []int64{
				20*mib + 512,
				24 * mib,
			},
			run: func(v *luks.Volume) error {
				return v.SetMetadataSize(context.Background(), luks.MetadataSize{Header: 32 << 10, Keyslots: 224 << 10},
					nil)
			},
			finished: func(v *luks.Volume, _ int64) bool {
				_, pending, err := v.Pending()
				return err == nil && !pending && v.Choice.Copy.Header.Size == 32<<10
			},
		},
		resizing("resize metadata to 32 KiB", 32<<10),
		resizing("resize metadata to 64 KiB", 64<<10),
	}
	return append(list, unfinished()...)
}

// Growth to 16 MiB, and where its far headers lie then: writes of it after which it was cut off.
const (
	noted     = 4  // the place is noted, nothing written there
	announced = 5  // and the locator there tells of what is to come
	moved     = 11 // the new far header is in force, the old one still there
)

// unfinished are what follows a growth from 8 to 16 MiB that was cut off.
func unfinished() []transaction {
	grown := growth("", 16*mib)
	grow := grown.run
	stable := func(size int64) func(*luks.Volume, int64) bool {
		return func(v *luks.Volume, _ int64) bool {
			t, _, found, err := far.Find(v.Metadata())
			return err == nil && found && t.Phase == far.Stable && int64(t.DeviceSize) >= size
		}
	}
	resume := func(v *luks.Volume) error {
		resumed, err := v.Resume(context.Background(), nil)
		if err == nil && !resumed {
			err = errNothing
		}
		return err
	}
	base := transaction{from: 8 * mib, far: true, sizes: []int64{8 * mib, 16 * mib, 17 * mib, 25*mib + 3*512}}
	from := func(name string, writes int, then int64, run func(*luks.Volume) error,
		finished func(*luks.Volume, int64) bool,
	) transaction {
		t := base
		t.name, t.run, t.finished = name, run, finished
		t.prepare = func(m *disk.Image) *disk.Image { return afterWrites(m.Sized(16*mib), grow, writes).Sized(then) }
		return t
	}
	over := func(t transaction, at int64) transaction {
		before := t.prepare
		t.foreign = []disk.Range{{Offset: at, Length: mib}}
		t.prepare = func(m *disk.Image) *disk.Image { return before(m).WithBytes(filler(64<<10), at+128<<10) }
		return t
	}
	return []transaction{
		from("grow again after an unfinished growth", announced+1, 25*mib, grow, stable(25*mib)),
		from("shrink after an unfinished growth", announced+1, 8*mib, resume, stable(8*mib)),
		over(from("go back from data at the new place", noted, 16*mib, resume, stable(8*mib)), 14*mib),
		over(from("conclude around data at the old place", moved, 16*mib, resume, stable(16*mib)), 6*mib),
	}
}

// errNothing: to find nothing to resume acknowledges nothing, and needs no sync.
var errNothing = errors.New("nothing to resume")

// afterWrites is the image that run leaves when the device vanishes after that many writes.
func afterWrites(m *disk.Image, run func(*luks.Volume) error, writes int) *disk.Image {
	d := disk.NewRecorder(m, disk.Fault{Call: disk.Write, N: writes, Do: disk.Unplug})
	v, err := luks.Load(context.Background(), d)
	if err != nil {
		panic("a new volume does not load: " + err.Error())
	}
	if err := run(v); err == nil {
		panic("a device that vanished was written to")
	}
	return d.Trace(nil).After()
}

// growth lets a volume follow its device from 8 MiB to size bytes.
func growth(name string, size int64) transaction {
	return transaction{
		name: name, from: 8 * mib, far: true, sizes: []int64{8 * mib, size, size + mib, 25*mib + 3*512},
		prepare: func(m *disk.Image) *disk.Image { return m.Sized(size) },
		run: func(v *luks.Volume) error {
			return v.Grow(context.Background(), luks.GrowOptions{Small: true})
		},
		finished: func(v *luks.Volume, _ int64) bool {
			t, _, found, err := far.Find(v.Metadata())
			return err == nil && found && t.Phase == far.Stable && int64(t.DeviceSize) >= size
		},
	}
}

func inPhase(phase far.Phase) func(*luks.Volume, int64) bool {
	return func(v *luks.Volume, _ int64) bool {
		t, _, found, err := far.Find(v.Metadata())
		return err == nil && found && t.Phase == phase
	}
}

// shrunk: the volume awaits the cut to size bytes, or has seen it.
func shrunk(size int64) func(*luks.Volume, int64) bool {
	return func(v *luks.Volume, now int64) bool {
		t, _, found, err := far.Find(v.Metadata())
		cut := t.Phase == far.Stable && int64(t.DeviceSize) == size && now == size
		return err == nil && found && (t.Phase == far.AwaitingCut || cut)
	}
}

// shrunkTo makes room for a cut to size bytes.
func shrunkTo(size uint64) func(*disk.Image) *disk.Image {
	return func(m *disk.Image) *disk.Image {
		d := disk.NewRecorder(m, disk.Fault{})
		v, err := luks.Load(context.Background(), d)
		if err == nil {
			err = v.Shrink(context.Background(), luks.ShrinkOptions{Size: size, End: 5 * mib})
		}
		if err != nil {
			panic("a new volume cannot be shrunk: " + err.Error())
		}
		return d.Trace(nil).After()
	}
}

// resizing gives heads another size, in the way of which both keyslots lie.
func resizing(name string, size uint64) transaction {
	return transaction{
		name: name, from: 4 * mib, sizes: []int64{4*mib + 512, 8 * mib},
		run: func(v *luks.Volume) error {
			return v.SetMetadataSize(context.Background(), luks.MetadataSize{Header: size}, nil)
		},
		finished: func(v *luks.Volume, _ int64) bool {
			_, pending, err := v.Pending()
			return err == nil && !pending && v.Choice.Copy.Header.Size == size
		},
	}
}
