// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func backupOf(t *testing.T, v *luks.Volume) *luks.Volume {
	t.Helper()
	image, err := v.Backup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	backup, err := luks.Load(ctx, &memory{image: image})
	if err != nil {
		t.Fatal(err)
	}
	return backup
}

func TestRestoreBringsBackTheOldKeysAndRevokesTheNew(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		dev, v := formatted(t, version)
		old := backupOf(t, v)
		key := unlock(t, v, "one")
		if _, err := v.AddKey(ctx, key, []byte("two"), cheap); err != nil {
			t.Fatal(err)
		}
		if err := v.KillKeyslot(ctx, 0, nil); err != nil {
			t.Fatal(err)
		}
		if err := v.Restore(ctx, old); err != nil {
			t.Fatal(err)
		}
		if !opens(t, dev, "one") || opens(t, dev, "two") {
			t.Error("keys are not those of the backup")
		}
		if version == 2 && !v.Choice.Healthy() {
			t.Errorf("heads: %v", v.Choice.Reason)
		}
	})
}

func TestRestoreMovesAKeyslotWhoseAreaIsInUse(t *testing.T) {
	dev, v := formatted(t, 2)
	old := backupOf(t, v)
	// Another keyslot comes to lie where the backup has its own.
	key := unlock(t, v, "one")
	if _, err := v.AddKey(ctx, key, []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	if err := v.KillKeyslot(ctx, 0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := v.AddKey(ctx, unlock(t, v, "two"), []byte("three"), cheap); err != nil {
		t.Fatal(err)
	}
	if err := v.Restore(ctx, old); err != nil {
		t.Fatal(err)
	}
	slot, err := v.Keyslot(0)
	if err != nil {
		t.Fatal(err)
	}
	if before, err := old.Keyslot(0); err != nil || slot.Area == before.Area {
		t.Errorf("area %+v was overwritten in place", slot.Area)
	}
	if !opens(t, dev, "one") || opens(t, dev, "two") || opens(t, dev, "three") {
		t.Error("keys are not those of the backup")
	}
}

// Material of a keyslot that was killed, or left by a restore that was cut off, is named by no head any more.
func TestRestoreWipesWhatNoHeadNames(t *testing.T) {
	for _, version := range []int{1, 2} {
		dev, v := formatted(t, version)
		old := backupOf(t, v)
		free := v.Keyslots[0].Area.End() + 8192 // in the area of no keyslot
		copy(dev.image[free:], "remains of a keyslot")
		if err := v.Restore(ctx, old); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(dev.image[:v.Data.Offset], []byte("remains of a keyslot")) {
			t.Errorf("LUKS%d: it is still there", version)
		}
		if !opens(t, dev, "one") {
			t.Errorf("LUKS%d: the passphrase is lost", version)
		}
	}
}

func TestRestoreRefusesAnotherGeometry(t *testing.T) {
	_, v := formatted(t, 2)
	other := &memory{image: make([]byte, 6<<20)}
	o := options(2)
	o.KeyslotsSize = 1 << 20
	w, err := luks.Format(ctx, other, []byte("x"), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Restore(ctx, backupOf(t, w)); !errors.Is(err, luks.ErrBackup) {
		t.Errorf("another geometry: %v", err)
	}
	_, one := formatted(t, 1)
	if err := v.Restore(ctx, backupOf(t, one)); !errors.Is(err, luks.ErrBackup) {
		t.Errorf("another version: %v", err)
	}
}

// A backup from before the metadata area grew goes back into the longer heads, and after each write that is the last
// one the keys of before or those of the backup open.
func TestABackupFromBeforeAResizeGoesBack(t *testing.T) {
	whole, v := formatted(t, 2)
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	backup := backupOf(t, v)
	if err := v.SetMetadataSize(ctx, luks.MetadataSize{Header: 128 << 10}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := v.ChangeKey(ctx, unlock(t, v, "two"), []byte("three"), cheap); err != nil {
		t.Fatal(err)
	}
	for n, done := 0, false; !done; n++ {
		dev := &failing{memory{image: bytes.Clone(whole.image)}, n}
		err := loaded(t, dev).Restore(ctx, backup)
		done = err == nil
		now := opening(t, dev)
		if now != "one two" && (done || now != "one three") {
			t.Fatalf("after %d writes %q open (%v)", n, now, err)
		}
	}
}

func TestABackupGivesAWipedDeviceItsHeaderBack(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		dev, v := formatted(t, version)
		old := backupOf(t, v)
		before := bytes.Clone(dev.image)
		clear(dev.image[:1<<20])
		if err := luks.WriteBackup(ctx, dev, old); err != nil {
			t.Fatal(err)
		}
		if !opens(t, dev, "one") {
			t.Error("does not open")
		}
		if version == 2 && !bytes.Equal(before, dev.image) {
			t.Error("other bytes than before")
		}
	})
}

// TestABackupOfTheOtherVersionComesBack: cut off after any write, the device has the header of before, none or that of
// the backup, whole, and the same again ends as if it had not been.
func TestABackupOfTheOtherVersionComesBack(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		was, v := formatted(t, version)
		backup := backupOf(t, v)
		other := &memory{image: bytes.Clone(was.image)}
		o := options(3 - version)
		o.KeyslotsSize = 1 << 20
		if _, err := luks.Format(ctx, other, []byte("two"), o); err != nil {
			t.Fatal(err)
		}
		if err := loaded(t, other).Restore(ctx, backup); !errors.Is(err, luks.ErrBackup) {
			t.Fatalf("as one of the same version: %v", err)
		}
		for n, done := 0, false; !done; n++ {
			dev := &failing{memory{image: bytes.Clone(other.image)}, n}
			err := replaceOrWrite(dev, backup)
			done = err == nil
			now, loadErr := luks.Load(ctx, &dev.memory)
			switch {
			case loadErr != nil && done, loadErr == nil && done && (now.Version != version || opening(t, dev) != "one"):
				t.Fatalf("not restored: %v", loadErr)
			case loadErr == nil && opening(t, dev) == "":
				t.Fatalf("after %d writes a header without a key: LUKS%d", n, now.Version)
			}
			if err := replaceOrWrite(&dev.memory, backup); err != nil || opening(t, dev) != "one" {
				t.Fatalf("after %d writes, again: %v", n, err)
			}
			for _, at := range luks2.Sizes() {
				if version == 1 && at < uint64(len(dev.image)) && bytes.HasPrefix(dev.image[at:], []byte(luks2.SecondaryMagic)) {
					t.Fatalf("after %d writes: a second header at byte %d", n, at)
				}
			}
		}
	})
}

