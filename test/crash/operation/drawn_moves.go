// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/crash/shape"
)

// drawnMoves are formats, comebacks and changes of size on drawn volumes.
func drawnMoves() []crash.Kind {
	return []crash.Kind{
		onScene("format over a volume", false, nil, formatsOver),
		onScene("put kept heads back", false, whole, putsBack(fromKept)),
		onScene("far: put heads back", true, withFar(whole), putsBack(func(dev crash.Device, _ *disk.Image, _ []disk.Range) error {
			f, err := repair.FindFar(context.Background(), dev, false, func(far.Found) {})
			if err != nil {
				return err
			}
			return bring(dev, f)
		})),
		onScene("far: grow", true, withFar(whole), grows),
		onScene("far: resume a growth", true, withFar(whole), resumesGrowth),
		onScene("far: shrink", true, withFar(roomy), shrinks),
		onScene("far: cancel a shrink", true, withFar(roomy), cancelsShrink),
	}
}

// onScene makes a kind of what is tried on a scene.
func onScene(name string, far bool, fit func(*shape.Shape, *rand.Rand), try func(*scene) (crash.Operation, error)) crash.Kind {
	d := drawn{name: name, far: far, fit: fit}
	return crash.Kind{Name: name, Far: far, Draw: func(rng *rand.Rand) (crash.Operation, error) {
		s, err := d.scene(rng)
		if err != nil {
			return crash.Operation{}, err
		}
		op, err := try(s)
		if err != nil {
			var refusal *crash.Refusal
			if errors.As(err, &refusal) {
				return op, err
			}
			return op, fmt.Errorf("%v: %w", s.Shape, err)
		}
		op.Traits, op.Geometry = s.Traits(), s.String()
		return op, nil
	}}
}

// whole volumes have two heads in order.
func whole(s *shape.Shape, _ *rand.Rand) { s.Version, s.Damage = 2, shape.Sound }

// roomy volumes can become shorter.
func roomy(s *shape.Shape, rng *rand.Rand) {
	whole(s, rng)
	s.Tail += 6 * mib
}

func (s *scene) made() (*disk.Image, error) { return s.base, nil }

func (s *scene) keys() *keyring { return newKeyringOf(fewSuspects, append(s.Secrets(), fresh)...) }

// formatsOver formats over the volume, with a geometry of its own.
func formatsOver(s *scene) (crash.Operation, error) {
	next := shape.Draw(s.rng)
	next.Far = false
	next = next.Settled()
	f := format{
		version: next.Version, make: s.made, keys: s.keys,
		with: func(o luks.FormatOptions) luks.FormatOptions {
			o.MetadataSize, o.KeyslotsSize, o.DataOffset, o.KeySize = next.Header, next.KeyslotsSize, next.DataOffset, next.KeySize
			if next.KeySize == 16 {
				o.Cipher = "aes-cbc-essiv:sha256"
			}
			if next.Detached != shape.Attached {
				o.Detached, o.DataSize = true, next.DataOffset+mib
			}
			return o
		},
	}
	recorder := disk.NewRecorder(s.base, disk.Fault{})
	if err := f.run(recorder); err != nil {
		return crash.Operation{}, refused(s, recorder, err)
	}
	return f.operation()
}

func putsBack(back func(crash.Device, *disk.Image, []disk.Range) error) func(*scene) (crash.Operation, error) {
	return func(s *scene) (crash.Operation, error) {
		return comeback{make: s.made, back: back, keys: s.keys}.operation()
	}
}

// moved makes a transaction of the scene, whose device has room to grow.
func (s *scene) moved(t transaction) (crash.Operation, error) {
	sizes := int64(0)
	for _, size := range t.sizes {
		sizes = max(sizes, size)
	}
	v, err := load(s.base)
	if err != nil {
		return crash.Operation{}, err
	}
	s.base = s.base.WithBytes(filler(int64(v.Data.Size)), int64(v.Data.Offset)).WithCapacity(sizes)
	t.make, t.keys = s.made, s.keys
	base := s.base
	if t.prepare != nil {
		base = t.prepare(base)
	}
	recorder := disk.NewRecorder(base, disk.Fault{})
	w, err := luks.Load(context.Background(), recorder)
	if err != nil {
		return crash.Operation{}, err
	}
	if err := t.run(w); err != nil {
		return crash.Operation{}, refused(s, recorder, err)
	}
	return t.operation()
}

// further draws a larger size.
func (s *scene) further() int64 {
	by := []int64{512, mib, int64(1+s.rng.IntN(8)) * mib, int64(1+s.rng.IntN(8000)) * 512}
	return s.Device + by[s.rng.IntN(len(by))]
}

func grows(s *scene) (crash.Operation, error) {
	to := s.further()
	t := growth("", to)
	t.sizes = []int64{s.Device, to, to + mib, to + 3*512}
	return s.moved(t)
}

// resumesGrowth concludes, or takes back, a growth that was cut off after some of its writes.
func resumesGrowth(s *scene) (crash.Operation, error) {
	to := s.further()
	t := growth("", to)
	grow := t.run
	writes := 1 + s.rng.IntN(14)
	cut := func(m *disk.Image) *disk.Image { return stopped(m.Sized(to), grow, writes) }
	t.prepare = cut
	t.sizes = []int64{s.Device, to, to + mib}
	t.run = func(v *luks.Volume) error {
		resumed, err := v.Resume(context.Background(), nil)
		if err == nil && !resumed {
			err = errNothing
		}
		return err
	}
	t.finished = func(v *luks.Volume, _ int64) bool {
		_, pending, err := v.Pending()
		return err == nil && !pending
	}
	return s.moved(t)
}

// stopped is the image that run leaves when the device vanishes after that many writes, or what it leaves
// where it makes fewer.
func stopped(m *disk.Image, run func(*luks.Volume) error, writes int) *disk.Image {
	d := disk.NewRecorder(m, disk.Fault{Call: disk.Write, N: writes, Do: disk.Unplug})
	v, err := luks.Load(context.Background(), d)
	if err != nil {
		panic("a new volume does not load: " + err.Error())
	}
	_ = run(v) // it fails, which is what is wanted of it
	return d.Trace(nil).After()
}

// smaller draws a size to which the device may be cut, and how much of the data stays.
func (s *scene) smaller() (size int64, kept int64) {
	by := int64(1+s.rng.IntN(4)) * mib
	size = s.Device - by
	return size, max((size-int64(s.DataOffset))/4/4096*4096, 4096)
}

func shrinks(s *scene) (crash.Operation, error) {
	size, kept := s.smaller()
	return s.moved(transaction{
		kept: kept, sizes: []int64{size, size + 512, s.Device, s.Device + mib},
		run: func(v *luks.Volume) error {
			return v.Shrink(context.Background(), luks.ShrinkOptions{Size: uint64(size), End: uint64(kept)})
		},
		finished: shrunk(size),
	})
}

func cancelsShrink(s *scene) (crash.Operation, error) {
	size, kept := s.smaller()
	err := s.take(func(v *luks.Volume, _ *luks.Key) error {
		return v.Shrink(context.Background(), luks.ShrinkOptions{Size: uint64(size), End: uint64(kept)})
	})
	if err != nil {
		return crash.Operation{}, &crash.Refusal{Traits: s.Traits(), Err: err}
	}
	return s.moved(transaction{
		kept: kept, sizes: []int64{size, s.Device, s.Device + mib},
		run:      func(v *luks.Volume) error { return v.CancelShrink(context.Background(), luks.GrowOptions{Free: true}) },
		finished: inPhase(far.Stable),
	})
}
