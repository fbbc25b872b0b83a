// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/repair"
)

// toThree is the change of a key that is cut off.
func toThree(t *testing.T, dev *limited) error {
	t.Helper()
	v := loaded(t, dev)
	_, err := v.ChangeKey(ctx, unlock(t, v, "two"), []byte("three"), cheap)
	return err
}

// cutChange leaves a change as it is after so many whole writes, and tells what its material was. It was carried out
// where over is true.
func cutChange(t *testing.T, far bool, writes int) (dev *limited, two []byte, over bool) {
	t.Helper()
	dev, v := twoKeys(t, 8*mib)
	if !far {
		if err := v.DisableFar(ctx); err != nil {
			t.Fatal(err)
		}
		v = loaded(t, dev)
	}
	two = materialOf(t, dev, v, 1)
	err := toThree(t, &limited{elastic: dev.elastic, torn: writes})
	return dev, two, err == nil
}

// TestMaterialThatACutOffChangeLeftIsOverwritten cuts a change off at each of its writes. Where the heads do not name
// the old keyslot any more, its material goes as soon as they are mended or the far header is brought into step.
func TestMaterialThatACutOffChangeLeftIsOverwritten(t *testing.T) {
	mends := map[string]func(t *testing.T, dev *limited) error{
		"heal": func(t *testing.T, dev *limited) error {
			_, err := loaded(t, dev).Heal(ctx, false)
			return err
		},
		"label": func(t *testing.T, dev *limited) error { return loaded(t, dev).SetLabels(ctx, "x", "") },
		"repair": func(t *testing.T, dev *limited) error {
			p, err := repair.Make(dev, repair.KeepNone, rand.Reader)
			if err != nil {
				return err
			}
			return repair.Apply(dev, p)
		},
		"sync": func(t *testing.T, dev *limited) error {
			_, err := loaded(t, dev).SyncFar(ctx, nil, nil)
			return err
		},
		"disable": func(t *testing.T, dev *limited) error { return loaded(t, dev).DisableFar(ctx) },
	}
	left := map[string]int{}
	for name, mend := range mends {
		for writes := range 40 {
			withFar := name == "sync" || name == "disable"
			dev, two, over := cutChange(t, withFar, writes)
			if over {
				break
			}
			v := loaded(t, dev)
			stale := v.Choice.Reason == header.PrimaryNewer || v.Choice.Reason == header.SecondaryNewer
			slot, err := v.Keyslot(1)
			if err != nil {
				t.Fatal(err)
			}
			was := bytes.Contains(dev.image, two)
			named := bytes.Equal(dev.image[slot.Area.Offset:slot.Area.Offset+512], two)
			behind := was && !named && (stale || withFar)
			if err := mend(t, dev); err != nil {
				t.Fatalf("%s after %d writes: %v", name, writes, err)
			}
			if !behind {
				continue
			}
			left[name]++
			if bytes.Contains(dev.image, two) {
				t.Errorf("%s after %d writes leaves the material", name, writes)
			}
			if !opens(t, dev, "one") || !opens(t, dev, "three") {
				t.Errorf("%s after %d writes: a key is lost", name, writes)
			}
		}
		if left[name] == 0 {
			t.Errorf("%s: nothing was left, so that this proves nothing", name)
		}
	}
}

// TestTheFarHeaderProvesWhatACutOffChangeLeft: where both heads are written, nothing else can.
func TestTheFarHeaderProvesWhatACutOffChangeLeft(t *testing.T) {
	dev, v := twoKeys(t, 8*mib)
	was := v.Keyslots[1].Area
	lay := slices.Clone(dev.image[was.Offset:was.End()])
	farBytes := slices.Clone(dev.image[v.Data.Offset+v.Data.Size:])
	if err := toThree(t, dev); err != nil {
		t.Fatal(err)
	}
	if f := farOf(t, loaded(t, dev)); f.Standing != far.InStep || f.Left != nil {
		t.Errorf("after a whole change: %v, left %v", f.Standing, f.Left)
	}
	copy(dev.image[was.Offset:], lay)
	copy(dev.image[v.Data.Offset+v.Data.Size:], farBytes)
	if f := farOf(t, loaded(t, dev)); !slices.Equal(f.Left, []luks2.Extent{was}) {
		t.Errorf("left %v, want %v", f.Left, was)
	}
}