// replaced puts passphrases into the keyslots of a LUKS1 volume one after the other, so that each place
// holds something else than before.
func replaced(t *testing.T, v *luks.Volume, fill int) {
	t.Helper()
	key := unlock(t, v, "one")
	for id := 1; id <= fill; id++ {
		n := cheap
		n.ID = luks.At(id)
		if _, err := v.AddKey(ctx, key, []byte("other"), n); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.KillKeyslot(ctx, 0, nil); err != nil {
		t.Fatal(err)
	}
	n := cheap
	n.ID = luks.At(0)
	if _, err := v.AddKey(ctx, unlock(t, v, "other"), []byte("other"), n); err != nil {
		t.Fatal(err)
	}
}

func TestRestoringLUKS1PassesByAFreeKeyslotAndLeavesItWiped(t *testing.T) {
	dev, v := formatted(t, 1)
	old := backupOf(t, v)
	replaced(t, v, 2)
	before := bytes.Clone(dev.image)
	if err := v.Restore(ctx, old); err != nil {
		t.Fatal(err)
	}
	if !opens(t, dev, "one") || opens(t, dev, "other") {
		t.Error("keys are not those of the backup")
	}
	if v.LUKS1 != old.LUKS1 {
		t.Errorf("header %+v, want %+v", v.LUKS1, old.LUKS1)
	}
	for id := range 3 {
		offset, length := v.LUKS1.Material(id)
		if bytes.Equal(dev.image[offset:offset+length], before[offset:offset+length]) {
			t.Errorf("material of keyslot %d is still there", id)
		}
	}
	parked, length := v.LUKS1.Material(3)
	own, _ := v.LUKS1.Material(0)
	if bytes.Equal(dev.image[parked:parked+length], dev.image[own:own+length]) {
		t.Error("a second copy of the restored keyslot was left behind")
	}
}

func TestRestoringLUKS1WithoutAFreeKeyslotWritesNothing(t *testing.T) {
	dev, v := formatted(t, 1)
	old := backupOf(t, v)
	replaced(t, v, 7)
	before := bytes.Clone(dev.image)
	if err := v.Restore(ctx, old); !errors.Is(err, luks2.ErrNoRoom) {
		t.Errorf("error %v", err)
	}
	if !bytes.Equal(before, dev.image) || !opens(t, dev, "other") {
		t.Error("something was written")
	}
}

// replaceOrWrite puts a backup where a header of the other version is, or none, or where it has been put already.
func replaceOrWrite(dev luks.Device, backup *luks.Volume) error {
	now, err := luks.Load(ctx, dev)
	switch {
	case err != nil:
		return luks.WriteBackup(ctx, dev, backup)
	case now.Version == backup.Version:
		return nil
	}
	return now.Replace(ctx, backup)
}

// TestABackupReplacesNoHeaderThatIsNotTheOneThatWasRead: somebody else changed it, or made one, meanwhile.
func TestABackupReplacesNoHeaderThatIsNotTheOneThatWasRead(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		_, v := formatted(t, version)
		backup := backupOf(t, v)
		dev, now := formatted(t, 3-version)
		if _, err := loaded(t, dev).AddKey(ctx, unlock(t, now, "one"), []byte("two"), cheap); err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(dev.image)
		if err := now.Replace(ctx, backup); !errors.Is(err, luks.ErrMeanwhile) {
			t.Errorf("a key was added: %v", err)
		}
		if err := luks.WriteBackup(ctx, dev, backup); !errors.Is(err, luks.ErrMeanwhile) {
			t.Errorf("there is a header now: %v", err)
		}
		if !bytes.Equal(dev.image, before) {
			t.Error("something was written")
		}
	})
}
