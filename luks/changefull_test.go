// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// failing is a device whose writes fail from one of them on.
type failing struct {
	memory
	left int
}

var errBroken = errors.New("broken")

func (f *failing) WriteAt(p []byte, off int64) (int, error) {
	if f.left == 0 {
		return 0, errBroken
	}
	f.left--
	return f.memory.WriteAt(p, off)
}

// full1 is a LUKS1 volume without a free keyslot or room beside them: "one" opens keyslot 0, "x" the others.
func full1(t *testing.T) []byte {
	t.Helper()
	dev, v := formatted(t, 1)
	key := unlock(t, v, "one")
	for range luks1.KeyslotCount - 1 {
		if _, err := v.AddKey(ctx, key, []byte("x"), cheap); err != nil {
			t.Fatal(err)
		}
	}
	return dev.image
}

func TestAFullLUKS1HeaderIsChangedOnlyWithABackup(t *testing.T) {
	image := full1(t)
	for name, aside := range map[string]func([]byte) error{
		"nobody keeps one": nil, "keeping fails": func([]byte) error { return errBroken },
	} {
		dev := &memory{image: bytes.Clone(image)}
		v, err := luks.Load(ctx, dev)
		if err != nil {
			t.Fatal(err)
		}
		n := cheap
		n.Aside = aside
		if _, err := v.ChangeKey(ctx, unlock(t, v, "one"), []byte("new"), n); !errors.Is(err, luks2.ErrNoRoom) ||
			(aside != nil) != errors.Is(err, errBroken) || dev.writes != 0 {
			t.Errorf("%s: %v, %d writes", name, err, dev.writes)
		}
	}
}

// Wherever writing fails, one of the two passphrases opens, or the backup brings the old one back.
func TestAFullLUKS1HeaderIsChangedInPlace(t *testing.T) {
	image := full1(t)
	lost := 0
	for writes := 0; ; writes++ {
		dev := &failing{memory{image: bytes.Clone(image)}, writes}
		v, err := luks.Load(ctx, dev)
		if err != nil {
			t.Fatal(err)
		}
		var kept []byte
		n := cheap
		n.Aside = func(backup []byte) error { kept = backup; return nil }
		id, err := v.ChangeKey(ctx, unlock(t, v, "one"), []byte("new"), n)
		if err == nil {
			if id != 0 || !opens(t, dev, "new") || opens(t, dev, "one") || !opens(t, dev, "x") {
				t.Errorf("after the change of keyslot %d the wrong passphrases open", id)
			}
			break
		}
		var overwriting *luks.OverwriteError
		if !errors.Is(err, errBroken) || !errors.As(err, &overwriting) || !opens(t, dev, "x") {
			t.Fatalf("%d writes: %v", writes, err)
		}
		if opens(t, dev, "one") || opens(t, dev, "new") {
			continue
		}
		lost++
		if copy(dev.image, kept); !opens(t, dev, "one") || !opens(t, dev, "x") {
			t.Errorf("%d writes: the backup does not open", writes)
		}
	}
	if lost == 0 {
		t.Error("the backup was never needed: this tries nothing")
	}
}
