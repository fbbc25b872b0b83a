// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// pulled is a device that is gone after some writes.
type pulled struct {
	*elastic
	left int // writes
}

func (p *pulled) WriteAt(b []byte, off int64) (int, error) {
	if p.left == 0 {
		return 0, syscall.ENODEV
	}
	p.left--
	return p.elastic.WriteAt(b, off)
}

// cutAfter lets a growth to size bytes stop after that many writes.
func cutAfter(t *testing.T, dev *elastic, size int64, writes int) {
	t.Helper()
	dev.resize(size)
	v, err := luks.Load(ctx, &pulled{dev, writes})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Grow(ctx, luks.GrowOptions{}); !errors.Is(err, syscall.ENODEV) {
		t.Fatalf("%d writes did: %v", writes, err)
	}
}

func loaded(t *testing.T, dev luks.Device) *luks.Volume {
	t.Helper()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestRestoredHeadersMoveNothing puts a backup over the heads as cryptsetup does, which keeps its sequence
// number: one from before a growth, and one from the middle of it.
func TestRestoredHeadersMoveNothing(t *testing.T) {
	for name, writes := range map[string]int{"from before a growth": 0, "from the middle of a growth": 6} {
		t.Run(name, func(t *testing.T) {
			dev, v := elasticVolume(t, 8*mib)
			data := dataOf(dev, v)
			if writes > 0 {
				cutAfter(t, dev, 16*mib, writes)
			}
			backup := slices.Clone(dev.image[:288<<10])
			dev.resize(16 * mib)
			v = loaded(t, dev)
			err := v.Grow(ctx, luks.GrowOptions{})
			if err != nil {
				t.Fatal(err)
			}
			sound(t, dev, data)
			for i := range int(v.Data.Size) { // written after the growth, up to the new end
				dev.image[int(v.Data.Offset)+i] = byte(i * 7)
			}
			copy(dev.image, backup)
			before := slices.Clone(dev.image)
			v = loaded(t, dev)
			if err := v.Grow(ctx, luks.GrowOptions{}); !errors.Is(err, far.ErrRestored) {
				t.Errorf("growing: %v", err)
			}
			if err := v.Shrink(ctx, luks.ShrinkOptions{Size: 7 * mib}); !errors.Is(err, far.ErrRestored) && err == nil {
				t.Errorf("shrinking: %v", err)
			}
			if _, err := v.Resume(ctx, nil); writes > 0 && !errors.Is(err, far.ErrRestored) {
				t.Errorf("resuming: %v", err)
			}
			if _, err := v.SyncFar(ctx, nil, nil); err == nil {
				t.Error("the far header was brought into step with an older header")
			}
			if !bytes.Equal(before, dev.image) {
				t.Error("something was written")
			}
		})
	}
}

// TestDataOverTheFarHeaderAreNeverWritten has an older tool map the volume to the device's end and its
// file system fill it, over the far header.
func TestDataOverTheFarHeaderAreNeverWritten(t *testing.T) {
	dev, v := elasticVolume(t, 8*mib)
	for i := int(v.Data.Offset); i < len(dev.image); i++ {
		dev.image[i] = byte(i*13 + i>>11)
	}
	data := slices.Clone(dev.image[v.Data.Offset:])
	if _, err := v.SyncFar(ctx, nil, nil); !errors.Is(err, far.ErrDisplaced) {
		t.Errorf("sync: %v", err)
	}
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil || !errors.Is(v.FarLag, far.ErrDisplaced) {
		t.Errorf("adding a key: %v, %v", err, v.FarLag)
	}
	dev.resize(20 * mib)
	if err := v.Grow(ctx, luks.GrowOptions{Free: true}); !errors.Is(err, far.ErrDisplaced) {
		t.Errorf("growing: %v", err)
	}
	if !bytes.Equal(dev.image[v.Data.Offset:8*mib], data) || !bytes.Equal(dev.image[8*mib:], make([]byte, 12*mib)) {
		t.Error("data were changed")
	}
	unlock(t, loaded(t, dev), "two")
}

// TestFarHeaderThatWasCutOffComesBack cuts the device without a word, and lets it grow again.
func TestFarHeaderThatWasCutOffComesBack(t *testing.T) {
	for _, forgotten := range []bool{false, true} {
		dev, v := elasticVolume(t, 16*mib)
		data := dataOf(dev, v)[:5*mib]
		whole := slices.Clone(dev.image)
		dev.resize(8 * mib)
		before := slices.Clone(dev.image)
		if err := loaded(t, dev).Grow(ctx, luks.GrowOptions{}); !errors.Is(err, relocate.ErrShrunk) {
			t.Errorf("growing what was cut: %v", err)
		}
		if !bytes.Equal(before, dev.image) {
			t.Error("a device that was cut was written to")
		}
		dev.resize(24 * mib)
		if !forgotten {
			copy(dev.image[8*mib:], whole[8*mib:])
		}
		err := loaded(t, dev).Grow(ctx, luks.GrowOptions{})
		if forgotten != errors.Is(err, far.ErrDisplaced) || !forgotten && err != nil {
			t.Errorf("forgotten %v: %v", forgotten, err)
		}
		if !forgotten {
			sound(t, dev, data)
		} else if !bytes.Equal(dev.image[v.Data.Offset:][:len(data)], data) {
			t.Error("data were changed")
		}
	}
}

// TestGrowthConcludesOrGoesBackFromEveryWrite cuts a growth after each of its writes; then the device has
// the size it had, the one before, or one beyond.
func TestGrowthConcludesOrGoesBackFromEveryWrite(t *testing.T) {
	for writes := range 40 {
		for _, then := range []int64{8 * mib, 16 * mib, 25*mib + 512} {
			dev, v := elasticVolume(t, 8*mib)
			data := dataOf(dev, v)
			dev.resize(16 * mib)
			cut := loaded(t, &pulled{dev, writes})
			if err := cut.Grow(ctx, luks.GrowOptions{}); err == nil {
				if writes < 15 {
					t.Fatalf("done after %d writes", writes)
				}
				return
			}
			dev.resize(then)
			v = loaded(t, dev)
			if _, err := v.Heal(ctx, false); err != nil {
				t.Fatal(err)
			}
			_, err := v.Resume(ctx, nil)
			if err != nil && !errors.Is(err, relocate.ErrShrunk) {
				t.Fatalf("%d writes, then %d bytes: %v", writes, then, err)
			}
			if err != nil {
				continue
			}
			if err := v.Grow(ctx, luks.GrowOptions{}); err != nil && !errors.Is(err, relocate.ErrNotGrown) && !errors.Is(err, relocate.ErrShrunk) {
				t.Fatalf("%d writes, then %d bytes: growing: %v", writes, then, err)
			}
			if uint64(then) == tokenOf(t, v).DeviceSize {
				sound(t, dev, data)
			}
		}
	}
	t.Error("a growth of more than 40 writes")
}

// The far header that comes of it is longer than a new one might be for data of that length.
func TestResizeOfMetadataConcludesFromEveryWrite(t *testing.T) {
	size := luks.MetadataSize{Header: 64 << 10, Keyslots: 896 << 10}
	for writes := range 100 {
		dev, v := elasticVolume(t, 8*mib)
		data := dataOf(dev, v)
		cut := loaded(t, &pulled{dev, writes})
		done := cut.SetMetadataSize(ctx, size, nil)
		v = loaded(t, dev)
		if _, err := v.Heal(ctx, false); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Resume(ctx, nil); err != nil {
			t.Fatalf("%d writes: %v", writes, err)
		}
		if f := farOf(t, v); f.Standing != far.InStep {
			t.Errorf("%d writes: far header %v, %v", writes, f.Standing, f.Why)
		}
		unlock(t, v, "one")
		if !bytes.Equal(data, dataOf(dev, v)) {
			t.Errorf("%d writes: data were changed", writes)
		}
		if done == nil {
			return
		}
	}
	t.Error("a resize of more than 100 writes")
}

func tokenOf(t *testing.T, v *luks.Volume) far.Token {
	t.Helper()
	token, _, found, err := far.Find(v.Metadata())
	if err != nil || !found {
		t.Fatal(err)
	}
	return token
}

// TestHostileTokensMoveNothing plants tokens in the middle of transactions that no honest writer left.
func TestHostileTokensMoveNothing(t *testing.T) {
	place := func(locator, body, length uint64) far.Place {
		return far.Place{Locator: locator, Body: luks2.Extent{Offset: body, Size: length}}
	}
	const length = 288 << 10
	honest := far.Token{
		Phase: far.Moving, Far: place(7*mib, 6*mib, length), To: place(15*mib, 14*mib, length),
		DeviceSize: 8 * mib, ToDeviceSize: 16 * mib, DataSize: 5 * mib, ToDataSize: 13 * mib,
	}
	for name, harm := range map[string]func(*far.Token){
		"over the data":       func(t *far.Token) { t.To = place(3*mib, 2*mib, length) },
		"over the heads":      func(t *far.Token) { t.To = place(mib, 0, length) },
		"old over the data":   func(t *far.Token) { t.Far = place(5*mib, 4*mib, length) },
		"beyond the device":   func(t *far.Token) { t.To = place(63*mib, 62*mib, length) },
		"elsewhere":           func(t *far.Token) { t.To = place(13*mib, 12*mib, length) },
		"misaligned":          func(t *far.Token) { t.To = place(15*mib+512, 14*mib, length) },
		"of another length":   func(t *far.Token) { t.To = place(15*mib, 14*mib, length+4096) },
		"data too long":       func(t *far.Token) { t.ToDataSize = 14 * mib },
		"data without sense":  func(t *far.Token) { t.DataSize = 1<<64 - 512 },
		"wiping the data":     func(t *far.Token) { t.Phase, t.Far, t.To = far.Wiping, t.To, place(4*mib, 3*mib, length) },
		"rebuilding the data": func(t *far.Token) { t.Phase, t.To = far.Rebuilding, place(4*mib, 3*mib, length) },
		"cut to nothing":      func(t *far.Token) { t.Phase, t.To, t.ToDeviceSize = far.AwaitingCut, far.Place{}, 16*mib },
	} {
		dev, v := elasticVolume(t, 8*mib)
		dev.resize(16 * mib)
		token := honest
		harm(&token)
		rewrite(t, dev, v, token)
		v = loaded(t, dev)
		before := slices.Clone(dev.image)
		if _, err := v.Resume(ctx, nil); err == nil {
			t.Errorf("%s: concluded", name)
		}
		if !bytes.Equal(before, dev.image) {
			t.Errorf("%s: something was written", name)
		}
	}
	dev, v := elasticVolume(t, 8*mib)
	data := dataOf(dev, v)
	dev.resize(16 * mib)
	rewrite(t, dev, v, honest)
	if _, err := loaded(t, dev).Resume(ctx, nil); err != nil {
		t.Fatalf("an honest one: %v", err)
	}
	sound(t, dev, data)
}

// rewrite puts a token into both heads, as somebody could who knows the format.
func rewrite(t *testing.T, dev *elastic, v *luks.Volume, token far.Token) {
	t.Helper()
	for _, f := range []luks2.Copy{v.Heads.Primary.Copy, v.Heads.Secondary.Copy} {
		f.Metadata = f.Metadata.Clone()
		if err := far.Put(f.Metadata, token); err != nil {
			t.Fatal(err)
		}
		p, err := luks2.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		copy(dev.image[f.Header.Offset:], p)
	}
}

func TestUnknownPhasesAreLeftAlone(t *testing.T) {
	dev, v := elasticVolume(t, 8*mib)
	for _, f := range []luks2.Copy{v.Heads.Primary.Copy, v.Heads.Secondary.Copy} {
		f.Metadata = f.Metadata.Clone()
		_, id, _, err := far.Find(f.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		token, err := f.Metadata.Token(id)
		if err != nil {
			t.Fatal(err)
		}
		text := bytes.Replace(token.Raw, []byte(`"version":"1"`), []byte(`"version":"2"`), 1)
		if err := f.Metadata.SetToken(id, text); err != nil {
			t.Fatal(err)
		}
		p, err := luks2.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		copy(dev.image[f.Header.Offset:], p)
	}
	dev.resize(16 * mib)
	before := slices.Clone(dev.image)
	v = loaded(t, dev)
	for what, err := range map[string]error{
		"growing": v.Grow(ctx, luks.GrowOptions{}),
		"resuming": func() error {
			_, err := v.Resume(ctx, nil)
			return err
		}(),
		"resizing": v.SetMetadataSize(ctx, luks.MetadataSize{Header: 32 << 10}, nil),
	} {
		if !errors.Is(err, far.ErrTokenVersion) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !bytes.Equal(before, dev.image) {
		t.Error("something was written")
	}
}
