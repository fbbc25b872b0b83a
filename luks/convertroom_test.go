// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// TestLUKS1NeverEndsBehindItsDevice converts headers on devices of many lengths, while their data begin far behind.
func TestLUKS1NeverEndsBehindItsDevice(t *testing.T) {
	refused, converted := 0, 0
	for size := int64(800 << 10); size <= 4<<20; size += 44 << 10 {
		dev := &memory{image: make([]byte, size)}
		o := options(2)
		o.KeyslotsSize, o.DataOffset, o.Detached, o.NoData = 516096, 8<<20, true, true
		v, err := luks.Format(ctx, dev, []byte("one"), o)
		if err != nil {
			t.Fatal(size, err)
		}
		before := bytes.Clone(dev.image)
		if err := v.Convert(ctx, 1); err != nil {
			refused++
			if !bytes.Equal(before, dev.image) {
				t.Errorf("%d bytes: refused, and written: %v", size, err)
			}
		} else {
			converted++
		}
		v, err = luks.Load(ctx, dev)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		unlock(t, v, "one")
	}
	if refused == 0 || converted == 0 {
		t.Errorf("%d refused, %d converted", refused, converted)
	}
}

// TestARevocationInLUKS1WipesAFarHeaderOfTheSameVolume: another tool put a LUKS1 backup back over LUKS2.
func TestARevocationInLUKS1WipesAFarHeaderOfTheSameVolume(t *testing.T) {
	dev, v := twoKeys(t, 12*mib)
	place, material := farOf(t, v).Token.Far, materialOf(t, dev, v, 1)
	kept := bytes.Clone(dev.image[place.Start():])
	o := options(1)
	v, err := luks.Format(ctx, dev, []byte("one"), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	copy(dev.image[place.Start():], kept)
	if f := far.Look(dev, place.Locator); f.State != far.Whole || !bytes.Contains(dev.image, material) {
		t.Fatal(f.State, f.Err)
	}
	v = loaded(t, dev)
	if err := v.SetUUID(ctx, v.UUID); err != nil {
		t.Fatal(err)
	}
	if f := far.Look(dev, place.Locator); f.State != far.Whole {
		t.Fatal("a change that takes nothing away wiped it")
	}
	if err := v.KillKeyslot(ctx, 1, nil); err != nil {
		t.Fatal(err)
	}
	if f := far.Look(dev, place.Locator); f.State != far.Absent || bytes.Contains(dev.image, material) {
		t.Error("still there:", f.State)
	}
	unlock(t, loaded(t, dev), "one")
}