func TestFreeRoomIsOverwrittenAndNothingElse(t *testing.T) {
	dev, v := formatted(t, 2)
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	area := v.Keyslots[1].Area
	lay := slices.Clone(dev.image[area.Offset:area.End()])
	if err := v.KillKeyslot(ctx, 1, nil); err != nil {
		t.Fatal(err)
	}
	copy(dev.image[area.Offset:], lay)
	before := slices.Clone(dev.image)
	if err := loaded(t, dev).OverwriteFree(ctx); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(dev.image, lay[:512]) || bytes.Contains(dev.image, lay[len(lay)-512:]) {
		t.Error("the material is left")
	}
	kept := v.Keyslots[0].Area
	if !bytes.Equal(dev.image[kept.Offset:kept.End()], before[kept.Offset:kept.End()]) || !opens(t, dev, "one") {
		t.Error("the keyslot is not what it was")
	}
	start, end := int(v.Keyslots[0].Area.Offset), int(v.MetadataEnd())
	if !bytes.Equal(dev.image[:start], before[:start]) || !bytes.Equal(dev.image[end:], before[end:]) {
		t.Error("bytes outside the keyslots were written")
	}
}

func TestFreeRoomIsLeftAloneUnderRequirementsOfOthers(t *testing.T) {
	dev, v := formatted(t, 2)
	for _, c := range []luks2.Copy{v.Heads.Primary.Copy, v.Heads.Secondary.Copy} {
		p, err := luks2.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		config := []byte(`"config":{`)
		more := bytes.Replace(p, config, append(config, `"requirements":{"mandatory":["another-program"]},`...), 1)
		if err := luks2.Seal(more[:len(p)]); err != nil {
			t.Fatal(err)
		}
		copy(dev.image[c.Header.Offset:], more[:len(p)])
	}
	before := slices.Clone(dev.image)
	err := loadFrom(t, dev).OverwriteFree(ctx)
	if !errors.Is(err, luks2.ErrRequirements) || !bytes.Equal(dev.image, before) {
		t.Errorf("%v", err)
	}
}

// cutByOne takes the last MiB away, in which the locator lies.
func cutByOne(dev *limited) { dev.resize(dev.Size() - mib) }

// TestTheBodyOfACutOffFarHeaderGoesToo: what the device lost is the locator alone.
func TestTheBodyOfACutOffFarHeaderGoesToo(t *testing.T) {
	for name, does := range map[string]func(v *luks.Volume) error{
		"disable": func(v *luks.Volume) error { return v.DisableFar(ctx) },
		"kill":    killTwo,
		"erase":   func(v *luks.Volume) error { return errors.Join(v.EraseFar(ctx), v.Erase(ctx)) },
		"format": func(v *luks.Volume) error {
			o := farOptions()
			o.FarHeader = false
			_, err := luks.Format(ctx, v.Device(), []byte("new"), o)
			return err
		},
	} {
		dev, v := twoKeys(t, 8*mib)
		two, place := materialOf(t, dev, v, 1), farOf(t, v).Token.Far
		from := v.Data.Offset
		data := slices.Clone(dev.image[from:place.Start()])
		cutByOne(dev)
		v = loaded(t, dev)
		if f := farOf(t, v); f.Standing != far.CutOff || !f.Severed {
			t.Fatalf("%v, severed %v", f.Standing, f.Severed)
		}
		if err := does(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if bytes.Contains(dev.image, two) != (name == "disable") || bytes.Contains(dev.image[place.Start():], two) {
			t.Errorf("%s leaves the material", name)
		}
		if name != "format" && !bytes.Equal(data, dev.image[from:place.Start()]) {
			t.Errorf("%s went over the data", name)
		}
	}
}

// TestBytesOfOthersInACutOffFarHeaderStay: one byte in what must be zero, a part that is not the volume's, or data that
// reach there, and nothing goes.
func TestBytesOfOthersInACutOffFarHeaderStay(t *testing.T) {
	for name, spoil := range map[string]func(dev *limited, p far.Place){
		"a byte between the areas": func(dev *limited, p far.Place) { dev.image[p.Body.End()-512] = 1 },
		"the heads":                func(dev *limited, p far.Place) { clear(dev.image[p.Start() : p.Start()+64<<10]) },
		"the text of one head":     func(dev *limited, p far.Place) { dev.image[p.Start()+16384+4096] ^= 1 },
		"a block of a keyslot": func(dev *limited, p far.Place) {
			copy(dev.image[p.Start()+40960:], bytes.Repeat([]byte{1}, 4096))
		},
		"a mapping": func(dev *limited, p far.Place) {
			dev.live = []luks2.Extent{{Offset: mib, Size: p.Start()}}
		},
	} {
		dev, v := twoKeys(t, 8*mib)
		p := farOf(t, v).Token.Far
		cutByOne(dev)
		spoil(dev, p)
		before := slices.Clone(dev.image[p.Start():])
		if err := loaded(t, dev).DisableFar(ctx); err == nil {
			t.Errorf("%s: it was disabled as if nothing were left", name)
		}
		if !bytes.Equal(before, dev.image[p.Start():]) {
			t.Errorf("%s: it was wiped", name)
		}
		if v := loaded(t, dev); farOf(t, v).HasToken {
			t.Errorf("%s: it is not forgotten", name)
		}
	}
}

// TestForgettingACutOffFarHeaderGoesOn cuts that off at each of its writes.
func TestForgettingACutOffFarHeaderGoesOn(t *testing.T) {
	dev, _ := twoKeys(t, 8*mib)
	cutByOne(dev)
	before := slices.Clone(dev.image)
	for writes := range 40 {
		copy(dev.image, before)
		err := loaded(t, &limited{elastic: dev.elastic, torn: writes}).DisableFar(ctx)
		if _, err := loaded(t, dev).Resume(ctx, nil); err != nil {
			t.Errorf("after %d writes: %v", writes, err)
		}
		if err == nil {
			return
		}
	}
	t.Error("it was never carried out")
}

// withOlderHeads is a volume onto which another tool put the heads of before a keyslot was added.
func withOlderHeads(t *testing.T) (*limited, *luks.Volume) {
	t.Helper()
	dev, v := twoKeys(t, 8*mib)
	was := slices.Clone(dev.image[:2*v.Choice.Copy.Header.Size])
	for _, p := range []string{"three", "four"} {
		if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte(p), cheap); err != nil {
			t.Fatal(err)
		}
	}
	copy(dev.image, was)
	v = loaded(t, dev)
	if f := farOf(t, v); f.Standing != far.Restored {
		t.Fatalf("%v", f.Standing)
	}
	return dev, v
}

