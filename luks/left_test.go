// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

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
