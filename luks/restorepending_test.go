// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Wherever a key change was cut off that took a detour, a backup from before goes back, and the keyslots area is as
// long as it was.
func TestABackupGoesBackAfterADetourThatWasCutOff(t *testing.T) {
	dev, v := formatted(t, 2)
	key := unlock(t, v, "one")
	for err := error(nil); !errors.Is(err, luks2.ErrNoRoom); {
		if _, err = v.AddKey(ctx, key, []byte("x"), cheap); err != nil && !errors.Is(err, luks2.ErrNoRoom) {
			t.Fatal(err)
		}
	}
	image, size := bytes.Clone(dev.image), v.Metadata().KeyslotsSize()
	backup := loaded(t, &memory{image: bytes.Clone(image)})
	pending := 0
	for writes := 0; ; writes++ {
		cut := &failing{memory{image: bytes.Clone(image)}, writes}
		v := loaded(t, cut)
		_, failed := v.ChangeKey(ctx, unlock(t, v, "one"), []byte("new"), cheap)
		if failed != nil && !errors.Is(failed, errBroken) {
			t.Fatal(failed)
		}
		for failures := range 2 { // of the sync that concluding the change begins with
			after := &unsynced{memory{image: bytes.Clone(cut.image)}, failures}
			v, err := luks.Load(ctx, after)
			if err != nil {
				t.Fatal(err)
			}
			_, found, _ := v.Pending()
			if found {
				pending++
			}
			if err := v.Restore(ctx, backup); err != nil && (found || !errors.Is(err, errBroken)) {
				t.Fatalf("%d writes: %v", writes, err)
			} else if err != nil {
				continue
			}
			if got := v.Metadata().KeyslotsSize(); got != size || !opens(t, after, "one") || opens(t, after, "new") {
				t.Errorf("%d writes: keyslots area of %d bytes, not %d, or the wrong passphrases open", writes, got, size)
			}
		}
		if failed == nil {
			break
		}
	}
	if pending == 0 {
		t.Error("nothing was pending: this tries nothing")
	}
}

// unsynced fails the first syncs.
type unsynced struct {
	memory
	failures int
}

func (u *unsynced) Sync() error {
	if u.failures > 0 {
		u.failures--
		return errBroken
	}
	return u.memory.Sync()
}
