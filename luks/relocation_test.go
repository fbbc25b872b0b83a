// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// elastic is a device in memory with a live mapping, of which the length can be changed.
type elastic struct {
	memory
	live []luks2.Extent
}

func (m *elastic) Live() ([]luks2.Extent, error) { return m.live, nil }

// elasticVolume is a volume with a far header on a device of that size, every byte of its data told apart.
func elasticVolume(t *testing.T, size int64) (*elastic, *luks.Volume) {
	t.Helper()
	dev := &elastic{memory: memory{image: make([]byte, size)}}
	o := options(2)
	o.Cipher, o.KeySize, o.KeyslotsSize, o.FarHeader = "aes-cbc-essiv:sha256", 16, 256<<10, true
	v, err := luks.Format(ctx, dev, []byte("one"), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := v.Data.Offset; i < v.Data.Offset+v.Data.Size; i++ {
		dev.image[i] = byte(i*31 + i>>12)
	}
	return dev, v
}

func (m *elastic) resize(size int64) {
	if size <= m.Size() {
		m.image = m.image[:size]
		return
	}
	m.image = append(m.image, make([]byte, size-m.Size())...)
}

// sound fails unless the far header at the device's end is in step, the data are as long as they can be
// and as they were, and both the heads and the far header alone open.
func sound(t *testing.T, dev *elastic, data []byte) *luks.Volume {
	t.Helper()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.Far(ctx)
	if err != nil || f.Standing != far.InStep || len(f.Forgotten) != 0 {
		t.Fatalf("far header %v: %v, %v, %d forgotten", f.Standing, f.Why, err, len(f.Forgotten))
	}
	place, err := far.PlaceAt(uint64(dev.Size()), 288<<10)
	if err != nil || f.Token.Far != place || f.Token.Phase != far.Stable {
		t.Fatalf("far header at %+v, %s, want %+v", f.Token.Far, f.Token.Phase, place)
	}
	if end := v.Data.Offset + v.Data.Size; end != place.Start() {
		t.Errorf("data end at %d, far header starts at %d", end, place.Start())
	}
	if got := dev.image[v.Data.Offset:][:len(data)]; !bytes.Equal(got, data) {
		t.Error("data were changed")
	}
	unlock(t, v, "one")
	alone, err := luks.Load(ctx, f.Recorded.Device())
	if err != nil {
		t.Fatal(err)
	}
	unlock(t, alone, "one")
	return v
}

func dataOf(dev *elastic, v *luks.Volume) []byte {
	return slices.Clone(dev.image[v.Data.Offset:][:v.Data.Size])
}

func TestFarHeaderFollowsTheGrowthOfItsDevice(t *testing.T) {
	for _, growth := range []int64{512, mib - 512, mib, mib + 512, 2 * mib, 8*mib + 7*512, 16 * mib, 17 * mib} {
		t.Run(fmt.Sprint(growth), func(t *testing.T) {
			dev, v := elasticVolume(t, 8*mib)
			data := dataOf(dev, v)
			dev.resize(8*mib + growth)
			var longer uint64
			o := luks.GrowOptions{Enlarge: func(size uint64) error { longer = size; return nil }}
			err := v.Grow(ctx, o)
			if errors.Is(err, relocate.ErrOverlap) && growth >= mib && growth < 2*mib {
				o.Small = true
				err = v.Grow(ctx, o)
			}
			if err != nil {
				t.Fatal(err)
			}
			if now := sound(t, dev, data); now.Data.Size != longer {
				t.Errorf("mapping of %d bytes, data of %d", longer, now.Data.Size)
			}
			if err := v.Grow(ctx, luks.GrowOptions{}); !errors.Is(err, relocate.ErrNotGrown) {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

// A growth by a sector leaves the far header where it is: cut off behind the commit, it leaves it behind.
func TestGrowBringsAFarHeaderAlongThatWasLeftBehind(t *testing.T) {
	dev, v := elasticVolume(t, 8*mib)
	data := dataOf(dev, v)
	dev.resize(8*mib + 512)
	cut := &cutOff{elastic: dev, writes: 4} // both heads, in two writes each
	if err := loadFrom(t, cut).Grow(ctx, luks.GrowOptions{}); err == nil {
		t.Fatal("it was not cut off")
	}
	v = loadFrom(t, dev)
	if f := farOf(t, v); f.Standing != far.Stale {
		t.Fatalf("the far header is %v (%v)", f.Standing, f.Why)
	}
	if err := v.Grow(ctx, luks.GrowOptions{}); !errors.Is(err, relocate.ErrNotGrown) || v.FarLag != nil {
		t.Errorf("%v, lag %v", err, v.FarLag)
	}
	sound(t, dev, data)
}

// cutOff is a device that takes so many writes and no more.
type cutOff struct {
	*elastic
	writes int
}

func (c *cutOff) WriteAt(p []byte, off int64) (int, error) {
	if c.writes--; c.writes < 0 {
		return 0, errors.New("cut off")
	}
	return c.elastic.WriteAt(p, off)
}

func TestShrinkMakesRoomAndAwaitsTheCut(t *testing.T) {
	dev, v := elasticVolume(t, 24*mib)
	data := dataOf(dev, v)[:5*mib]
	var shorter uint64
	dev.live = []luks2.Extent{{Offset: v.Data.Offset, Size: v.Data.Size}}
	o := luks.ShrinkOptions{Size: 8*mib + 512, End: 5*mib + 512, Shorten: func(size uint64) error {
		shorter, dev.live[0].Size = size, size
		return nil
	}}
	before := dev.writes
	var room *luks.RoomError
	if err := v.Shrink(ctx, o); !errors.As(err, &room) || dev.writes != before || shorter != 0 {
		t.Fatalf("contents that end too high: %v, %d writes", err, dev.writes-before)
	}
	o.End = 5 * mib
	if err := v.Shrink(ctx, o); err != nil || shorter != 5*mib {
		t.Fatalf("%v, mapping of %d bytes", err, shorter)
	}
	if err := v.Grow(ctx, luks.GrowOptions{}); !errors.Is(err, relocate.ErrAwaitingCut) {
		t.Errorf("growing before the cut: %v", err)
	}
	dev.resize(8*mib + 512)
	if resumed, err := v.Resume(ctx, nil); err != nil || !resumed {
		t.Fatalf("after the cut: %v, %v", resumed, err)
	}
	sound(t, dev, data)
}

func TestShrinkIsCancelled(t *testing.T) {
	dev, v := elasticVolume(t, 24*mib)
	data := dataOf(dev, v)
	if err := v.CancelShrink(ctx, luks.GrowOptions{}); !errors.Is(err, relocate.ErrNotAwaiting) {
		t.Errorf("nothing to cancel: %v", err)
	}
	if err := v.Shrink(ctx, luks.ShrinkOptions{Size: 16 * mib, End: 8 * mib}); err != nil {
		t.Fatal(err)
	}
	if err := v.CancelShrink(ctx, luks.GrowOptions{}); err != nil {
		t.Fatal(err)
	}
	sound(t, dev, data[:8*mib])
}

func TestMetadataAreaIsResizedWithItsFarHeader(t *testing.T) {
	dev, v := elasticVolume(t, 20*mib)
	data := dataOf(dev, v)
	if err := v.SetMetadataSize(ctx, luks.MetadataSize{Header: 64 << 10, Keyslots: 896 << 10}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := v.Far(ctx)
	if err != nil || f.Standing != far.InStep || f.Token.Far.Body.Size != 1<<20 || v.Choice.Copy.Header.Size != 64<<10 {
		t.Errorf("far header of %d bytes %v, heads of %d, %v", f.Token.Far.Body.Size, f.Standing, v.Choice.Copy.Header.Size, err)
	}
	if !bytes.Equal(data, dataOf(dev, v)) {
		t.Error("data were changed")
	}
	alone, err := luks.Load(ctx, f.Recorded.Device())
	if err != nil {
		t.Fatal(err)
	}
	unlock(t, alone, "one")
	dev.resize(30 * mib)
	if err := v.Grow(ctx, luks.GrowOptions{}); err != nil {
		t.Error(err)
	}
}

func TestRelocationRefusesWithoutAWrite(t *testing.T) {
	grown := func(dev *elastic) { dev.resize(20 * mib) }
	for name, c := range map[string]struct {
		harm func(dev *elastic, v *luks.Volume)
		kind error
	}{
		"not grown":     {func(*elastic, *luks.Volume) {}, relocate.ErrNotGrown},
		"cut":           {func(dev *elastic, _ *luks.Volume) { dev.resize(9*mib + 512) }, relocate.ErrShrunk},
		"data there":    {func(dev *elastic, _ *luks.Volume) { grown(dev); dev.image[18*mib+1000] = 1 }, relocate.ErrNotFree},
		"far displaced": {func(dev *elastic, _ *luks.Volume) { grown(dev); dev.image[8*mib+1000] ^= 1 }, far.ErrDisplaced},
		"covered": {func(dev *elastic, v *luks.Volume) {
			grown(dev)
			dev.live = []luks2.Extent{{Offset: v.Data.Offset, Size: 20 * mib}}
		}, far.ErrCovered},
		"restored": {func(dev *elastic, v *luks.Volume) {
			backup := slices.Clone(dev.image[:288<<10])
			if err := v.SetLabels(ctx, "newer", ""); err != nil {
				panic(err)
			}
			copy(dev.image, backup)
			grown(dev)
		}, far.ErrRestored},
	} {
		t.Run(name, func(t *testing.T) {
			dev, v := elasticVolume(t, 10*mib)
			c.harm(dev, v)
			before := slices.Clone(dev.image)
			if err := v.Grow(ctx, luks.GrowOptions{}); !errors.Is(err, c.kind) {
				t.Errorf("error %v", err)
			}
			if !bytes.Equal(before, dev.image) {
				t.Error("something was written")
			}
		})
	}
}