// TestErasingSaysNothingOfAFarHeaderThatIsGone: the newer one is wiped first, and nothing is left to be changed along.
func TestErasingSaysNothingOfAFarHeaderThatIsGone(t *testing.T) {
	dev, v := withOlderHeads(t)
	place := farOf(t, v).Token.Far
	if err := errors.Join(v.EraseFar(ctx), v.Erase(ctx)); err != nil || v.FarLag != nil {
		t.Errorf("%v, lag %v", err, v.FarLag)
	}
	if v = loaded(t, dev); farOf(t, v).HasToken || v.BoundKeyslots() != 0 {
		t.Error("the heads are not as they should be")
	}
	if len(bytes.Trim(dev.image[place.Start():], "\x00")) != 0 {
		t.Error("it is not wiped")
	}
}

// TestACutOffBodyStaysWhileItMayHaveTheLastCopy. What another change revokes goes from it all the same.
func TestACutOffBodyStaysWhileItMayHaveTheLastCopy(t *testing.T) {
	for _, disabled := range []bool{false, true} {
		dev, v := twoKeys(t, 8*mib)
		place, two := farOf(t, v).Token.Far, materialOf(t, dev, v, 1)
		one := v.Keyslots[0].Area
		lay := slices.Clone(dev.image[one.Offset:one.End()])
		cutByOne(dev)
		if _, err := rand.Read(dev.image[one.Offset+4096:][:4096]); err != nil {
			t.Fatal(err)
		}
		has := func(p []byte) bool { return bytes.Contains(dev.image[place.Start():], p) }
		if f := farOf(t, loaded(t, dev)); !slices.Equal(f.Unclear, []int{0}) || f.Severed {
			t.Errorf("unclear %v, severed %v", f.Unclear, f.Severed)
		}
		if disabled {
			if err := loaded(t, dev).DisableFar(ctx); !errors.Is(err, far.ErrCutOff) || !has(lay) || !has(two) {
				t.Errorf("disabled, %v", err)
			}
			continue
		}
		if err := killTwo(loaded(t, dev)); err != nil || has(two) || !has(lay) {
			t.Errorf("%v, the revoked material is left %v, the last copy gone %v", err, has(two), !has(lay))
		}
		copy(dev.image[one.Offset:], lay)
		if err := loaded(t, dev).DisableFar(ctx); err != nil || has(lay) {
			t.Errorf("once the device has it again: %v, left %v", err, has(lay))
		}
	}
}
