// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
)

// A conversion that is cut off at any of its writes leaves material where no header names it. What takes the key away
// afterwards leaves no copy of it.
func TestNoCopyOfAKeyOutlivesItsRevocation(t *testing.T) {
	revocations := map[string]func(t *testing.T, v *luks.Volume) error{
		"killing": func(_ *testing.T, v *luks.Volume) error { return v.KillKeyslot(ctx, 0, nil) },
		"changing": func(t *testing.T, v *luks.Volume) error {
			_, err := v.ChangeKey(ctx, unlock(t, v, "one"), []byte("three"), cheap)
			return err
		},
		"erasing": func(_ *testing.T, v *luks.Volume) error { return v.Erase(ctx) },
	}
	versions(t, func(t *testing.T, version int) {
		whole, v := formatted(t, 1)
		if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
			t.Fatal(err)
		}
		if err := v.Convert(ctx, 2); err != nil {
			t.Fatal(err)
		}
		if version == 1 {
			if err := v.Convert(ctx, 1); err != nil {
				t.Fatal(err)
			}
		}
		area := v.Keyslots[0].Area
		material := bytes.Clone(whole.image[area.Offset:area.End()])
		left := 0
		for name, revoke := range revocations {
			for n, done := 0, false; !done; n++ {
				dev := &failing{memory{image: bytes.Clone(whole.image)}, n}
				done = loaded(t, dev).Convert(ctx, 3-version) == nil
				dev.left = 1000
				if bytes.Count(dev.image, material) > 1 {
					left++
				}
				if err := revoke(t, loaded(t, dev)); err != nil {
					t.Fatalf("%s after %d writes: %v", name, n, err)
				}
				if bytes.Contains(dev.image, material) {
					t.Errorf("%s after %d writes: a copy of the material is left", name, n)
				}
			}
		}
		if left == 0 {
			t.Error("no conversion left a copy, and nothing was shown")
		}
	})
}
