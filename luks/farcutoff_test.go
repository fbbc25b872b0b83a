// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// TestASyncThatWasCutOffTakesNoOldMaterialForNew has another tool change a key until its material lies where the far
// header has that of the first one, and a sync cut off at each of its writes.
func TestASyncThatWasCutOffTakesNoOldMaterialForNew(t *testing.T) {
	dev, v := elasticVolume(t, 8*mib)
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), passphraseOf(0), cheap); err != nil {
		t.Fatal(err)
	}
	place := v.Keyslots[1].Area.Offset // apart from the heads, so that a write of its own brings it there
	lay := slices.Clone(dev.image[v.Data.Offset+v.Data.Size:])
	for i := range 9 {
		key, err := v.Unlock(ctx, passphraseOf(i), luks.UnlockOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.ChangeKey(ctx, key, passphraseOf(i+1), cheap); err != nil {
			t.Fatal(err)
		}
		key.Close()
		if i%2 == 1 && v.Keyslots[1].Area.Offset == place {
			break
		}
	}
	if v.Keyslots[1].Area.Offset != place {
		t.Fatalf("the material lies at %d, not at %d again", v.Keyslots[1].Area.Offset, place)
	}
	copy(dev.image[v.Data.Offset+v.Data.Size:], lay)
	behind := slices.Clone(dev.image)
	for writes := range 99 {
		copy(dev.image, behind)
		_, err := loaded(t, &pulled{dev, writes}).SyncFar(ctx, nil, nil)
		if err == nil {
			return
		}
		if !errors.Is(err, syscall.ENODEV) {
			t.Fatal(err)
		}
		if _, err := loaded(t, dev).SyncFar(ctx, nil, nil); err != nil {
			t.Fatal(err)
		}
		if f, err := loaded(t, dev).Far(ctx); err != nil || f.Damaged != nil {
			t.Errorf("after %d writes and a sync, keyslots %v pass for damaged, %v", writes, f.Damaged, err)
		}
		if n := int(2 * v.Choice.Copy.Header.Size); !bytes.Equal(dev.image[n:v.Data.Offset], behind[n:v.Data.Offset]) {
			t.Errorf("after %d writes and a sync, the material is another", writes)
		}
	}
	t.Error("no sync was carried out")
}

// passphraseOf is the one after so many changes.
func passphraseOf(changes int) []byte { return fmt.Appendf(nil, "changed %d times", changes) }

// TestANewerFarHeaderGoesWhereThatIsSaid restores an older header as another tool does, takes a key away, and cuts the
// giving up of the far header off at each of its writes.
func TestANewerFarHeaderGoesWhereThatIsSaid(t *testing.T) {
	dev, v := elasticVolume(t, 8*mib)
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), passphraseOf(0), cheap); err != nil {
		t.Fatal(err)
	}
	backup := slices.Clone(dev.image[:v.Data.Offset])
	for i := range 3 {
		if err := v.SetLabels(ctx, fmt.Sprint("label ", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	copy(dev.image, backup)
	v = loaded(t, dev)
	var left *luks.FarError
	if err := v.KillKeyslot(ctx, 1, nil); !errors.As(err, &left) || !errors.Is(err, far.ErrRestored) {
		t.Fatalf("killing: %v", err)
	}
	if err := v.DisableFar(ctx); !errors.Is(err, far.ErrRestored) {
		t.Errorf("disabling unasked: %v", err)
	}
	before := slices.Clone(dev.image)
	for writes := range 99 {
		copy(dev.image, before)
		_, err := loaded(t, &pulled{dev, writes}).GiveUpNewerFar(ctx)
		if err != nil && !errors.Is(err, syscall.ENODEV) {
			t.Fatal(err)
		}
		again := loaded(t, dev)
		if _, err := again.GiveUpNewerFar(ctx); err != nil {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		unlock(t, again, "one")
		if !bytes.Equal(dev.image[left.Place.Start():], make([]byte, len(dev.image)-int(left.Place.Start()))) {
			t.Errorf("after %d writes, something of the far header is left", writes)
		}
		if err := again.DisableFar(ctx); err != nil && !errors.Is(err, far.ErrDisplaced) {
			t.Errorf("disabling: %v", err)
		}
		if f, err := loaded(t, dev).Far(ctx); err != nil || f.Standing != far.None {
			t.Errorf("afterwards the far header is %v, %v", f.Standing, err)
		}
		if err == nil {
			return
		}
	}
	t.Error("it was never carried out")
}
